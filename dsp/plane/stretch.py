"""Changing the playout delay inside speech: one pitch period is left out or said twice, joined where the wave repeats.

The lag at which the signal is most like itself (normalised cross-correlation) is a period or a multiple of one; the
two places are cross-faded over its length, so there is neither a step nor a phase jump (synchronised overlap-add in the
time domain, after Verhelst and Roelands 1993). Where nothing is to be heard any lag will do. `ring` is the playout ring
with `at` a sample's time; nothing is written but `out`.
"""

import math
from typing import Any

from dsp.jit import kernel
from dsp.plane.layout import FRAME, JITTER_SAMPLES

#: Lags that are tried (5 to 20 ms: the pitch of 50 to 200 Hz, several periods of higher ones).
SHORTEST = 40
LONGEST = FRAME
#: The signal is compared over this length (10 ms).
_WINDOW = 80
#: Mean square below which nothing is to be heard (about -48 dBm0).
QUIET = 3600.0


@kernel
def is_quiet(ring: Any, at: int, n: int) -> bool:
    """Whether nothing is to be heard in the `n` samples from `at` on, in no 5 ms of them (at 16 kHz: 2.5 ms)."""
    a = at % JITTER_SAMPLES
    for start in range(0, n, SHORTEST):
        length = min(SHORTEST, n - start)
        power = 0.0
        for _ in range(length):
            power += float(ring[a]) * float(ring[a])
            a = a + 1 if a + 1 < JITTER_SAMPLES else 0
        if power >= QUIET * length:
            return False
    return True


@kernel
def likeness(ring: Any, at: int, lag: int, window: int, stride: int) -> float:
    """Correlation (-1 to 1) of `window` samples from `at` with those from `at + lag` on."""
    a = at % JITTER_SAMPLES
    b = (at + lag) % JITTER_SAMPLES
    cross, first, second = 0.0, 0.0, 0.0
    for _ in range(0, window, stride):
        x, y = float(ring[a]), float(ring[b])
        cross += x * y
        first += x * x
        second += y * y
        a += stride
        b += stride
        if a >= JITTER_SAMPLES:
            a -= JITTER_SAMPLES
        if b >= JITTER_SAMPLES:
            b -= JITTER_SAMPLES
    if first == 0.0 or second == 0.0:
        return 0.0
    return cross / math.sqrt(first * second)


@kernel
def find_lag(ring: Any, at: int, longest: int, sign: int, wide: int, least: float) -> int:
    """Lag, from 5 ms to `longest` samples, at which `at` is best joined with `at + sign * lag`; 0: none is good enough.

    Searched at 4 kHz, then refined. `least` is the correlation asked for.
    """
    shortest, window, stride = SHORTEST << wide, _WINDOW << wide, 2 << wide
    if longest < shortest:
        return 0
    best, likest = 0, -2.0
    lag = shortest
    while lag <= longest:
        alike = likeness(ring, at, sign * lag, window, stride)
        if alike > likest:
            best, likest = lag, alike
        lag += stride
    middle, likest = best, -2.0
    for near in range(max(middle - stride + 1, shortest), min(middle + stride - 1, longest) + 1):
        alike = likeness(ring, at, sign * near, window, 1)
        if alike > likest:
            best, likest = near, alike
    return best if likest >= least else 0


@kernel
def join(ring: Any, at: int, lag: int, out: Any, n: int) -> None:
    """Write `n` samples that begin as from `at` and go on as from `at + lag`, faded over `abs(lag)` (< 0: back)."""
    a = at % JITTER_SAMPLES
    b = (at + lag) % JITTER_SAMPLES
    fade = abs(lag)
    for i in range(n):
        if i < fade:
            share = (i + 1) / (fade + 1)
            out[i] = round((1.0 - share) * ring[a] + share * ring[b])
        else:
            out[i] = ring[b]
        a = a + 1 if a + 1 < JITTER_SAMPLES else 0
        b = b + 1 if b + 1 < JITTER_SAMPLES else 0
