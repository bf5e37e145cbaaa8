"""A callback asked for through a kill, met by a call of its own; and the survey after that."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

MENU = """
version: 1
start: welcome
nodes:
  welcome:
    gather: {greet_long: welcome, first_digit_timeout: 60s}
    choices: {1: back, 9: why}
    failed: bye
  back:
    callback:
      ask_number: one
      confirm: two
      first_digit_timeout: 60s
      inter_digit_timeout: 30s
      within: 2h
    next: bye
    declined: bye
    failed: bye
  why:
    set: {reason_code: bill}
    next: desk
  desk:
    transfer: {to: "sip:target@TARGET", ringing: ringing}
    failed: failed
    after: rate
  failed:
    gather: {greet_long: failed, first_digit_timeout: 60s}
    choices: {0: bye}
    failed: bye
  rate:
    survey:
      questions: {polite: {ask: one}, again: {ask: two}}
      first_digit_timeout: 60s
    next: bye
  bye:
    hang_up: done
"""


def command(edge: Appliance, *arguments: str) -> list[dict]:
    line = [sys.executable, "-m", "edge", *arguments, "--json", "--state", str(edge.state)]
    done = subprocess.run(line, capture_output=True, timeout=60, check=True)
    return [json.loads(one) for one in done.stdout.splitlines()]


def metric(edge: Appliance, name: str) -> float:
    with urllib.request.urlopen(f"http://{edge.address}:8080/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def test_a_callback_through_a_kill_its_own_call_and_the_survey_after_it(tmp_path: Path) -> None:
    with (
        address() as at,
        address() as caller_at,
        address() as home_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=700, user="anonymous") as caller,
        Softphone(home_at, tone_hz=800, user="030999999") as home,
        Softphone(target_at, port=5060, tone_hz=900, user="target") as target,
        appliance(at, tmp_path, menu=MENU, target=target_at, trunk='country = "DE"') as edge,
    ):
        # A number is typed and read back; switch is killed between the key that takes it and the event.
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("1")
        hears(call, TONES["one"])
        call.audio.press("030999999#")
        hears(call, TONES["two"])
        switch = edge.pid("switch")
        os.kill(switch, signal.SIGSTOP)
        call.audio.press("1")
        until(lambda: not call.audio.pressing, 20, "the key is out")
        assert edge.types().count("callback.requested") == 0
        os.kill(switch, signal.SIGKILL)
        edge.wait_restarted("switch", switch)
        asked = edge.wait_event("callback.requested")
        call.wait_ended()
        edge.wait_event("call.ended", asked["subject"])
        assert edge.types(asked["subject"]).count("callback.requested") == 1
        assert (asked["data"]["number"], asked["data"]["reason"], asked["data"]["renewed"]) == (
            "+4930999999",
            "asked",
            False,
        )
        (row,) = command(edge, "callbacks", "list")
        assert (row["id"], row["number"], row["trunk"], row["overdue"]) == (asked["id"], "+4930999999", "loop", False)
        assert metric(edge, "edge_switch_callbacks_open") == 1

        # Who was to be called rings by himself, and talks with somebody: the request is met.
        call = home.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        there = target.expect_call()
        there.ring()
        hears(call, TONES["ringing"])
        assert edge.types().count("callback.superseded") == 0
        there.accept()
        hears(call, 900)
        met = edge.wait_event("callback.superseded", edge.last_call())
        assert met["data"]["callback"] == asked["id"]
        assert command(edge, "callbacks", "list") == []

        # The agent is gone before the caller is asked how it was.
        there.hang_up()
        hears(call, TONES["one"])
        call.audio.press("4")
        answered = edge.wait_event("survey.answered", met["subject"])["data"]
        assert (answered["question"], answered["value"], answered["target"]) == ("polite", 4, f"sip:target@{target_at}")
        assert answered["attributes"]["reason_code"] == "bill"
        hears(call, TONES["two"])
        call.hang_up()
        edge.wait_event("call.ended", met["subject"])
        over = edge.wait_event("survey.completed", met["subject"])["data"]
        assert (over["complete"], over["asked"], over["answered"]) == (False, ["polite", "again"], ["polite"])
        types = edge.types(met["subject"])
        assert types.index("leg.ended") < types.index("survey.answered")
        (counted,) = command(edge, "survey", "report", "--by", "reason_code")
        assert (counted["reason_code"], counted["surveys"], counted["completed"]) == ("bill", 1, 0)
        edge.check_histories()
        log = edge.log.read_text(errors="replace")
        assert "30999999" not in log
