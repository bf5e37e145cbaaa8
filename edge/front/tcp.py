"""TCP connections of peers: framing, limits, and connections of our own where none is open (RFC 3261 section 18)."""

import socket
from collections.abc import Callable

from edge.core.sip.actions import Flow
from edge.core.sip.stream import Frame, Lost, Piece, Ping, StreamReader
from edge.metrics.front import FrontMetrics
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address

PER_SOURCE = 20
CONNECTIONS = 1000
ACCEPTED_PER_TURN = 32
READ_SIZE = 16_384
WRITE_LIMIT = 65_536
#: An incomplete message, or a connection without its first one, is given up after this.
INCOMPLETE_MS = 10_000
CONNECT_MS = 5_000
IDLE_MS = 3_600_000


class Connection:
    """One connection and what waits on it."""

    def __init__(self, number: int, sock: socket.socket, address: Address, *, open_: bool) -> None:
        self.number = number
        self.sock = sock
        self.address = address
        self.open = open_
        self.reader = StreamReader()
        self.waiting = bytearray()
        self.closing = False
        self.deadline_ms = monotonic_ms() + (INCOMPLETE_MS if open_ else CONNECT_MS)


class TcpSide:
    """All connections. `on_frame` gets whole messages; `on_failed` an address that can't be connected to."""

    def __init__(
        self,
        pump: Pump,
        listener: socket.socket,
        metrics: FrontMetrics,
        *,
        known: Callable[[str], bool],
        on_frame: Callable[[bytes, Flow], None],
        on_failed: Callable[[Address], None],
    ) -> None:
        self._pump = pump
        self._listener = listener
        self._metrics = metrics
        self._known = known
        self._on_frame = on_frame
        self._on_failed = on_failed
        self._connections: dict[int, Connection] = {}
        self._by_address: dict[Address, int] = {}
        self._per_source: dict[str, int] = {}
        self._last = 0
        self._host = listener.getsockname()[0]
        listener.setblocking(False)

    def start(self) -> None:
        """Take connections from now on."""
        self._pump.watch(self._listener.fileno(), self._accept)

    def __len__(self) -> int:
        return len(self._connections)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            host = peer[0]
            full = len(self._connections) >= CONNECTIONS or self._per_source.get(host, 0) >= PER_SOURCE
            if full or not self._known(host):
                self._metrics.dropped.labels("tcp_limit" if full else "stranger").inc()
                sock.close()
                continue
            self._add(sock, Address(host, peer[1]), open_=True)

    def _add(self, sock: socket.socket, address: Address, *, open_: bool) -> Connection:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._last += 1
        connection = Connection(self._last, sock, address, open_=open_)
        self._connections[self._last] = connection
        self._by_address[address] = self._last
        self._per_source[address.host] = self._per_source.get(address.host, 0) + 1
        if open_:
            self._pump.watch(sock.fileno(), lambda: self._read(connection))
        return connection

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        flow = Flow("tcp", connection.address, connection.number)
        was_complete = not connection.reader.incomplete
        pieces = connection.reader.feed(data)
        self._hand_out(connection, pieces, flow)
        if connection.closing:
            self._flush(connection)
        elif not connection.reader.incomplete:
            connection.deadline_ms = monotonic_ms() + IDLE_MS
        elif pieces or was_complete:
            # Counted from the message's first octet: one octet now and then must not hold it for ever.
            connection.deadline_ms = monotonic_ms() + INCOMPLETE_MS

    def _hand_out(self, connection: Connection, pieces: list[Piece], flow: Flow) -> None:
        for piece in pieces:
            if isinstance(piece, Frame):
                self._on_frame(piece.data, flow)
            elif isinstance(piece, Ping):
                self._write(connection, b"\r\n")
            elif isinstance(piece, Lost):
                self._on_frame(piece.data, flow)
                connection.closing = True

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the flow's connection, on another one to the same address, or on a new one."""
        connection = self._connections.get(flow.connection)
        if connection is None:
            connection = self._connections.get(self._by_address.get(flow.address, 0)) or self._connect(flow.address)
        if connection is not None:
            self._write(connection, data)

    def _connect(self, address: Address) -> Connection | None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            # Peers know us by the listener's address.
            sock.bind((self._host, 0))
            sock.connect((address.host, address.port))
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            self._failed(address)
            return None
        connection = self._add(sock, address, open_=False)
        self._pump.watch_writable(sock.fileno(), lambda: self._connected(connection))
        return connection

    def _connected(self, connection: Connection) -> None:
        if connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._close(connection)
            return
        connection.open = True
        connection.deadline_ms = monotonic_ms() + IDLE_MS
        self._pump.unwatch_writable(connection.sock.fileno())
        self._pump.watch(connection.sock.fileno(), lambda: self._read(connection))
        self._flush(connection)

    def _failed(self, address: Address) -> None:
        self._metrics.faults.labels("connect").inc()
        # Not from within `send`: the core is in the middle of its actions there.
        self._pump.at(monotonic_ms(), lambda: self._on_failed(address))

    def _write(self, connection: Connection, data: bytes) -> None:
        if len(connection.waiting) + len(data) > WRITE_LIMIT:
            self._metrics.dropped.labels("tcp_limit").inc()
            self._close(connection)
            return
        connection.waiting += data
        if connection.open and not connection.closing:
            self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        if connection.number not in self._connections:
            return
        try:
            while connection.waiting:
                sent = connection.sock.send(connection.waiting)
                del connection.waiting[:sent]
        except BlockingIOError:
            self._pump.watch_writable(connection.sock.fileno(), lambda: self._flush(connection))
            return
        except OSError:
            self._close(connection)
            return
        self._pump.unwatch_writable(connection.sock.fileno())
        if connection.closing:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        if self._connections.pop(connection.number, None) is None:
            return
        if self._by_address.get(connection.address) == connection.number:
            del self._by_address[connection.address]
        host = connection.address.host
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
        self._pump.unwatch(connection.sock.fileno())
        self._pump.unwatch_writable(connection.sock.fileno())
        connection.sock.close()
        if not connection.open:
            self._failed(connection.address)

    def sweep(self, now_ms: int) -> None:
        """Close what is over its deadline; called about once a second."""
        for connection in [c for c in self._connections.values() if c.deadline_ms <= now_ms]:
            self._metrics.dropped.labels("tcp_timeout").inc()
            self._close(connection)
