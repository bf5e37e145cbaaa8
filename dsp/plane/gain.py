"""Gain in fixed point: Q12 factors, changed by a straight ramp over a frame, so that no step is heard.

A frame goes from the gain that the last one ended with to its own. All results are rounded and saturated to 16 bits.
"""

from typing import Any

from dsp.jit import i64, kernel

#: Gain 1.
UNITY = 4096
#: Largest gain (24 dB) and largest change of a slow ramp a frame: from full to silence in 80 ms.
MAX = 64917
SLEW = UNITY // 4

_FINE = 16  # more bits, so that a ramp hits its end


@kernel
def saturate(value: int) -> int:
    """Limit to int16."""
    return min(max(value, -32768), 32767)


@kernel
def ramp(source: Any, start: int, end: int, length: int, out: Any) -> None:
    """Write `source[:length]` times a gain that goes from `start` (before the first sample) to `end` (at the last)."""
    step = ((end - start) << _FINE) // length
    level = (end << _FINE) - step * length
    half = 1 << (11 + _FINE)
    for i in range(length):
        level += step
        out[i] = saturate((i64(source[i]) * level + half) >> (12 + _FINE))


@kernel
def slew(now: int, target: int) -> int:
    """Next gain on the slow way from `now` to `target`."""
    return now + min(max(target - now, -SLEW), SLEW)
