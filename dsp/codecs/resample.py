"""Between 8 and 16 kHz: a half-band FIR filter with state, so that blocks join without a click.

Of a half-band filter's taps every second one is zero, and the middle one is a half. What is left (24 taps, symmetric)
is a Kaiser window's: flat to 0.02 dB up to 3.4 kHz, 55 dB down from 4.6 kHz on. A signal is 1.5 ms late upwards and
1.375 ms downwards. The taps run over a whole block one after the other, which the compiler turns into SIMD.

A state is int64 words, all zeros at the start, so it may lie in shared memory.
"""

import math
from typing import Any

import numpy as np

from dsp.codecs.state_words import DOWN_WORDS, HALF_BAND_EVEN, HALF_BAND_SIDE, UP_WORDS
from dsp.jit import kernel

__all__ = ["DOWN_WORDS", "SCRATCH", "TAPS", "UP_WORDS", "down", "up"]

_SIDE = HALF_BAND_SIDE
_TAPS = 2 * _SIDE
_PAST = UP_WORDS
_EVEN = HALF_BAND_EVEN
#: Samples of 8 kHz that are worked on in one go.
_BLOCK = 160
#: Shape of the scratch memory (float32).
SCRATCH = (3, _BLOCK + _PAST)
_BETA = 5.3


def _half_band() -> Any:
    at = np.arange(_SIDE) + 0.5
    window = np.i0(_BETA * np.sqrt(1 - (at / _SIDE) ** 2)) / np.i0(_BETA)
    side = np.sinc(at) * window
    side /= 2 * side.sum()
    return np.concatenate([side[::-1], side]).astype(np.float32)


#: float32[24]: the taps between two samples of 8 kHz; they add up to 1.
TAPS = _half_band()


@kernel
def _filter(taps: Any, x: Any, count: int, out: Any) -> None:
    for i in range(count):
        out[i] = 0
    for k in range(_TAPS):
        tap = taps[k]
        for i in range(count):
            out[i] += tap * x[i + k]


@kernel
def _rounded(value: float) -> int:
    return math.floor(min(max(value, -32768.0), 32767.0) + 0.5)


@kernel
def _up_block(s: Any, samples: Any, start: int, count: int, out: Any, taps: Any, scratch: Any) -> None:
    x, between = scratch[0], scratch[1]
    for i in range(_PAST):
        x[i] = s[i]
    for i in range(count):
        x[_PAST + i] = samples[start + i]
    _filter(taps, x, count, between)
    for i in range(count):
        out[2 * (start + i)] = x[i + _SIDE - 1]
        out[2 * (start + i) + 1] = _rounded(between[i])
    for i in range(_PAST):
        s[i] = int(x[count + i])


@kernel
def up(s: Any, samples: Any, count: int, out: Any, taps: Any, scratch: Any) -> None:
    """Make `out[:2 * count]` (int16, 16 kHz) of `samples[:count]` (int16, 8 kHz).

    `s` is int64[UP_WORDS], `taps` is `TAPS`, `scratch` float32[SCRATCH]. Peaks between samples saturate.
    """
    done = 0
    while done < count:
        n = min(count - done, _BLOCK)
        _up_block(s, samples, done, n, out, taps, scratch)
        done += n


@kernel
def _down_block(s: Any, samples: Any, start: int, count: int, out: Any, taps: Any, scratch: Any) -> None:
    odd, even, sides = scratch[0], scratch[1], scratch[2]
    for i in range(_PAST):
        odd[i] = s[i]
    for i in range(_EVEN):
        even[i] = s[_PAST + i]
    for i in range(count):
        even[_EVEN + i] = samples[2 * (start + i)]
        odd[_PAST + i] = samples[2 * (start + i) + 1]
    _filter(taps, odd, count, sides)
    for i in range(count):
        out[start + i] = _rounded(0.5 * (sides[i] + even[i]))
    for i in range(_PAST):
        s[i] = int(odd[count + i])
    for i in range(_EVEN):
        s[_PAST + i] = int(even[count + i])


@kernel
def down(s: Any, samples: Any, count: int, out: Any, taps: Any, scratch: Any) -> None:
    """Make `out[:count // 2]` (int16, 8 kHz) of `samples[:count]` (int16, 16 kHz, `count` even).

    `s` is int64[DOWN_WORDS], `taps` is `TAPS`, `scratch` float32[SCRATCH].
    """
    pairs = count // 2
    done = 0
    while done < pairs:
        n = min(pairs - done, _BLOCK)
        _down_block(s, samples, done, n, out, taps, scratch)
        done += n
