"""Bringing the playout delay to the wanted one while the stream is played: a part of it left out or said twice.

- Where nothing is to be heard, at once and by any length.
- In speech by a pitch period (`stretch`): to a longer delay soon, since packets will be late; to a shorter one only
  when no silence has come for a while, since each change is heard a little and the next silence is near.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane import stretch
from dsp.plane.layout import ABSENT, FRAME, JITTER_SAMPLES

#: How much longer than wanted the delay may be before it is changed (10 ms); shorter it must never stay.
LONG = 80
#: Ticks between two changes in speech; far off (200 ms too long, or a tick too short) they come faster and at once.
PACE = 5
HASTE = 2
HURRY = 1600
#: Correlation asked for at once, and how much less with each tick that none was found.
LIKENESS = 0.9
_LESS = 0.02
#: Ticks that a delay that is too long waits for silence, where a change is not heard, before speech is changed.
PATIENCE = 200


@kernel
def _present(ring: Any, start: int, end: int) -> bool:
    """Whether all samples of a stretch of time are in the ring."""
    at = start % JITTER_SAMPLES
    for _ in range(start, end):
        if ring[at] == ABSENT:
            return False
        at = at + 1 if at + 1 < JITTER_SAMPLES else 0
    return True


@kernel
def _shorten(leg: Any, ring: Any, out: Any, surplus: int) -> int:
    """Play the frame with up to `surplus` samples left out, if they may be; gives how many."""
    tick, at = FRAME << leg.wide, leg.jb_play_ts
    longest = min(surplus, tick, leg.jb_newest_ts - at - tick)
    if longest <= 0 or not _present(ring, at + tick, at + tick + longest):
        return 0
    lag = longest
    if not stretch.is_quiet(ring, at, tick + longest):
        if surplus <= LONG << leg.wide:
            return 0
        leg.jb_wait += 1
        hurry = leg.jb_wait > PATIENCE or surplus > HURRY << leg.wide
        if not hurry or leg.jb_pace > 0:
            return 0
        least = LIKENESS - _LESS * max(leg.jb_wait - PATIENCE, 0)
        if longest < tick:
            least = LIKENESS  # the signal's period may be longer than what there is to take out: that can wait
        lag = stretch.find_lag(ring, at, longest, 1, leg.wide, least)
        leg.jb_pace = HASTE
        if lag == 0:
            return 0
        leg.jb_pace = HASTE if surplus > HURRY << leg.wide else PACE
        leg.jb_wait = max(leg.jb_wait - PACE, 0)
    stretch.join(ring, at, lag, out, tick)
    leg.jb_compressed += lag >> leg.wide
    return lag


@kernel
def _lengthen(leg: Any, ring: Any, out: Any, missing: int) -> int:
    """Play the frame with up to `missing` samples said twice, if the signal allows; gives how many."""
    tick, at = FRAME << leg.wide, leg.jb_play_ts
    longest = min(missing, tick)
    if leg.jb_clean < 2 or not _present(ring, at - tick, at):
        return 0
    lag = longest
    if not stretch.is_quiet(ring, at - longest, tick + longest):
        if leg.jb_pace > 0:
            return 0
        lag = stretch.find_lag(ring, at, longest, -1, leg.wide, LIKENESS - _LESS * leg.jb_wait)
        leg.jb_wait += 1
        leg.jb_pace = HASTE
        if lag == 0:
            return 0
        leg.jb_wait = 0
        leg.jb_pace = HASTE if missing > tick else PACE
    stretch.join(ring, at, -lag, out, tick)
    leg.jb_stretched += lag >> leg.wide
    return lag


@kernel
def play(leg: Any, ring: Any, out: Any, surplus: int) -> int:
    """Play a whole frame, already in `out`, so that a delay that is too long by `surplus` samples comes nearer.

    Where `surplus` is negative it is too short. Gives the samples of the stream that were consumed.
    """
    tick = FRAME << leg.wide
    leg.jb_pace = max(leg.jb_pace - 1, 0)
    if 0 <= surplus <= LONG << leg.wide:
        leg.jb_wait = 0
    if surplus > 0:
        return tick + _shorten(leg, ring, out, surplus)
    if surplus < 0:
        return tick - _lengthen(leg, ring, out, -surplus)
    return tick
