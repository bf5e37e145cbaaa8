"""An agent whose leg stays up over all his calls, through kills of everything that has a part in it."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

PIN = "4711"
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
    gather: {greet_long: one, min_digits: 4, max_digits: 4, sensitive: true, keep: pin, first_digit_timeout: 20s}
    next: log_in
    failed: bye
  log_in:
    ask: {endpoint: agents, send: [agent, wish, pin]}
    answers: {ok: bye}
    failed: bye
  wait: {queue: {name: sales, music: ringing}, failed: bye}
  bye: {hang_up: ""}
"""
SITE = """
[[agents]]
name = "anna"
id = "17"
pin = "file:PIN"
line = "nailed_up"
[[queues]]
name = "sales"
agents = ["anna"]
[presence]
line_music = "MUSIC"
line_tone = "1900/300"
"""


def agent(edge: Appliance) -> dict[str, Any]:
    return dict(edge.control(what="request", process="switch", request="agents", body=None)["body"][0])


def waits(phone: Softphone, edge: Appliance) -> Call:
    """A caller who is in the queue."""
    call = phone.call(edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    call.info_digit("0")
    return call


def test_one_leg_for_all_calls(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(PIN)
    (tmp_path / "pin").chmod(0o600)
    with (
        address() as at,
        address() as caller_at,
        address() as agent_at,
        Softphone(caller_at, tone_hz=700, user="caller") as caller,
        Softphone(agent_at, port=5060, tone_hz=900, user="desk") as desk,
        appliance(at, tmp_path, menu=MENU, trunk=f'address = "{agent_at}:5060"', extra=site(tmp_path)) as edge,
    ):
        line = desk.call(edge.uri).wait_answered()
        hears(line, TONES["welcome"])
        line.audio.press("17")
        hears(line, TONES["one"])
        line.audio.press(PIN)
        until(lambda: agent(edge)["line"] == "up", 20, "the leg is up")
        hears(line, TONES["failed"])  # the music between calls
        assert agent(edge)["state"] == "ready"

        call = waits(caller, edge)
        hears(line, 700)
        hears(call, 900)
        assert heard_for_ms(line, 1900) >= 100, "the tone by which he knows that a call comes"
        assert heard_for_ms(call, 1900) == 0
        kill_span_of(edge)
        for process in ("switch", "media"):
            old = edge.kill(process)
            edge.wait_restarted(process, old)
        until(lambda: agent(edge)["state"] == "talking", 20, "they still talk")
        hears(line, 700)
        hears(call, 900)
        call.bye()
        until(lambda: agent(edge)["state"] == "ready", 20, "the next call may come")
        hears(line, TONES["failed"])

        # Waiting for the next call, after a kill, too; the same leg has it.
        old = edge.kill("switch")
        edge.wait_restarted("switch", old)
        until(lambda: agent(edge)["line"] == "up", 20, "switch knows the leg")
        call = waits(caller, edge)
        hears(line, 700)
        hears(call, 900)
        line.bye()
        call.wait_ended()
        until(lambda: agent(edge)["state"] == "logged_out", 20, "who hangs up has logged out")
        edge.wait_event("call.ended", count=3)
        edge.check_histories()
        assert len(desk.calls) == 1, "he was never rung"
        assert [event["data"]["ring_ms"] for event in of(edge, "queue.connected")] == [0, 0]


def site(folder: Path) -> str:
    return SITE.replace("PIN", str(folder / "pin")).replace("MUSIC", str(folder / "prompts/en/failed.wav"))


def of(edge: Appliance, kind: str) -> list[dict[str, Any]]:
    return [event for event in edge.events() if event["type"] == kind]


def heard_for_ms(call: Call, hz: int) -> int:
    """For how long a call has heard a tone, also under something else."""
    heard = call.audio.recorded()
    frames = [heard[at : at + 400] for at in range(0, len(heard) - 399, 400)]
    return 50 * sum(tones.share(frame, hz) > 0.2 for frame in frames)


def kill_span_of(edge: Appliance) -> None:
    """Kill the span of the agent's leg; front has the leg then."""
    line = agent(edge)["line_call"]

    def held_by() -> str:
        (row,) = [call for call in edge.live_calls() if call["id"] == line]
        return str(row["legs"][0]["span"])

    held = held_by()
    assert held != "front"
    (pid,) = [int(span["pid"]) for span in edge.status()["spans"] if span["incarnation"] == held]
    os.kill(pid, signal.SIGKILL)
    until(lambda: held_by() == "front", 20, "front has the leg")
