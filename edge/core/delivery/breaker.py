"""When a backend is asked no more for a while: a circuit breaker, sans I/O.

While it is closed everything is asked. So many failures in a row open it: nothing is asked for a pause, so nobody waits
for what would not come. Then one question is a probe; its answer closes the breaker, its failure opens it again.
"""

from typing import Literal

BreakerState = Literal["closed", "open", "probing"]


class Breaker:
    """Of one backend. `failures` 0: it never opens."""

    def __init__(self, failures: int, pause_ms: int) -> None:
        self._failures = failures
        self._pause_ms = pause_ms
        self._in_a_row = 0
        self._until_ms = 0
        self.state: BreakerState = "closed"

    def take(self, failures: int, pause_ms: int) -> None:
        """Go on with other settings; what is known stays."""
        self._failures, self._pause_ms = failures, pause_ms
        if not failures:
            self._close()

    def admits(self, now_ms: int) -> bool:
        """Whether to ask now; who is told yes says what became of it with `came`."""
        if self.state == "open" and now_ms >= self._until_ms:
            self.state = "probing"
            return True
        return self.state == "closed"

    def came(self, answered: bool, now_ms: int) -> None:
        """Know what became of a question that was asked."""
        if answered:
            self._close()
            return
        self._in_a_row += 1
        if self.state == "probing" or (self.state == "closed" and 0 < self._failures <= self._in_a_row):
            self.state = "open"
            self._until_ms = now_ms + self._pause_ms

    def _close(self) -> None:
        self.state = "closed"
        self._in_a_row = 0
