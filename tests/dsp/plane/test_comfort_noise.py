"""Comfort noise: level, spectrum, changes of level; what the leg's own background is."""

import numpy as np
import pytest

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.plane import comfort_noise, concealment
from dsp.plane import layout as lo


def leg(wide: int = 0):
    one = np.zeros(1, lo.LEG).view(np.recarray)[0]
    one.wide = wide
    concealment.reset(one)
    return one


def take(one, *payload: int, newest: bool = True) -> None:
    comfort_noise.take(one, np.array([9, *payload], np.uint8), 1, len(payload), newest)


def noise(one, frames: int):
    """What is heard while nothing comes."""
    size = 160 << int(one.wide)
    out = np.zeros(frames * size, np.int16)
    for at in range(0, len(out), size):
        concealment.conceal(one, out[at : at + size], 0, size)
    return out.astype(float)


def dbm0(samples) -> float:
    return 10 * np.log10(np.mean(np.asarray(samples, float) ** 2) / POWER_0_DBM0)


def reflection(coefficients):
    """Transfer function of the all-pole filter, by the step-up recursion: an independent way from the lattice."""
    a = np.array([1.0])
    for k in coefficients:
        a = np.append(a, 0) + k * np.append(a, 0)[::-1]
    return a


@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize("level", [30, 45, 60, 70])
def test_the_level_is_what_the_peer_said(level, wide):
    """0 dBov is 6.18 dBm0: a square wave at the overload point, where a sine has 3.17 dBm0."""
    one = leg(wide)
    take(one, level)
    assert dbm0(noise(one, 100)[8000:]) == pytest.approx(6.18 - level, abs=0.5)


def test_the_highest_bit_of_the_level_is_ignored():
    one = leg()
    take(one, 0x80 | 50)
    assert dbm0(noise(one, 100)[8000:]) == pytest.approx(6.18 - 50, abs=0.5)


@pytest.mark.parametrize(
    "coefficients", [[], [0.9], [-0.9], [0.5, -0.6], [-0.7, 0.8, -0.2, 0.3, 0.1, -0.4, 0.2, 0.0, 0.1, -0.1, 0.05, 0.3]]
)
def test_the_spectrum_is_that_of_the_reflection_coefficients(coefficients):
    one = leg()
    codes = [round(k * 127) + 127 for k in coefficients]
    take(one, 40, *codes)
    heard = noise(one, 1500)[8000:]
    assert dbm0(heard) == pytest.approx(6.18 - 40, abs=0.7)
    a = reflection([(c - 127) * 258 / 32768 for c in codes])
    spectrum = np.mean(np.abs(np.fft.rfft(heard.reshape(-1, 160) * np.hanning(160))) ** 2, axis=0)
    wanted = 1 / np.abs(np.fft.rfft(a, 4096)) ** 2
    for band in range(8):
        got = spectrum[band * 10 + 1 : band * 10 + 10].mean() / spectrum[1:].mean()
        want = wanted[band * 256 + 26 : band * 256 + 256].mean() / wanted[26:].mean()
        assert 10 * np.log10(got / want) == pytest.approx(0, abs=2.5)


def test_any_payload_is_stable():
    dice = np.random.default_rng(7)
    for _ in range(200):
        one = leg()
        take(one, *dice.integers(0, 256, dice.integers(1, 40)).tolist())
        heard = noise(one, 20)
        assert np.isfinite(one.cn_gain)
        assert np.isfinite(one.cn_state).all()
        assert np.abs(heard).max() <= 32767
    for extreme in (0, 255):
        one = leg()
        take(one, 20, *[extreme] * 30)
        assert dbm0(noise(one, 200)[16000:]) < 6.18 - 20 + 6


def test_a_level_change_is_smooth():
    one = leg()
    take(one, 60)
    noise(one, 50)
    take(one, 30)  # 30 dB louder at once
    heard = noise(one, 20)
    levels = [dbm0(heard[i : i + 40]) for i in range(0, 800, 40)]
    assert levels[0] < -35
    assert max(np.diff(levels)) < 9  # 5 ms of noise are not a good measure; a jump would be 30
    assert dbm0(heard[1600:]) == pytest.approx(-24, abs=1)


def test_a_packet_that_audio_has_overtaken_changes_nothing():
    one = leg()
    take(one, 20, newest=False)
    assert one.cn_packets == 1
    assert not noise(one, 5).any()


def background(one, frames: int, level_dbm0: float, tilt: float = 0.0, seed: int = 3, loud_every: int = 0):
    dice = np.random.default_rng(seed)
    value, power = 0.0, POWER_0_DBM0 * 10 ** (level_dbm0 / 10)
    for n in range(frames):
        out = np.zeros(160)
        for i, e in enumerate(dice.normal(0, np.sqrt(power * (1 - tilt * tilt)), 160)):
            value = out[i] = tilt * value + e
        if loud_every and n % loud_every >= loud_every // 3:
            out += 6000 * np.sin(np.arange(160) * 2 * np.pi * 250 / 8000)
        concealment.good(one, out.astype(np.int16), 160)


@pytest.mark.parametrize("level", [-48, -60])
def test_a_hole_is_filled_with_the_legs_own_background(level):
    """Two thirds of the time somebody speaks; the noise is that of the rest."""
    one = leg()
    background(one, 200, level, loud_every=50)
    heard = noise(one, 100)
    assert dbm0(heard[4000:]) == pytest.approx(level, abs=2.5)


def test_the_background_keeps_its_tilt():
    one = leg()
    background(one, 200, -50, tilt=0.8)
    heard = noise(one, 100)[4000:]
    assert np.mean(heard[1:] * heard[:-1]) / np.mean(heard**2) == pytest.approx(0.8, abs=0.12)


def test_a_silent_line_stays_silent():
    one = leg()
    for _ in range(100):
        concealment.good(one, np.zeros(160, np.int16), 160)
    assert not noise(one, 20).any()


def test_somebody_who_never_pauses_leaves_no_noise_behind():
    one = leg()
    for n in range(50):
        concealment.good(one, (8000 * np.sin(np.arange(160 * n, 160 * n + 160) / 5)).astype(np.int16), 160)
    assert not noise(one, 20)[480:].any()


def test_the_background_that_grew_is_followed_slowly():
    """6 dB louder: at 1 dB a second."""
    one = leg()
    background(one, 100, -60)
    background(one, 150, -54, seed=5)
    assert 10 * np.log10(one.cn_floor / POWER_0_DBM0) < -56
    background(one, 300, -54, seed=6)
    assert 10 * np.log10(one.cn_floor / POWER_0_DBM0) == pytest.approx(-54.5, abs=1)


@pytest.mark.parametrize("level", [-50, -70])
def test_idle_noise_has_its_level(level):
    one, out, parts = leg(), np.zeros(160, np.int16), []
    for _ in range(100):
        comfort_noise.idle(one, out, 160, level)
        parts.append(out.copy())
    heard = np.concatenate(parts)
    assert dbm0(heard) == pytest.approx(level, abs=0.5)
    assert np.abs(np.corrcoef(heard[:-1], heard[1:])[0, 1]) < 0.03
    comfort_noise.idle(one, out, 160, 0)
    assert not out.any()
