"""Retransmission of what front sends in its own name (RFC 3261 section 17): T1 doubling up to T2, over UDP.

Requests and responses that are passed on are retransmitted by their two ends; front repeats only what it made itself.
"""

from collections.abc import Iterator

from msgspec import Struct

from edge.core.sip.actions import Flow
from edge.core.sip.dialogs import T1_MS, T2_MS, TIMEOUT_MS


class Repeat(Struct):
    """Something that is sent again until it is stopped."""

    key: str
    data: bytes
    #: A peer's flow, or a span's port.
    to: Flow | int
    next_ms: int
    interval_ms: int
    #: Not rarer than T2; an INVITE's interval doubles until it is answered (section 17.1.1.2).
    capped: bool = True


class Repeater:
    """All of them. Whoever starts one stops it: by an answer, or by the dialog's own deadline."""

    def __init__(self) -> None:
        self._running: dict[str, Repeat] = {}

    def start(
        self, key: str, data: bytes, to: Flow | int, now_ms: int, *, end_to_end: bool = False, capped: bool = True
    ) -> None:
        """Send `data` again from T1 after now on; replaces what ran under `key`. TCP and TLS do it by themselves.

        `end_to_end`: a 2xx of an INVITE, which is repeated over them, too (RFC 3261 section 13.3.1.4).
        """
        if isinstance(to, Flow) and to.reliable and not end_to_end:
            self._running.pop(key, None)
            return
        self._running[key] = Repeat(key, data, to, now_ms + T1_MS, T1_MS, capped)

    def stop(self, key: str) -> None:
        """No more of it; harmless when nothing runs."""
        self._running.pop(key, None)

    def stop_all(self, prefix: str) -> None:
        """Stop every key that begins with `prefix`."""
        for key in [key for key in self._running if key.startswith(prefix)]:
            del self._running[key]

    def due(self, now_ms: int) -> Iterator[Repeat]:
        """Yield what is to be sent now, and set its next time."""
        for repeat in list(self._running.values()):
            if repeat.next_ms <= now_ms:
                repeat.interval_ms = min(T2_MS if repeat.capped else TIMEOUT_MS, repeat.interval_ms * 2)
                repeat.next_ms = now_ms + repeat.interval_ms
                yield repeat

    def next_ms(self) -> int | None:
        """When the next one is due."""
        return min([repeat.next_ms for repeat in self._running.values()], default=None)
