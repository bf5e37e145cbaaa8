"""An agent who logs in from a phone of his own, before and after a kill of switch; and a PIN that is nowhere."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

PIN = "73195028"
MENU = """
version: 1
start: who
attributes:
  agent: {}
  wish: {default: log_in}
nodes:
  who:
    gather: {greet_long: welcome, max_digits: 2, into: agent, first_digit_timeout: 20s}
    choices: {0: wait}
    next: pin
    failed: bye
  pin:
    gather: {greet_long: one, min_digits: 8, max_digits: 8, sensitive: true, keep: pin, first_digit_timeout: 20s}
    next: log_in
    failed: bye
  log_in:
    ask: {endpoint: agents, send: [agent, wish, pin]}
    answers: {ok: done, wrong: who}
    failed: bye
  done:
    gather: {greet_long: two, first_digit_timeout: 20s}
    choices: {0: bye}
    failed: bye
  wait:
    queue: {name: sales, music: ringing}
    no_agents: nobody
    failed: bye
  nobody:
    gather: {greet_long: failed, first_digit_timeout: 20s}
    choices: {0: bye}
    failed: bye
  bye:
    hang_up:
"""
SITE = """
[[agents]]
name = "anna"
id = "17"
pin = "file:PIN"
signs_in = true
wrap_up = "1h"
[[queues]]
name = "sales"
agents = ["anna"]
"""


def agents(edge: Appliance) -> dict[str, Any]:
    return dict(edge.control(what="request", process="switch", request="agents", body=None)["body"][0])


def test_an_agent_logs_in_by_phone_and_is_rung_there(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(PIN)
    (tmp_path / "pin").chmod(0o600)
    with (
        address() as at,
        address() as caller_at,
        address() as agent_at,
        Softphone(caller_at, tone_hz=700, user="caller") as caller,
        Softphone(agent_at, port=5060, tone_hz=900, user="desk") as desk,
        appliance(
            at,
            tmp_path,
            menu=MENU,
            trunk=f'address = "{agent_at}:5060"',
            extra=SITE.replace("PIN", str(tmp_path / "pin")),
        ) as edge,
    ):
        # Nobody is there yet.
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.info_digit("0")
        hears(call, TONES["failed"])
        call.bye()

        # A wrong PIN, then the right one, from a phone that no file names.
        call = desk.call(edge.uri).wait_answered()
        for pin, then in (("12345678", "welcome"), (PIN, "two")):
            hears(call, TONES["welcome"])
            call.audio.press("17")
            hears(call, TONES["one"])
            call.audio.press(pin)
            hears(call, TONES[then])
        assert agents(edge)["state"] == "ready"
        assert agents(edge)["elsewhere"]
        call.bye()
        edge.wait_event("call.ended", count=2)
        assert edge.wait_event("agent.refused")["data"]["why"] == "wrong"
        assert edge.wait_event("agent.presence")["data"]["presence"] == "here"

        old = edge.kill("switch")
        edge.wait_restarted("switch", old)
        assert agents(edge)["state"] == "ready"

        # A caller, and the agent's phone.
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.info_digit("0")
        there = desk.expect_call()
        there.accept()
        hears(there, 700)
        hears(call, 900)
        edge.control(what="request", process="switch", request="agent_wish", body={"agent": "anna", "wish": "pause"})
        assert agents(edge)["state"] == "talking"
        call.bye()
        there.wait_ended()
        until(lambda: agents(edge)["state"] == "paused", 10, "the pause")
        assert agents(edge)["talks"] == 1
        edge.wait_event("call.ended", count=3)
        edge.check_histories()
        log = edge.log.read_text(errors="replace")
        state = b"".join(path.read_bytes() for path in edge.state.rglob("*") if path.is_file())
        assert PIN not in log
        assert PIN.encode() not in state
