"""Tones for tests: each party plays its own frequency, and who hears whom is read from the spectrum."""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
Samples = NDArray[np.int16]

#: Peak of a 0 dBm0 sine in 16 bit G.711 (3.17 dB below full scale, ITU-T G.711 table 5).
_PEAK_0_DBM0 = 32124 / 10 ** (3.17 / 20)

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
#: Frequencies of a key, ITU-T Q.23.
DTMF = {key: (_ROWS[r], _COLUMNS[c]) for r, row in enumerate(_KEYS) for c, key in enumerate(row)}


def sine(frequency_hz: float, samples: int, level_dbm0: float = -12.0, start: int = 0) -> Samples:
    """`samples` of a sine; `start` is the index of the first, so that pieces join without a click."""
    t = np.arange(start, start + samples) / RATE_HZ
    peak = _PEAK_0_DBM0 * 10 ** (level_dbm0 / 20)
    return np.round(peak * np.sin(2 * np.pi * frequency_hz * t)).astype(np.int16)


def dtmf(key: str, duration_ms: int = 100, level_dbm0: float = -9.0) -> Samples:
    """One key, each of its two tones at `level_dbm0`."""
    count = duration_ms * RATE_HZ // 1000
    low, high = DTMF[key]
    return (sine(low, count, level_dbm0) + sine(high, count, level_dbm0)).astype(np.int16)


def level_dbm0(samples: Samples) -> float:
    """Level of the whole piece; -inf for silence."""
    if samples.size == 0:
        return -np.inf
    mean = float(np.mean(samples.astype(np.float64) ** 2))
    return 10 * np.log10(mean / (_PEAK_0_DBM0**2 / 2)) if mean > 0 else -np.inf


def dominant(samples: Samples, count: int = 1) -> list[float]:
    """The strongest `count` frequencies (Hz, 1 Hz steps), strongest first; [] for silence below -60 dBm0."""
    if level_dbm0(samples) < -60:
        return []
    size = max(RATE_HZ, samples.size)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size), size))
    step = RATE_HZ / size
    guard = max(1, round(2.5 * RATE_HZ / samples.size / step))
    found: list[float] = []
    for _ in range(count):
        peak = int(np.argmax(spectrum))
        if spectrum[peak] == 0:
            break
        found.append(peak * step)
        spectrum[max(0, peak - guard) : peak + guard + 1] = 0
    return found


def share(samples: Samples, frequency_hz: float, width_hz: float = 25.0) -> float:
    """Part (0 to 1) of the energy that lies within `width_hz` of `frequency_hz`; 0 for silence."""
    if level_dbm0(samples) < -60:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    frequencies = np.fft.rfftfreq(samples.size, 1 / RATE_HZ)
    near = np.abs(frequencies - frequency_hz) <= width_hz
    return float(spectrum[near].sum() / spectrum.sum())
