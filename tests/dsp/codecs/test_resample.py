"""Between 8 and 16 kHz: against a plain convolution, and what a telephone needs of the filter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.codecs import l16, resample
from tests.dsp.codecs import signals

IMPULSE = np.zeros(2 * len(resample.TAPS) - 1)
IMPULSE[::2] = resample.TAPS
IMPULSE[len(resample.TAPS) - 1] = 1.0


def scratch() -> np.ndarray:
    return np.zeros(resample.SCRATCH, np.float32)


def up(samples: np.ndarray, cuts: tuple[int, ...] = ()) -> np.ndarray:
    state, parts = np.zeros(resample.UP_WORDS, np.int64), []
    for part in np.split(samples, cuts):
        out = np.zeros(2 * len(part), np.int16)
        resample.up(state, part, len(part), out, resample.TAPS, scratch())
        parts.append(out)
    return np.concatenate(parts)


def down(samples: np.ndarray, cuts: tuple[int, ...] = ()) -> np.ndarray:
    state, parts = np.zeros(resample.DOWN_WORDS, np.int64), []
    for part in np.split(samples, cuts):
        out = np.zeros(len(part) // 2, np.int16)
        resample.down(state, part, len(part), out, resample.TAPS, scratch())
        parts.append(out)
    return np.concatenate(parts)


def test_up_is_a_convolution_of_the_stuffed_signal() -> None:
    samples = signals.noise(800, 15)
    stuffed = np.zeros(1600)
    stuffed[::2] = samples
    wanted = np.convolve(stuffed, IMPULSE)[:1600]
    got = up(samples).astype(float)
    # One step of 16 kHz later than the filter itself, so that a block begins with a sample of the input.
    assert np.abs(got[1:] - wanted[:-1]).max() <= 0.501


def test_down_is_a_decimated_convolution() -> None:
    samples = signals.noise(1600, 15)
    wanted = np.convolve(samples, IMPULSE / 2)
    got = down(samples).astype(float)
    assert np.abs(got - wanted[1:1601:2]).max() <= 0.501


@given(st.lists(st.integers(0, 1000), max_size=5), st.integers(0, 2**31))
def test_blocks_of_any_length_join(cuts: list[int], seed: int) -> None:
    samples = signals.noise(1000, 16, seed)
    at = tuple(sorted(cuts))
    assert (up(samples, at) == up(samples)).all()
    even = tuple(sorted({cut // 2 * 2 for cut in cuts}))
    assert (down(samples, even) == down(samples)).all()


@pytest.mark.parametrize("hz", [100, 300, 1000, 2000, 3000, 3400])
def test_the_telephone_band_passes(hz: int) -> None:
    said = signals.tone(hz, 4000, rate=8000)
    wide = up(said).astype(float)
    level = np.sqrt((wide[400:] ** 2).mean() * 2)
    assert abs(20 * np.log10(level / 8000)) < 0.05
    image = 8000 - hz
    wave = np.exp(-2j * np.pi * image * np.arange(len(wide) - 400) / 16000) * np.hanning(len(wide) - 400)
    assert 20 * np.log10(4 * abs((wide[400:] * wave).mean()) / 8000 + 1e-9) < -52
    again = down(up(said)).astype(float)
    assert abs(20 * np.log10(np.sqrt((again[400:] ** 2).mean() * 2) / 8000)) < 0.05


@pytest.mark.parametrize("hz", [4600, 5000, 6000, 7500])
def test_what_is_above_does_not_fold_down(hz: int) -> None:
    heard = down(signals.tone(hz, 8000)).astype(float)[200:]
    assert np.sqrt((heard**2).mean() * 2) < 8000 * 10 ** (-52 / 20)


def test_peaks_between_samples_saturate() -> None:
    # A full-scale wave at a quarter of the rate whose peaks lie between the samples.
    said = np.tile(np.array([32767, 32767, -32768, -32768], np.int16), 100)
    wide = up(said)
    assert wide.max() == 32767
    assert wide.min() == -32768


def test_l16_is_network_order() -> None:
    samples = np.array([0, 1, -1, 32767, -32768, 258], np.int16)
    data = np.zeros(20, np.uint8)
    l16.encode(samples, 1, 5, data, 3)
    assert bytes(data[3:13]) == samples[1:].astype(">i2").tobytes()
    out = np.zeros(6, np.int16)
    l16.decode(np.frombuffer(b"xyz" + samples.astype(">i2").tobytes(), np.uint8), 3, 6, out)
    assert (out == samples).all()
