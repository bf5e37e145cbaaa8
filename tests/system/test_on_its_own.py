"""The box alone: every backend killed, frozen, or talking nonsense, and calls are handled as ever."""

import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance, sink
from tests.support.outside import Outside
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears
from tests.system.test_voicemail import BEEP_HZ, beeped, voice

pytestmark = pytest.mark.system

MENU = """
version: 1
start: open
attributes: {tier: {values: [silver, gold], default: silver}}
hours: {always: {time_zone: Europe/Berlin, week: {mon-sun: "00:00-24:00"}}}
nodes:
  open:
    hours: always
    open: who
    closed: bye
  who:
    lookup: vips
    known: route
    unknown: bye
  route:
    ask: {endpoint: crm, send: [caller, customer_type], timeout: 700ms, sounds: ringing}
    answers: {gold: gold}
    timed_out: late
    failed: silver
  gold:
    gather: {greet_long: one, first_digit_timeout: 30s}
    choices: {9: connect}
    failed: bye
  silver:
    gather: {greet_long: two, first_digit_timeout: 30s}
    choices: {9: connect}
    failed: bye
  late:
    gather: {greet_long: no_input, first_digit_timeout: 30s}
    choices: {9: connect, 7: message}
    failed: bye
  connect:
    transfer: {to: "sip:target@TARGET", ring_timeout: 8s}
    failed: bye
  message:
    voicemail: {mailbox: night, greeting: failed}
    next: bye
    failed: bye
  bye:
    hang_up:
"""
MAILBOX = '[[mailboxes]]\nname = "night"\nsilence = "1s"\n'
#: What the caller hears, which outcome the question has and which node that leads to, by how the backend is.
WORKS = (TONES["one"], "ok", "gold")
DEAD = (TONES["two"], "failed", "silver")
FROZEN = (TONES["no_input"], "timeout", "late")
NONSENSE = (TONES["two"], "failed", "silver")
CALLS = 3


class Place(NamedTuple):
    edge: Appliance
    caller: Softphone
    target: Softphone
    outside: Outside


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "vips.csv").write_text("number,customer_type\n+4930123456,vip\n")
    with address() as at, address() as caller_at, address() as target_at, address() as outside_at:
        outside = Outside(outside_at, 9090)
        outside.start()
        tables = f'[[tables]]\nname = "vips"\nfile = "{tmp_path}/vips.csv"\n'
        # Asked however often it fails: what each failure leads to is the matter here.
        crm = f'[[endpoints]]\nname = "crm"\nurl = "{outside.url}/crm"\nbreaker_failures = 0\n'
        extra = MAILBOX + tables + crm + sink(f"{outside.url}/events")
        try:
            with (
                Softphone(caller_at, user="030123456") as caller,
                Softphone(target_at, port=5060, tone_hz=900, user="target", auto_answer=True) as target,
                appliance(at, tmp_path, menu=MENU, target=target_at, trunk='country = "DE"', extra=extra) as edge,
            ):
                yield Place(edge, caller, target, outside)
        finally:
            outside.kill()


def handled(place: Place, expected: tuple[int, str, str]) -> dict[str, float]:
    """Some calls one after the other, each from the hours to the target; how long what the box does took, ms."""
    tone, outcome, node = expected
    taken: dict[str, list[float]] = {"answer": [], "menu": [], "key": []}
    for _ in range(CALLS):
        call = place.caller.call(place.edge.uri).wait_answered()
        hears(call, tone)
        call.audio.press("9")
        hears(call, 900)
        call.bye()
        id_ = place.edge.last_call()
        ended = place.edge.wait_event("call.ended", id_)["data"]
        assert ended["path"] == ["open", "who", "route", node, "connect"]
        assert ended["attributes"]["customer_type"] == "vip", "the table of callers is here"
        events = place.edge.events(id_)
        (asked,) = [event["data"] for event in events if event["type"] == "menu.asked"]
        assert (asked["outcome"], asked["next"], asked["late"]) == (outcome, node, False)
        assert bool(asked["error"]) == (outcome != "ok"), "why it was done without"
        assert {event["menuversion"] for event in events} == {ended["menu_version"]}
        at = {event["type"]: event["time"] for event in reversed(events)}
        taken["answer"].append(float(next(e for e in events if e["type"] == "call.answered")["data"]["after_ms"]))
        entered = [event["time"] for event in events if event["type"] == "menu.node_entered"]
        taken["menu"].append(between(entered[0], entered[2]))
        taken["key"].append(between(at["dtmf.received"], at["leg.started"]))
    return {name: median(values) for name, values in taken.items()}


def leaves_a_message(place: Place) -> None:
    call = place.caller.call(place.edge.uri).wait_answered()
    hears(call, FROZEN[0])
    call.audio.press("7")
    hears(call, TONES["failed"])
    beeped(call, BEEP_HZ)
    call.audio.say(voice("vm-helpexit"))
    left = place.edge.wait_event("voicemail.left", place.edge.last_call())["data"]
    assert (left["mailbox"], left["caller"], left["ended_by"]) == ("night", "030123456", "silence")
    assert Path(left["path"]).stat().st_size == left["size_bytes"] > 16_000
    call.wait_ended()


def between(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds() * 1000


def test_calls_are_handled_whatever_the_backends_do(place: Place) -> None:
    usual = handled(place, WORKS)
    place.outside.kill()
    found: dict[str, Any] = {"dead": handled(place, DEAD)}
    place.outside.start()
    place.outside.freeze()
    found["frozen"] = handled(place, FROZEN)
    leaves_a_message(place)
    place.outside.start(garbage=True)
    found["nonsense"] = handled(place, NONSENSE)
    # Medians; a machine under other load is slow at times, a call that waits for a backend is so each time.
    for how, taken in found.items():
        for what, value in taken.items():
            assert value <= 3 * usual[what] + 500, (how, what, taken, usual)
    assert place.edge.status()["takes_calls"]
    place.outside.start()
    until(lambda: delivered(place.edge), 60, "what was told meanwhile is delivered after it")
    place.edge.check_histories()


def delivered(edge: Appliance) -> bool:
    with urllib.request.urlopen(f"http://{edge.address}:8080/metrics", timeout=10) as answer:
        return 'edge_forwarder_backlog_events{sink="backend"} 0.0' in answer.read().decode()
