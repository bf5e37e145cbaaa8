"""Holes whose end the buffer knows: bridged from both sides, in phase, without a fade and without a seam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.plane import concealment, interpolation
from dsp.plane import layout as lo
from tests.dsp.plane.test_concealment import WIDE, voice

ABSENT = -32768


def bridge(signal, start: int, hole: int, wide: int, *, known: int = 10_000, at: int = 0):
    """Play `signal` with a hole; the ring holds `known` samples behind it. Gives what is heard, and the leg."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    leg.wide = wide
    concealment.reset(leg)
    ring = np.full(lo.JITTER_SAMPLES, ABSENT, np.int16)
    out = signal.copy()
    size = 160 << wide
    for base in range(0, len(signal), size):
        frame = out[base : base + size]
        lo_, hi = max(start - base, 0), min(start + hole - base, size)
        if lo_ >= hi:
            if concealment.active(leg):
                concealment.resume(leg, frame, 0, size)
            else:
                concealment.good(leg, frame, size)
            continue
        if lo_ > 0:
            concealment.resume(leg, frame, 0, lo_)
        ring[:] = ABSENT
        behind = signal[start + hole :][:known]
        places = (at + np.arange(len(behind)) + start + hole - base) % lo.JITTER_SAMPLES
        ring[places[: lo.JITTER_SAMPLES // 2]] = behind[: lo.JITTER_SAMPLES // 2]
        interpolation.foresee(leg, ring, at + lo_)
        frame[lo_:hi] = ABSENT
        concealment.conceal(leg, frame, lo_, hi - lo_)
        if hi < size:
            concealment.resume(leg, frame, hi, size - hi)
    return out, leg


def error(out, signal, part: slice) -> float:
    """Power of the error against that of the signal."""
    wanted = signal[part].astype(float)
    return float(np.mean((out[part] - wanted) ** 2) / np.mean(wanted**2))


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("pitch_hz", [80, 110, 137, 180])
def test_a_steady_voice_is_hardly_broken(pitch_hz, wide):
    rate = 8000 << wide
    signal = voice(pitch_hz, 4000 << wide, rate)
    start, hole = 1640 << wide, 160 << wide
    out, _ = bridge(signal, start, hole, wide)
    assert error(out, signal, slice(start, start + hole)) < 0.15
    rest = np.r_[80 << wide : start, start + hole : len(signal)]
    assert np.array_equal(out[rest], signal[rest])  # what follows is played as it is, from its first sample on


@pytest.mark.parametrize("wide", WIDE)
def test_a_voice_that_glides_is_met_in_phase(wide):
    """The pitch rises by 8 % over the hole: a repetition without bend would cancel what follows."""
    rate = 8000 << wide
    n = np.arange(4000 << wide)
    turns = np.cumsum(110 * (1 + 0.5 * n / len(n)) / rate)
    signal = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 12))
    signal = np.round(8000 * signal / np.abs(signal).max()).astype(np.int16)
    start, hole = 1640 << wide, 160 << wide
    out, leg = bridge(signal, start, hole, wide)
    part = slice(start, start + hole)
    power = [np.mean(x[part].astype(float) ** 2) for x in (out, signal)]
    assert leg.pc_voiced
    assert power[0] == pytest.approx(power[1], rel=0.3)  # no dip where the two fade into each other
    tail = slice(start + (80 << wide), start + hole)
    assert error(out, signal, tail) < 0.3


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("hole", [20, 160, 333, 480])
def test_no_joint_is_steeper_than_the_voice(hole, wide):
    rate = 8000 << wide
    for pitch_hz in (75, 143.7, 191):
        for offset in range(0, 160, 53):
            signal = voice(pitch_hz, 4000 << wide, rate, seed=offset)
            out, _ = bridge(signal, (1600 + offset) << wide, hole << wide, wide)
            steepest = np.abs(np.diff(signal.astype(float))).max()
            assert np.abs(np.diff(out.astype(float))).max() < 1.6 * steepest


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("known", [40, 75])
def test_of_little_that_is_known_the_phase_is_met(known, wide):
    """Less than a period behind the hole: the joint is a cross-fade of at most a quarter period, without a step."""
    rate = 8000 << wide
    for pitch_hz in (75, 90, 97):
        signal = voice(pitch_hz, 4000 << wide, rate, seed=known)
        start, hole = 1700 << wide, 120 << wide
        out, leg = bridge(signal, start, hole, wide, known=known << wide)
        steepest = np.abs(np.diff(signal.astype(float))).max()
        assert np.abs(np.diff(out.astype(float))).max() < 1.6 * steepest
        assert error(out, signal, slice(start, start + hole)) < 0.3
        assert np.array_equal(out[start + hole + (40 << wide) :], signal[start + hole + (40 << wide) :])
        assert leg.pc_lost == 0


@pytest.mark.parametrize("wide", WIDE)
def test_an_end_that_becomes_known_in_the_course_of_the_hole_is_led_to(wide):
    """At the first frame of the hole nothing behind it has come, at the second one it has."""
    size, rate = 160 << wide, 8000 << wide
    for pitch_hz in (85, 120, 170):
        signal = voice(pitch_hz, 12 * size, rate)
        leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
        leg.wide = wide
        concealment.reset(leg)
        ring = np.full(lo.JITTER_SAMPLES, ABSENT, np.int16)
        out = signal.copy()
        for tick in range(5):
            concealment.resume(leg, out[tick * size : tick * size + size], 0, size)
        first, second = out[5 * size : 6 * size], out[6 * size : 7 * size]
        interpolation.foresee(leg, ring, size // 2)
        concealment.conceal(leg, first, size // 2, size // 2)
        assert leg.pc_hole == 0
        ring[size // 2 : size // 2 + 2 * size] = signal[6 * size + size // 2 :][: 2 * size]
        interpolation.foresee(leg, ring, 0)
        assert leg.pc_hole == size
        concealment.conceal(leg, second, 0, size // 2)
        concealment.resume(leg, second, size // 2, size // 2)
        assert np.array_equal(second[size // 2 :], signal[6 * size + size // 2 : 7 * size])
        steepest = np.abs(np.diff(signal.astype(float))).max()
        assert np.abs(np.diff(out[size:].astype(float))).max() < 1.6 * steepest


def test_noise_keeps_its_level():
    dice = np.random.default_rng(4)
    ratios = []
    for _ in range(40):
        signal = dice.normal(0, 800, 4000).astype(np.int16)
        out, _ = bridge(signal, 1640, 160, 0)
        ratios.append(np.mean(out[1640:1800].astype(float) ** 2) / 800**2)
    assert np.mean(ratios) == pytest.approx(1, abs=0.25)


def test_what_is_not_there_is_not_foreseen():
    signal = voice(110, 4000, 8000)
    for start, hole, known in ((1640, 160, 39), (1640, 160, 0), (1640, 481, 10_000)):
        _, leg = bridge(signal, start, hole, 0, known=known)
        assert leg.pc_hole == 0
        assert leg.pc_lost == 0


def test_the_ring_wraps():
    signal = voice(110, 4000, 8000)
    plain, _ = bridge(signal, 1640, 160, 0)
    wrapped, _ = bridge(signal, 1640, 160, 0, at=lo.JITTER_SAMPLES - 100)
    assert np.array_equal(plain, wrapped)


@settings(max_examples=60, deadline=None)
@given(
    wide=st.sampled_from(WIDE),
    seed=st.integers(0, 1000),
    start=st.integers(0, 3000),
    hole=st.integers(1, 520),
    loud=st.sampled_from([0, 1, 300, 32767]),
)
def test_any_sound_keeps_its_bounds(wide, seed, start, hole, loud):
    dice = np.random.default_rng(seed)
    signal = np.clip(dice.normal(0, loud / 2, 4800 << wide), -loud, loud).astype(np.int16)
    out, leg = bridge(signal, start << wide, hole << wide, wide)
    assert out.min() > ABSENT
    assert np.abs(out.astype(int)).max() <= 4 * loud
    assert np.array_equal(out[: start << wide][80 << wide :], signal[: start << wide][80 << wide :])
    assert np.array_equal(out[(start + hole + 80) << wide :], signal[(start + hole + 80) << wide :])
    assert leg.pc_lost == 0
