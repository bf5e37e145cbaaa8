"""The supervisor channel, as a child sees it: typed messages over the socket pair that it inherits."""

import socket
from collections.abc import Callable
from typing import Any, cast

from edge.runtime.logs import logger
from edge.runtime.packets import MAX_MESSAGE, PacketSocket, QueueOverflowError
from edge.runtime.pump import Pump
from edge.vocabulary.supervision import (
    Beat,
    FromChild,
    Health,
    Ready,
    Replied,
    Request,
    Stop,
    ToChild,
)
from edge.vocabulary.wire import pack, unpacker

#: EX_TEMPFAIL: the supervisor is gone, and so is our reason to be.
EXIT_LOST = 75

# A message bigger than one packet (metrics, lists of calls) is sent in parts. 0xC1 is the one byte that MessagePack
# never uses, so a part can't be taken for a message.
_PART = b"\xc1\x00"
_LAST = b"\xc1\x01"
_PART_SIZE = MAX_MESSAGE - 2
#: Largest message, all parts together.
MAX_WHOLE = 8 * 1024 * 1024

# Made at the import: what a zygote has, each of its workers need not have for itself (0.6 MB).
_decode: Callable[[bytes], Any] = unpacker(cast(Any, ToChild)).decode


def split(message: bytes) -> list[bytes]:
    """Return the packets that carry `message`; itself alone when it fits. Raises ValueError above `MAX_WHOLE`."""
    if len(message) <= MAX_MESSAGE:
        return [message]
    if len(message) > MAX_WHOLE:
        raise ValueError(f"message of {len(message)} bytes; the limit is {MAX_WHOLE}")
    parts = [message[i : i + _PART_SIZE] for i in range(0, len(message), _PART_SIZE)]
    return [_PART + part for part in parts[:-1]] + [_LAST + parts[-1]]


class Joiner:
    """Puts split messages together again; one for each direction of a channel."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, packet: bytes) -> bytes | None:
        """Return the whole message when `packet` completes one. Raises ValueError above `MAX_WHOLE`."""
        if packet[:1] != b"\xc1":
            return packet
        self._parts.append(packet[2:])
        self._size += len(packet) - 2
        if self._size > MAX_WHOLE:
            raise ValueError(f"message above {MAX_WHOLE} bytes")
        if packet[:2] == _PART:
            return None
        whole = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return whole


class SupervisorChannel:
    """A child's end. With a pump `attach` is enough; others call `handle_readable` when `fileno()` is readable."""

    def __init__(self, fd: int) -> None:
        self._packets = PacketSocket(socket.socket(fileno=fd), max_waiting_bytes=2 * MAX_WHOLE)
        self._joiner = Joiner()
        self._handlers: dict[type, Callable[[Any], None]] = {}
        self._conditions: dict[str, str] = {}
        self._pump: Pump | None = None
        self._log = logger("channel")
        #: What to do when the supervisor is gone.
        self.on_lost: Callable[[], None] = _leave

    def fileno(self) -> int:
        """Return the descriptor to watch for reading."""
        return self._packets.fileno()

    def attach(self, pump: Pump) -> None:
        """Let `pump` do the reading and writing."""
        self._pump = pump
        pump.watch(self.fileno(), self.handle_readable)
        self._rearm()

    def detach(self) -> None:
        """Take it off the pump again."""
        if self._pump is not None:
            self._pump.unwatch(self.fileno())
            self._pump.unwatch_writable(self.fileno())
            self._pump = None

    def on(self, kind: type, handler: Callable[[Any], None]) -> None:
        """Call `handler` with each message of type `kind` (one of `ToChild`); one handler a type, the last counts."""
        self._handlers[kind] = handler

    def handle_readable(self) -> None:
        """Read and hand out what waits. Without a handler `Stop` exits with 0, `Request` is answered by an error."""
        self.flush()
        for packet in self._packets.receive():
            whole = self._joiner.feed(packet)
            if whole is not None:
                self._dispatch(_decode(whole))
        if self._packets.ended and self.fileno() >= 0:
            fd = self.fileno()
            if self._pump is not None:
                self._pump.unwatch(fd)
                self._pump.unwatch_writable(fd)
            self._packets.close()
            self.on_lost()

    def _dispatch(self, message: Any) -> None:
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(message)
        elif isinstance(message, Stop):
            raise SystemExit(0)
        elif isinstance(message, Request):
            self.send(Replied(message.id, b"", f"unknown request {message.what[:40]!r}"))

    def send(self, message: FromChild) -> None:
        """Send, or queue while the supervisor is busy. A supervisor that reads nothing for megabytes is lost."""
        try:
            for packet in split(pack(message)):
                self._packets.send(packet)
        except QueueOverflowError:
            self._log.error("supervisor does not read", kind=type(message).__name__)
            self.on_lost()
            return
        self._rearm()

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        self._packets.flush()
        self._rearm()

    @property
    def wants_write(self) -> bool:
        """For owners without a pump: call `flush` when the descriptor is writable."""
        return self._packets.wants_write

    def _rearm(self) -> None:
        if self._pump is None or self.fileno() < 0:
            return
        if self._packets.wants_write:
            self._pump.watch_writable(self.fileno(), self.flush)
        else:
            self._pump.unwatch_writable(self.fileno())

    def ready(self, port: int = 0) -> None:
        """Tell that the process does its job from now on; a span names its SIP port."""
        self.send(Ready(port))

    def beat(self) -> None:
        """Sign of life; call it once a second from the main loop."""
        self.send(Beat())

    def health(self, condition: str, text: str, *, note: bool = False) -> None:
        """Tell that a condition began (`text`), changed, or passed (empty); see `Health`. Only changes are sent."""
        if self._conditions.get(condition, "") == text:
            return
        self._conditions[condition] = text
        self.send(Health(condition, text, note))


def _leave() -> None:
    raise SystemExit(EXIT_LOST)
