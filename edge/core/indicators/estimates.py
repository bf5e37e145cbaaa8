"""Intervals for shares, means and their differences, and how many calls a difference needs to be seen.

Shares: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209. Their difference: R. G. Newcombe, Stat. Med. 17 (1998) 873,
method 10. Means: Student and Welch, with Satterthwaite's degrees of freedom. Medians: ranks by the sign test. Planned
calls: J. L. Fleiss, Statistical Methods for Rates and Proportions, section 3.2. All are for one look at the numbers:
who looks again and again needs `sequential`.
"""

import math
from statistics import NormalDist

from msgspec import Struct

from edge.core.indicators.tally import Spread

_NORMAL = NormalDist()
#: With as many degrees of freedom Student's t is the normal distribution.
_MANY = 1e7
_HUGE = 1e300


class Estimate(Struct, frozen=True):
    """A value and its interval; NaN where there is nothing to estimate from."""

    value: float
    low: float
    high: float
    #: What it is an estimate from: calls, rounds.
    of: int = 0

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


NOTHING = Estimate(math.nan, math.nan, math.nan)


def z_of(confidence: float) -> float:
    """Give the normal quantile of a two-sided interval."""
    return _NORMAL.inv_cdf((1 + confidence) / 2)


def share(part: int, whole: int, confidence: float = 0.95) -> Estimate:
    """Estimate a share by Wilson's score interval; `part` of `whole`."""
    if whole <= 0:
        return NOTHING
    z = z_of(confidence)
    value = part / whole
    middle = (value + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(value * (1 - value) / whole + z * z / (4 * whole * whole))
    # At 0 and 1 the bound is the value itself; rounding must not put it beyond.
    low = 0.0 if part == 0 else max(0.0, middle - half)
    high = 1.0 if part == whole else min(1.0, middle + half)
    return Estimate(value, low, high, whole)


def share_difference(one: tuple[int, int], other: tuple[int, int], confidence: float = 0.95) -> Estimate:
    """Estimate the first share minus the second (each part and whole) by Newcombe's hybrid score interval."""
    first, second = share(*one, confidence), share(*other, confidence)
    if not first.known or not second.known:
        return NOTHING
    value = first.value - second.value
    low = value - math.hypot(first.value - first.low, second.high - second.value)
    high = value + math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, low, high, one[1] + other[1])


def mean(values: Spread, confidence: float = 0.95) -> Estimate:
    """Estimate a mean by Student's t."""
    return mean_of(values.count, values.mean, values.variance, confidence)


def mean_of(count: int, value: float, variance: float, confidence: float = 0.95) -> Estimate:
    """Estimate a mean by Student's t, of `count` values with this mean and sample variance."""
    if count < 2:
        return Estimate(value, -math.inf, math.inf, count) if count else NOTHING
    half = t_of(confidence, count - 1) * math.sqrt(variance / count)
    return Estimate(value, value - half, value + half, count)


def mean_difference(one: Spread, other: Spread, confidence: float = 0.95) -> Estimate:
    """Estimate the first mean minus the second by Welch's t."""
    if not one.count or not other.count:
        return NOTHING
    value, of = one.mean - other.mean, one.count + other.count
    first, second = one.variance / one.count, other.variance / other.count
    if min(one.count, other.count) < 2:
        return Estimate(value, -math.inf, math.inf, of)
    if first + second == 0:
        return Estimate(value, value, value, of)
    degrees = (first + second) ** 2 / (first**2 / (one.count - 1) + second**2 / (other.count - 1))
    half = t_of(confidence, degrees) * math.sqrt(first + second)
    return Estimate(value, value - half, value + half, of)


def median(values: Spread, confidence: float = 0.95) -> Estimate:
    """Estimate a median by the ranks that enclose it with at least this confidence, whatever the distribution."""
    count = values.count
    if not count:
        return NOTHING
    value = values.ranked((count + 1) // 2)
    half = z_of(confidence) * math.sqrt(count) / 2
    low, high = math.floor(count / 2 - half), math.ceil(count / 2 + 1 + half)
    return Estimate(
        value,
        values.ranked(low) if low >= 1 else 0.0,
        values.ranked(high) if high <= count else math.inf,
        count,
    )


def t_of(confidence: float, degrees: float) -> float:
    """Give Student's quantile of a two-sided interval: bisected on the distribution itself."""
    if degrees >= _MANY:
        return z_of(confidence)
    tail = 1 - confidence
    low, high = 0.0, 1.0
    while _t_tails(high, degrees) > tail:
        high *= 2
    for _ in range(48):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_tails(middle, degrees) > tail else (low, middle)
    return (low + high) / 2


def _t_tails(t: float, degrees: float) -> float:
    """Give the probability of both tails beyond t: I_x(degrees/2, 1/2) with x = degrees/(degrees + t^2)."""
    return _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function (NIST Digital Library of Mathematical Functions, 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    # Modified Lentz: ratios of the fraction's successive numerators (`above`) and denominators (`below`).
    product, above, below = 1.0, _HUGE, 1.0
    for step in range(1, 400):
        half = step // 2
        if step % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        below = 1 / ((1 + term * below) or 1 / _HUGE)
        above = (1 + term / above) or 1 / _HUGE
        product *= above * below
        if abs(above * below - 1) < 1e-14:
            break
    return front * product


def calls_for_share(control: float, difference: float, candidate_part: float, power: float = 0.8) -> float:
    """Give the calls of both sides together that show a share to be `difference` off `control`'s, at 5 %.

    `candidate_part`: the part of all calls that gets the candidate.
    """
    low, high = max(0.0, control - abs(difference)), min(1.0, control + abs(difference))
    # The side with more variance: what is asked for is enough for a difference in either direction.
    other = low if abs(low - 0.5) < abs(high - 0.5) else high
    if other == control or not 0 < candidate_part < 1:
        return math.inf
    ratio = (1 - candidate_part) / candidate_part
    pooled = (other + ratio * control) / (1 + ratio)
    null = z_of(0.95) * math.sqrt((1 + 1 / ratio) * pooled * (1 - pooled))
    alternative = _NORMAL.inv_cdf(power) * math.sqrt(other * (1 - other) + control * (1 - control) / ratio)
    return ((null + alternative) / (other - control)) ** 2 * (1 + ratio)


def calls_for_mean(variance: float, difference: float, candidate_part: float, power: float = 0.8) -> float:
    """Give the calls of both sides together that show a mean to be `difference` off, at 5 %, as `calls_for_share`."""
    if not difference or not 0 < candidate_part < 1:
        return math.inf
    ratio = (1 - candidate_part) / candidate_part
    quantiles = z_of(0.95) + _NORMAL.inv_cdf(power)
    return quantiles**2 * variance * (1 + 1 / ratio) / difference**2 * (1 + ratio)
