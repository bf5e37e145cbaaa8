"""Host names of dialled targets, looked up beside the loop: a slow name server costs calls in progress nothing."""

import socket
import threading
from collections.abc import Callable

from edge.runtime.clock import monotonic_ms

#: Look-ups at the same time; more fail at once.
LIMIT = 8
#: A name that can't be looked up now is taken from an earlier answer of at most this age.
REMEMBERED_MS = 3_600_000
_NAMES = 256


class Resolver:
    """Answers through `post`, which must be callable from any thread. The caller keeps the deadline."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._running = 0
        self._known: dict[str, tuple[int, str]] = {}

    def look_up(self, host: str, answer: Callable[[str | None], None]) -> None:
        """Call `answer` in the loop with an IPv4 address, or None."""
        if self._running >= LIMIT:
            answer(self._remembered(host))
            return
        self._running += 1
        threading.Thread(target=self._work, args=(host, answer), name="resolver", daemon=True).start()

    def _work(self, host: str, answer: Callable[[str | None], None]) -> None:
        found: str | None = None
        try:
            answers = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)
            found = str(answers[0][4][0])
        except (OSError, UnicodeError, IndexError):
            pass
        self._post(lambda: self._done(host, found, answer))

    def _done(self, host: str, found: str | None, answer: Callable[[str | None], None]) -> None:
        self._running -= 1
        if found is not None:
            if len(self._known) >= _NAMES:
                self._known.pop(next(iter(self._known)))
            self._known[host] = (monotonic_ms(), found)
        answer(found or self._remembered(host))

    def _remembered(self, host: str) -> str | None:
        known = self._known.get(host)
        return known[1] if known is not None and monotonic_ms() - known[0] < REMEMBERED_MS else None
