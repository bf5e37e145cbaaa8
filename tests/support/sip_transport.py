"""UDP and TCP for the test phone: one thread, one port of both, retransmissions by timer (RFC 3261 17, T1 = 500 ms)."""

import contextlib
import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.sip_wire import Message, parse, split_stream

T1_S = 0.5
T2_S = 4.0
#: 64 T1: a request or a 200 without answer is given up.
GIVE_UP_S = 32.0

Source = tuple[str, int]


@dataclass
class Repeating:
    """A message that is sent again until `stop`."""

    data: bytes
    target: Source
    on_timeout: Callable[[], None]
    capped: bool
    started_s: float = field(default_factory=time.monotonic)
    interval_s: float = T1_S
    over: bool = False

    def stop(self) -> None:
        self.over = True


class Transport:
    """Calls `on_message(message, source)` in its thread for all that arrives; `send` works from any thread."""

    def __init__(self, address: str, port: int, kind: str, on_message: Callable[[Message, Source], None]) -> None:
        self.kind = kind
        self._on_message = on_message
        self._udp, self._listener = _bind(address, port)
        self.address, self.port = self._udp.getsockname()
        #: Everything sent and received, for messages of failing tests.
        self.trace: list[tuple[float, str, str]] = []
        self._streams: dict[Source, socket.socket] = {}
        self._buffers: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._timers: list[tuple[float, int, Repeating]] = []
        self._order = itertools.count()
        self._lock = threading.RLock()
        self._open = True
        for sock in (self._udp, self._listener, self._wake):
            self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"sip {address}:{self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the sockets; closing again does nothing."""
        if not self._open:
            return
        self._open = False
        self._waker.send(b"x")
        self._thread.join(5)
        for sock in (self._udp, self._listener, self._wake, self._waker, *self._streams.values()):
            sock.close()
        self._selector.close()

    def send(self, message: Message, target: Source) -> None:
        """Send once."""
        self._note(f"> {target[0]}:{target[1]}", message)
        self._transmit(message.encode(), target)

    def send_repeatedly(
        self, message: Message, target: Source, on_timeout: Callable[[], None], *, capped: bool = True
    ) -> Repeating:
        """Send, over UDP again and again until `stop` or `GIVE_UP_S`. `capped`: intervals grow to T2 only."""
        self.send(message, target)
        repeating = Repeating(message.encode(), target, on_timeout, capped)
        self._schedule(repeating)
        return repeating

    def _schedule(self, repeating: Repeating) -> None:
        with self._lock:
            heapq.heappush(self._timers, (time.monotonic() + repeating.interval_s, next(self._order), repeating))
        self._waker.send(b"x")

    def _transmit(self, data: bytes, target: Source) -> None:
        with contextlib.suppress(OSError):  # nobody listens: the sender's timer will tell
            if self.kind == "udp":
                self._udp.sendto(data, target)
            else:
                self._stream(target).sendall(data)

    def _stream(self, target: Source) -> socket.socket:
        with self._lock:
            stream = self._streams.get(target)
            if stream is None:
                stream = socket.create_connection(target, timeout=5, source_address=(self.address, 0))
                self._add(stream, target)
            return stream

    def _add(self, stream: socket.socket, target: Source) -> None:
        self._streams[target] = stream
        self._buffers[stream] = b""
        self._selector.register(stream, selectors.EVENT_READ)
        self._waker.send(b"x")

    def _run(self) -> None:
        while self._open:
            for key, _ in self._selector.select(self._pause_s()):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._wake:
                    sock.recv(4096)
                elif sock is self._udp:
                    data, source = sock.recvfrom(65536)
                    self._arrived(data, source)
                elif sock is self._listener:
                    stream, source = sock.accept()
                    with self._lock:
                        self._add(stream, source)
                else:
                    self._read(sock)
            self._fire()

    def _pause_s(self) -> float | None:
        with self._lock:
            return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            with self._lock:
                repeating = heapq.heappop(self._timers)[2]
            if repeating.over:
                continue
            if now - repeating.started_s >= GIVE_UP_S:
                repeating.over = True
                repeating.on_timeout()
                continue
            if self.kind == "udp":
                self._transmit(repeating.data, repeating.target)
            doubled = repeating.interval_s * 2
            repeating.interval_s = min(doubled, T2_S) if repeating.capped else doubled
            self._schedule(repeating)

    def _read(self, stream: socket.socket) -> None:
        try:
            data = stream.recv(65536)
        except OSError:
            data = b""
        source = next((s for s, known in self._streams.items() if known is stream), ("", 0))
        if not data:
            with self._lock:
                self._selector.unregister(stream)
                self._streams.pop(source, None)
                del self._buffers[stream]
            stream.close()
            return
        messages, self._buffers[stream] = split_stream(self._buffers[stream] + data)
        for message in messages:
            self._arrived(message, source)

    def _arrived(self, data: bytes, source: Source) -> None:
        message = parse(data)
        if message is not None:
            self._note(f"< {source[0]}:{source[1]}", message)
            self._on_message(message, source)

    def _note(self, where: str, message: Message) -> None:
        self.trace.append((time.monotonic(), where, message.start))


def _bind(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a TCP listener of the same port; any free one for port 0."""
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            udp.bind((address, port))
            listener.bind((address, udp.getsockname()[1]))
            listener.listen(16)
        except OSError:
            udp.close()
            listener.close()
            if port:
                raise
        else:
            return udp, listener
    raise OSError(f"no port free in both UDP and TCP on {address}")
