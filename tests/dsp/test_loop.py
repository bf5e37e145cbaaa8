"""What is read off a loop is what the loop was made to do."""

import numpy as np
import pytest
import soxr

from dsp import loop
from dsp.loop import FREQUENCIES, RATE, Measured, NothingHeardError, Signal, Step, level, measure


def through(
    *,
    delay: int = 800,
    gain_db: float = 0.0,
    noise_dbm0: float = -70.0,
    clip: float = 32767.0,
    ppm: float = 0.0,
    lowpass: float = 0.0,
    seed: int = 1,
) -> tuple[np.ndarray, Signal]:
    signal = Signal()
    sound = signal.samples.astype(float)
    if ppm:
        # 1 + ppm/1e6 as many samples, by a resampler of others
        places = np.arange(int(len(sound) * (1 + ppm / 1e6))) / (1 + ppm / 1e6)
        up = soxr.resample(sound, RATE, RATE * 8)
        sound = np.interp(places * 8, np.arange(len(up)), up)
    if lowpass:
        spectrum = np.fft.rfft(sound)
        hz = np.fft.rfftfreq(len(sound), 1 / RATE)
        sound = np.fft.irfft(spectrum / np.sqrt(1 + (hz / lowpass) ** 2), len(sound))
    sound = np.clip(sound, -clip, clip) * 10 ** (gain_db / 20)
    sound = np.concatenate([np.zeros(delay), sound, np.zeros(RATE)])
    rng = np.random.default_rng(seed)
    sound += rng.normal(0, np.sqrt(loop.POWER_0_DBM0 * 10 ** (noise_dbm0 / 10)), len(sound))
    return sound.round().clip(-32768, 32767).astype(np.int16), signal


def found(**what: float) -> Measured:
    return measure(*through(**what))


@pytest.mark.parametrize("delay", [0, 1, 160, 3217, 18_000])
@pytest.mark.parametrize("gain_db", [-24.0, 0.0])
def test_delay_and_gain(delay, gain_db):
    one = found(delay=delay, gain_db=gain_db)
    assert abs(one.lag - delay) < 0.6
    assert abs(one.gain_db - gain_db) < 0.1
    assert one.ripple_db < 0.3
    assert one.likeness > 0.9
    assert (one.slipped, one.clips_at_dbm0) == (0, None)
    assert one.drift_ppm is not None
    assert abs(one.drift_ppm) < 15


@pytest.mark.parametrize("ppm", [-500.0, -80.0, 40.0, 300.0])
def test_a_clock_that_drifts(ppm):
    one = found(ppm=ppm)
    assert one.drift_ppm is not None
    assert abs(one.drift_ppm - ppm) < 15
    assert abs(one.gain_db) < 0.2


@pytest.mark.parametrize("noise", [-60.0, -40.0, -25.0])
def test_the_noise_floor(noise):
    one = found(noise_dbm0=noise)
    assert abs(one.noise_dbm0 - noise) < 0.5
    assert abs(one.lag - 800) < 1


def test_gain_by_frequency():
    one = found(lowpass=1000.0)
    expected = [-10 * np.log10(1 + (hz / 1000) ** 2) for hz in FREQUENCIES]
    assert np.allclose([db for _, db in one.gains], expected, atol=0.3)
    assert abs(one.ripple_db - (expected[2] - expected[-2])) < 0.5


@pytest.mark.parametrize("clip_dbm0", [-12, -6])
def test_what_clips_and_what_gains_help(clip_dbm0):
    """A loop that clips and loses 8 dB: what is said is lowered below the limit, what is heard makes it 0 dB."""
    one = found(clip=loop.amplitude(clip_dbm0), gain_db=-8.0)
    at = one.clips_at_dbm0
    assert at is not None
    assert clip_dbm0 < at <= clip_dbm0 + 6
    gain_in, gain_out = one.recommended()
    assert gain_out <= clip_dbm0 + 3
    assert gain_in + gain_out == 8


@pytest.mark.parametrize("clip_dbm0", [None, -6])
def test_few_bits_spoil_quiet_tones_and_do_not_clip(clip_dbm0):
    """A voice modem has 8 bits: its quietest tones are more distorted than what clips."""
    sound, signal = through(noise_dbm0=-90.0, clip=32767.0 if clip_dbm0 is None else loop.amplitude(clip_dbm0))
    one = measure((sound.astype(np.int32) + 128 >> 8 << 8).clip(-32768, 32767).astype(np.int16), signal)
    assert max(step.distortion_percent for step in one.steps if step.played_dbm0 <= -35) > 10
    if clip_dbm0 is None:
        assert (one.clips_at_dbm0, one.recommended()) == (None, (0, 0))
    else:
        assert one.clips_at_dbm0 is not None
        assert clip_dbm0 < one.clips_at_dbm0 <= clip_dbm0 + 6


def test_an_even_loop_needs_no_gain():
    assert found().recommended() == (0, 0)
    assert found(gain_db=-15.0).recommended() == (15, 0)


@pytest.mark.parametrize("lost", [-400, 160])
def test_lost_sound_is_no_clock(lost):
    sound, signal = through()
    at = signal.noise + 2400  # in the first half, where it is quiet
    sound = np.delete(sound, slice(at, at - lost)) if lost < 0 else np.insert(sound, at, np.zeros(lost, np.int16))
    one = measure(sound, signal)
    assert one.drift_ppm is None
    assert abs(one.slipped - lost) <= 1
    assert abs(one.gain_db) < 0.2


def test_nothing_or_something_else_comes_back():
    signal = Signal()
    rng = np.random.default_rng(2)
    for sound in (
        np.zeros(12 * RATE, np.int16),
        rng.normal(0, 2000, 12 * RATE).astype(np.int16),
        (4000 * np.sin(np.arange(12 * RATE) * 2 * np.pi * 440 / RATE)).astype(np.int16),
        np.zeros(10, np.int16),
    ):
        with pytest.raises(NothingHeardError, match="did not come back"):
            measure(sound, signal)
    sound, signal = through()
    sound[signal.marks[1] - 800 :] = 0
    with pytest.raises(NothingHeardError, match=r"stopped coming back after [56]\.\d s"):
        measure(sound, signal)


def test_levels_are_those_of_g711():
    assert level(loop.amplitude(-10) ** 2 / 2) == pytest.approx(-10)
    assert level(0.0) == -96.0
    assert Step(-10, -10, 0).heard_dbm0 == -10
