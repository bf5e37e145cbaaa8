"""Who answered, through the whole engine: RTP in, `DetectAnswer`, reports; and over a restart of the worker."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.detectors.answer import DEFAULTS
from edge.vocabulary.commands import CloseLeg, DetectAnswer, OpenLeg
from edge.vocabulary.ids import LegId, SlotIndex
from edge.vocabulary.reports import AnswerHeard, LegMediaEnded
from tests.dsp.rig import mulaw, rtp
from tests.media.desk import Desk

A = LegId("a.1")
SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


@pytest.fixture
def desk(address: str) -> Iterator[Desk]:
    made = Desk(address)
    assert made.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=made.remote(0))) is None
    yield made
    made.close()


class Talker:
    """Sends sound to the leg, a packet a tick."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sent = desk, 0

    def say(self, samples: np.ndarray) -> None:
        for at in range(0, len(samples) - 159, 160):
            packet = rtp(0, self.sent, 160 * self.sent, 7, mulaw(samples[at : at + 160]))
            self.desk.peers[0].sendto(packet, self.desk.sockets[0].getsockname())
            self.desk.tick()
            self.sent += 1

    def wait(self, seconds: float) -> None:
        self.say(np.zeros(round(seconds * 50) * 160))

    def voice(self, name: str) -> None:
        samples, _ = soundfile.read(SOUNDS / f"{name}.wav", dtype="float64")
        self.say(np.pad(samples, (0, -len(samples) % 160)) * 32768)


def told(desk: Desk) -> list[AnswerHeard]:
    return [report for report in desk.reports if isinstance(report, AnswerHeard)]


def test_a_human(desk: Desk) -> None:
    talker = Talker(desk)
    talker.wait(0.3)
    assert desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.wait(0.5)
    talker.voice("hello")
    talker.wait(1.5)
    (one,) = told(desk)
    assert (one.what, one.cause) == ("human", "short_greeting")
    assert one.start_ms == pytest.approx(590, abs=80)
    assert one.at_ms == pytest.approx(1950, abs=120)
    assert 300 < one.speech_ms < 800


def test_a_machine_with_a_beep_and_a_worker_that_is_killed(desk: Desk) -> None:
    talker = Talker(desk)
    talker.wait(0.1)
    assert desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.voice("vm-intro")
    desk.restart()
    talker.wait(0.4)
    talker.say(8000 * np.sin(2 * np.pi * 1000 / 8000 * np.arange(4800)))
    talker.wait(1)
    assert [one.what for one in told(desk)] == ["machine", "beep", "greeting_ended"]
    assert told(desk)[1].hz == pytest.approx(1000, abs=5)
    assert told(desk)[1].end_ms - told(desk)[1].start_ms == pytest.approx(600, abs=40)


def test_sent_again_it_does_not_begin_anew(desk: Desk) -> None:
    talker = Talker(desk)
    assert desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.wait(3)
    assert desk.do(DetectAnswer(A, DEFAULTS)) is None
    talker.wait(2.2)
    assert [(one.what, one.cause) for one in told(desk)] == [("unknown", "no_speech")]


def test_nobody_asked(desk: Desk) -> None:
    talker = Talker(desk)
    talker.voice("hello")
    talker.wait(2)
    assert told(desk) == []


def test_a_rule_that_there_is_not(desk: Desk) -> None:
    assert "there is no rule 'wiat'" in str(desk.do(DetectAnswer(A, {"wiat": 3})))


def test_what_was_heard_is_in_the_quality_record(desk: Desk) -> None:
    talker = Talker(desk)
    talker.wait(0.5)
    talker.voice("hello")
    talker.wait(2)
    desk.do(CloseLeg(A))
    desk.tick()
    (figures,) = (report for report in desk.reports if isinstance(report, LegMediaEnded))
    assert figures.speech_level_dbm0 == pytest.approx(-10, abs=4)
    assert figures.noise_floor_dbm0 is not None
    assert figures.noise_floor_dbm0 < -60
    assert figures.clipped_ms == 0
