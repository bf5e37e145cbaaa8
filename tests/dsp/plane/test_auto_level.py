"""Automatic level: quiet speech comes up slowly, noise and loud speech stay what they are."""

import numpy as np
import pytest

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.plane import auto_level, gain
from dsp.plane import layout as lo

SECOND = 50


def new_leg():
    return lo.map_state(bytearray(lo.state_bytes(1, 2)), 1, 2).legs[0]


def noise(dice, level_dbm0: float, frames: int):
    rms = np.sqrt(POWER_0_DBM0 * 10 ** (level_dbm0 / 10))
    return np.clip(np.round(dice.normal(0, rms, (frames, lo.FRAME))), -32768, 32767).astype(np.int16)


def speech(dice, level_dbm0: float, seconds: int, floor_dbm0: float = -65.0):
    """Syllables of 200 ms with pauses of 100 ms between them, over steady noise; (frames, whether it is speech)."""
    frames = noise(dice, floor_dbm0, seconds * SECOND)
    loud = np.arange(len(frames)) % 15 < 10
    frames[loud] = noise(dice, level_dbm0, int(loud.sum()))
    return frames, loud


def gains(leg, frames):
    return np.array([auto_level.gain(leg, frame, lo.FRAME) for frame in frames]) / gain.UNITY


@pytest.mark.parametrize("level", [-26.0, -30.0, -34.0])
def test_quiet_speech_comes_to_the_nominal_level(level):
    frames, _ = speech(np.random.default_rng(3), level, 20)
    found = gains(new_leg(), frames)
    assert 20 * np.log10(found[-1]) == pytest.approx(-20.0 - level, abs=1.0)


def test_it_has_a_limit_and_takes_its_time():
    frames, _ = speech(np.random.default_rng(4), -45.0, 20, floor_dbm0=-70.0)
    found = 20 * np.log10(gains(new_leg(), frames))
    assert found.max() == pytest.approx(auto_level.MAX_DB, abs=0.01)
    assert found[SECOND] <= 3.1
    assert np.diff(found).max() <= auto_level.UP_DB + 0.01


def test_nominal_and_loud_speech_are_left_alone():
    for level in (-20.0, -10.0, -6.0):
        frames, _ = speech(np.random.default_rng(5), level, 10)
        assert gains(new_leg(), frames) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("level", [-55.0, -45.0, -35.0])
def test_steady_noise_is_not_lifted(level):
    frames = noise(np.random.default_rng(6), level, 30 * SECOND)
    assert gains(new_leg(), frames).max() == 1.0


def test_digital_silence_changes_nothing():
    leg = new_leg()
    frames, _ = speech(np.random.default_rng(7), -30.0, 10)
    before = gains(leg, frames)[-1]
    assert (gains(leg, np.zeros((100, lo.FRAME), np.int16)) == before).all()


def test_pauses_keep_the_gain_of_the_words():
    leg = new_leg()
    frames, _ = speech(np.random.default_rng(8), -32.0, 15)
    before = gains(leg, frames)[-1]
    assert (gains(leg, noise(np.random.default_rng(9), -65.0, 5 * SECOND)) == before).all()


def test_a_louder_talker_is_brought_down_faster_than_up_and_never_clips():
    leg, dice = new_leg(), np.random.default_rng(10)
    gains(leg, speech(dice, -34.0, 15)[0])
    frames, _ = speech(dice, -12.0, 10)
    found = gains(leg, frames)
    peaks = np.abs(frames.astype(int)).max(1)
    assert (peaks * found <= 32767).all()
    assert found[4 * SECOND :].max() < 1.2
