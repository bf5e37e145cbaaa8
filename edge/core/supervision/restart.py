"""How soon a process that failed is started again."""

from collections import deque

#: Pauses before the first, second, ... restart in a row, milliseconds. The first failure costs nothing.
PAUSES_MS = (0, 100, 500, 1000, 2000, 5000, 10_000)
#: So many failures ...
LOOP_FAILURES = 5
#: ... within this time are a crash loop.
LOOP_WINDOW_MS = 60_000
#: Pauses keep failing starts from eating the machine. Who worked for so long is started again at once.
SOUND_LIFE_MS = 10_000
#: Pause in a crash loop. The supervisor never gives up: what made the process fail may pass.
LOOP_PAUSE_MS = 10_000


class RestartPolicy:
    """Counts the failures of one process. Times are CLOCK_MONOTONIC milliseconds."""

    def __init__(self) -> None:
        self._failures: deque[int] = deque(maxlen=LOOP_FAILURES)
        self._in_a_row = 0

    def failed(self, lived_ms: int, now_ms: int) -> int:
        """Note a failure after a life of `lived_ms`; returns the pause before the next start, milliseconds."""
        if lived_ms >= SOUND_LIFE_MS:
            self._in_a_row = 0
        self._in_a_row += 1
        self._failures.append(now_ms)
        if self.is_loop(now_ms):
            return LOOP_PAUSE_MS
        return PAUSES_MS[min(self._in_a_row, len(PAUSES_MS)) - 1]

    def is_loop(self, now_ms: int) -> bool:
        """Whether the last `LOOP_FAILURES` failures all lie in the window before `now_ms`."""
        return len(self._failures) == LOOP_FAILURES and now_ms - self._failures[0] < LOOP_WINDOW_MS

    def forgive(self) -> None:
        """Forget all failures: the configuration changed."""
        self._failures.clear()
        self._in_a_row = 0
