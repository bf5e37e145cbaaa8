"""Call progress tones: of a line that is dialled, told with their evidence, and of our own, which a caller hears."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import MENU, TONES, Appliance, appliance
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

#: Alone: a sender that is kept waiting makes other cadences.
pytestmark = [pytest.mark.system, pytest.mark.alone]

#: The target is dialled by URI; its address is one of the trunk's.
MENU_WITHOUT_RINGING = MENU.replace(", ringing: ringing", "")


@contextmanager
def place(folder: Path, country: str) -> Iterator[tuple[Appliance, Softphone, Softphone]]:
    assert MENU_WITHOUT_RINGING != MENU
    with (
        address() as at,
        address() as caller_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=700) as caller,
        Softphone(target_at, port=5060, user="target") as target,
        appliance(at, folder, target=target_at, menu=MENU_WITHOUT_RINGING, trunk=f'tones = "{country}"') as edge,
    ):
        yield edge, caller, target


def dial(edge: Appliance, caller: Softphone, target: Softphone) -> tuple[Call, Call]:
    call = caller.call(edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    call.audio.press("9")
    return call, target.expect_call()


def say(there: Call, country: str, name: str, seconds: float) -> None:
    there.audio.say(render(parse(COUNTRIES[country][name]), round(8000 * seconds), -13.0))


def shares(call: Call, *frequencies_hz: float) -> float:
    heard = call.audio.recorded(3.0)
    return sum(tones.share(heard, hz, 12.0) for hz in frequencies_hz)


def test_what_a_line_plays_before_it_answers_is_told_with_its_evidence(tmp_path: Path) -> None:
    with place(tmp_path, "uk") as (edge, caller, target):
        call, there = dial(edge, caller, target)
        there.early_media()
        say(there, "uk", "ring", 4.5)
        told = edge.wait_event("tone.detected", edge.last_call())["data"]
        assert (told["label"], told["country"], told["meaning"], told["end_ms"]) == ("ringback", "uk", None, None)
        assert told["frequencies_hz"] == pytest.approx([400, 450], abs=2)
        assert told["level_dbm0"] == pytest.approx(-13, abs=1)
        until(lambda: shares(call, 400, 450) > 0.8, 10, "the caller hears it, too")
        until(lambda: not there.audio.pressing, 10, "the end of the ringing")
        say(there, "uk", "busy", 4.5)
        busy = edge.wait_event("tone.detected", edge.last_call(), count=2)["data"]
        assert (busy["label"], busy["country"], busy["leg"]) == ("busy", "uk", told["leg"])
        assert busy["frequencies_hz"] == pytest.approx([400], abs=2)
        # Packets of a sender that the machine lets wait are filled up with silence.
        assert (busy["on_ms"], busy["off_ms"]) == (pytest.approx(375, abs=60), pytest.approx(375, abs=60))
        assert busy["start_ms"] > told["start_ms"]
        assert busy["at_ms"] - busy["start_ms"] < 2500
        over = edge.wait_event("tone.ended", edge.last_call())["data"]
        assert (over["label"], over["cycles"]) == ("ringback", 2)
        there.reject(486)
        hears(call, TONES["failed"])
        call.hang_up()


def test_special_information_before_a_refusal(tmp_path: Path) -> None:
    with place(tmp_path, "any") as (edge, caller, target):
        call, there = dial(edge, caller, target)
        there.early_media()
        say(there, "us", "info", 2.0)
        told = edge.wait_event("tone.detected", edge.last_call())["data"]
        assert (told["label"], told["country"], told["meaning"]) == ("sit", None, "unspecified")
        assert told["end_ms"] - told["start_ms"] == pytest.approx(990, abs=120)
        there.reject(404)
        hears(call, TONES["failed"])
        call.hang_up()
        edge.wait_event("call.ended", edge.last_call())
        edge.check_histories()


def test_a_caller_hears_the_ringing_tone_of_the_trunk_s_country(tmp_path: Path) -> None:
    with place(tmp_path, "uk") as (edge, caller, target):
        call, there = dial(edge, caller, target)
        there.ring()
        until(lambda: shares(call, 400, 450) > 0.9, 15, "the ringing tone")
        silent = tones.level_dbm0(call.audio.recorded(0.2))
        until(lambda: tones.level_dbm0(call.audio.recorded(0.2)) > -25, 5, f"a burst; before it {silent:.0f} dBm0")
        until(lambda: tones.level_dbm0(call.audio.recorded(1.0)) < -60, 5, "the pause of the cadence")
        there.accept()
        hears(there, 700)
