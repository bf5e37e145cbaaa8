"""Call progress tones through the whole engine: RTP in, `DetectTones`, reports; and over a restart of the worker."""

from typing import get_args

import numpy as np
import pytest

from dsp.detectors.progress_cadence import ANSWERS, MEANINGS
from dsp.detectors.progress_tables import LABELS, Tables, make_tables
from dsp.plane.work import TABLES
from dsp.tones.cadence import with_countries
from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from edge.vocabulary.commands import CloseLeg, DetectTones, OpenLeg
from edge.vocabulary.ids import LegId, SlotIndex
from edge.vocabulary.media import ToneLabel, ToneMeaning
from edge.vocabulary.reports import ToneHeard
from tests.media.talker import A, Talker

B = LegId("b.1")


def tone(country: str, name: str, seconds: float) -> np.ndarray:
    return render(parse(COUNTRIES[country][name]), round(seconds * 50) * 160, -13.0)


def told(talker: Talker) -> list[ToneHeard]:
    return [report for report in talker.desk.reports if isinstance(report, ToneHeard)]


def test_words_are_in_the_order_of_the_detectors_codes() -> None:
    assert get_args(ToneLabel) == LABELS
    assert get_args(ToneMeaning) == (*MEANINGS, *ANSWERS)


def test_ringback_with_its_evidence(talker: Talker) -> None:
    assert talker.desk.do(DetectTones(A, "uk")) is None
    talker.wait(0.5)
    talker.say(tone("uk", "ring", 6.0))
    talker.wait(2.5)
    begin, end = told(talker)
    assert (begin.label, begin.phase, begin.country, begin.meaning) == ("ringback", "begin", "uk", None)
    assert begin.start_ms == pytest.approx(500, abs=60)
    assert begin.frequencies_hz == pytest.approx([400, 450], abs=1)
    assert begin.level_dbm0 == pytest.approx(-13, abs=0.5)
    assert (end.phase, end.cycles) == ("end", 2)
    assert (end.on_ms, end.off_ms) == (pytest.approx(400, abs=12), pytest.approx(200, abs=12))
    assert end.end_ms - begin.start_ms == pytest.approx(4000 - 400, abs=500)


def test_busy_over_a_worker_that_is_killed(talker: Talker) -> None:
    assert talker.desk.do(DetectTones(A, "us")) is None
    talker.say(tone("us", "busy", 0.8))
    talker.desk.restart()
    talker.say(tone("us", "busy", 3.0))
    talker.wait(1.5)
    assert [(one.label, one.phase) for one in told(talker)] == [("busy", "begin"), ("busy", "end")]


def test_sent_again_it_does_not_begin_anew(talker: Talker) -> None:
    assert talker.desk.do(DetectTones(A, "us")) is None
    talker.say(tone("us", "ring", 1.0))
    assert talker.desk.do(DetectTones(A, "us")) is None
    talker.wait(0.5)
    assert [(one.label, one.phase) for one in told(talker)] == [("ringback", "begin")]


def test_special_information_in_any_country(talker: Talker) -> None:
    assert talker.desk.do(DetectTones(A, "")) is None
    talker.say(tone("us", "info", 1.0))
    talker.wait(0.5)
    (one,) = told(talker)
    assert (one.label, one.phase, one.country, one.meaning) == ("sit", "once", None, "unspecified")


def test_nobody_asked(talker: Talker) -> None:
    talker.say(tone("us", "ring", 2.0))
    assert told(talker) == []


def test_a_country_that_there_is_not(talker: Talker) -> None:
    assert "no tones of atlantis" in str(talker.desk.do(DetectTones(A, "atlantis")))


def table(**more: dict[str, str]) -> Tables:
    return make_tables(with_countries(more))


def test_a_reload_counts_for_what_begins_then(talker: Talker) -> None:
    desk = talker.desk
    assert desk.do(DetectTones(A, "us")) is None
    assert desk.engine.take_tones(table(us={"busy": "1000/100,0/100"}, ours={"busy": "600/300,0/300"}))
    talker.say(tone("us", "busy", 3.0))
    talker.wait(1.5)
    assert [(one.label, one.country) for one in told(talker)] == [("busy", "us")] * 2, "it keeps its tables"
    assert desk.do(OpenLeg(leg=B, slot=SlotIndex(1), remote=desk.remote(1))) is None
    assert desk.do(DetectTones(B, "ours")) is None
    assert desk.do(DetectTones(B, "theirs")) == "there are no tones of theirs"


def test_a_leg_begins_anew_when_its_tables_ended_with_its_worker(talker: Talker) -> None:
    desk = talker.desk
    assert desk.engine.take_tones(table(ours={"busy": "600/300,0/300"}))
    assert desk.do(DetectTones(A, "ours")) is None
    talker.say(tone("us", "busy", 0.5))
    desk.restart()  # with the tables of nobody's site
    talker.say(tone("us", "busy", 3.0))
    assert told(talker) == [], "its country is not there any more"
    desk.do(CloseLeg(A))
    talker.wait(0.2)


def test_as_many_tables_as_are_in_use(talker: Talker) -> None:
    desk = talker.desk
    assert desk.do(DetectTones(A, "us")) is None
    talker.wait(0.1)
    for number in range(2 * TABLES):
        assert desk.engine.take_tones(table(ours={"busy": f"{600 + number}/300,0/300"}))
        assert len(desk.engine.tones.known) <= TABLES
    talker.say(tone("us", "busy", 3.0))
    assert [one.country for one in told(talker)] == ["us"]


def test_a_table_that_finds_no_room_changes_nothing(talker: Talker) -> None:
    desk = talker.desk
    for slot in range(1, TABLES):
        leg = LegId(f"x.{slot}")
        assert desk.do(OpenLeg(leg=leg, slot=SlotIndex(slot), remote=desk.remote(slot))) is None
        assert desk.do(DetectTones(leg, "us")) is None
        talker.wait(0.1)
        assert desk.engine.take_tones(table(ours={"busy": f"{600 + slot}/300,0/300"}))
    assert desk.do(DetectTones(A, "us")) is None
    talker.wait(0.1)
    before = desk.engine.tones.now
    assert not desk.engine.take_tones(table(ours={"busy": "700/300,0/300"}))
    assert desk.engine.tones.now is before
