"""The 100s (Trying) of a call's first moment: they wait, and mostly what follows at once makes them needless.

From a span: one comes at once, and mostly the 200 a millisecond later. Handled at once it would take the span's core
from it just when the caller waits. All that it does is to stop the repeats of the INVITE, and so does what follows it.

To a peer: it need not be sent when another response follows within 200 ms (RFC 3261 section 17.2.1).
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump

#: How long one waits: below the 200 ms of RFC 3261, far below T1, after which the INVITE would be sent again.
HOLD_MS = 100
#: As many as calls can begin meanwhile; beyond it they are not held.
HELD_LIMIT = 256

_RESPONSE, _TRYING = b"SIP/2.0 ", b"SIP/2.0 100 "

T = TypeVar("T", bound=Hashable)


class Trying(Generic[T]):
    """Holds those of one direction. `release(data, end)` goes on with one; `overtaken()` is called for the others."""

    def __init__(
        self, pump: Pump, release: Callable[[bytes, T], None], overtaken: Callable[[], None] = lambda: None
    ) -> None:
        self._pump = pump
        self._go_on = release
        self._overtaken = overtaken
        #: By the other end and the first Via, which names the transaction.
        self._held: dict[tuple[T, bytes], bytes] = {}
        self._armed = False

    def holds(self, data: bytes, end: T) -> bool:
        """Look at a message from or to `end`, whatever it is; True: it is a 100, and nothing is to be done now."""
        if not data.startswith(_RESPONSE):
            return False
        if not data.startswith(_TRYING):
            if self._held and self._held.pop((end, _via(data)), None) is not None:
                self._overtaken()
            return False
        if len(self._held) >= HELD_LIMIT:
            return False
        self._held[end, _via(data)] = data
        if not self._armed:
            self._armed = True
            self._pump.at(monotonic_ms() + HOLD_MS, self._release)
        return True

    def _release(self) -> None:
        self._armed = False
        held, self._held = self._held, {}
        for (end, _), data in held.items():
            self._go_on(data, end)


def _via(data: bytes) -> bytes:
    """Return the first header line: the spans' stack and we begin with Via, alike in all responses of a transaction."""
    begin = data.find(b"\r\n") + 2
    return data[begin : data.find(b"\r\n", begin)]
