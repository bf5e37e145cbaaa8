"""Which addresses of peers do not take calls just now, so that the others are tried first (RFC 3263 section 4.3).

What failed is not left out, only put last: an address that is wrongly thought dead costs one more try, never a call.
"""

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct

from edge.core.sip.actions import Flow, Transport
from edge.vocabulary.media import Address

T = TypeVar("T")

#: An address that failed is put last for so long; twice as long each time that it fails again.
FIRST_MS = 30_000
MOST_MS = 300_000
#: Most that a peer's Retry-After may make of it.
RETRY_AFTER_MS = 3_600_000
_LIMIT = 1024


class _Down(Struct):
    until_ms: int
    failures: int


class Reachability:
    """All addresses that failed."""

    def __init__(self) -> None:
        self._down: dict[tuple[Transport, Address], _Down] = {}

    def failed(self, flow: Flow, now_ms: int, retry_after_ms: int = 0) -> None:
        """Note that `flow`'s address did not take a call; `retry_after_ms`: it said when it will."""
        key = (flow.transport, flow.address)
        failures = self._down[key].failures + 1 if key in self._down else 1
        for_ms = min(RETRY_AFTER_MS, retry_after_ms) or min(MOST_MS, FIRST_MS << min(failures - 1, 8))
        self._down.pop(key, None)
        if len(self._down) >= _LIMIT:
            self._down.pop(next(iter(self._down)))
        self._down[key] = _Down(now_ms + for_ms, failures)

    def answered(self, flow: Flow) -> None:
        """Note that it is there."""
        self._down.pop((flow.transport, flow.address), None)

    def is_down(self, flow: Flow, now_ms: int) -> bool:
        """Whether its time is not over."""
        down = self._down.get((flow.transport, flow.address))
        return down is not None and now_ms < down.until_ms

    def sorted(self, found: Iterable[tuple[Flow, T]], now_ms: int) -> list[T]:
        """Put what is at addresses that failed behind the others; the order is kept otherwise."""
        both = list(found)
        return [one for down in (False, True) for flow, one in both if self.is_down(flow, now_ms) == down]
