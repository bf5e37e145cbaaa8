"""Call progress tones through the whole engine: RTP in, `DetectTones`, reports; and over a restart of the worker."""

from typing import get_args

import numpy as np
import pytest

from dsp.detectors.progress_cadence import ANSWERS, MEANINGS
from dsp.detectors.progress_tables import LABELS
from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from edge.vocabulary.commands import DetectTones
from edge.vocabulary.media import ToneLabel, ToneMeaning
from edge.vocabulary.reports import ToneHeard
from tests.media.talker import A, Talker


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
