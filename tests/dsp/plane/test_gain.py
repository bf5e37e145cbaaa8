"""Ramps of gain: exact at rest, without a step in between."""

import numpy as np
import pytest

from dsp.plane import gain


def ramped(samples, start, end):
    out = np.zeros(len(samples), np.int16)
    gain.ramp(np.asarray(samples, np.int16), start, end, len(samples), out)
    return out.astype(int)


def test_unity_is_exact_and_zero_is_silence():
    samples = np.random.default_rng(1).integers(-32768, 32768, 320)
    assert np.array_equal(ramped(samples, gain.UNITY, gain.UNITY), samples)
    assert not ramped(samples, 0, 0).any()


@pytest.mark.parametrize("db", [-30, -6, 3, 12, 24])
def test_a_gain_is_what_it_says_and_saturates(db):
    factor = 10 ** (db / 20)
    fixed = round(gain.UNITY * factor)
    samples = np.random.default_rng(2).integers(-32768, 32768, 160)
    wanted = np.clip(samples * factor, -32768, 32767)
    assert np.abs(ramped(samples, fixed, fixed) - wanted).max() <= 0.5 + 32768 / gain.UNITY / 2
    assert fixed <= gain.MAX


@pytest.mark.parametrize("length", [160, 320])
@pytest.mark.parametrize(("start", "end"), [(0, 4096), (4096, 0), (1000, 20000), (64917, 0), (4096, 4095)])
def test_a_ramp_goes_straight_to_its_end(length, start, end):
    heard = ramped(np.full(length, 1000), start, end)
    wanted = 1000 * (start + (end - start) * np.arange(1, length + 1) / length) / gain.UNITY
    assert np.abs(heard - np.minimum(wanted, 32767)).max() <= 1
    assert heard[-1] == round(1000 * end / gain.UNITY)


def test_the_slow_way_arrives_and_stays():
    now, seen = gain.UNITY, []
    for _ in range(8):
        now = gain.slew(now, 100)
        seen.append(now)
    assert seen[0] == gain.UNITY - gain.SLEW
    assert seen[4:] == [100] * 4
