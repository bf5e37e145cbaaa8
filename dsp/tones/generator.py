"""Tones, phase-continuous from call to call: DTMF to send, and test tones.

A phase is a 32-bit fraction of a turn held in an int64, so it never drifts and wraps for free.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.jit import kernel

SAMPLE_RATE = 8000
_TABLE_BITS = 12
#: One turn of a sine; 4096 entries keep the error below -70 dB, far under what G.711 adds.
SINE = np.sin(2 * np.pi * np.arange(1 << _TABLE_BITS) / (1 << _TABLE_BITS)).astype(np.float32)

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
#: Digits by row * 4 + column (ITU-T Q.23).
DIGITS = "123A456B789C*0#D"


def step(frequency: float) -> int:
    """Phase advance a sample of `frequency` (Hz)."""
    return round(frequency / SAMPLE_RATE * (1 << 32))


def amplitude(level_dbm0: float) -> float:
    """Peak of an int16 sine of `level_dbm0`."""
    return math.sqrt(2 * POWER_0_DBM0 * 10 ** (level_dbm0 / 10))


def _digit_steps() -> npt.NDArray[np.int64]:
    """Phase steps (row, column) by ASCII code; zero for what is no digit."""
    out = np.zeros((128, 2), np.int64)
    for index, digit in enumerate(DIGITS):
        for code in (ord(digit), ord(digit.lower())):
            out[code] = step(ROWS_HZ[index // 4]), step(COLUMNS_HZ[index % 4])
    return out


DIGIT_STEPS = _digit_steps()


@kernel
def two_tones(
    out: Any, start: int, count: int, phases: Any, steps: Any, row_peak: float, column_peak: float, sine: Any
) -> None:
    """Write two sines to `out[start:start + count]` (int16), going on from `phases[:2]`."""
    a, b = phases[0], phases[1]
    for i in range(start, start + count):
        value = row_peak * sine[a >> 20] + column_peak * sine[b >> 20]
        out[i] = np.int16(min(max(round(value), -32768), 32767))
        a = (a + steps[0]) & 0xFFFFFFFF
        b = (b + steps[1]) & 0xFFFFFFFF
    phases[0], phases[1] = a, b


@kernel
def one_tone(out: Any, start: int, count: int, phase: int, step: int, peak: float, sine: Any) -> int:
    """Write a sine of `peak` to `out[start:start + count]` (int16) from `phase`; gives the phase to go on with."""
    for i in range(start, start + count):
        out[i] = np.int16(round(peak * sine[phase >> 20]))
        phase = (phase + step) & 0xFFFFFFFF
    return phase


def tone(frequency: float, samples: int, level_dbm0: float = -10.0) -> npt.NDArray[np.int16]:
    """Give a tone of `samples` at 8 kHz, starting at phase 0."""
    out = np.zeros(samples, np.int16)
    one_tone(out, 0, samples, 0, step(frequency), amplitude(level_dbm0), SINE)
    return out


def dtmf(digit: str, samples: int, level_dbm0: float = -10.0) -> npt.NDArray[np.int16]:
    """Give a DTMF digit of `samples` at 8 kHz, each tone at `level_dbm0`. Raises `ValueError` for what is no digit."""
    if len(digit) != 1 or digit.upper() not in DIGITS:
        raise ValueError(f"not a DTMF digit: {digit!r}")
    out, phases = np.zeros(samples, np.int16), np.zeros(2, np.int64)
    peak = amplitude(level_dbm0)
    two_tones(out, 0, samples, phases, DIGIT_STEPS[ord(digit)], peak, peak, SINE)
    return out
