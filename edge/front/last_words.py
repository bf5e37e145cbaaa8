"""What each span was sent last: when one dies by a fault of its own, its killer can be named, and its source shut out.

Messages to spans are written by the core and hold neither numbers nor keys; what could (bodies with digits, headers
that a trunk passes on) is not logged.
"""

import re
import signal
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.vocabulary.ids import Incarnation

#: Messages remembered of each span.
KEPT = 20
#: Dead spans whose messages are kept until it is known what they died of.
_DEAD = 16
#: What came longer before a death than this is not its cause.
BLAMED_MS = 2000
_SHOWN = frozenset(
    {"via", "max-forwards", "call-id", "cseq", "contact", "require", "supported", "session-expires", "min-se", "rseq",
     "rack", "retry-after", "content-type", "content-length", "x-edge-media"}
)  # fmt: skip
_HEADER = re.compile(r"([^:\r\n]+):([^\r\n]*)")

_log = logger("front")


class _Word(NamedTuple):
    at_ms: int
    #: Host that the message came from; empty: the message was front's own.
    source: str
    data: bytes


_Words = deque[_Word]


class LastWords:
    """The messages, by span."""

    def __init__(self, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._now_ms = now_ms
        self._by_port: dict[int, tuple[Incarnation, _Words]] = {}
        self._dead: OrderedDict[Incarnation, tuple[int, _Words]] = OrderedDict()

    def up(self, span: Incarnation, port: int) -> None:
        """Note that `span` lives at `port`."""
        known = self._by_port.get(port)
        if known is None or known[0] != span:
            self._by_port[port] = span, deque(maxlen=KEPT)

    def sent(self, port: int, source: str, data: bytes) -> None:
        """Note a message to the span at `port`, which `source` has led to."""
        known = self._by_port.get(port)
        if known is not None:
            known[1].append(_Word(self._now_ms(), source, data))

    def down(self, span: Incarnation) -> None:
        """Note that `span` is gone."""
        for port, (name, words) in list(self._by_port.items()):
            if name == span:
                del self._by_port[port]
                self._dead[span] = self._now_ms(), words
        while len(self._dead) > _DEAD:
            self._dead.popitem(last=False)

    def died(self, span: Incarnation, number: int) -> str:
        """Log what `span` was sent last; return who sent the very last of it, empty when that was long before."""
        self.down(span)
        at_ms, words = self._dead.pop(span, (0, None))
        if not words:
            return ""
        _log.error("span died of a signal", span=span, signal=signal.Signals(number).name, messages=len(words))
        for word in words:
            _log.warning(
                "message before the death",
                span=span,
                before_ms=at_ms - word.at_ms,
                source=word.source,
                message=redacted(word.data),
            )
        last = next((word for word in reversed(words) if word.source), None)
        return last.source if last is not None and at_ms - last.at_ms <= BLAMED_MS else ""


def redacted(data: bytes) -> str:
    """Show a message without what may be personal."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode(errors="replace").split("\r\n")
    shown = [lines[0]]
    for line in lines[1:]:
        match = _HEADER.fullmatch(line)
        if match is not None:
            shown.append(line if match[1].strip().lower() in _SHOWN else f"{match[1]}: ...")
    if body:
        shown.append(body.decode(errors="replace") if body.startswith(b"v=0") else f"<{len(body)} bytes>")
    return " | ".join(shown).replace("\r\n", " | ")
