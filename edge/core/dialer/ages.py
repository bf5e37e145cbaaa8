"""How long several things have been going on: counted in cells of age, so that a forecast over hundreds is one sum."""

from collections import deque
from collections.abc import Iterable


class Ages:
    """Counts of what goes on, by age: cell `n` has what began in the n-th cell of time before this one.

    What is older than the last cell stays in the last one. Moments are milliseconds of any one clock.
    """

    __slots__ = ("_cell_ms", "_last", "_newest", "counts", "total")

    def __init__(self, cell_ms: int, cells: int) -> None:
        self._cell_ms = cell_ms
        self._last = cells - 1
        #: Number of the cell of time that `counts[0]` stands for.
        self._newest = 0
        self.counts: deque[int] = deque([0] * cells, cells)
        self.total = 0

    @classmethod
    def of(cls, begins_ms: Iterable[int], now_ms: int, *, cell_ms: int, cells: int) -> "Ages":
        """Count what began at these moments."""
        found = cls(cell_ms, cells)
        found.advance(now_ms)
        for begin_ms in begins_ms:
            found.add(begin_ms)
        return found

    def advance(self, now_ms: int) -> None:
        """Let everything become as old as it is at `now_ms`; a clock that goes back changes nothing."""
        newest = now_ms // self._cell_ms
        behind = newest - self._newest
        if behind <= 0:
            return
        self._newest = newest
        counts = self.counts
        if not self.total:
            return
        for _ in range(min(behind, len(counts))):
            oldest = counts.pop()
            counts[-1] += oldest
            counts.appendleft(0)

    def add(self, begin_ms: int) -> None:
        """Count one more, which began then; what begins after the last `advance` counts as if it began there."""
        place = self._newest - begin_ms // self._cell_ms
        self.counts[0 if place < 0 else min(place, self._last)] += 1
        self.total += 1

    def remove(self, begin_ms: int) -> None:
        """Count one less, which was added with this moment."""
        place = self._newest - begin_ms // self._cell_ms
        self.counts[0 if place < 0 else min(place, self._last)] -= 1
        self.total -= 1
