"""Front as a real process, with the test in the place of supervisor, switch, spans and peers."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from edge.config.site import Sip, Site
from edge.config.trunk_settings import Trunk
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.front.table import table_size
from edge.runtime.key_table import key_table_size
from edge.runtime.link import LinkServer, Peer
from edge.runtime.pump import Pump
from edge.runtime.sip_trace import trace_size
from edge.vocabulary.commands import AnyCommand, Command
from edge.vocabulary.ids import CommandId, Incarnation
from edge.vocabulary.reports import AnyReport
from edge.vocabulary.supervision import SpanDown, SpanList, SpanUp
from tests.support.child import Child, child
from tests.support.waiting import until

T = TypeVar("T")
Message = Request | Response


class Switch:
    """The far end of front's link, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.reports: list[AnyReport] = []
        self.peers: list[Peer] = []
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        self.listener = listener
        self.pump = Pump("test")
        self.server = LinkServer(listener.fileno(), lambda *_: 0, self._report, self.peers.append, lambda _peer: None)
        self.server.attach(self.pump)
        self._thread = threading.Thread(target=self.pump.run, daemon=True)
        self._thread.start()

    def _report(self, peer: Peer, number: int, report: AnyReport) -> None:
        self.reports.append(report)
        if number:
            peer.acknowledge(number)

    def of(self, kind: type[T]) -> list[T]:
        return [report for report in self.reports if isinstance(report, kind)]

    def send(self, name: str, body: AnyCommand) -> None:
        self.pump.post(lambda: self.peers[-1].send(Command(CommandId(name), body)) and None)

    def close(self) -> None:
        self.pump.post(self.pump.stop)
        self._thread.join(10)
        self.server.close() if hasattr(self.server, "close") else None
        self.listener.close()


class Wire:
    """A UDP socket that speaks SIP."""

    def __init__(self, host: str, to: tuple[str, int]) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.settimeout(15)
        self.host, self.port = self.sock.getsockname()[:2]
        self.to = to

    def send(self, message: Message | bytes) -> None:
        self.sock.sendto(message if isinstance(message, bytes) else serialise(message), self.to)

    def receive(self) -> Message:
        message = parse(self.sock.recv(65_535))
        assert isinstance(message, Request | Response)
        return message

    def request(self, method: str) -> Request:
        """Wait for a request, past anything else."""
        while True:
            message = self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    def response(self, status: int) -> Response:
        """Wait for a response, past anything else."""
        while True:
            message = self.receive()
            if isinstance(message, Response) and message.status == status:
                return message


def _server(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


class Rig:
    """Everything around one front, over several lives of it."""

    def __init__(self, address: str, folder: Path, host: str = "", **sip: object) -> None:
        self.folder = folder
        self.address = address
        #: Where SIP is spoken; spans are at `address`.
        self.host = host or address
        self.tls = _server(self.host, 0) if sip.get("certificate") else None
        if self.tls is not None:
            sip["tls_port"] = self.tls.getsockname()[1]
        self.site = Site(
            name="test",
            sip=Sip(address=self.host, port=0, inner_address=address, max_spans=4, **sip),  # type: ignore[arg-type]
            trunks=[Trunk(name="main", sources=[self.host])],
        )
        self.udp = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.host, 0))
        self.tcp = _server(self.host, self.udp.getsockname()[1])
        #: Listeners of the other family (`address6`): datagrams and TCP, on the same port.
        self.others: list[socket.socket] = []
        if sip.get("address6"):
            self._open_other(str(sip["address6"]))
        self.inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inner.bind((address, 0))
        #: The supervisor's, by which it asks whether front answers.
        self.asker = socket.socket(self.udp.family, socket.SOCK_DGRAM)
        self.asker.bind((self.host, 0))
        self.table = os.memfd_create("front_table")
        os.ftruncate(self.table, table_size(self.site))
        self.key_table = os.memfd_create("key_table")
        os.ftruncate(self.key_table, key_table_size(self.site))
        self.trace = os.memfd_create("sip_trace")
        os.ftruncate(self.trace, trace_size(self.site))
        self.switch = Switch(folder / "link.sock")
        self.spans: dict[Incarnation, Wire] = {}
        self.peer = self.wire(self.udp)
        self.running: Child | None = None

    def _open_other(self, host: str) -> None:
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.bind((host, self.udp.getsockname()[1]))
        self.others = [udp, _server(host, self.udp.getsockname()[1])]

    def wire(self, to: socket.socket) -> Wire:
        host = self.address if to is self.inner else to.getsockname()[0]
        return Wire(host, to.getsockname()[:2])

    @property
    def fds(self) -> dict[str, list[int]]:
        return {
            "sip_udp": [sock.fileno() for sock in (self.udp, *self.others[:1])],
            "sip_tcp": [sock.fileno() for sock in (self.tcp, *self.others[1:])],
            **({"sip_tls": [self.tls.fileno()]} if self.tls is not None else {}),
            "sip_probe": [self.asker.fileno()],
            "inner_udp": [self.inner.fileno()],
            "front_table": [self.table],
            "key_table": [self.key_table],
            "sip_trace": [self.trace],
        }

    @contextmanager
    def front(self) -> Iterator[Child]:
        """One life of front; killed (SIGKILL) at the end of the block."""
        before = len(self.switch.peers)
        with child("front", self.site, self.folder, self.fds) as running:
            running.send(SpanList({name: span.port for name, span in self.spans.items()}))
            until(lambda: len(self.switch.peers) > before, 20, "front on the link")
            self.running = running
            yield running
            self.running = None

    def span(self, name: str) -> Wire:
        wire = self.wire(self.inner)
        self.spans[Incarnation(name)] = wire
        if self.running is not None:
            self.running.send(SpanUp(Incarnation(name), wire.port))
        return wire

    def lose(self, name: str) -> None:
        self.spans.pop(Incarnation(name)).sock.close()
        assert self.running is not None
        self.running.send(SpanDown(Incarnation(name)))

    def until(self, condition: Callable[[], T], what: str = "") -> T:
        return until(condition, 20, what)

    def close(self) -> None:
        self.switch.close()
        for sock in (
            self.udp,
            self.tcp,
            *self.others,
            self.inner,
            self.peer.sock,
            *(span.sock for span in self.spans.values()),
        ):
            sock.close()
        if self.tls is not None:
            self.tls.close()
        os.close(self.table)
        os.close(self.key_table)
