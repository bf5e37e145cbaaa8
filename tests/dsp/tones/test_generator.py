"""Tones: frequency, level, and no step between calls."""

import numpy as np
import pytest

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.tones import generator


def level(samples) -> float:
    return 10 * np.log10(np.mean(samples.astype(float) ** 2) / POWER_0_DBM0)


@pytest.mark.parametrize("frequency", [200, 440, 1004, 3000])
@pytest.mark.parametrize("dbm0", [0, -10, -30])
def test_a_tone_is_the_sine_it_should_be(frequency, dbm0):
    got = generator.tone(frequency, 8000, dbm0)
    want = generator.amplitude(dbm0) * np.sin(2 * np.pi * frequency / 8000 * np.arange(8000))
    error = np.mean((got - want) ** 2) / np.mean(want**2)
    assert error < 10**-5.0
    assert level(got) == pytest.approx(dbm0, abs=0.05)


@pytest.mark.parametrize("digit", generator.DIGITS)
def test_a_digit_is_its_two_frequencies(digit):
    index = generator.DIGITS.index(digit)
    samples = generator.dtmf(digit, 8000, -10.0)
    spectrum = np.abs(np.fft.rfft(samples))
    strongest = sorted(int(i) for i in np.argsort(spectrum)[-2:])
    assert strongest == [generator.ROWS_HZ[index // 4], generator.COLUMNS_HZ[index % 4]]
    assert level(samples) == pytest.approx(-7.0, abs=0.1)


def test_frames_join_without_a_step():
    whole = generator.dtmf("7", 1600)
    parts, phases = np.zeros(1600, np.int16), np.zeros(2, np.int64)
    peak, steps = generator.amplitude(-10), generator.DIGIT_STEPS[ord("7")]
    for start in range(0, 1600, 160):
        generator.two_tones(parts, start, 160, phases, steps, peak, peak, generator.SINE)
    assert np.array_equal(whole, parts)


def test_the_greatest_level_saturates_and_does_not_wrap():
    samples = generator.dtmf("1", 8000, 3.0)
    assert samples.max() == 32767
    assert samples.min() == -32768
    assert np.abs(np.diff(samples.astype(int))).max() < 60_000


@pytest.mark.parametrize("bad", ["", "E", "12", "x"])
def test_what_is_no_digit_is_misuse(bad):
    with pytest.raises(ValueError, match="digit"):
        generator.dtmf(bad, 160)
