"""No clicks where what a leg hears changes its source: a play begins, ends or is stopped, a bridge, a digit, hold.

What the leg was sent rings on for 5 ms, by the resonator (linear prediction of order 2) that its last 5 ms obey best,
and fades while the new source fades in. It needs nothing of the old source, which may be gone: a partner that hung up,
a play that was stopped. Where the source stays the same, nothing is changed.
"""

from typing import Any

from dsp.jit import i64, kernel
from dsp.plane import digits
from dsp.plane.layout import EDGE, FRAME

#: From digital silence to this sample value, or back, is a click, whatever the source (-36 dB of full scale).
STEP = 512

#: Sources: nothing may be sent, or there is nothing to send; `_TONES` and what follows count what they were made from.
HELD = 1
NOTHING = 2
_TONES = 3 << 48
_PLAY = 4 << 48
_ROOM = 5 << 48
_MIXED = 6 << 48


@kernel
def source(leg: Any) -> int:
    """Name what the leg will hear in this tick; before it is composed, for a play may end within the frame."""
    kind = digits.next_frame(leg)
    if leg.transmit == 0 or kind in (digits.EVENT, digits.SILENCE):
        return HELD
    if kind == digits.TONES:
        return _TONES | leg.dg_index
    if leg.pl_active:
        return (_MIXED | leg.rm_room << 32 if leg.pl_mix else _PLAY) | (leg.pl_number & 0xFFFFFFFF)
    return _ROOM | leg.rm_room if leg.rm_room else NOTHING


@kernel
def _silent(samples: Any, n: int) -> bool:
    i = 0
    while i < n and samples[i] == 0:
        i += 1
    return i == n


@kernel
def _resonance(tail: Any, n: int) -> tuple[float, float]:
    """Coefficients of the resonator that `tail[:n]` obeys best: x[i] = a x[i-1] + b x[i-2]; never one that grows."""
    near, cross, far, by_near, by_far = 1e-3, 0.0, 1e-3, 0.0, 0.0
    for i in range(2, n):
        now, x, y = float(tail[i]), float(tail[i - 1]), float(tail[i - 2])
        near += x * x
        cross += x * y
        far += y * y
        by_near += now * x
        by_far += now * y
    determinant = near * far - cross * cross
    if determinant <= 1e-9 * near * far:  # hardly anything but a constant
        return min(max(by_near / near, -0.99), 0.99), 0.0
    a = (by_near * far - by_far * cross) / determinant
    b = min(max((by_far * near - by_near * cross) / determinant, -0.98), 0.9)
    return min(max(a, 0.99 * (b - 1.0)), 0.99 * (1.0 - b)), b


@kernel
def _fade(tail: Any, out: Any, n: int) -> None:
    """Fade from what would have followed on `tail[:n]` to `out`, over `n` samples."""
    a, b = _resonance(tail, n)
    last, before = float(tail[n - 1]), float(tail[n - 2])
    for i in range(n):
        at = (i + 1) / (n + 1)
        share = 1.0 - at * at * (3.0 - 2.0 * at)
        last, before = a * last + b * before, last
        out[i] = round(min(max(share * last + (1.0 - share) * out[i], -32768.0), 32767.0))


@kernel
def join(leg: Any, out: Any, source: int) -> None:
    """Let the leg's frame `out[:FRAME << wide]`, made from `source`, follow on the one before."""
    size, n = FRAME << leg.wide, EDGE << leg.wide
    if leg.ed_wide != leg.wide:
        leg.ed_wide = leg.wide
        for i in range(n):
            leg.ed_tail[i] = 0
    tail = leg.ed_tail
    changed = source != leg.ed_source
    silent = _silent(out, size)
    if not changed and silent != (leg.ed_silent != 0):
        changed = abs(i64(tail[n - 1] if silent else out[0])) >= STEP
    leg.ed_source = source
    leg.ed_silent = silent
    if changed and not (silent and tail[n - 1] == 0 and tail[n - 2] == 0):
        _fade(tail, out, n)
    for i in range(n):
        tail[i] = out[size - n + i]
