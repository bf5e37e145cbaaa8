"""The active speech level, against the definition of ITU-T P.56 written down sample by sample."""

import itertools
import math

import numpy as np
import pytest

from dsp import loudness
from dsp.tones import generator


def plain(samples, rate):
    """P.56 method B, as the recommendation's flow chart has it."""
    g = math.exp(-1.0 / (0.03 * rate))
    hangover = math.ceil(0.2 * rate)
    thresholds = [2.0**j for j in range(-15, 0)]
    counts, waits = [0] * len(thresholds), [hangover] * len(thresholds)
    p = q = energy = 0.0
    for x in samples:
        energy += x * x
        p = g * p + (1 - g) * abs(x)
        q = g * q + (1 - g) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                counts[j] += 1
                waits[j] = 0
            elif waits[j] < hangover:
                # The sample after the last one above it is the first of the hangover.
                waits[j] += 1
                counts[j] += waits[j] < hangover
    found = [
        (10 * math.log10(energy / count), 10 * math.log10(energy / count) - 20 * math.log10(c) - 15.9)
        for count, c in zip(counts, thresholds, strict=True)
        if count
    ]
    for (level_a, a), (level_b, b) in itertools.pairwise(found):
        if b <= 0 < a:
            return level_a + a / (a - b) * (level_b - level_a)
    return None


def babble(seed, rate, seconds, pause_share):
    """Noise in words, some loud and some soft, with pauses."""
    dice = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * rate:
        word = int(dice.uniform(0.1, 0.6) * rate)
        parts.append(dice.standard_normal(word) * 0.05 * dice.uniform(0.3, 1.5))
        parts.append(np.zeros(int(word * pause_share)))
    return np.clip(np.concatenate(parts), -1, 1)


@pytest.mark.parametrize("rate", [8000, 22050])
@pytest.mark.parametrize("pause_share", [0.0, 1.0, 4.0])
def test_as_the_recommendation_has_it(rate, pause_share):
    sound = babble(7, rate, 2, pause_share)
    assert loudness.measure(sound, rate).level_dbov == pytest.approx(plain(sound.tolist(), rate), abs=0.01)


def test_pauses_do_not_count():
    voice = babble(3, 8000, 3, 0.3)
    alone = loudness.measure(voice, 8000)
    padded = loudness.measure(np.concatenate((np.zeros(24000), voice, np.zeros(40000))), 8000)
    assert padded.level_dbov == pytest.approx(alone.level_dbov, abs=0.3)
    assert padded.activity < alone.activity / 2


def test_a_full_scale_sine_is_at_minus_three():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 8000)
    found = loudness.measure(tone, 8000)
    assert found.level_dbov == pytest.approx(-3.01, abs=0.1)
    assert found.peak_dbov == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(800), np.zeros(800, np.int16)])
def test_silence_has_no_level_and_is_left_alone(sound):
    found = loudness.measure(sound, 8000)
    assert found.level_dbov == -math.inf
    assert loudness.gain_to(found, -26.0) == 1.0


def test_a_gain_brings_it_there_and_spares_the_peaks():
    voice = babble(5, 8000, 3, 0.5) * 0.05
    scaled = voice * loudness.gain_to(loudness.measure(voice, 8000), -26.0)
    assert loudness.measure(scaled, 8000).level_dbov == pytest.approx(-26, abs=0.2)
    click = voice.copy()
    click[4000] = 0.5
    scaled = click * loudness.gain_to(loudness.measure(click, 8000), -10.0)
    assert np.max(np.abs(scaled)) == pytest.approx(10 ** (-1 / 20), abs=0.001)


def test_a_beep_and_one_sample_have_a_level():
    beep = generator.tone(1400, 1600, -10.0).astype(np.int16)
    assert -25 < loudness.measure(beep, 8000).level_dbov < -10
    assert math.isfinite(loudness.measure(np.array([0.3]), 8000).level_dbov)
