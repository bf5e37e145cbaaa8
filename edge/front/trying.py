"""The 100s (Trying) of spans, which say no more than that an INVITE has arrived: they wait, and mostly say nothing new.

A span sends one at once, and mostly its 200 a millisecond later. Handled at once it would take the span's core from it
just when the caller waits. All that a 100 does is to stop the repeats of the INVITE, and so does what follows it.
"""

from collections.abc import Callable

from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump

#: How long one waits. Far below T1 (RFC 3261 section 17.1.1.2), after which the INVITE would be sent again.
HOLD_MS = 100
#: As many as calls can begin meanwhile; beyond it they are handled as they come.
HELD_LIMIT = 256

_RESPONSE, _TRYING = b"SIP/2.0 ", b"SIP/2.0 100 "


class Trying:
    """Holds them back. `take(data, port)` handles one; `overtaken()` is called for one that need not be."""

    def __init__(self, pump: Pump, take: Callable[[bytes, int], None], overtaken: Callable[[], None]) -> None:
        self._pump = pump
        self._take = take
        self._overtaken = overtaken
        #: By the span's port and its Via, which names the transaction.
        self._held: dict[tuple[int, bytes], bytes] = {}
        self._armed = False

    def holds(self, data: bytes, port: int) -> bool:
        """Take a message of the span at `port` in, whatever it is; True: it is a 100, and nothing is to be done now."""
        if not data.startswith(_RESPONSE):
            return False
        if not data.startswith(_TRYING):
            if self._held and self._held.pop((port, _via(data)), None) is not None:
                self._overtaken()
            return False
        if len(self._held) >= HELD_LIMIT:
            return False
        self._held[port, _via(data)] = data
        if not self._armed:
            self._armed = True
            self._pump.at(monotonic_ms() + HOLD_MS, self._release)
        return True

    def _release(self) -> None:
        self._armed = False
        held, self._held = self._held, {}
        for (port, _), data in held.items():
            self._take(data, port)


def _via(data: bytes) -> bytes:
    """Return the first header line, which the spans' stack gives to Via, alike in all responses of a transaction."""
    begin = data.find(b"\r\n") + 2
    return data[begin : data.find(b"\r\n", begin)]
