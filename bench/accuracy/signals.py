"""Signals for the accuracy tables: float64, in units of int16 at 8 kHz; levels in dBm0 (ITU-T G.711)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dsp.codecs import g711
from dsp.tones.generator import amplitude

RATE = 8000
MULAW, ALAW = 0, 1
Signal = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]


def count(ms: float) -> int:
    """Samples of a duration."""
    return round(ms * RATE / 1000)


def silence(ms: float) -> Signal:
    """Nothing."""
    return np.zeros(count(ms))


def sine(hz: float, samples: int, level_dbm0: float, phase: float = 0.0) -> Signal:
    """Give a sine; `phase` in radians."""
    return amplitude(level_dbm0) * np.sin(2 * np.pi * hz / RATE * np.arange(samples) + phase)


def sines(hz: Sequence[float], samples: int, level_dbm0: float, dice: np.random.Generator) -> Signal:
    """Give several sines, each of the level, with phases of chance."""
    return np.sum([sine(one, samples, level_dbm0, dice.uniform(0, 2 * np.pi)) for one in hz], axis=0)


def noise(samples: int, level_dbm0: float, dice: np.random.Generator) -> Signal:
    """Give white Gaussian noise of 0 to 4 kHz."""
    return dice.normal(0, np.sqrt(g711.POWER_0_DBM0 * 10 ** (level_dbm0 / 10)), samples)


def power(signal: Signal | Samples) -> float:
    """Mean square."""
    return float(np.mean(np.asarray(signal, np.float64) ** 2)) if len(signal) else 0.0


def level(signal: Signal | Samples) -> float:
    """Level in dBm0; -inf for silence."""
    mean = power(signal)
    return float(10 * np.log10(mean / g711.POWER_0_DBM0)) if mean else float("-inf")


def at_level(signal: Signal | Samples, level_dbm0: float) -> Signal:
    """Scale a signal to a level (of the whole of it)."""
    mean = power(signal)
    gain = np.sqrt(g711.POWER_0_DBM0 * 10 ** (level_dbm0 / 10) / mean) if mean else 0.0
    return np.asarray(signal, np.float64) * gain


def linear(signal: Signal) -> Samples:
    """Round to int16; what is beyond is clipped, as an analogue-digital converter does."""
    return np.clip(np.round(signal), -32768, 32767).astype(np.int16)


def line(signal: Signal, law: int = MULAW) -> Samples:
    """Give what arrives: clipped and through G.711, `law` MULAW or ALAW."""
    samples = linear(signal)
    codes = np.zeros(len(samples), np.uint8)
    g711.encode(samples, len(samples), g711.ENCODE[law], codes, 0)
    out = np.zeros(len(samples), np.int16)
    g711.decode(codes, 0, len(codes), g711.DECODE[law], out)
    return out
