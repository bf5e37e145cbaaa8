"""Two groups of calls held against each other, indicator by indicator."""

import math
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from edge.core.indicators import estimates, sequential
from edge.core.indicators.estimates import NOTHING, Estimate
from edge.core.indicators.tally import Spread, Tally

Unit = Literal["share", "ms", "score"]
Verdict = Literal["better", "worse", "higher", "lower", "no difference seen yet", "too few calls"]


class Indicator(Struct, frozen=True, kw_only=True):
    """Something that is measured of a group of calls."""

    name: str
    unit: Unit
    #: Which is better; empty: neither.
    good: Literal["high", "low", ""]
    #: Of a share: what is counted, and of how many.
    counted: Callable[[Tally], tuple[int, int]] | None = None
    #: Else the values whose mean it is.
    values: Callable[[Tally], Spread] | None = None

    def of(self, tally: Tally) -> Estimate:
        """Estimate it, at 95 %."""
        if self.counted is not None:
            return estimates.share(*self.counted(tally))
        return estimates.mean(self.values(tally)) if self.values is not None else NOTHING


def _fate(name: str) -> Callable[[Tally], tuple[int, int]]:
    return lambda tally: (tally.fates[name], tally.calls)


INDICATORS: Final[tuple[Indicator, ...]] = (
    Indicator(name="containment", unit="share", good="high", counted=_fate("contained")),
    Indicator(name="abandonment", unit="share", good="low", counted=_fate("abandoned")),
    Indicator(name="connected", unit="share", good="", counted=_fate("connected")),
    Indicator(name="deferred", unit="share", good="", counted=_fate("deferred")),
    Indicator(name="lost", unit="share", good="low", counted=_fate("lost")),
    Indicator(name="time in menu", unit="ms", good="low", values=lambda tally: tally.time),
    Indicator(name="transfers", unit="share", good="", counted=lambda tally: (tally.transferred, tally.calls)),
    Indicator(
        name="misroutes",
        unit="share",
        good="low",
        counted=lambda tally: (min(tally.misrouted, tally.fates["connected"]), tally.fates["connected"]),
    ),
    Indicator(
        name="calls with no input",
        unit="share",
        good="low",
        counted=lambda tally: (tally.calls_with["no_input"], tally.calls),
    ),
    Indicator(
        name="calls with no match",
        unit="share",
        good="low",
        counted=lambda tally: (tally.calls_with["no_match"], tally.calls),
    ),
    Indicator(name="repeat calls", unit="share", good="low", counted=lambda tally: (tally.repeated, tally.followed)),
    Indicator(name="survey", unit="score", good="high", values=lambda tally: tally.survey),
)


class Compared(Struct, frozen=True, kw_only=True):
    """An indicator of both sides. Differences are candidate minus control."""

    indicator: str
    unit: Unit
    control: Estimate
    candidate: Estimate
    #: With the interval for one look...
    difference: Estimate
    #: ...and the one for any number of looks.
    always: Estimate
    verdict: Verdict
    #: Calls, of both sides together, that are still wanting for the difference sought; 0: there are enough.
    #: None: it cannot be said.
    more_calls: int | None


def compare(
    control: Tally, candidate: Tally, *, sought: float = 0.05, part: float | None = None, final: bool = False
) -> list[Compared]:
    """Compare all indicators of which both sides have values.

    `sought` is the difference that matters, as a share; of means it is that part of control's. `part` of the calls gets
    the candidate (None: as it was so far). `final`: this is the one look that was planned; else the verdict has to hold
    for somebody who looks whenever he likes.
    """
    if part is None and control.calls + candidate.calls:
        part = candidate.calls / (control.calls + candidate.calls)
    rows = [_compare(one, control, candidate, sought, part or 0.0, final=final) for one in INDICATORS]
    return [row for row in rows if row.control.known or row.candidate.known]


def _compare(
    indicator: Indicator, control: Tally, candidate: Tally, sought: float, part: float, *, final: bool
) -> Compared:
    needed = math.inf
    difference = always = NOTHING
    if indicator.counted is not None:
        ours, theirs = indicator.counted(candidate), indicator.counted(control)
        difference = estimates.share_difference(ours, theirs)
        always = sequential.shares_always(ours, theirs, sought)
        of, calls = ours[1] + theirs[1], candidate.calls + control.calls
        if theirs[1] and of:
            # A share of few of the calls needs more of them.
            needed = estimates.calls_for_share(theirs[0] / theirs[1], sought, part) * calls / of - calls
    elif indicator.values is not None:
        our, their = indicator.values(candidate), indicator.values(control)
        difference = estimates.mean_difference(our, their)
        always = sequential.means_always(our, their, sought * max(their.mean, 1e-9))
        of, calls = our.count + their.count, candidate.calls + control.calls
        if their.count > 1 and their.mean and of:
            variance = max(their.variance, our.variance)
            needed = estimates.calls_for_mean(variance, sought * their.mean, part) * calls / of - calls
    return Compared(
        indicator=indicator.name,
        unit=indicator.unit,
        control=indicator.of(control),
        candidate=indicator.of(candidate),
        difference=difference,
        always=always,
        verdict=verdict_of(indicator, difference if final else always),
        more_calls=max(0, math.ceil(needed)) if math.isfinite(needed) else None,
    )


def verdict_of(indicator: Indicator, difference: Estimate) -> Verdict:
    """Read an interval of candidate minus control."""
    if not difference.known or math.isinf(difference.low):
        return "too few calls"
    if difference.low <= 0 <= difference.high:
        return "no difference seen yet"
    higher = difference.low > 0
    if not indicator.good:
        return "higher" if higher else "lower"
    return "better" if higher == (indicator.good == "high") else "worse"


def uneven(control_calls: int, candidate_calls: int, part: float) -> bool:
    """Whether calls are split otherwise than they should be, which no chance explains (1 in 1,000).

    Then something decides that the trial does not know of, and nothing that it says can be trusted.
    """
    calls = control_calls + candidate_calls
    if calls < 2 * sequential.LEAST_CALLS or not 0 < part < 1:
        return False
    off = candidate_calls - calls * part
    return abs(off) / math.sqrt(calls * part * (1 - part)) > estimates.z_of(0.999)
