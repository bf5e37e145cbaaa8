"""Who answered, through the whole engine: RTP in, `DetectAnswer`, reports; and over a restart of the worker."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.detectors.answer import DEFAULTS
from edge.vocabulary.commands import CloseLeg, DetectAnswer
from edge.vocabulary.reports import AnswerHeard, LegMediaEnded
from tests.media.talker import A, Talker

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def voice(name: str) -> np.ndarray:
    samples, _ = soundfile.read(SOUNDS / f"{name}.wav", dtype="float64")
    return np.pad(samples, (0, -len(samples) % 160)) * 32768


def told(talker: Talker) -> list[AnswerHeard]:
    return [report for report in talker.desk.reports if isinstance(report, AnswerHeard)]


def test_a_human(talker: Talker) -> None:
    talker.wait(0.3)
    assert talker.desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.wait(0.5)
    talker.say(voice("hello"))
    talker.wait(1.5)
    (one,) = told(talker)
    assert (one.what, one.cause) == ("human", "short_greeting")
    assert one.start_ms == pytest.approx(590, abs=80)
    assert one.at_ms == pytest.approx(1950, abs=120)
    assert 300 < one.speech_ms < 800


def test_a_machine_with_a_beep_and_a_worker_that_is_killed(talker: Talker) -> None:
    talker.wait(0.1)
    assert talker.desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.say(voice("vm-intro"))
    talker.desk.restart()
    talker.wait(0.4)
    talker.say(8000 * np.sin(2 * np.pi * 1000 / 8000 * np.arange(4800)))
    talker.wait(1)
    assert [one.what for one in told(talker)] == ["machine", "beep", "greeting_ended"]
    assert told(talker)[1].hz == pytest.approx(1000, abs=5)
    assert told(talker)[1].end_ms - told(talker)[1].start_ms == pytest.approx(600, abs=40)


def test_a_human_that_was_a_machine(talker: Talker) -> None:
    talker.wait(0.1)
    assert talker.desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.say(voice("hello"))
    talker.wait(0.9)
    talker.say(voice("vm-intro"))
    talker.wait(0.2)
    heard = told(talker)
    assert [one.what for one in heard] == ["human", "revised"]
    assert heard[1].cause == "long_greeting"
    assert heard[1].start_ms > heard[0].at_ms - 80
    assert heard[1].speech_ms > 2800


def test_sent_again_it_does_not_begin_anew(talker: Talker) -> None:
    assert talker.desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.wait(3)
    assert talker.desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.wait(2.2)
    assert [(one.what, one.cause) for one in told(talker)] == [("unknown", "no_speech")]


def test_nobody_asked(talker: Talker) -> None:
    talker.say(voice("hello"))
    talker.wait(2)
    assert told(talker) == []


def test_a_rule_that_there_is_not(talker: Talker) -> None:
    assert "there is no rule 'wiat'" in str(talker.desk.do(DetectAnswer(A, {"wiat": 3})))


def test_what_was_heard_is_in_the_quality_record(talker: Talker) -> None:
    talker.wait(0.5)
    talker.say(voice("hello"))
    talker.wait(2)
    talker.desk.do(CloseLeg(A))
    talker.desk.tick()
    (figures,) = (report for report in talker.desk.reports if isinstance(report, LegMediaEnded))
    assert figures.speech_level_dbm0 == pytest.approx(-10, abs=4)
    assert figures.noise_floor_dbm0 is not None
    assert figures.noise_floor_dbm0 < -60
    assert figures.clipped_ms == 0
