"""When in its tick an engine sends: late enough that its work is done by then, so that packets leave evenly.

Before that instant a tick receives, mixes and encodes. With many legs that takes longer than the usual offset, and then
each tick would send when it happens to be ready: unevenly. A later instant is even again, and costs that much delay.
"""

USUAL_MS = 4
MOST_MS = 12
#: What is judged at a time, and how many of its ticks may send late because of their own work.
PERIOD_MS = 5000
SHARE = 0.01
#: After so long without late sends a step back is tried; each step that was wrong doubles the time.
CALM_MS = 60_000
LONGEST_CALM_MS = 3_600_000


class SendOffset:
    """Chooses the offset of one engine, in steps of a millisecond. Times are CLOCK_MONOTONIC milliseconds."""

    def __init__(self, offset_ms: int = USUAL_MS) -> None:
        self.offset_ms = min(max(offset_ms, USUAL_MS), MOST_MS)
        self._since: tuple[int, int, int] | None = None
        self._calm_ms = CALM_MS
        self._changed_ms = 0
        self._lowered = False

    def seen(self, ticks: int, late: int, now_ms: int) -> bool:
        """Take the counters: ticks, and those that sent late though they began in time. Whether the offset changed."""
        if self._since is None:
            self._since, self._changed_ms = (now_ms, ticks, late), now_ms
        since_ms, ticks_before, late_before = self._since
        if now_ms - since_ms < PERIOD_MS:
            return False
        self._since = (now_ms, ticks, late)
        before = self.offset_ms
        if late - late_before > SHARE * (ticks - ticks_before):
            if self._lowered:
                self._calm_ms = min(2 * self._calm_ms, LONGEST_CALM_MS)
            self.offset_ms, self._lowered = min(before + 1, MOST_MS), False
            self._changed_ms = now_ms
        elif before > USUAL_MS and now_ms - self._changed_ms >= self._calm_ms:
            self.offset_ms, self._lowered = before - 1, True
            self._changed_ms = now_ms
        return self.offset_ms != before
