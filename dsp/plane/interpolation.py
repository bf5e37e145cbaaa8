"""Concealment of a hole whose end is known: the playout buffer often holds what follows on it already.

The voice before the hole is repeated forwards, the voice behind it backwards, period by period, and one fades into the
other over the whole hole. So that they do not cancel each other, both are read a little faster or slower, by so much
that the repetition arrives at the end of the hole in phase with what follows there. Nothing has to fade out, and what
follows begins at once, as it is. Where less than a period of what follows is known, only the phase is met, and the rest
is a short cross-fade. Appendix I of G.711 knows nothing of the kind, for it has no look-ahead.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane.layout import ABSENT, JITTER_SAMPLES

#: Longest hole, samples at 8 kHz (60 ms): beyond it both ends have nothing to do with each other.
LONGEST = 480
#: What is taken of what lies behind the hole: at most 20 ms, at least 5; and what of it is compared (8 ms).
FUTURE = 160
LEAST = 40
WINDOW = 64
#: The read rate may be so far off 1.
BEND = 0.15
#: Correlation from which on the two ends are the same voice.
VOICED = 0.4


@kernel
def _look(leg: Any, ring: Any, at: int) -> None:
    """Take what the ring holds from time `at` on."""
    most = FUTURE << leg.wide
    known = 0
    while known < most and ring[(at + known) % JITTER_SAMPLES] != ABSENT:
        leg.pc_future[known] = ring[(at + known) % JITTER_SAMPLES]
        known += 1
    leg.pc_known = known


@kernel
def _end_of_hole(leg: Any, ring: Any, at: int, most: int) -> int:
    """Look for the end of the hole at `ring[at]`, and what lies behind it; gives its length, 0 if it is not there."""
    hole = 0
    while hole <= most and ring[(at + hole) % JITTER_SAMPLES] == ABSENT:
        hole += 1
    if hole == 0 or hole > most:
        return 0
    _look(leg, ring, at + hole)
    return hole if leg.pc_known >= LEAST << leg.wide else 0


@kernel
def foresee(leg: Any, ring: Any, at: int) -> None:
    """Look for the end of the hole that goes on at `ring[at]` (time, not index); before each `conceal`.

    In the middle of a hole more may have come since it began: its end, or a whole period of what follows.
    """
    most = LONGEST << leg.wide
    if leg.pc_lost == 0:
        leg.pc_both = 0
        leg.pc_plain = 0
        leg.pc_hole = _end_of_hole(leg, ring, at, most)
    elif leg.pc_hole > leg.pc_lost and not leg.pc_both:
        _look(leg, ring, at + leg.pc_hole - leg.pc_lost)
        _turn(leg)
    elif leg.pc_hole == 0 and leg.pc_periods > 0 and leg.pc_fade == 0:
        left = _end_of_hole(leg, ring, at, most - leg.pc_lost)
        if left > 0 and leg.pc_known > leg.pc_pitch:
            leg.pc_hole = leg.pc_lost + left
            leg.pc_plain = 1
            leg.pc_voiced = 0  # the phase was not led there
            leg.pc_rate = 1.0
            _turn(leg)


@kernel
def _likeness(one: Any, start: int, period: int, other: Any, window: int) -> float:
    """Normalised correlation of `other[:window]` with `one` read from `start`; periodic where `period` is not 0."""
    product, energy, reference = 0.0, 1.0, 1.0
    for i in range(window):
        at = start + i
        while period > 0 and at >= period:
            at -= period
        x, y = float(one[at]), float(other[i])
        product += x * y
        energy += x * x
        reference += y * y
    return product / (energy * reference) ** 0.5


@kernel
def _future_pitch(leg: Any) -> int:
    """Period of what follows, near to that of what was."""
    pitch, known, window = leg.pc_pitch, leg.pc_known, WINDOW << leg.wide
    best, found = 0.6, pitch
    if pitch + window > known:
        return pitch  # too long to be seen in so little
    for lag in range(max(pitch * 3 // 4, 32 << leg.wide), min(pitch * 4 // 3, known - window) + 1):
        value = _likeness(leg.pc_future[lag:], 0, 0, leg.pc_future, window)
        if value > best:
            best, found = value, lag
    return found


@kernel
def _turn(leg: Any) -> None:
    """From here on what follows is heard, too, if a whole period of it is known."""
    if leg.pc_known <= leg.pc_pitch:
        return
    leg.pc_next_pitch = _future_pitch(leg)
    leg.pc_next_step = float(leg.pc_future[0]) - float(leg.pc_future[min(leg.pc_next_pitch, leg.pc_known - 1)])
    leg.pc_from = leg.pc_lost
    leg.pc_both = 1


@kernel
def prepare(leg: Any, period: Any) -> None:
    """Find the rates to read both ends with; `period`: the last `pc_pitch` samples that were played."""
    pitch, hole, window = leg.pc_pitch, leg.pc_hole, min(WINDOW << leg.wide, leg.pc_known)
    reach = int(min(pitch / 2, BEND * hole))
    best, bend = -1.0, 0
    for offset in range(-reach, reach + 1):
        value = _likeness(period, (hole + offset) % pitch, pitch, leg.pc_future, window)
        if value > best:
            best, bend = value, offset
    leg.pc_voiced = best >= VOICED
    leg.pc_rate = (hole + bend) / hole if leg.pc_voiced else 1.0
    _turn(leg)


@kernel
def _behind(leg: Any, at: int) -> float:
    """Sample `at` (0 to the period) of what follows, repeated; its first quarter comes from where the period ends."""
    pitch = leg.pc_next_pitch
    if at >= pitch:
        at -= pitch
    quarter = min(pitch >> 2, leg.pc_known - pitch)
    value = float(leg.pc_future[at])
    if at < quarter:
        share = (at + 1) / (quarter + 1)
        value = share * value + (1.0 - share) * leg.pc_future[pitch + at]
    return value


@kernel
def backwards(leg: Any, k: int) -> float:
    """Sample `k` of the hole as what follows has it, repeated backwards."""
    pitch = leg.pc_next_pitch
    left = leg.pc_hole - k
    back = left * leg.pc_rate * pitch / leg.pc_pitch
    turns = int(back / pitch) + 1
    at = turns * pitch - back
    whole = int(at)
    value = _behind(leg, whole)
    value += (at - whole) * (_behind(leg, whole + 1) - value)
    quarter = pitch >> 2
    if left <= quarter:
        value += leg.pc_next_step * (1.0 - left / (quarter + 1))
    return value


@kernel
def blend(leg: Any, k: int, before: float) -> float:
    """Sample `k` of the hole, from `before` (the repetition forwards) and what follows."""
    if not leg.pc_both:
        return before
    at = (k - leg.pc_from + 1) / (leg.pc_hole - leg.pc_from + 1)
    share = at * at * (3.0 - 2.0 * at)
    rest = 1.0 - share
    if not leg.pc_voiced:  # two noises add up by their powers
        share, rest = share**0.5, rest**0.5
    return rest * before + share * backwards(leg, k)
