"""Switch's end of the link; see `edge.runtime.link` for what it promises."""

import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.packets import PacketSocket, PeerFaultError, QueueOverflowError
from edge.runtime.pump import Pump, Timer
from edge.vocabulary.commands import Acknowledge, Command, Discard, Welcome
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.reports import LINK_VERSION, AnyReport, Hello, Report, ToSwitch
from edge.vocabulary.wire import pack, unpacker

#: A connection that has not said Hello by then is closed.
HELLO_MS = 5000
#: Connections taken in one turn.
ACCEPTS_PER_TURN = 64
#: Pause when the process has no descriptor left.
ACCEPT_PAUSE_MS = 100
#: Peers remembered after they left: their last number keeps a repeated report from being handed out twice.
MAX_REMEMBERED = 2000
#: Legs in one Discard, so that it stays below the message limit.
LEGS_PER_DISCARD = 500


class Peer:
    """One life of a process. Stays the same object over reconnects; what is sent while it is away is dropped."""

    def __init__(self, process: str, incarnation: Incarnation, committed: int) -> None:
        self.process = process
        self.incarnation = incarnation
        #: Highest report number handed out to this life of switch.
        self.received = committed
        self.acknowledged = committed
        self._send: Callable[[bytes], bool] | None = None

    @property
    def connected(self) -> bool:
        """Whether it can be sent to."""
        return self._send is not None

    def send(self, command: Command) -> bool:
        """Send a command. False: not connected now; send it again when it connects."""
        return self._transmit(pack(command))

    def acknowledge(self, number: int) -> None:
        """Tell that all reports up to `number` are committed. Repeated by `Welcome` when it is away."""
        self.acknowledged = max(self.acknowledged, number)
        self._transmit(pack(Acknowledge(number)))

    def discard(self, legs: list[LegId]) -> None:
        """Tell that switch does not know these legs of its snapshot."""
        for i in range(0, len(legs), LEGS_PER_DISCARD):
            self._transmit(pack(Discard(legs[i : i + LEGS_PER_DISCARD])))

    def _transmit(self, message: bytes) -> bool:
        return self._send is not None and self._send(message)

    def bind(self, send: Callable[[bytes], bool] | None) -> None:
        """Set the connection it speaks through, or None (the server's business)."""
        self._send = send


class _Connection:
    def __init__(self, packets: PacketSocket, deadline: Timer) -> None:
        self.packets = packets
        self.deadline = deadline
        self.peer: Peer | None = None


class LinkServer:
    """Accepts peers on the listening socket `listen_fd`, which it does not own.

    `committed(process, incarnation)` is asked at each Hello: the highest report number that is safe on disk.
    `on_connect` is called after Welcome was sent: the time to send commands again that have no CommandDone.
    `on_report` also gets snapshots, with number 0.
    """

    def __init__(
        self,
        listen_fd: int,
        committed: Callable[[str, Incarnation], int],
        on_report: Callable[[Peer, int, AnyReport], None],
        on_connect: Callable[[Peer], None],
        on_disconnect: Callable[[Peer], None],
    ) -> None:
        self._listener = socket.socket(fileno=listen_fd)
        self._listener.setblocking(False)
        self._committed = committed
        self._on_report = on_report
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._decode: Callable[[bytes], ToSwitch] = unpacker(cast(Any, ToSwitch)).decode
        self._connections: dict[int, _Connection] = {}
        self._peers: OrderedDict[tuple[str, Incarnation], Peer] = OrderedDict()
        self._pump: Pump | None = None
        self._log = logger("link")
        #: For metrics: peers that broke the protocol, that did not read, and reports that a peer lost by overflow.
        self.faults = 0
        self.overflows = 0
        self.gaps = 0

    def attach(self, pump: Pump) -> None:
        """Accept and serve by `pump`."""
        self._pump = pump
        pump.watch(self._listener.fileno(), self._accept)

    def peer(self, process: str, incarnation: Incarnation) -> Peer | None:
        """Return the connected peer of that name and life, if any."""
        peer = self._peers.get((process, incarnation))
        return peer if peer is not None and peer.connected else None

    def peers(self, process: str | None = None) -> Iterator[Peer]:
        """Iterate over the connected peers (of one process name)."""
        for peer in list(self._peers.values()):
            if peer.connected and process in {None, peer.process}:
                yield peer

    def close(self) -> None:
        """Close all connections; the listening socket is left to the supervisor."""
        for fd in list(self._connections):
            self._close(fd)
        if self._pump is not None:
            self._pump.unwatch(self._listener.fileno())
        self._listener.detach()

    # --- connections

    @property
    def _loop(self) -> Pump:
        if self._pump is None:
            raise RuntimeError("the server is not attached to a pump")
        return self._pump

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # Out of descriptors or memory: the connection waits in the backlog; without a pause we would spin.
                self.faults += 1
                self._log.error("link: cannot accept", error=str(error))
                self._loop.unwatch(self._listener.fileno())
                self._loop.at(monotonic_ms() + ACCEPT_PAUSE_MS, self._accept_again)
                return
            self._welcome_guest(sock)

    def _accept_again(self) -> None:
        self._loop.watch(self._listener.fileno(), self._accept)

    def _welcome_guest(self, sock: socket.socket) -> None:
        fd = sock.fileno()

        def read() -> None:
            self._read(fd)

        def expire() -> None:
            self._fault(fd, "no Hello in time")

        deadline = self._loop.at(monotonic_ms() + HELLO_MS, expire)
        self._connections[fd] = _Connection(PacketSocket(sock), deadline)
        self._loop.watch(fd, read)

    def _fault(self, fd: int, text: str) -> None:
        self.faults += 1
        connection = self._connections.get(fd)
        peer = connection.peer if connection is not None else None
        self._log.error("link: peer disconnected", reason=text, peer=peer.process if peer is not None else "")
        self._close(fd)

    def _close(self, fd: int) -> None:
        connection = self._connections.pop(fd, None)
        if connection is None:
            return
        connection.deadline.cancel()
        self._loop.unwatch(fd)
        self._loop.unwatch_writable(fd)
        connection.packets.close()
        peer = connection.peer
        if peer is not None:
            peer.bind(None)
            self._on_disconnect(peer)

    # --- receiving

    def _read(self, fd: int) -> None:
        connection = self._connections[fd]
        try:
            for data in connection.packets.receive():
                self._handle(fd, connection, self._decode(data))
                if self._connections.get(fd) is not connection:
                    return
        except (msgspec.DecodeError, PeerFaultError) as error:
            self._fault(fd, str(error))
            return
        if connection.packets.ended:
            self._close(fd)

    def _handle(self, fd: int, connection: _Connection, message: ToSwitch) -> None:
        peer = connection.peer
        if isinstance(message, Hello):
            if peer is None:
                self._hello(fd, connection, message)
            else:
                self._fault(fd, "a second Hello")
        elif peer is None:
            self._fault(fd, "a report before Hello")
        else:
            self._report(peer, message)

    def _hello(self, fd: int, connection: _Connection, hello: Hello) -> None:
        connection.deadline.cancel()
        key = (hello.process[:40], Incarnation(hello.incarnation[:100]))
        committed = self._committed(*key)
        # Said also to a peer of another version, so that its log can name both.
        connection.packets.send(pack(Welcome(LINK_VERSION, committed)))
        if hello.version != LINK_VERSION:
            self._fault(fd, f"{key[0]} speaks version {hello.version}, we speak {LINK_VERSION}")
            return
        for other_fd, other in list(self._connections.items()):
            if other.peer is not None and (other.peer.process, other.peer.incarnation) == key:
                self._close(other_fd)  # it connected again before we saw its old connection end
        peer = self._peers.get(key)
        if peer is None:
            peer = self._peers[key] = Peer(*key, committed)
        self._peers.move_to_end(key)
        self._forget_old()
        peer.received = max(peer.received, committed)

        def send(data: bytes) -> bool:
            return self._transmit(fd, connection, data)

        connection.peer = peer
        peer.bind(send)
        self._on_connect(peer)

    def _forget_old(self) -> None:
        while len(self._peers) > MAX_REMEMBERED:
            key = next((key for key, peer in self._peers.items() if not peer.connected), None)
            if key is None:
                return
            del self._peers[key]

    def _report(self, peer: Peer, report: Report) -> None:
        number = report.number
        if number == 0:
            self._on_report(peer, 0, report.body)
            return
        if number <= peer.received:
            return  # sent again after a reconnect, and handed out before
        if number > peer.received + 1:
            missing = number - peer.received - 1
            self.gaps += missing
            self._log.error("link: peer lost reports by overflow", peer=peer.process, missing=missing)
        peer.received = number
        self._on_report(peer, number, report.body)

    # --- sending

    def _transmit(self, fd: int, connection: _Connection, data: bytes) -> bool:
        try:
            connection.packets.send(data)
        except QueueOverflowError as error:
            self.overflows += 1
            self._fault(fd, f"does not read: {error}")
            return False
        if connection.packets.wants_write:
            self._loop.watch_writable(fd, lambda: self._flush(fd, connection))
        return not connection.packets.ended

    def _flush(self, fd: int, connection: _Connection) -> None:
        connection.packets.flush()
        if not connection.packets.wants_write:
            self._loop.unwatch_writable(fd)
