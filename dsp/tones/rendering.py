"""Tones of `notation.py` as sound."""

import numpy as np
import numpy.typing as npt

from dsp.tones.generator import SAMPLE_RATE, amplitude
from dsp.tones.notation import Element, Sound, Tone

#: Depth of what is modulated in amplitude (E.180 Supplement 2, Japan: 85 % +- 15 %).
DEPTH = 0.85


def _length(element: Element) -> int:
    return round(element.ms * SAMPLE_RATE / 1000)


def _wave(sound: Sound, start: int, samples: int, level_dbm0: float) -> npt.NDArray[np.float64]:
    """Give samples from `start` on; all of a sound's frequencies together have the level."""
    out = np.zeros(samples)
    if not sound.frequencies:
        return out
    t = np.arange(start, start + samples) / SAMPLE_RATE
    peak = amplitude(level_dbm0) / np.sqrt(len(sound.frequencies))
    for frequency in sound.frequencies:
        out += peak * np.sin(2 * np.pi * frequency * t)
    if sound.modulation:
        out *= (1 + DEPTH * np.sin(2 * np.pi * sound.modulation * t)) / np.sqrt(1 + DEPTH**2 / 2)
    return out


def render(tone: Tone, samples: int, level_dbm0: float = -10.0) -> npt.NDArray[np.int16]:
    """Give the first `samples` (8 kHz) of a tone; what comes after its end is silence.

    The level is that of all frequencies together while they sound (E.180 clause 2: -10 dBm0).
    """
    out = np.zeros(samples)
    at = 0
    for part, again in ((tone.once, False), (tone.cycle, True)):
        while part and at < samples:
            for element in part:
                length = min(_length(element) if element.ms else samples, samples - at)
                out[at : at + length] = _wave(element.sound, at, length, level_dbm0)
                at += length
            if not again:
                break
    return np.clip(np.round(out), -32768, 32767).astype(np.int16)


def cycle_samples(tone: Tone) -> int:
    """Give the length of one repetition at 8 kHz; 0 where the tone does not repeat."""
    return sum(_length(one) for one in tone.cycle) if all(one.ms for one in tone.cycle) else 0
