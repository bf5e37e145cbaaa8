"""Concealment by itself: the pitch, the joints, the fade, the way back; at 8 and at 16 kHz."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.plane import concealment
from dsp.plane import layout as lo

WIDE = [0, 1]


def voice(pitch_hz: float, samples: int, rate: int, seed: int = 0):
    """A periodic sound with the spectrum of a vowel: harmonics that fall off, with formants, at random phases."""
    dice = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    out = np.zeros(samples)
    for k in range(1, int(3400 / pitch_hz)):
        f = k * pitch_hz
        level = 1 / k + 0.8 * np.exp(-(((f - 700) / 200) ** 2)) + 0.4 * np.exp(-(((f - 1800) / 300) ** 2))
        out += level * np.sin(2 * np.pi * f * t + dice.uniform(0, 2 * np.pi))
    return np.round(9000 * out / np.abs(out).max()).astype(np.int16)


class Ear:
    """A leg that hears a signal frame by frame, with runs of samples lost."""

    def __init__(self, wide: int = 0) -> None:
        self.leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
        self.leg.wide = wide
        self.size = 160 << wide
        concealment.reset(self.leg)

    def hear(self, signal, lost):
        """`lost` is a mask; gives what is played and how many samples were made up from what was heard."""
        out, made_up = signal.astype(np.int16).copy(), 0
        for base in range(0, len(signal), self.size):
            part, gone = out[base : base + self.size], lost[base : base + self.size]
            if not gone.any() and not concealment.active(self.leg):
                concealment.good(self.leg, part, len(part))
                continue
            edges = [0, *(np.flatnonzero(np.diff(gone.astype(int))) + 1), len(part)]
            for start, end in itertools.pairwise(edges):
                if gone[start]:
                    part[start:end] = -32768
                    made_up += concealment.conceal(self.leg, part, start, end - start)
                else:
                    concealment.resume(self.leg, part, start, end - start)
        return out, made_up


def mask(length: int, *runs: tuple[int, int]):
    lost = np.zeros(length, bool)
    for start, n in runs:
        lost[start : start + n] = True
    return lost


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("pitch_hz", [70, 100, 137, 190])
def test_the_pitch_is_found(pitch_hz, wide):
    rate = 8000 << wide
    ear = Ear(wide)
    signal = voice(pitch_hz, rate // 5 // ear.size * ear.size, rate)
    ear.hear(signal, mask(len(signal)))
    assert concealment.find_pitch(ear.leg) == pytest.approx(rate / pitch_hz, abs=1 + wide)


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("pitch_hz", [80, 125, 160])
def test_a_lost_packet_of_a_vowel_is_hardly_missed(pitch_hz, wide):
    """A steady voice goes on: what is made up is near to what was lost, far nearer than silence is."""
    rate = 8000 << wide
    ear = Ear(wide)
    signal = voice(pitch_hz, 20 * ear.size, rate)
    out, made_up = ear.hear(signal, mask(len(signal), (10 * ear.size, ear.size)))
    hole = slice(10 * ear.size, 11 * ear.size)
    error = np.mean((out[hole].astype(float) - signal[hole]) ** 2) / np.mean(signal[hole].astype(float) ** 2)
    assert made_up == ear.size
    assert error < 0.25  # 6 dB better than nothing, with 10 ms of it fading


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("ticks", [1, 2, 3, 5])
def test_no_joint_is_steeper_than_the_voice(ticks, wide):
    rate = 8000 << wide
    ear = Ear(wide)
    for pitch_hz in (75, 110, 143.7, 191):
        for offset in range(0, ear.size, 37):
            signal = voice(pitch_hz, 24 * ear.size, rate, seed=offset)
            out, _ = Ear(wide).hear(signal, mask(len(signal), (10 * ear.size + offset, ticks * ear.size)))
            steepest = np.abs(np.diff(signal.astype(float))).max()
            assert np.abs(np.diff(out.astype(float)[ear.size :])).max() < 1.5 * steepest


@pytest.mark.parametrize("wide", WIDE)
def test_it_fades_from_15_ms_on_and_is_gone_after_90(wide):
    ms = 8 << wide
    ear = Ear(wide)
    signal = voice(100, 20 * ear.size, 8000 << wide)
    start = 8 * ear.size
    out, made_up = ear.hear(signal, mask(len(signal), (start, 12 * ear.size)))
    assert made_up == 90 * ms

    def level(a, b):
        return np.sqrt(np.mean(out[start + a * ms : start + b * ms].astype(float) ** 2))

    before = np.sqrt(np.mean(signal[start - 20 * ms : start].astype(float) ** 2))
    assert level(0, 15) == pytest.approx(before, rel=0.15)
    assert level(45, 60) == pytest.approx(before * 0.5, rel=0.25)
    assert level(75, 90) < 0.25 * before
    assert not out[start + 90 * ms :].any()


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("ms_lost", [5, 20, 45, 200])
def test_the_way_back_is_short_and_then_exact(ms_lost, wide):
    ms = 8 << wide
    ear = Ear(wide)
    signal = voice(110, 30 * ear.size, 8000 << wide)
    start = 10 * ear.size + 33
    out, _ = ear.hear(signal, mask(len(signal), (start, ms_lost * ms)))
    assert np.array_equal(out[ear.size : start], signal[ear.size : start])  # no delay, nothing bent before the hole
    back = start + ms_lost * ms + 10 * ms
    assert np.array_equal(out[back:], signal[back:])
    assert ear.leg.pc_lost == 0


def test_nothing_was_heard_yet_nothing_is_made_up():
    ear = Ear()
    out, made_up = ear.hear(np.full(1600, 999), np.ones(1600, bool))
    assert made_up == 0
    assert not out.any()


def test_a_new_stream_begins_smoothly_after_the_old_one():
    """A change of the source resets the buffer: the old voice fades out instead of breaking off."""
    ear = Ear()
    signal = voice(120, 3200, 8000)
    ear.hear(signal, mask(len(signal)))
    concealment.reset(ear.leg)
    out = np.full(160, -32768, np.int16)
    assert concealment.conceal(ear.leg, out, 0, 160) == 160
    assert abs(int(out[0]) - int(signal[-1])) < 1.5 * np.abs(np.diff(signal.astype(int))).max()


def test_a_change_of_rate_forgets_the_voice():
    ear = Ear()
    ear.hear(voice(120, 3200, 8000), mask(3200))
    ear.leg.wide = 1
    concealment.reset(ear.leg)
    out = np.full(320, 5, np.int16)
    assert concealment.conceal(ear.leg, out, 0, 320) == 0
    assert not out.any()


@settings(max_examples=80, deadline=None)
@given(
    wide=st.sampled_from(WIDE),
    seed=st.integers(0, 1000),
    runs=st.lists(st.tuples(st.integers(0, 6400), st.integers(1, 2000)), max_size=12),
    loud=st.sampled_from([0, 1, 300, 32767]),
)
def test_any_pattern_on_any_sound_keeps_its_bounds(wide, seed, runs, loud):
    """Never the value that means absent, never louder than what was heard; exact where nothing is amiss."""
    ear = Ear(wide)
    dice = np.random.default_rng(seed)
    signal = np.clip(dice.normal(0, loud / 2, 6400), -loud, loud).astype(np.int16)
    lost = mask(6400, *runs)
    out, made_up = ear.hear(signal, lost)
    assert out.min() > -32768
    assert np.abs(out.astype(int)).max() <= max(3 * loud, 0)
    assert made_up <= lost.sum()
    far = np.ones(6400, bool)  # more than 10 ms after the last lost sample
    for i in np.flatnonzero(lost):
        far[i : i + 1 + (80 << wide)] = False
    far[: 80 << wide] = False
    assert np.array_equal(out[far], signal[far])
