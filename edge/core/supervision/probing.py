"""Whether the front door answers: an OPTIONS (RFC 3261 section 11) of our own over its listener, again and again.

Beats say that its loop turns; only an answer says that a peer would get one.
"""

from typing import Final

#: `asked` is to be called so often.
ASK_MS: Final = 1000
#: A front that has answered, and does not any more for so long, is to be replaced.
DEAF_MS: Final = 5000
#: Nothing has answered for so long: neither this front nor its successor; what watches us has to know.
LOST_MS: Final = 15_000
#: Datagrams of others that the kernel drops for one of ours: where it is more, ours were lost among them.
_CROWD: Final = 4


class ProbeWatch:
    """Judges by times (CLOCK_MONOTONIC, milliseconds) and by datagrams that the kernel has dropped on the listener."""

    def __init__(self, now_ms: int) -> None:
        self._answered_ms = now_ms
        self._known = False
        self._asked = 0
        self._dropped: int | None = None

    def asked(self, dropped: int) -> None:
        """Note that one more OPTIONS left; `dropped`: datagrams dropped so far."""
        self._asked += 1
        if self._dropped is None:
            self._dropped = dropped

    def answered(self, now_ms: int, dropped: int) -> None:
        """Note an answer."""
        self._answered_ms = now_ms
        self._known = True
        self._asked = 0
        self._dropped = dropped

    def excused(self, now_ms: int) -> None:
        """Begin anew: we ourselves stood still, or calls are not to be answered now."""
        self._answered_ms = max(self._answered_ms, now_ms - ASK_MS)
        self._asked = 0
        self._dropped = None

    def successor(self) -> None:
        """Another front begins: it is judged from its first answer on."""
        self._known = False

    def _crowded(self, dropped: int) -> bool:
        """Whether so much was dropped that silence proves nothing: a flood, or a full buffer."""
        return self._dropped is not None and dropped - self._dropped > _CROWD * self._asked

    def deaf(self, now_ms: int, dropped: int) -> bool:
        """Whether this front is to be replaced."""
        return self._known and now_ms - self._answered_ms >= DEAF_MS and not self._crowded(dropped)

    def lost(self, now_ms: int, dropped: int) -> bool:
        """Whether nothing answers, whoever was put there."""
        return now_ms - self._answered_ms >= LOST_MS and not self._crowded(dropped)
