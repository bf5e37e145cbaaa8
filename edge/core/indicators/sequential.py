"""Differences that are looked at again and again: intervals that hold at all looks together, and guard rails by them.

An ordinary 95 % interval of two equal sides excludes 0 at one look in twenty. Who looks after each call and stops at
the first such look stops nearly always in the end. The intervals here are wider, and contain the truth at all looks
together with the confidence that they have: the normal mixture of H. Robbins, Ann. Math. Stat. 41 (1970) 1397, as used
for two streams by Johari, Pekelis, Walsh, arXiv:1512.04922. It is exact for normal sums; for calls it is so as they
become many, and `after_calls` keeps it from the first few. bench/trials.py measures what is left.
"""

import math

from msgspec import Struct

from edge.core.indicators.estimates import NOTHING, Estimate
from edge.core.indicators.tally import Spread
from edge.core.routing.trials import Guards

#: Fewer calls on a side say nothing.
LEAST_CALLS = 20


def difference_always(value: float, variance: float, sought: float, confidence: float = 0.95) -> Estimate:
    """Give the interval of a difference whose estimate has `variance`, to hold at all looks together.

    It is narrowest where differences about `sought` come out; larger ones are seen sooner still, and smaller ones need
    more calls than they would otherwise.
    """
    if variance <= 0 or sought <= 0:
        return NOTHING
    mixing = (2 * sought) ** 2
    total = variance + mixing
    half = math.sqrt(2 * variance * total / mixing * (math.log(total / variance) / 2 - math.log(1 - confidence)))
    return Estimate(value, value - half, value + half)


def shares_always(one: tuple[int, int], other: tuple[int, int], sought: float, confidence: float = 0.95) -> Estimate:
    """Give it for the first share minus the second, each part and whole."""
    if min(one[1], other[1]) < LEAST_CALLS:
        return NOTHING
    value = one[0] / one[1] - other[0] / other[1]
    return difference_always(value, _share_variance(*one) + _share_variance(*other), sought, confidence)


def means_always(one: Spread, other: Spread, sought: float, confidence: float = 0.95) -> Estimate:
    """Give it for the first mean minus the second."""
    if min(one.count, other.count) < LEAST_CALLS:
        return NOTHING
    variance = one.variance / one.count + other.variance / other.count
    if variance == 0:
        value = one.mean - other.mean
        return Estimate(value, value, value)
    return difference_always(one.mean - other.mean, variance, sought, confidence)


def _share_variance(part: int, whole: int) -> float:
    """Variance of a share; two more of each kind, else that of none or all would be 0 (Agresti and Coull)."""
    middle = (part + 2) / (whole + 4)
    return middle * (1 - middle) / whole


class Watched(Struct, frozen=True):
    """What guard rails count of one side."""

    calls: int = 0
    contained: int = 0
    abandoned: int = 0

    def plus(self, fate: str) -> "Watched":
        """Count one more call."""
        return Watched(self.calls + 1, self.contained + (fate == "contained"), self.abandoned + (fate == "abandoned"))


class Alarm(Struct, frozen=True):
    """The candidate is worse by more than it may be."""

    indicator: str
    #: By how much it is worse, as a share, and by how much at least.
    worse_by: float
    at_least: float


#: The difference that guard rails are quickest to see: one of their margins, but not less.
_QUICKEST = 0.05


def alarm_of(guards: Guards, control: Watched, candidate: Watched) -> Alarm | None:
    """Hold the two sides against each other, as after every call; None: the trial goes on.

    With two guard rails each has half of the chance of a false alarm.
    """
    if min(control.calls, candidate.calls) < max(guards.after_calls, LEAST_CALLS):
        return None
    watched = (
        ("abandonment", guards.abandonment, candidate.abandoned, control.abandoned, 1),
        ("containment", guards.containment, candidate.contained, control.contained, -1),
    )
    active = sum(margin is not None for _, margin, *_ in watched)
    for indicator, margin, ours, theirs, sign in watched:
        if margin is None:
            continue
        confidence = 1 - (1 - guards.confidence) / active
        sought = max(margin, _QUICKEST)
        found = shares_always((ours, candidate.calls), (theirs, control.calls), sought, confidence)
        worse_by, at_least = (found.value, found.low) if sign > 0 else (-found.value, -found.high)
        if at_least > margin:
            return Alarm(indicator, worse_by, at_least)
    return None
