"""What is written by hand in vectors, beside plain sums."""

import numpy as np
import pytest

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors import speech_sums as sums
from dsp.detectors.banks import copy, correlate, join, project, rank
from dsp.detectors.dtmf_state import BLOCK, TONES
from dsp.detectors.dtmf_tables import BLOCK_PHASORS, FREQUENCIES
from dsp.detectors.lines import describe, lobes, peaks, refine, window
from dsp.detectors.progress_state import BINS, STEPS, WINDOWS
from dsp.detectors.speech_state import STEADY
from dsp.detectors.speech_sums import hear, renew
from dsp.detectors.waves import GROUP, waves
from dsp.jit import i64, kernel
from tests.dsp.naive import dtmf as naive


@kernel
def _correlated(samples, start, table, out):
    correlate(samples, start, table, out, BLOCK)


@kernel
def _copied(source, start, target, at):
    return copy(source, start, target, at, BLOCK)


def test_blocks_are_correlated_and_copied():
    dice = np.random.default_rng(1)
    samples, out = dice.integers(-32768, 32768, 200).astype(np.int16), np.zeros(2 * TONES, np.float32)
    for start in (0, 3, 120):
        _correlated(samples, start, BLOCK_PHASORS, out)
        block = samples[start : start + BLOCK].astype(float)
        want = block @ BLOCK_PHASORS.astype(float)
        assert np.allclose(out, want, rtol=1e-5, atol=np.abs(block).sum() * 1e-6)
        power = 2 * (out[:TONES].astype(float) ** 2 + out[TONES:].astype(float) ** 2) / BLOCK**2
        twins = [naive.tone_power(block, hz) for hz in FREQUENCIES]
        assert power == pytest.approx(twins, rel=1e-3, abs=1.0)
        target = np.zeros(300, np.int16)
        assert _copied(samples, start, target, 7) == pytest.approx(float(np.sum(block**2)), rel=1e-5)
        assert np.array_equal(target[7 : 7 + BLOCK], samples[start : start + BLOCK])
        assert np.count_nonzero(target) <= BLOCK


@kernel
def _projected(samples, table, first, real, imaginary):
    project(samples, table, first, 1, 2, real, imaginary)


@kernel
def _every_other(samples, table, first, real, imaginary):
    project(samples, table, first, 2, 1, real, imaginary)


def test_frames_are_projected_on_waves():
    dice = np.random.default_rng(2)
    turns = dice.uniform(0.01, 3.1, 29)  # not whole groups: what is added is nothing
    table = waves(turns)
    assert table.shape[0] == 4
    places = np.arange(160) - 79.5
    want = np.zeros(32, complex)
    real, imaginary = np.zeros((2, 16), np.float32)
    for samples in (dice.integers(-32768, 32768, 160).astype(np.int16), np.full(160, -32768, np.int16)):
        want[:29] = np.exp(-1j * np.outer(turns, places)) @ samples.astype(float)
        for first in (0, 1, 2):
            _projected(samples, table, i64(first), real, imaginary)
            found, part = real + 1j * imaginary, want[first * GROUP : (first + 2) * GROUP]
            assert np.abs(found - part).max() <= 1e-6 * 160 * 32768
        _every_other(samples, table, i64(3), real, imaginary)
        assert np.abs(real[:8] + 1j * imaginary[:8] - want[24:]).max() <= 1e-6 * 160 * 32768


@kernel
def _joined(first, second, turn, out):
    join(first, second, turn, out)
    rank(out, out)


def test_phasors_of_two_blocks_are_joined_and_the_strongest_found():
    dice = np.random.default_rng(12)
    for _ in range(20):
        first, second, turn = dice.normal(0, 1, (3, 2 * TONES)).astype(np.float32)
        out = np.zeros(3 * TONES, np.float32)
        _joined(first, second, turn, out)
        a, b, c = (one[:TONES] + 1j * one[TONES:] for one in (first.astype(complex), second, turn))
        want = np.abs(a + b * c) ** 2
        assert out[:TONES] == pytest.approx(want, rel=1e-4, abs=1e-5)
        for half in (0, 4):
            strongest = sorted(out[half : half + 4])
            assert (out[8 + half], out[16 + half]) == (strongest[3], strongest[2])


@kernel
def _described(frame, out):
    describe(frame, out)


def test_a_frame_is_described():
    dice, out = np.random.default_rng(3), np.zeros(8, np.float32)
    for frame in (dice.integers(-32768, 32768, 160).astype(np.int16), np.full(160, -32768, np.int16)):
        _described(frame, out)
        x = frame.astype(float)
        assert out[:4] == pytest.approx(np.mean(x.reshape(4, 40) ** 2, axis=1), rel=1e-5)
        for lag in (1, 2):
            assert out[3 + lag] == pytest.approx(np.sum(x[:158] * x[lag : 158 + lag]), abs=1e-6 * np.sum(x**2))
    for place in range(160):  # each sample counts, and as often as it should
        frame = np.zeros(160, np.int16)
        frame[place] = 100
        frame[(place + 1) % 160] = 10
        _described(frame, out)
        x = frame.astype(float)
        assert out[:6] == pytest.approx([*np.mean(x.reshape(4, 40) ** 2, axis=1), np.sum(x[:158] * x[1:159]), 0.0])


@kernel
def _windowed(bank, known, previous, turn, h, p):
    window(bank, known, previous, turn, h, p, np.float32(3.0))


def test_two_frames_make_a_window():
    dice = np.random.default_rng(4)
    for known in (0.0, 1.0):
        bank, previous, turn = dice.normal(0, 1, (3, 2, BINS)).astype(np.float32)
        now, before, phase = (one[0] + 1j * one[1].astype(complex) for one in (bank, previous, turn))
        h, p = np.zeros((2, BINS), np.float32), np.ones(BINS, np.float32)
        _windowed(bank, np.float32(known), previous, turn, h, p)
        z = known * before * phase + now * phase.conj()
        hann = 0.5 * z[1:-1] + 0.25 * (z[:-2] + z[2:])
        assert np.allclose(h[0, 1:-1] + 1j * h[1, 1:-1], hann, atol=1e-5)
        assert np.allclose(p[1:-1], 3.0 * np.abs(hann) ** 2, atol=1e-4)
        assert (p[0], p[-1]) == (0.0, 0.0)
        assert np.array_equal(previous, bank)


@kernel
def _strongest(p):
    both = peaks(p)
    first, other = both & 0xFF, both >> 8
    return first, other, lobes(p, first, other)


def test_the_strongest_bins_are_found():
    dice = np.random.default_rng(5)
    inner = range(1, BINS - 1)
    for number in range(300):
        p = dice.exponential(1.0, BINS).astype(np.float32)
        if number % 3 == 0:
            p = np.round(p)  # some are alike
        if number % 3 == 1:
            p[inner[number % len(inner)]] = 200.0  # nothing beside it counts
        p[0] = p[-1] = 0.0
        if number == 6:
            p[:] = 0.0
        first = max(inner, key=lambda k: p[k])
        apart = max((k for k in inner if abs(k - first) > 2), key=lambda k: p[k])
        other = apart if p[apart] > np.float32(0.02) * p[first] else first
        total = sum(float(p[k]) for k in inner if min(abs(k - first), abs(k - other)) <= 2)
        assert _strongest(p) == (first, other, pytest.approx(total, rel=1e-5))


@kernel
def _refined(spectrum, oldest, k, factors, row, gain, out):
    return refine(spectrum, oldest, k, factors, row, gain, out)


def test_windows_of_a_burst_are_put_together():
    dice = np.random.default_rng(6)
    spectrum = dice.normal(0, 1, (WINDOWS, 2, BINS)).astype(np.float32)
    factors = dice.normal(0, 1, (3, WINDOWS, 2, STEPS)).astype(np.float32)
    gain = dice.uniform(1, 2, STEPS).astype(np.float32)
    for oldest, k, row in ((0, 1, 0), (5, 22, 2), (37, 11, 1)):
        out = np.zeros(BINS * STEPS, np.float32)
        best = _refined(spectrum, i64(oldest), i64(k), factors, i64(row), gain, out)
        want = np.zeros(STEPS, complex)
        for m in range(WINDOWS):
            value = complex(*spectrum[(oldest + m) % WINDOWS, :, k])
            want += value * (factors[row, m, 0] + 1j * factors[row, m, 1].astype(complex))
        assert out[k * STEPS : (k + 1) * STEPS] == pytest.approx(np.abs(want) ** 2 * gain, rel=1e-4)
        assert best == out.max()
        assert np.count_nonzero(out) == STEPS


@kernel
def _heard(frame, smooth, weight, out):
    hear(frame, smooth, weight, out)


def test_a_frame_is_heard():
    dice, out = np.random.default_rng(7), np.zeros(sums.HEARD, np.float32)

    def level(mean_square):
        return 10 * np.log10(max(mean_square, POWER_0_DBM0 * 1e-10) / POWER_0_DBM0)

    frames = [dice.integers(-peak, peak + 1, 160).astype(np.int16) for peak in (0, 1, 3, 50, 700, 9000, 32767)]
    frames += [np.full(160, -32768, np.int16), *np.eye(160, dtype=np.int16)]
    for frame in frames:
        smooth, weight = dice.uniform(0, 1e6), dice.choice([0.5, 1.0])
        _heard(frame, np.float32(smooth), np.float32(weight), out)
        x = frame.astype(float)
        d = x[2:] - x[:-2]
        y, p = d[:150] + d[8:], d[4:154]
        blocks = d[:78], d[80:]
        energies = [np.sum(x * x), *(np.sum(one * one) for one in blocks)]
        law = [np.sum(y * p), np.sum(p * p), np.sum(y * y)]
        assert out[:3] == pytest.approx(energies, rel=1e-5)
        assert out[sums.YP : sums.YY + 1] == pytest.approx(law, rel=1e-5, abs=1e-5 * law[1])
        first, second = (np.mean(one * one) / 2 for one in blocks)
        band = (first + second) / 2
        after = smooth + weight * (band - smooth)
        assert out[[sums.SMOOTH, sums.BAND]] == pytest.approx([after, band], rel=1e-5, abs=0.1)
        wanted = [level(one) for one in (energies[0] / 160, band, float(out[sums.SMOOTH]), first, second)]
        assert out[sums.LEVEL : sums.LEVEL_SECOND + 1] == pytest.approx(wanted, abs=1e-4)


@kernel
def _renewed(levels, level, out):
    renew(levels, level, out)


def test_the_range_of_the_last_levels():
    dice = np.random.default_rng(8)
    levels, out, all_of_them = np.full(STEADY + 1, 40.0, np.float32), np.zeros(2, np.float32), [40.0] * STEADY
    for level in dice.normal(-30, 10, 60).astype(np.float32):
        _renewed(levels, level, out)
        all_of_them.append(float(level))
        assert list(levels[1:]) == all_of_them[-STEADY:]
        assert list(out) == [min(all_of_them[-STEADY:]), max(all_of_them[-STEADY:])]
