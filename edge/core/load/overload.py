"""Whether a media engine is too busy for new calls: decided before ticks slip, and with hysteresis.

A tick has 20 ms. What it takes grows with the legs, so a share of ticks that come near that limit says that the next
call would cost all others their evenness; ticks that begin late say that others take the processor from the engine.
Calls in progress go on in any case.
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

#: `seen` is to be called so often.
LOOK_MS = 500
#: What is judged: the ticks of so long a time, and of no less.
WINDOW_MS = 5000
LEAST_MS = 1000
TICK_US = 20_000
#: One in a hundred ticks beyond the limit: its p99 is there. A single one may be anybody's fault.
SHARE = 0.01
LEAST_TICKS = 3
#: Ticks that begin more than half a tick late; a machine that is shared has some.
SLIP_SHARE = 0.05
#: In most looks of the window: the pauses that a virtual machine has are over when they are seen, starving is not.
SLIP_LOOKS = 6
#: It is over when the ticks are below this share of the limit again, and none in a hundred slips.
CALM = 0.75


class Reading(NamedTuple):
    """Counters of the engine, which only grow."""

    #: Ticks by what they took, one count a bound and one for the rest.
    buckets: Sequence[int]
    #: Ticks that began more than half a tick late.
    slipped: int
    #: Work of all ticks together, nanoseconds.
    work_ns: int


class Overload:
    """Judges one engine. `bounds_us` are the upper edges of the buckets, `percent` of a tick is the limit."""

    def __init__(self, bounds_us: Sequence[int], percent: int) -> None:
        self._bounds_us = bounds_us
        self._past: deque[tuple[int, Reading]] = deque()
        #: Share of a tick that makes overload, in percent; 0: any work does.
        self.percent = percent
        #: Whether new calls should be refused.
        self.on = False
        #: Mean work of a tick in the window, as a share of it.
        self.load = 0.0

    def seen(self, reading: Reading, now_ms: int) -> bool:
        """Take the counters as they are now; returns whether `on` changed."""
        self._past.append((now_ms, reading))
        while len(self._past) > 2 and self._past[1][0] <= now_ms - WINDOW_MS:
            self._past.popleft()
        since_ms, first = self._past[0]
        ticks = sum(reading.buckets) - sum(first.buckets)
        if now_ms - since_ms < LEAST_MS or ticks <= 0:
            return False
        self.load = (reading.work_ns - first.work_ns) / (ticks * TICK_US * 1000)
        limit_us = TICK_US * self.percent / 100
        counts = [now - then for now, then in zip(reading.buckets, first.buckets, strict=True)]
        slipped = reading.slipped - first.slipped
        before = self.on
        if before:
            self.on = self._many(counts, limit_us * CALM) or slipped >= max(LEAST_TICKS, SHARE * ticks)
        else:
            slips = slipped >= max(LEAST_TICKS, SLIP_SHARE * ticks) and self._slipping_looks() >= SLIP_LOOKS
            self.on = self._many(counts, limit_us) or slips
        return self.on != before

    def _slipping_looks(self) -> int:
        """In how many looks of the window there were late ticks."""
        return sum(now.slipped > then.slipped for (_, then), (_, now) in pairwise(self._past))

    def _many(self, counts: Sequence[int], limit_us: float) -> bool:
        """Whether too many ticks took longer than the last bucket's edge that is not above `limit_us`."""
        within = sum(bound <= limit_us for bound in self._bounds_us)
        return sum(counts[within:]) >= max(LEAST_TICKS, SHARE * sum(counts))
