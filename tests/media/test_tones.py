"""Call progress tones through the whole engine: RTP in, `DetectTones`, reports; and over a restart of the worker."""

from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest

from dsp.detectors.progress_cadence import ANSWERS, MEANINGS
from dsp.detectors.progress_tables import LABELS
from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from edge.vocabulary.commands import DetectTones, OpenLeg
from edge.vocabulary.ids import LegId, SlotIndex
from edge.vocabulary.media import ToneLabel, ToneMeaning
from edge.vocabulary.reports import ToneHeard
from tests.dsp.rig import mulaw, rtp
from tests.media.desk import Desk

A = LegId("a.1")


@pytest.fixture
def desk(address: str) -> Iterator[Desk]:
    made = Desk(address)
    assert made.do(OpenLeg(leg=A, slot=SlotIndex(0), remote=made.remote(0))) is None
    yield made
    made.close()


class Exchange:
    """Sends tones to the leg, a packet a tick."""

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

    def tone(self, country: str, name: str, seconds: float) -> None:
        self.say(render(parse(COUNTRIES[country][name]), round(seconds * 50) * 160, -13.0))


def told(desk: Desk) -> list[ToneHeard]:
    return [report for report in desk.reports if isinstance(report, ToneHeard)]


def test_words_are_in_the_order_of_the_detectors_codes() -> None:
    assert get_args(ToneLabel) == LABELS
    assert get_args(ToneMeaning) == (*MEANINGS, *ANSWERS)


def test_ringback_with_its_evidence(desk: Desk) -> None:
    exchange = Exchange(desk)
    assert desk.do(DetectTones(A, "uk")) is None
    exchange.wait(0.5)
    exchange.tone("uk", "ring", 6.0)
    exchange.wait(2.5)
    begin, end = told(desk)
    assert (begin.label, begin.phase, begin.country, begin.meaning) == ("ringback", "begin", "uk", None)
    assert begin.start_ms == pytest.approx(500, abs=60)
    assert begin.frequencies_hz == pytest.approx([400, 450], abs=1)
    assert begin.level_dbm0 == pytest.approx(-13, abs=0.5)
    assert (end.phase, end.cycles) == ("end", 2)
    assert (end.on_ms, end.off_ms) == (pytest.approx(400, abs=12), pytest.approx(200, abs=12))
    assert end.end_ms - begin.start_ms == pytest.approx(4000 - 400, abs=500)


def test_busy_over_a_worker_that_is_killed(desk: Desk) -> None:
    exchange = Exchange(desk)
    assert desk.do(DetectTones(A, "us")) is None
    exchange.tone("us", "busy", 0.8)
    desk.restart()
    exchange.tone("us", "busy", 3.0)
    exchange.wait(1.5)
    assert [(one.label, one.phase) for one in told(desk)] == [("busy", "begin"), ("busy", "end")]


def test_sent_again_it_does_not_begin_anew(desk: Desk) -> None:
    exchange = Exchange(desk)
    assert desk.do(DetectTones(A, "us")) is None
    exchange.tone("us", "ring", 1.0)
    assert desk.do(DetectTones(A, "us")) is None
    exchange.wait(0.5)
    assert [(one.label, one.phase) for one in told(desk)] == [("ringback", "begin")]


def test_special_information_in_any_country(desk: Desk) -> None:
    exchange = Exchange(desk)
    assert desk.do(DetectTones(A, "")) is None
    exchange.tone("us", "info", 1.0)
    exchange.wait(0.5)
    (one,) = told(desk)
    assert (one.label, one.phase, one.country, one.meaning) == ("sit", "once", None, "unspecified")


def test_nobody_asked(desk: Desk) -> None:
    exchange = Exchange(desk)
    exchange.tone("us", "ring", 2.0)
    assert told(desk) == []


def test_a_country_that_there_is_not(desk: Desk) -> None:
    assert "no tones of atlantis" in str(desk.do(DetectTones(A, "atlantis")))
