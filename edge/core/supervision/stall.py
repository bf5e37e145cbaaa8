"""Whether we ourselves stood still: a machine that was paused or starved is no proof that a child hangs."""

#: `seen` is to be called so often.
LOOK_MS = 500
#: A longer gap between two looks is a stall.
GAP_MS = 1500
#: After a stall everybody gets this long to be heard again.
EXCUSE_MS = 5000


class StallWatch:
    """Fed by a periodic timer of the loop that judges others. Times are CLOCK_MONOTONIC milliseconds."""

    def __init__(self, now_ms: int) -> None:
        self._seen_ms = now_ms
        self._excused_until_ms = now_ms
        #: Stalls so far.
        self.stalls = 0

    def seen(self, now_ms: int) -> None:
        """Note that the loop turns."""
        if now_ms - self._seen_ms > GAP_MS:
            self.stalls += 1
            self._excused_until_ms = now_ms + EXCUSE_MS
        self._seen_ms = now_ms

    def excuses(self, now_ms: int) -> bool:
        """Whether silence of others up to now may be our own fault."""
        # The second half: deadlines that fell due in the gap may be looked at before the timer that feeds us.
        return now_ms < self._excused_until_ms or now_ms - self._seen_ms > GAP_MS
