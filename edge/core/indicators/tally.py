"""Counts of many calls, one call at a time: sums, and a histogram for the median.

Memory is that of the counts, of the callers seen within the time in which a call of theirs counts as a repeat, of the
ids of calls that a survey is still to ask about, and of nothing else: no call is kept.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

from edge.core.indicators.journey import CallRecord
from edge.core.menus.parts import NodeId

K = TypeVar("K", bound=Hashable)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Bins of the histogram are 2 % wide: so exact is the median.
_RATIO = math.log(1.02)


class Spread:
    """Mean, variance (Welford's recurrence) and median of positive values, without keeping them."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0
        self._bins: Counter[int] = Counter()

    def take(self, value: float) -> None:
        """Count a value; a negative one as 0."""
        value = max(0.0, value)
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self._squares += step * (value - self.mean)
        self._bins[math.floor(math.log(value) / _RATIO) if value >= 1.0 else -1] += 1

    @property
    def variance(self) -> float:
        """Variance of what the values are a sample of; 0 for fewer than two."""
        return self._squares / (self.count - 1) if self.count > 1 else 0.0

    def ranked(self, rank: int) -> float:
        """Give the value of a rank (from 1, rising) within 1 %; values below 1 are 0."""
        before = 0
        for number in sorted(self._bins):
            before += self._bins[number]
            if before >= rank:
                return math.exp((number + 0.5) * _RATIO) if number >= 0 else 0.0
        return 0.0


class Tally:
    """All that is counted of one group of calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.fates: Counter[str] = Counter()
        #: Calls that were abandoned at a node, and that came to it.
        self.abandoned_at: Counter[NodeId] = Counter()
        self.visited: Counter[NodeId] = Counter()
        #: Rounds of gathers by node and result.
        self.rounds: Counter[tuple[NodeId, str]] = Counter()
        #: Calls with at least one such round.
        self.calls_with: Counter[str] = Counter()
        #: Milliseconds a call.
        self.time = Spread()
        #: Scores of calls that answered a survey, 0 to 100.
        self.survey = Spread()
        self.transferred = 0
        self.misrouted = 0
        #: Calls of callers who show a number and whose time for a repeat is over; those of them that were repeated.
        self.followed = 0
        self.repeated = 0
        #: Versions of the menus that the calls ran on.
        self.versions: Counter[tuple[str, str]] = Counter()

    def take(self, call: CallRecord) -> None:
        """Count a call that ended."""
        self.calls += 1
        self.fates[call.fate] += 1
        if call.fate == "abandoned":
            self.abandoned_at[call.last] += 1
        self.visited.update(call.visited)
        self.rounds.update(call.rounds)
        self.calls_with.update({result for _, result in call.rounds})
        self.time.take(call.in_menu_ms)
        if call.score is not None and not call.about:
            self.survey.take(call.score)
        self.transferred += call.transferred
        self.misrouted += call.sent_wrong
        self.versions[call.menu, call.version] += 1

    def rounds_at(self, node: NodeId, result: str = "") -> int:
        """Count the rounds of a gather, of one result or all."""
        return sum(count for (at, how), count in self.rounds.items() if at == node and (not result or how == result))


class _Before(NamedTuple, Generic[K]):
    """The last call of a caller."""

    group: K
    ended_ms: int
    #: Somebody was talked with, and nothing says yet that it was the wrong one.
    well_routed: bool
    followed: bool


class Counting(Generic[K]):
    """Tallies by group. A record is taken when its call ends; `group` tells where it counts, None: nowhere.

    `now_ms` is when the counting is done: a call whose `repeat_ms` are not over then says nothing of repeats.
    Callers are compared by a hash with `key`, which is made anew for each counting and never stored.
    """

    def __init__(
        self, group: Callable[[CallRecord], K | None], *, now_ms: int, key: bytes, repeat_ms: int = 7 * DAY_MS
    ) -> None:
        self.tallies: dict[K, Tally] = {}
        self._group = group
        self._now_ms = now_ms
        self._key = key
        self._repeat_ms = repeat_ms
        self._callers: OrderedDict[bytes, _Before[K]] = OrderedDict()
        #: Where calls were counted that a later call is to ask about.
        self._asked: dict[str, K] = {}

    def take(self, call: CallRecord) -> None:
        """Count a call that ended; a survey in it that is about an earlier one is that one's."""
        if call.score is not None and call.about in self._asked:
            self.tallies[self._asked.pop(call.about)].survey.take(call.score)
        group = self._group(call)
        if group is None:
            return
        tally = self.tallies.setdefault(group, Tally())
        tally.take(call)
        if call.asks_later:
            self._asked[call.call] = group
        if call.caller:
            self._follow(call, group, tally)

    @property
    def callers(self) -> int:
        """How many callers are remembered now."""
        return len(self._callers)

    def _follow(self, call: CallRecord, group: K, tally: Tally) -> None:
        """Hold a call against the one before of the same caller, and remember it."""
        caller = blake2b(call.caller.encode(), key=self._key, digest_size=12).digest()
        before = self._callers.pop(caller, None)
        if before is not None:
            gap_ms = call.started_ms - before.ended_ms
            earlier = self.tallies[before.group]
            if before.followed and gap_ms <= self._repeat_ms:
                earlier.repeated += 1
            if before.well_routed and gap_ms <= HOUR_MS:
                earlier.misrouted += 1
        followed = call.ended_ms + self._repeat_ms <= self._now_ms
        tally.followed += followed
        well_routed = call.fate == "connected" and not call.sent_wrong
        self._callers[caller] = _Before(group, call.ended_ms, well_routed, followed)
        while self._callers:
            oldest = next(iter(self._callers))
            if call.ended_ms - self._callers[oldest].ended_ms <= max(self._repeat_ms, HOUR_MS):
                break
            del self._callers[oldest]
