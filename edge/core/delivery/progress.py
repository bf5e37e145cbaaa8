"""What of an outbox a sink is done with: a contiguous cursor and the ranges done ahead of it."""

from bisect import bisect_right


class Progress:
    """Set of finished outbox sequences, kept as a cursor and disjoint ranges above it.

    Everything up to and including `cursor` is finished. `ahead` holds what was finished beyond it, as sorted inclusive
    `[first, last]` pairs that neither touch each other nor the cursor; there are at most as many pairs as there are
    unfinished events below the highest finished one, however long one unfinished event holds the cursor back.
    """

    def __init__(self, cursor: int = 0, ahead: list[list[int]] | None = None) -> None:
        self._cursor = cursor
        self._ahead: list[list[int]] = []
        for first, last in sorted(ahead or []):
            self.finish_range(first, last)

    @property
    def cursor(self) -> int:
        """The last sequence with nothing unfinished at or below it."""
        return self._cursor

    @property
    def ahead(self) -> list[list[int]]:
        """A copy of the inclusive ranges above the cursor."""
        return [list(pair) for pair in self._ahead]

    def __contains__(self, sequence: int) -> bool:
        if sequence <= self._cursor:
            return True
        at = bisect_right(self._ahead, sequence, key=lambda pair: pair[0]) - 1
        return at >= 0 and sequence <= self._ahead[at][1]

    def finish(self, sequence: int) -> None:
        """Mark one sequence as finished; again is fine."""
        self.finish_range(sequence, sequence)

    def finish_range(self, first: int, last: int) -> None:
        """Mark all of `first..last` (inclusive) as finished. An empty range is fine."""
        if last < first or last <= self._cursor:
            return
        ranges = self._ahead
        # The run of ranges that overlap or touch first..last becomes one with it.
        start = bisect_right(ranges, first - 1, key=lambda pair: pair[1]) if ranges else 0
        if start and ranges[start - 1][1] == first - 1:
            start -= 1
        end = bisect_right(ranges, last + 1, key=lambda pair: pair[0])
        if start < end:
            first, last = min(first, ranges[start][0]), max(last, ranges[end - 1][1])
        ranges[start:end] = [[first, last]]
        if ranges[0][0] <= self._cursor + 1:
            self._cursor = ranges.pop(0)[1]
