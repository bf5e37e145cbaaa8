"""TCP and TLS connections of peers: framing, limits, and connections of our own where none is open.

RFC 3261 section 18; a TLS connection that the peer opened is used for our requests, too, when it asks for that and has
shown who it is (RFC 5923).
"""

import contextlib
import socket
from collections.abc import Callable
from functools import partial

from edge.core.sip.actions import Flow, Transport
from edge.core.sip.stream import Frame, Lost, Piece, Ping, StreamReader
from edge.front.certificates import Certificates
from edge.front.tls import TlsBrokenError, TlsLayer
from edge.metrics.front import FrontMetrics
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address
from edge.vocabulary.site_events import SecurityCause

PER_SOURCE = 20
CONNECTIONS = 1000
ACCEPTED_PER_TURN = 32
READ_SIZE = 16_384
WRITE_LIMIT = 65_536
#: An incomplete message, or a connection without its first one, is given up after this (looked at twice a second, so
#: within 10 s).
INCOMPLETE_MS = 9_000
CONNECT_MS = 5_000
HANDSHAKE_MS = 5_000
#: Handshakes at the same time: each costs some milliseconds, and messages wait meanwhile.
HANDSHAKES = 64
HANDSHAKES_PER_SOURCE = 8
IDLE_MS = 3_600_000
#: A silent connection is asked after so many seconds, then so often (seconds), and given up after so many questions.
KEEP_ALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}


#: Trunk whose TLS settings a connection has, and name that its certificate was asked for; both empty over TCP.
Whose = tuple[str, str]
#: A connection is used again for the same of these: who expects another certificate gets another connection.
Key = tuple[Transport, Address, Whose]
_NOBODY: Whose = ("", "")


class Connection:
    """One connection and what waits on it."""

    def __init__(
        self, number: int, sock: socket.socket, address: Address, *, open_: bool, layer: TlsLayer | None, whose: Whose
    ) -> None:
        self.number = number
        self.sock = sock
        self.address = address
        self.open = open_
        self.layer = layer
        self.whose = whose
        self.reader = StreamReader()
        self.waiting = bytearray()
        self.closing = False
        #: Accepted, and no whole message has come on it.
        self.fresh = open_
        self.deadline_ms = monotonic_ms() + (CONNECT_MS if not open_ else HANDSHAKE_MS if layer else INCOMPLETE_MS)

    @property
    def transport(self) -> Transport:
        """What is spoken on it."""
        return "tls" if self.layer is not None else "tcp"

    @property
    def shaking(self) -> bool:
        """A TLS handshake is under way."""
        return self.layer is not None and not self.layer.open

    @property
    def accepted(self) -> bool:
        """The peer has opened it (TLS only)."""
        return self.layer is not None and self.layer.server_side

    def key(self, address: Address) -> Key:
        """Return what it is found by for messages to `address`."""
        return self.transport, address, self.whose


class TcpSide:
    """All connections.

    `on_frame` gets whole messages; `on_failed` an address that can't be connected to, `on_lost` the number of a
    connection that was open.
    """

    def __init__(
        self,
        pump: Pump,
        listeners: list[tuple[Transport, socket.socket]],
        metrics: FrontMetrics,
        certificates: Certificates,
        *,
        known: Callable[[str], bool],
        trunk_of: Callable[[str], str],
        on_frame: Callable[[bytes, Flow], None],
        on_failed: Callable[[Address], None],
        on_lost: Callable[[int], None],
        on_suspicion: Callable[[str, SecurityCause], None],
    ) -> None:
        self._pump = pump
        self._listeners = listeners
        self._metrics = metrics
        self._certificates = certificates
        self._trunk_of = trunk_of
        self._known = known
        self._on_frame = on_frame
        self._on_failed = on_failed
        self._on_lost = on_lost
        self._on_suspicion = on_suspicion
        self._connections: dict[int, Connection] = {}
        self._by_key: dict[Key, int] = {}
        self._per_source: dict[str, int] = {}
        self._last = 0
        #: Peers know us by the listener's address of their family.
        self._hosts = {listener.family: str(listener.getsockname()[0]) for _, listener in listeners}
        for _, listener in listeners:
            listener.setblocking(False)

    def start(self) -> None:
        """Take connections from now on."""
        for transport, listener in self._listeners:
            self._pump.watch(listener.fileno(), partial(self._accept, transport, listener))

    def __len__(self) -> int:
        return len(self._connections)

    def _accept(self, transport: Transport, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                sock, peer = listener.accept()
            except OSError:
                return
            host = peer[0]
            full = len(self._connections) >= CONNECTIONS or self._per_source.get(host, 0) >= PER_SOURCE
            if full or not self._known(host):
                self._metrics.dropped.labels("tcp_limit" if full else "stranger").inc()
                sock.close()
                self._on_suspicion(host, "connections" if full else "stranger")
                continue
            if transport == "tcp":
                self._add(sock, Address(host, peer[1]), open_=True)
            else:
                self._accept_tls(sock, Address(host, peer[1]))

    def _accept_tls(self, sock: socket.socket, address: Address) -> None:
        trunk = self._trunk_of(address.host)
        shaking = [one.address.host for one in self._connections.values() if one.shaking]
        if len(shaking) >= HANDSHAKES or shaking.count(address.host) >= HANDSHAKES_PER_SOURCE:
            self._metrics.dropped.labels("tls_limit").inc()
            sock.close()
        elif (layer := self._certificates.server(trunk)) is not None:
            self._add(sock, address, open_=True, layer=layer, whose=(trunk, ""))
        else:
            self._metrics.handshakes.labels("failed").inc()
            sock.close()

    def _add(
        self,
        sock: socket.socket,
        address: Address,
        *,
        open_: bool,
        layer: TlsLayer | None = None,
        whose: Whose = _NOBODY,
    ) -> Connection:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that vanished is noticed, and what NATs on the way remember of the connection is kept.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        self._last += 1
        connection = Connection(self._last, sock, address, open_=open_, layer=layer, whose=whose)
        self._connections[self._last] = connection
        self._by_key[connection.key(address)] = self._last
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
        if connection.layer is not None and data:
            self._decrypt(connection, connection.layer, data)
        elif data:
            self._take(connection, data)
        else:
            self._close(connection)

    def _decrypt(self, connection: Connection, layer: TlsLayer, data: bytes) -> None:
        shaking = not layer.open
        try:
            plain = layer.feed(data)
        except TlsBrokenError as error:
            self._broken(connection, layer, error)
            return
        if shaking and layer.open:
            self._metrics.handshakes.labels("ok").inc()
            self._certificates.seen(connection.whose[0], layer)
            connection.deadline_ms = monotonic_ms() + (INCOMPLETE_MS if layer.server_side else IDLE_MS)
        connection.waiting += layer.take()
        if plain:
            self._take(connection, plain)
        if layer.ended:
            self._close(connection)
        else:
            self._flush(connection)

    def _broken(self, connection: Connection, layer: TlsLayer, error: TlsBrokenError) -> None:
        if not layer.open or error.result != "failed":
            self._metrics.handshakes.labels(error.result).inc()
            self._certificates.failed(connection.whose[0], connection.address.host, str(error))
        # The peer is told why, if its socket takes it at once.
        connection.waiting += layer.take()
        connection.closing = True
        self._flush(connection)
        self._close(connection)

    def _take(self, connection: Connection, data: bytes) -> None:
        flow = Flow(connection.transport, connection.address, connection.number, connection.whose[0])
        was_complete = not connection.reader.incomplete
        pieces = connection.reader.feed(data)
        connection.fresh = connection.fresh and not any(isinstance(piece, Frame) for piece in pieces)
        self._hand_out(connection, pieces, flow)
        if connection.closing:
            self._flush(connection)
        elif not connection.reader.incomplete:
            if not connection.fresh:
                connection.deadline_ms = monotonic_ms() + IDLE_MS
        elif pieces or (was_complete and not connection.fresh):
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

    def alias(self, flow: Flow, port: int) -> None:
        """Use the connection of `flow` for what we send to this port of the peer, too (RFC 5923 section 5).

        Only when it has shown a certificate: or whoever shares its address could have its calls come to itself.
        """
        connection = self._connections.get(flow.connection)
        if connection is not None and connection.layer is not None and connection.layer.verified:
            self._by_key[connection.key(Address(connection.address.host, port))] = connection.number

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the flow's connection, on another one to the same address, or on a new one."""
        connection = self._connections.get(flow.connection)
        if connection is None:
            whose = (
                (flow.trunk or self._trunk_of(flow.address.host), flow.server) if flow.transport == "tls" else _NOBODY
            )
            known = self._by_key.get((flow.transport, flow.address, whose), 0)
            connection = self._connections.get(known) or self._connect(flow, whose)
        if connection is not None:
            self._write(connection, data)

    def _connect(self, flow: Flow, whose: Whose) -> Connection | None:
        address = flow.address
        layer = self._certificates.client(whose[0], flow.server or address.host) if flow.transport == "tls" else None
        if layer is None and flow.transport == "tls":
            self._failed(address)
            return None
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        if family not in self._hosts:
            self._failed(address)
            return None
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.bind((self._hosts[family], 0))
            sock.connect((address.host, address.port))
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            self._failed(address)
            return None
        connection = self._add(sock, address, open_=False, layer=layer, whose=whose)
        self._pump.watch_writable(sock.fileno(), lambda: self._connected(connection))
        return connection

    def _connected(self, connection: Connection) -> None:
        if connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._close(connection)
            return
        connection.open = True
        connection.deadline_ms = monotonic_ms() + (HANDSHAKE_MS if connection.shaking else IDLE_MS)
        self._pump.unwatch_writable(connection.sock.fileno())
        self._pump.watch(connection.sock.fileno(), lambda: self._read(connection))
        if connection.layer is not None:
            connection.layer.start()
            connection.waiting += connection.layer.take()
        self._flush(connection)

    def _failed(self, address: Address) -> None:
        self._metrics.faults.labels("connect").inc()
        # Not from within `send`: the core is in the middle of its actions there.
        self._pump.at(monotonic_ms(), lambda: self._on_failed(address))

    def _write(self, connection: Connection, data: bytes) -> None:
        layer = connection.layer
        if len(connection.waiting) + (layer.waiting if layer is not None else 0) + len(data) > WRITE_LIMIT:
            self._metrics.dropped.labels("tcp_limit").inc()
            self._close(connection)
            return
        if layer is not None:
            layer.send(data)
            data = layer.take()
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
        for key in [key for key, number in self._by_key.items() if number == connection.number]:
            del self._by_key[key]
        host = connection.address.host
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
        self._pump.unwatch(connection.sock.fileno())
        self._pump.unwatch_writable(connection.sock.fileno())
        if connection.layer is not None and not connection.waiting:
            with contextlib.suppress(OSError):
                connection.sock.send(connection.layer.close())
        connection.sock.close()
        if not connection.open or (connection.shaking and not connection.accepted):
            self._failed(connection.address)
        else:
            # Not from within `send`: the core is in the middle of its actions there.
            self._pump.at(monotonic_ms(), lambda: self._on_lost(connection.number))

    def sweep(self, now_ms: int) -> None:
        """Close what is over its deadline; called about once a second."""
        for connection in [c for c in self._connections.values() if c.deadline_ms <= now_ms]:
            if connection.shaking and connection.open:
                self._metrics.handshakes.labels("late").inc()
                self._certificates.failed(connection.whose[0], connection.address.host, "the handshake took too long")
            self._metrics.dropped.labels("tcp_timeout").inc()
            if connection.open and (connection.reader.incomplete or connection.fresh):
                self._on_suspicion(connection.address.host, "connections")
            self._close(connection)
