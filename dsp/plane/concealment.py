"""Concealment of lost samples: what is played where the stream has a hole, and the way back into the stream.

The playout buffer calls it for every sample that it plays: `good` while nothing is amiss, else `conceal` for each run
of absent samples and `resume` for each run of real ones.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane.layout import FRAME

#: Longest concealment; it fades to silence over this time (60 ms).
CONCEAL = 480
#: Cross-fade from concealment back to the stream (5 ms).
FADE = 40


@kernel
def reset(leg: Any) -> None:
    """Forget what was played; until the first real samples come there is silence."""
    for i in range(FRAME):
        leg.jb_history[i] = 0
    leg.jb_conceal = CONCEAL
    leg.pc_fade = 0


@kernel
def active(leg: Any) -> bool:
    """Whether made-up samples were played last, or the fade out of them is not over: `good` must not be called."""
    return leg.jb_conceal > 0


@kernel
def _remember(leg: Any, out: Any, start: int, n: int) -> None:
    """Keep the last frame of what was played, `out[start:start + n]` being the newest."""
    for i in range(FRAME - n):
        leg.jb_history[i] = leg.jb_history[i + n]
    for i in range(n):
        leg.jb_history[FRAME - n + i] = out[start + i]


@kernel
def good(leg: Any, out: Any, n: int) -> None:
    """Note the real samples `out[:n]`; only while not `active`."""
    _remember(leg, out, 0, n)


@kernel
def _made_up(history: Any, k: int) -> float:
    """Sample k of a concealment: the last frame to and fro (so there is no step at the joint), fading to zero."""
    at = k % (2 * FRAME)
    if at >= FRAME:
        at = 2 * FRAME - 1 - at
    return history[FRAME - 1 - at] * (CONCEAL - k) / CONCEAL


@kernel
def conceal(leg: Any, out: Any, start: int, n: int) -> int:
    """Fill the absent `out[start:start + n]`; gives the number of samples that were made up from what was heard."""
    made_up = 0
    leg.pc_fade = FADE
    for i in range(start, start + n):
        out[i] = round(_made_up(leg.jb_history, leg.jb_conceal))
        if leg.jb_conceal < CONCEAL:
            leg.jb_conceal += 1
            made_up += 1
    return made_up


@kernel
def resume(leg: Any, out: Any, start: int, n: int) -> None:
    """Note the real samples `out[start:start + n]`, fading over to them when they follow a concealment."""
    if leg.pc_fade == 0 and leg.jb_conceal > 0:
        leg.pc_fade = FADE
    i, end = start, start + n
    while i < end and leg.pc_fade > 0:
        share = leg.pc_fade / (FADE + 1)
        out[i] = round((1.0 - share) * out[i] + share * _made_up(leg.jb_history, leg.jb_conceal))
        leg.jb_conceal = min(leg.jb_conceal + 1, CONCEAL)
        leg.pc_fade -= 1
        i += 1
        if leg.pc_fade == 0:
            leg.jb_conceal = 0
            _remember(leg, out, start, i - start)
    if leg.pc_fade == 0 and i < end:
        _remember(leg, out, i, end - i)
