"""Loud and quiet."""

import numpy as np
import pytest

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.plane import layout as lo
from dsp.plane import levels
from dsp.tones import generator


@pytest.fixture
def leg():
    return np.zeros(1, lo.LEG).view(np.recarray)[0]


@pytest.mark.parametrize(("dbm0", "loud"), [(-10, True), (-44, True), (-46, False), (-70, False)])
def test_the_threshold(dbm0, loud):
    samples = generator.tone(1000, 1600, dbm0)
    assert (levels.mean_square(samples, 1600) >= levels.LOUD) == loud


def test_mean_square_of_0_dbm0():
    assert levels.mean_square(generator.tone(1000, 8000, 0), 8000) == pytest.approx(POWER_0_DBM0, rel=1e-3)


def test_one_loud_packet_is_not_sound_two_are(leg):
    assert [levels.update(leg, 160, 0), levels.update(leg, 0, 160), levels.update(leg, 160, 0)] == [0, 0, 0]
    assert levels.update(leg, 160, 0) == 1
    assert levels.update(leg, 160, 0) == 0


def test_it_hangs_over_three_hundred_milliseconds(leg):
    levels.update(leg, 320, 0)
    for _ in range(3):
        assert [levels.update(leg, 0, 160) for _ in range(14)] == [0] * 14
        assert levels.update(leg, 160, 0) == 0
    assert [levels.update(leg, 0, 160) for _ in range(15)] == [0] * 14 + [-1]
