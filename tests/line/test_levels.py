"""Meters on known signals."""

import numpy as np
import pytest

from edge.line.levels import LOUD_DBM0, Meter
from tests.support.tones import level_dbm0, sine


def feed(meter: Meter, samples: np.ndarray) -> None:
    for at in range(0, len(samples), 160):
        meter.take(samples[at : at + 160])


@pytest.mark.parametrize("dbm0", [-3.0, -12.0, -40.0])
def test_level_and_peak_of_a_sine(dbm0: float) -> None:
    meter = Meter(8000)
    tone = sine(1000, 8000, dbm0)
    feed(meter, tone)
    assert meter.level is not None
    assert meter.level.dbm0 == pytest.approx(level_dbm0(tone), abs=0.05)
    assert meter.level.peak_dbm0 == pytest.approx(dbm0, abs=0.2)
    assert meter.clipped == 0
    assert meter.loud_s == pytest.approx(1.0 if dbm0 > LOUD_DBM0 else 0.0)


def test_a_gain_behind_it_is_in_its_readings() -> None:
    meter = Meter(8000, gain_db=6.0)
    feed(meter, sine(1000, 8000, -20.0))
    assert meter.level is not None
    assert meter.level.dbm0 == pytest.approx(-14.0, abs=0.1)


def test_silence_and_nothing_are_two_things() -> None:
    meter = Meter(8000)
    assert meter.level is None
    feed(meter, np.zeros(8000, np.int16))
    assert meter.level is not None
    assert meter.level.dbm0 == -96.0
    assert meter.loud_s == 0.0


def test_what_is_clipped_is_counted_at_both_ends() -> None:
    meter = Meter(8000)
    meter.take(np.array([32767, -32768, -32767, 32766, 0], np.int16))
    assert meter.clipped == 3
