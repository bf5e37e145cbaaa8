"""Who answered a transfer's target, from RTP to the event that a backend gets, through a real appliance."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile

from tests.support.addresses import address
from tests.support.appliance import MENU, TONES, Appliance, appliance
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.system.flows import hears

pytestmark = pytest.mark.system

HELLO = Path("/usr/share/asterisk/sounds/en_US_f_Allison/hello.wav")
MENU_BY_TRUNK = MENU.replace('"sip:target@TARGET"', '"sip:target@TARGET", trunk: loop')
RULES = 'amd = true\namd_rules = "quick"\n[[amd_rules]]\nname = "quick"\nno_speech = "3s"\n'


@contextmanager
def dialled(folder: Path) -> Iterator[tuple[Appliance, Call]]:
    """An appliance, and the target that its caller had rung: a call that is not answered yet."""
    assert MENU_BY_TRUNK != MENU
    with (
        address() as at,
        address() as caller_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=700) as caller,
        Softphone(target_at, port=5060, user="target") as target,
        appliance(at, folder, target=target_at, menu=MENU_BY_TRUNK, trunk=RULES) as edge,
    ):
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        yield edge, target.expect_call()


def test_somebody_says_hello_and_waits(tmp_path: Path) -> None:
    with dialled(tmp_path) as (edge, there):
        there.accept()
        hears(there, 700)
        there.audio.say(soundfile.read(HELLO, dtype="int16")[0])
        told = edge.wait_event("answer.detected", edge.last_call())["data"]
        assert (told["verdict"], told["cause"]) == ("human", "short_greeting")
        assert 300 < told["speech_ms"] < 800
        assert told["at_ms"] - told["start_ms"] < 2000
        there.hang_up()
        quality = edge.wait_event("leg.quality", edge.last_call())["data"]
        assert quality["leg"] == told["leg"]
        assert quality["speech_level_dbm0"] == pytest.approx(-10, abs=5)


def test_nobody_says_anything(tmp_path: Path) -> None:
    with dialled(tmp_path) as (edge, there):
        there.accept()
        told = edge.wait_event("answer.detected", edge.last_call())["data"]
        assert (told["verdict"], told["cause"], told["level_dbm0"]) == ("unknown", "no_speech", None)
