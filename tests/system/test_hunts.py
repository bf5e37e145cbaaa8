"""Hunts with real phones: one after the other with a whisper that is accepted, and all at once."""

import pytest

from tests.support.appliance import TONES
from tests.support.softphone import Call
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears, in_menu
from tests.system.test_adoption import kill_spans

MENU = """
version: 1
start: welcome
nodes:
  welcome:
    gather: welcome
    choices: {1: linear, 2: everybody}
    failed: bye
  linear:
    transfer:
      targets: ["sip:one@TARGET", {to: "sip:two@TARGET", ring_timeout: 2s}, "sip:three@TARGET"]
      ringing: ringing
      whisper: {sounds: two, accept: "1", accept_timeout: 60s}
    failed: bye
  everybody:
    transfer: {targets: ["sip:one@TARGET", "sip:three@TARGET", "sip:two@TARGET"], strategy: all, ringing: ringing}
    failed: bye
  bye:
    hang_up:
"""
pytestmark = [
    pytest.mark.system,
    pytest.mark.parametrize("bench", [{"menu": MENU}], indirect=True),
]


def named(call: Call) -> str:
    """Whom a call to the phone was for."""
    return call.requests("INVITE")[0].uri.partition(":")[2].partition("@")[0]


def test_one_after_the_other_and_the_last_takes_the_call_by_a_key(bench: Bench) -> None:
    call = in_menu(bench)
    call.audio.press("1")
    one = bench.target.expect_call()
    one.reject(486)
    two = bench.target.expect_call()
    two.ring()
    hears(call, TONES["ringing"])
    three = bench.target.expect_call()
    assert [named(there) for there in (one, two, three)] == ["one", "two", "three"]
    two.wait_ended()
    three.accept()
    hears(three, TONES["two"])
    hears(call, TONES["ringing"])
    kill_spans(bench)
    bench.edge.wait_restarted("switch", bench.edge.kill("switch"))
    three.audio.press("1")
    hears(call, 900)
    hears(three, 700)
    call.bye()
    three.wait_ended()
    ended_once(bench, "completed")
    told = bench.edge.events(bench.edge.last_call())
    outcomes = [event["data"]["end"]["outcome"] for event in told if event["type"] == "leg.ended"]
    assert outcomes == ["busy", "no_answer", "completed"]
    (hunt,) = [event["data"] for event in told if event["type"] == "hunt.ended"]
    assert (hunt["outcome"], hunt["dialled"]) == ("completed", 3)
    assert [event["data"]["result"] for event in told if event["type"] == "whisper.ended"] == ["accepted"]


def test_two_who_answer_at_once_while_a_third_rings(bench: Bench) -> None:
    call = in_menu(bench)
    call.audio.press("2")
    rung = [bench.target.expect_call() for _ in range(3)]
    for there in rung:
        there.ring()
    hears(call, TONES["ringing"])
    third = next(there for there in rung if named(there) == "three")
    both = [there for there in rung if there is not third]
    for there in both:
        there.accept()
    third.wait_ended()
    until(lambda: any(there.state == "ended" for there in both), 15, "one of them is hung up on")
    hears(call, 900)
    (stays,) = [there for there in both if there.state != "ended"]
    (left,) = [there for there in both if there.state == "ended"]
    hears(stays, 700)
    for there in (left, third):
        reasons = [message.get("Reason") for message in there.requests("CANCEL") + there.requests("BYE")]
        assert any("Call completed elsewhere" in reason for reason in reasons), reasons
    call.bye()
    stays.wait_ended()
    ended_once(bench, "completed")
    told = bench.edge.types(bench.edge.last_call())
    assert (told.count("bridge.started"), told.count("leg.ended"), told.count("hunt.ended")) == (1, 3, 1)
