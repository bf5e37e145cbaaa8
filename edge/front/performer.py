"""Carries out what the core says, and feeds it what the sockets bring."""

import errno
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from itertools import product
from typing import Any, Literal, NamedTuple

from edge.core.sip.actions import (
    AcceptCalls,
    Action,
    Bury,
    ConnectionLost,
    Count,
    Drop,
    DropKeys,
    Finish,
    Flow,
    Forget,
    FromPeer,
    FromSpan,
    Input,
    KeepKeys,
    Locate,
    Located,
    OfferKeys,
    Place,
    Sample,
    Save,
    Seized,
    Suspicion,
    Tell,
    ToPeer,
    ToSpan,
    Transport,
    TrunkFailed,
    Undelivered,
)
from edge.core.sip.dialogs import Dialog
from edge.core.sip.door import FrontDoor
from edge.core.sip.message import Parsed, Request, Response, serialise
from edge.core.sip.parser import MESSAGE_LIMIT, parse
from edge.core.sip.presence import DEFAULT_TLS_PORT, is_six
from edge.core.sip.writing import reply
from edge.front import standing
from edge.front.behind import Behind
from edge.front.certificates import Certificates
from edge.front.kernel_filter import SourceFilter
from edge.front.keys import Keys, UnknownKeysError
from edge.front.last_words import LastWords
from edge.front.names import Names
from edge.front.resolver import Answer, Resolver
from edge.front.table import Table
from edge.front.tcp import TcpSide
from edge.front.trace import Trace
from edge.front.trying import Trying
from edge.metrics.front import KINDS, FrontMetrics
from edge.runtime.channel import SupervisorChannel
from edge.runtime.clock import monotonic_ms
from edge.runtime.link import LinkClient
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address

Side = Literal["peer", "span"]
Way = Literal["in", "out"]

#: Datagrams of one socket handled in one turn, so that no side starves the other.
PER_TURN = 64
RECEIVE_BUFFER = 4 * 1024 * 1024


def fresh_token() -> str:
    """Return what the ids of one message are made from: sortable by wall time, and not to be guessed."""
    return f"{time.time_ns() // 1_000_000:011x}{os.urandom(5).hex()}"


class Listeners(NamedTuple):
    """The sockets, opened by the supervisor."""

    #: Of our first family, then of the other one.
    udp: list[socket.socket]
    #: Listening ones, TCP first.
    streams: list[tuple[Transport, socket.socket]]
    #: Towards spans.
    inner: socket.socket
    #: The supervisor's, which asks whether we answer: only its address matters here.
    probe: socket.socket


class Performer:
    """Sockets on one side, link, channel and table on the other."""

    def __init__(
        self,
        *,
        pump: Pump,
        door: FrontDoor,
        table: Table,
        keys: Keys,
        link: LinkClient,
        channel: SupervisorChannel,
        metrics: FrontMetrics,
        put: Callable[[Input], None],
        listeners: Listeners,
        certificates: Certificates,
        names: Names,
        trace: Trace,
    ) -> None:
        self._pump = pump
        self._door = door
        self._table = table
        self._keys = keys
        self._link = link
        self._channel = channel
        self._metrics = metrics
        self._put = put
        self._certificates = certificates
        self._trace = trace
        self._udp, self._inner = {sock.family: sock for sock in listeners.udp}, listeners.inner
        self._inner_host = self._inner.getsockname()[0]
        self._asker: tuple[str, int] = listeners.probe.getsockname()[:2]
        for sock in (*listeners.udp, self._inner):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        #: Host whose message is being handled; empty: it is none's.
        self._source = ""
        self.last_words = LastWords()
        self._filters = [SourceFilter(sock) for sock in listeners.udp]
        self._filtered: tuple[int, ...] = ()
        self._busy = Behind()
        self._tcp = TcpSide(
            pump,
            listeners.streams,
            metrics,
            certificates,
            known=door.knows,
            trunk_of=door.trunk_at,
            on_frame=self._on_frame,
            on_failed=lambda address: put(Undelivered(address)),
            on_lost=lambda connection: put(ConnectionLost(connection)),
            on_suspicion=lambda host, kind: put(Suspicion(host, kind)),
        )
        self._resolver = Resolver(pump, names)
        #: Messages since the last scrape; the metric itself would cost each of them ten times as much.
        self._messages: Counter[tuple[Side, Way, str]] = Counter()
        for labels in product(("peer", "span"), ("in", "out"), (*KINDS, "other")):
            metrics.messages.labels(*labels)  # shown as 0
        self._trying_out: Trying[Flow] = Trying(pump, self._send_peer)
        self._trying: Trying[int] = Trying(pump, self._from_span, lambda: self._count_message("span", "in", "1xx"))
        self._handling = {side: metrics.handling.labels(side) for side in ("peer", "span")}
        self._counters = {
            "refused": metrics.refused,
            "dropped": metrics.dropped,
            "call_refused": metrics.calls_refused,
            "fault": metrics.faults,
            "failover": metrics.failovers,
            "challenge": metrics.challenges,
            "evidence": metrics.evidence,
            "unknown_number": metrics.unknown_numbers,
            "banned": metrics.bans,
            "adopted": metrics.adopted,
        }

    def start(self) -> None:
        """Read the sockets from now on."""
        self.filter_sources()
        for sock in self._udp.values():
            self._pump.watch(sock.fileno(), partial(self._read_udp, sock))
        self._pump.watch(self._inner.fileno(), self._read_inner)
        self._tcp.start()

    def sweep(self, now_ms: int) -> None:
        """Close connections that are over their time; take new calls again, or none."""
        self._tcp.sweep(now_ms)
        changed = self._busy.look(now_ms)
        if changed is not None:
            self._put(AcceptCalls("overload", not changed))

    def filter_sources(self) -> None:
        """Have the kernel keep out whom the core does not want to hear."""
        if self._filtered != self._door.sources_version:
            self._filtered = self._door.sources_version
            allowed, denied = self._door.sources(monotonic_ms())
            for one in self._filters:
                one.update([*allowed, ip_network(self._asker[0])], denied)

    def set_gauges(self) -> None:
        """Bring the metrics up to date that are not kept so."""
        for labels, count in self._messages.items():
            self._metrics.messages.labels(*labels).inc(count)
        self._messages.clear()
        figures = self._door.figures()
        self._metrics.dialogs.set(figures["dialogs"])
        self._metrics.adopted_dialogs.set(figures["adopted"])
        self._metrics.spans.set(figures["spans"])
        self._metrics.free_slots.set(figures["free_slots"])
        self._metrics.connections.set(len(self._tcp))
        self._certificates.set_gauges()
        standing.set_gauges(self._metrics, self._door.upkeep.standings(), self._door.channels())
        standing.set_shares(self._metrics, self._door.traffic(monotonic_ms()))
        self._metrics.banned.set(len(self._door.bans(monotonic_ms())))
        self._metrics.filter.set(min(one.instructions for one in self._filters))
        self._metrics.kernel_dropped.inc(sum(one.new_drops() for one in self._filters))

    # --- in

    def _read_udp(self, sock: socket.socket) -> None:
        for _ in range(PER_TURN):
            try:
                # One octet more than allowed shows that it is too long; the kernel drops the rest.
                data, peer = sock.recvfrom(MESSAGE_LIMIT + 1)
            except OSError:
                return
            flow = Flow("udp", Address(peer[0], peer[1]))
            if peer[:2] == self._asker:
                self._answer_supervisor(sock, data, peer)
            elif not self._door.knows(peer[0]):
                self._put(Sample(data, flow))
            elif self._admits(data, peer[0]):
                self._from_peer(data, parse(data), flow)
        self._busy.behind(monotonic_ms())

    def _answer_supervisor(self, sock: socket.socket, data: bytes, peer: Any) -> None:
        """Answer the OPTIONS by which the supervisor sees that peers are answered; it is in no trace and no figure."""
        message = parse(data)
        if isinstance(message, Request) and message.method == "OPTIONS":
            self._send(sock, serialise(reply(message, 200)), peer)

    def _admits(self, data: bytes, host: str) -> bool:
        """Whether a message of a known source is read; surplus costs as little as possible."""
        instead = self._door.admits(data, host, monotonic_ms())
        if instead is not None:
            self.perform(instead)
        return instead is None

    def _read_inner(self) -> None:
        for _ in range(PER_TURN):
            try:
                data, peer = self._inner.recvfrom(MESSAGE_LIMIT + 1)
            except OSError:
                return
            if peer[0] != self._inner_host:
                self._metrics.dropped.labels("stranger").inc()
                continue
            if not self._trying.holds(data, peer[1]):
                self._from_span(data, peer[1])

    def _from_span(self, data: bytes, port: int) -> None:
        started = time.perf_counter()
        message = parse(data)
        self._note("span", "in", message)
        self._put(FromSpan(message, port, fresh_token()))
        self._handling["span"].observe(time.perf_counter() - started)

    def _on_frame(self, data: bytes, flow: Flow) -> None:
        if not self._admits(data, flow.address.host):
            return
        message = parse(data, stream=True)
        if flow.transport == "tls" and isinstance(message, Request) and message.vias[0].param("alias") is not None:
            self._tcp.alias(flow, message.vias[0].port or DEFAULT_TLS_PORT)
        self._from_peer(data, message, flow)

    def _from_peer(self, data: bytes, message: Parsed, flow: Flow) -> None:
        started = time.perf_counter()
        self._note("peer", "in", message)
        at_ns = time.time_ns()
        self._source = flow.address.host
        self._put(FromPeer(message, flow, fresh_token()))
        self._source = ""
        self._trace.received(at_ns, data, message, flow)
        self._handling["peer"].observe(time.perf_counter() - started)

    def _note(self, side: Side, direction: Way, message: Parsed) -> None:
        if isinstance(message, Request):
            kind = message.method if message.method in KINDS else "other"
        elif isinstance(message, Response):
            kind = f"{message.status // 100}xx"
        else:
            kind = "other"
        self._count_message(side, direction, kind)

    def _count_message(self, side: Side, way: Way, kind: str) -> None:
        self._messages[side, way, kind] += 1

    def _note_sent(self, side: Side, data: bytes) -> None:
        kind = f"{data[8:9].decode()}xx" if data.startswith(b"SIP/2.0 ") else data[: data.index(b" ")].decode()
        self._count_message(side, "out", kind if kind in KINDS else "other")

    # --- out

    def perform(self, actions: list[Action]) -> None:
        """Do what the core says, in order."""
        # Before anything leaves: who is called for the first time may answer at once.
        self.filter_sources()
        for action in actions:
            if isinstance(action, ToPeer):
                self._to_peer(action)
            elif isinstance(action, ToSpan):
                self._send(self._inner, action.data, (self._inner_host, action.port))
                self._note_sent("span", action.data)
                self.last_words.sent(action.port, self._source, action.data)
            elif isinstance(action, Count | TrunkFailed | Seized):
                self._count(action)
            elif isinstance(action, Tell | Finish):
                self._tell(action)
            elif isinstance(action, Save | Bury | Drop | Forget):
                self._keep(action)
            elif isinstance(action, OfferKeys | KeepKeys | DropKeys):
                if not self._keys.perform(action):
                    self._metrics.faults.labels("keys").inc()
            elif isinstance(action, Locate):
                self._find(action)
            else:
                self._channel.send(action)

    def _tell(self, action: Tell | Finish) -> None:
        if isinstance(action, Tell):
            self._link.report(action.report)
        else:
            self._link.done(action.command, action.error)

    def _count(self, action: Count | TrunkFailed | Seized) -> None:
        if isinstance(action, Count):
            self._counters[action.what].labels(action.label).inc()
        elif isinstance(action, Seized):
            standing.count(self._metrics, action.seizure)
        else:
            self._metrics.trunk_failures.labels(action.trunk, action.method, action.code).inc()

    def _to_peer(self, action: ToPeer) -> None:
        if not self._trying_out.holds(action.data, action.flow):
            self._send_peer(action.data, action.flow)

    def _send_peer(self, written: bytes, flow: Flow) -> None:
        at_ns = time.time_ns()
        try:
            data = self._keys.filled(written)
        except UnknownKeysError:
            # The peer repeats its request, or ends the call: nothing may go out that is not what was agreed.
            self._metrics.faults.labels("keys").inc()
            return
        if flow.reliable:
            self._tcp.send(data, flow)
        else:
            family = socket.AF_INET6 if is_six(flow.address.host) else socket.AF_INET
            self._send(self._udp.get(family), data, (flow.address.host, flow.address.port))
        self._note_sent("peer", data)
        self._trace.sent(at_ns, written, flow)

    def _send(self, sock: socket.socket | None, data: bytes, to: tuple[str, int]) -> None:
        try:
            if sock is None:
                raise OSError(errno.EAFNOSUPPORT, "no socket of this family")
            sock.sendto(data, to)
        except OSError:
            # As if lost on the way: both ends retransmit.
            self._metrics.faults.labels("send").inc()

    def _keep(self, action: Save | Bury | Drop | Forget) -> None:
        if isinstance(action, Save):
            record = self._door.record(action.leg)
            if record is not None:
                self._table.save(record)
                if isinstance(record, Dialog):
                    self._trace.name(action.leg, record.call_id)
        elif isinstance(action, Bury):
            tomb = self._door.tombstone(action.leg)
            if tomb is not None:
                self._table.bury(tomb)
        elif isinstance(action, Drop):
            self._table.drop(action.leg)
        else:
            self._trace.forget(action.leg)
            self._table.forget(action.leg)
        if self._table.faults:
            self._metrics.faults.labels("table").inc(self._table.faults)
            self._table.faults = 0

    def use_names(self, names: Names) -> None:
        """Ask these name servers from now on (reload)."""
        self._resolver.names = names

    def _find(self, action: Locate) -> None:
        self._look_up(action.places, lambda *found: self._put(Located(action.leg, *found)))

    def _look_up(self, places: tuple[Place, ...], answer: Answer) -> None:
        # Not from within the core's turn, should the answer be known already.
        self._pump.at(monotonic_ms(), lambda: self._resolver.look_up(places, answer))
