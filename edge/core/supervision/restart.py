"""How soon a process that failed is started again."""

from collections import deque
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Ladder:
    """How patient we are with one kind of process; see the constants."""

    pauses_ms: tuple[int, ...] = PAUSES_MS
    loop_failures: int = LOOP_FAILURES
    loop_pause_ms: int = LOOP_PAUSE_MS


#: While a media engine is away every conversation is silent, and a fork of its zygote costs milliseconds: it comes back
#: at once, again and again. One that can't live is slowed, too, but never so much that a call would be given up for it.
MEDIA = Ladder(pauses_ms=(*[0] * 8, 100, 200, 500, 1000), loop_failures=12, loop_pause_ms=2000)


class RestartPolicy:
    """Counts the failures of one process. Times are CLOCK_MONOTONIC milliseconds."""

    def __init__(self, ladder: Ladder | None = None) -> None:
        self._ladder = ladder if ladder is not None else Ladder()
        self._failures: deque[int] = deque(maxlen=self._ladder.loop_failures)
        self._in_a_row = 0

    def failed(self, lived_ms: int, now_ms: int) -> int:
        """Note a failure after a life of `lived_ms`; returns the pause before the next start, milliseconds."""
        if lived_ms >= SOUND_LIFE_MS:
            self._in_a_row = 0
        self._in_a_row += 1
        self._failures.append(now_ms)
        if self.is_loop(now_ms):
            return self._ladder.loop_pause_ms
        pauses_ms = self._ladder.pauses_ms
        return pauses_ms[min(self._in_a_row, len(pauses_ms)) - 1]

    def is_loop(self, now_ms: int) -> bool:
        """Whether the last failures, as many as make a loop, all lie in the window before `now_ms`."""
        return len(self._failures) == self._failures.maxlen and now_ms - self._failures[0] < LOOP_WINDOW_MS

    def forgive(self) -> None:
        """Forget all failures: the configuration changed."""
        self._failures.clear()
        self._in_a_row = 0
