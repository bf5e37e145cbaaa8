"""Calls that we make into a menu that asks who answered: a human hears it, a machine the message after its beep."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

VOICES = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
MENU = """
version: 1
start: who
nodes:
  who:
    answered: beep
    human: hello
    machine: message
  hello:
    gather: one
    choices: {1: bye}
    failed: bye
  message:
    play: two
    next: bye
  bye:
    hang_up:
"""
BEEP_HZ = 1000


def voice(*names: str) -> tones.Samples:
    return np.concatenate([soundfile.read(VOICES / f"{name}.wav", dtype="int16")[0] for name in names])


@contextmanager
def called(folder: Path) -> Iterator[tuple[Appliance, Call]]:
    """An appliance, and a phone that has taken a call of its; whose trunk wants nothing detected by itself."""
    with (
        address() as at,
        address() as target_at,
        Softphone(target_at, port=5060, user="target") as target,
        appliance(at, folder, menu=MENU) as edge,
    ):
        edge.control(
            what="request",
            process="switch",
            request="originate",
            body={"target": f"sip:target@{target_at}", "menu": "main"},
        )
        there = target.expect_call()
        there.accept()
        yield edge, there


def nodes(edge: Appliance) -> list[str]:
    return [event["data"]["node"] for event in edge.events(edge.last_call()) if event["type"] == "menu.node_entered"]


def test_a_human_hears_the_menu(tmp_path: Path) -> None:
    with called(tmp_path) as (edge, there):
        there.audio.say(voice("hello"))
        hears(there, TONES["one"])
        told = edge.wait_event("answer.detected", edge.last_call())["data"]
        assert told["verdict"] == "human"
        assert nodes(edge) == ["who", "hello"]
        there.audio.press("1")
        there.wait_ended()


def test_a_machine_hears_the_message_when_its_beep_is_over(tmp_path: Path) -> None:
    with called(tmp_path) as (edge, there):
        there.audio.say(voice("vm-theperson", "vm-isunavail", "vm-intro"))
        told = edge.wait_event("answer.detected", edge.last_call())["data"]
        assert (told["verdict"], told["cause"]) == ("machine", "long_greeting")
        until(lambda: not there.audio.pressing, 30, "end of the greeting")
        assert tones.level_dbm0(there.audio.recorded()) < -60, "nothing is said before the beep"
        assert nodes(edge) == ["who"]
        there.audio.say(tones.sine(BEEP_HZ, 3200))
        hears(there, TONES["two"])
        assert nodes(edge) == ["who", "message"]
        told = [one for one in edge.types(edge.last_call()) if one != "answer.greeting_ended"]
        order = [told.index(one) for one in ("answer.detected", "answer.beep")]
        assert order == sorted(order)
        assert told[order[1] + 1] == "menu.node_entered"
        beep = edge.wait_event("answer.beep", edge.last_call())["data"]
        assert beep["frequency_hz"] == pytest.approx(BEEP_HZ, abs=10)
        assert beep["end_ms"] - beep["start_ms"] == pytest.approx(400, abs=60)
        there.hang_up()
        edge.wait_event("call.ended", edge.last_call())
        edge.check_histories()


@pytest.mark.parametrize("killed", ["switch", "media"])
def test_the_beep_is_still_waited_for_after_a_kill(tmp_path: Path, killed: str) -> None:
    with called(tmp_path) as (edge, there):
        there.audio.say(voice("vm-theperson", "vm-isunavail", "vm-intro"))
        edge.wait_event("answer.detected", edge.last_call())
        pid = edge.kill(killed)
        edge.wait_restarted(killed, pid)
        until(lambda: not there.audio.pressing, 30, "end of the greeting")
        there.audio.say(tones.sine(BEEP_HZ, 3200))
        hears(there, TONES["two"])
        assert edge.types(edge.last_call()).count("answer.detected") == 1
        there.hang_up()
        edge.wait_event("call.ended", edge.last_call())
        edge.check_histories()
