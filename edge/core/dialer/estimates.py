"""What a dialer has learnt of its callees and agents: who answers and when, and when an agent is done.

Both are kept as histograms that forget, so no shape of distribution is supposed: a talk of a script that always takes
40 s is forecast as well as one that may take an hour. Before there is anything to know the site's own numbers count.
"""

import math
from itertools import accumulate

from msgspec import Struct

from edge.core.dialer.ages import Ages


class AnswerEstimate:
    """How many attempts a person answers, and after how long, by the attempts of the last time.

    An attempt ends either live (a person has answered, and the detector of answering machines, if any, has said so) or
    otherwise: busy, machine, nobody. Which of both comes first, by age of the attempt, is all that a forecast needs
    (competing risks).
    """

    CELL_MS = 1000
    CELLS = 64
    #: Attempts after which what was seen counts half: for when an answer comes, and for how many there are.
    SHAPE_HALF, SLOW_HALF, FAST_HALF = 2000, 700, 60
    #: The last attempts differ from those before them when they do by so many standard errors.
    CHANGED = 3.0
    _SLOW_MOST, _FAST_MOST = SLOW_HALF / math.log(2), FAST_HALF / math.log(2)
    _BLOCK = 64

    def __init__(self, *, rate: float, ring_ms: int, limit_ms: int, weight: float = 20.0) -> None:
        self.attempts = self.answers = 0
        self._live = [0.0] * self.CELLS
        self._other = [0.0] * self.CELLS
        self._live[min(ring_ms // self.CELL_MS, self.CELLS - 1)] = weight * rate
        self._other[min(limit_ms // self.CELL_MS, self.CELLS - 1)] = weight * (1 - rate)
        self._slow = self._fast = rate
        self._slow_weight = self._fast_weight = weight

    def ended(self, lasted_ms: int, *, live: bool) -> bool:
        """Learn from an attempt that is over, or has found a person; return whether that made much that is new."""
        cell = lasted_ms // self.CELL_MS
        if not 0 <= cell < self.CELLS:
            cell = 0 if cell < 0 else self.CELLS - 1
        self.attempts += 1
        if live:
            self.answers += 1
            self._live[cell] += 1.0
        else:
            self._other[cell] += 1.0
        if self._slow_weight < self._SLOW_MOST:
            self._slow_weight += 1
            self._fast_weight = min(self._slow_weight, self._FAST_MOST)
        self._slow += (live - self._slow) / self._slow_weight
        self._fast += (live - self._fast) / self._fast_weight
        if self.attempts % self._BLOCK:
            return False
        keep = 0.5 ** (self._BLOCK / self.SHAPE_HALF)
        self._live = [one * keep for one in self._live]
        self._other = [one * keep for one in self._other]
        return True

    @property
    def changed(self) -> bool:
        """Whether the last attempts were answered otherwise than chance lets those before them expect."""
        error = math.sqrt(max(self._slow * (1 - self._slow), 1e-4) / (2 * self._fast_weight))
        return abs(self._fast - self._slow) > self.CHANGED * error

    @property
    def rate(self) -> float:
        """Share of attempts that a person answers, 0 to 1: of the last hundred or so where it has just changed."""
        return min(max(self._fast if self.changed else self._slow, 1e-4), 1 - 1e-4)

    def curves(self) -> tuple[list[float], list[float]]:
        """Return, by age in cells: answers before that age, and attempts that get so old, as shares of all attempts."""
        live, other = sum(self._live), sum(self._other)
        rate = self.rate
        lives = [one * rate / max(live, 1e-9) for one in self._live]
        others = [one * (1 - rate) / max(other, 1e-9) for one in self._other]
        before = [0.0, *accumulate(lives)]
        gone = [0.0, *accumulate(map(float.__add__, lives, others))]
        return before, [max(1 - one, 1e-9) for one in gone]

    def quantile_cells(self, share: float) -> int:
        """Return the age, in cells and at least 1, by which this share of answers has come."""
        wanted, found = share * sum(self._live), 0.0
        for cell, count in enumerate(self._live):
            found += count
            if found >= wanted:
                return cell + 1
        return self.CELLS


class SpanEstimate:
    """How long something lasts (a talk, the work after it), from spans that have ended and those that go on.

    Spans that go on are counted as not ended yet (a product-limit estimate), so the first ones to end, which are the
    short ones, do not make it too short.
    """

    HALF = 500
    _BLOCK = 32

    def __init__(self, *, cell_ms: int, cells: int, mean_ms: int, weight: float = 10.0) -> None:
        self.cell_ms = cell_ms
        self.cells = cells
        self.seen = 0
        self._ended = [0.0] * cells
        self._sum_ms, self._count = weight * mean_ms, weight
        self._prior = weight

    def ended(self, lasted_ms: int) -> bool:
        """Learn from a span that is over; return whether that made much that is new."""
        self.seen += 1
        self._ended[min(max(lasted_ms, 0) // self.cell_ms, self.cells - 1)] += 1.0
        self._sum_ms += max(lasted_ms, 0)
        self._count += 1
        if self.seen % self._BLOCK:
            return False
        keep = 0.5 ** (self._BLOCK / self.HALF)
        self._ended = [one * keep for one in self._ended]
        self._sum_ms *= keep
        self._count *= keep
        return True

    @property
    def mean_ms(self) -> float:
        """Mean of those that have ended, with the site's own number at first."""
        return self._sum_ms / self._count

    def hazards(self, going_on: Ages) -> list[float]:
        """Return the chance per cell, by age in cells, that what has become so old ends there.

        Ages that few have reached count as the mean of all, more so the fewer they were.
        """
        base = self.cell_ms / max(self.mean_ms, 1.0)
        risk = [0.0] * self.cells
        older = 0.0
        for cell in range(self.cells - 1, -1, -1):
            ended = self._ended[cell]
            risk[cell] = older + ended / 2
            older += ended + (going_on.counts[cell] if cell < len(going_on.counts) else 0)
        weight = min(self._prior, 2.0)
        return [(ended + weight * base) / (exposed + weight) for ended, exposed in zip(self._ended, risk, strict=True)]


class Horizon(Struct, frozen=True):
    """A moment at which a call that is dialled now may be answered, and what is forecast until then."""

    #: Share of new calls answered until then.
    fresh: float
    #: Share of calls under way that are answered until then, by their age; older ones are not answered any more.
    reach: list[float]
    #: Share of agents in wrap-up who are free until then, or so soon that a callee waits for them, by age; and share
    #: times its complement, whose sum is a variance.
    wrapped: list[float]
    wrapped_variance: list[float]
    #: Same of those who talk.
    talked: list[float]


def horizon(
    answers: AnswerEstimate, talk: list[float], wrap: list[float], *, share: float, patience_ms: int, talk_cell_ms: int
) -> Horizon:
    """Forecast until `share` of the answers to a new call have come.

    `talk` and `wrap` are hazards by age (of `talk_cell_ms`, and of a second); a callee waits for `patience_ms`.
    """
    cells = answers.quantile_cells(share)
    before, reached = answers.curves()
    last = len(before) - 1
    reach = [(before[min(age + cells, last)] - before[age]) / reached[age] for age in range(last)]
    while len(reach) > 1 and not reach[-1]:
        reach.pop()
    free_in = cells * AnswerEstimate.CELL_MS / 1000 + patience_ms / 1000
    risks = [0.0, *accumulate(wrap)]

    def risk(age_s: float) -> float:
        whole = int(age_s)
        if whole >= len(wrap):
            return risks[-1] + wrap[-1] * (age_s - len(wrap))
        return risks[whole] + wrap[whole] * (age_s - whole)

    # In the middle of its second: that is where one whose age is known to the second is on the average.
    wrapped = [1 - math.exp(risk(age + 0.5) - risk(age + 0.5 + free_in)) for age in range(len(wrap))]
    # A talk that ends at any moment until then leaves time for the work after it: how much of it is done, on the whole.
    done = sum(1 - math.exp(-risk(second + 0.5)) for second in range(int(free_in)))
    talked = [1 - math.exp(-one * done * 1000 / talk_cell_ms) for one in talk]
    return Horizon(reach[0], reach, wrapped, [one * (1 - one) for one in wrapped], talked)
