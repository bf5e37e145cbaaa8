"""The process: sockets, channel and link around the core `edge.core.sip.door`."""

import os
import socket

import msgspec

from edge.config.kinds import split_host_port
from edge.config.site import Site
from edge.core.routing import numbers
from edge.core.sip.actions import (
    AcceptCalls,
    ClearBans,
    Discarded,
    Farewell,
    HangUp,
    Input,
    KeepUp,
    Probe,
    Progress,
    Release,
    Reserve,
    SendElsewhere,
    SendKeys,
    SetDirection,
    SpanLost,
    SpansAre,
    SpanStarted,
    Suspicion,
    Sweep,
    Tick,
    Transport,
)
from edge.core.sip.dialogs import Dialog, Tombstone
from edge.core.sip.door import FrontDoor
from edge.core.sip.presence import is_six
from edge.core.sip.uri import is_literal
from edge.front import standing
from edge.front.certificates import Certificates
from edge.front.hep import HepExport
from edge.front.keys import Keys
from edge.front.names import Names
from edge.front.performer import Listeners, Performer
from edge.front.settings import groups_of, settings_of, trunks_of
from edge.front.table import Table
from edge.front.trace import Trace
from edge.metrics.front import FrontMetrics
from edge.metrics.library import generate_latest
from edge.runtime.clock import monotonic_ms
from edge.runtime.key_table import KeyTable
from edge.runtime.link import LinkClient
from edge.runtime.logs import logger
from edge.runtime.memory import collect_rarely
from edge.runtime.process import ProcessContext, read_site
from edge.runtime.pump import Pump, Timer
from edge.vocabulary import commands
from edge.vocabulary.commands import AnyCommand, ReleaseSpan, ReserveSpan
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Address, KeyTones
from edge.vocabulary.reports import AnyReport, FrontSnapshot, Noticed
from edge.vocabulary.supervision import (
    Drain,
    Reload,
    Replied,
    Request,
    Scrape,
    Scraped,
    SpanDied,
    SpanDown,
    SpanList,
    SpanUp,
    Stop,
)
from edge.vocabulary.wire import to_json

BEAT_MS = 500
#: Switch may be away this long before new calls are refused: its restart takes less.
SWITCH_GRACE_MS = 1000
#: What the ending of registrations may take; the supervisor waits a little longer.
FAREWELL_MS = 300
LINK_CONDITION = "switch_link"
DNS_PORT = 53
CERTIFICATE_CONDITION = "certificate"
#: Certificates are looked at so often.
CERTIFICATES_MS = 3_600_000
#: The supervisor names the living spans right after our start; sockets are not read before that.
SPANS_GRACE_MS = 2000


def _names(site: Site) -> Names:
    servers = [split_host_port(server) for server in site.sip.nameservers]
    return Names(
        [Address(found[0], found[1] or DNS_PORT) for found in servers if found is not None],
        families=_families(site),
    )


def _families(site: Site) -> list[socket.AddressFamily]:
    """Return the families that we have addresses of, in the order in which a host's are tried."""
    if not site.sip.address6:
        return [socket.AF_INET6 if is_six(site.sip.address) else socket.AF_INET]
    both = [socket.AF_INET, socket.AF_INET6]
    return both if site.sip.prefer == "ipv4" else both[::-1]


def _listeners(fds: dict[str, list[int]]) -> Listeners:
    def taken(name: str) -> list[socket.socket]:
        return [socket.socket(fileno=os.dup(fd)) for fd in fds.get(name, ())]

    streams: list[tuple[Transport, socket.socket]] = [("tcp", one) for one in taken("sip_tcp")]
    streams += [("tls", one) for one in taken("sip_tls")]
    return Listeners(taken("sip_udp"), streams, taken("inner_udp")[0], taken("sip_probe")[0])


class FrontProcess:
    """Joins the core with the outside; decides nothing about calls."""

    def __init__(self, context: ProcessContext) -> None:
        self._context = context
        self._log = logger("front")
        self._pump = Pump("front")
        self._metrics = FrontMetrics()
        listeners = _listeners(context.fds)
        self._certificates = Certificates(context.site, self._metrics)
        self._door = FrontDoor(settings_of(context.site, listeners.udp[0].getsockname(), listeners.inner.getsockname()))
        self._table = Table(context.fds["front_table"][0], context.site)
        self._keys = Keys(KeyTable(context.fds["key_table"][0]))
        names = _names(context.site)
        # Now, not while a call waits for it.
        trunks = trunks_of(context.site)
        numbers.prepare(trunk.country for trunk in trunks)
        if any(trunk.host and not is_literal(trunk.host) for trunk in trunks):
            names.prepare()
        self._link = LinkClient(
            context.link_path, "front", context.incarnation, self._on_command, self._on_discard, self._snapshot
        )
        self._hep = HepExport(context.site, self._metrics)
        self._trace = Trace(
            context.fds["sip_trace"][0], [Address(*sock.getsockname()[:2]) for sock in listeners.udp], self._hep
        )
        self._performer = Performer(
            pump=self._pump,
            door=self._door,
            table=self._table,
            keys=self._keys,
            link=self._link,
            channel=context.channel,
            metrics=self._metrics,
            put=self.put,
            listeners=listeners,
            certificates=self._certificates,
            names=names,
            trace=self._trace,
        )
        self._armed: Timer | None = None
        self._reading = False
        self._leaving = False
        #: State of what is known of sources that the table has.
        self._kept = 0

    # --- the core

    def put(self, item: Input) -> None:
        """Give the core an input and do what it says."""
        self._performer.perform(self._door.handle(item, monotonic_ms()))
        self._rearm()
        if self._leaving and self._door.upkeep.gone:
            self._pump.stop()

    def _rearm(self) -> None:
        deadline = self._door.deadline
        armed = self._armed
        if deadline is None or (armed is not None and armed.active and armed.at_ms <= deadline.at_ms):
            return  # an early tick costs less than moving the timer at every message
        if armed is not None:
            armed.cancel()
        self._armed = self._pump.at(deadline.at_ms, self._tick)

    def _tick(self) -> None:
        self._armed = None
        self.put(Tick())

    # --- life

    def run(self) -> int:
        """Run until the supervisor says stop; returns the exit code."""
        context = self._context
        records, tombs = self._table.load()
        self._door.restore(records, tombs, monotonic_ms())
        if (known := self._table.load_sources()) is not None:
            self._door.guard.restore(known)
        self._keys.keep_only({handle for record in records if isinstance(record, Dialog) for handle in record.keys})
        for record in (*records, *tombs):
            if isinstance(record, Dialog | Tombstone):
                self._trace.name(record.leg, record.call_id)
        if records:
            self._log.info("legs taken over", legs=len(records), tombstones=len(tombs))
        channel = context.channel
        channel.on(SpanUp, self._on_span_up)
        channel.on(SpanDown, self._on_span_down)
        channel.on(SpanDied, self._on_span_died)
        channel.on(SpanList, self._on_spans)
        channel.on(Request, self._on_request)
        channel.on(Scrape, self._on_scrape)
        channel.on(Reload, self._on_reload)
        channel.on(Drain, lambda _: self.put(AcceptCalls("draining", False)))
        channel.on(Stop, lambda _: self._leave())
        channel.attach(self._pump)
        self._link.on_change(self._on_switch)
        self._pump.at(monotonic_ms() + SWITCH_GRACE_MS, self._check_switch)
        self._pump.at(monotonic_ms() + SPANS_GRACE_MS, self._read_now)
        self._pump.every(BEAT_MS, self._beat)
        self._pump.every(CERTIFICATES_MS, self._look_at_certificates)
        self._pump.at(monotonic_ms(), self._look_at_certificates)
        channel.ready()
        collect_rarely()
        self._pump.run()
        return 0

    def _beat(self) -> None:
        self._context.channel.beat()
        self._performer.sweep(monotonic_ms())
        self.put(Sweep())
        # So often only: under a flood it changes with every message.
        guard = self._door.guard
        if self._kept != guard.changes:
            self._kept = guard.changes
            self._table.save_sources(guard.kept())

    def _look_at_certificates(self) -> None:
        self._context.channel.health(CERTIFICATE_CONDITION, self._certificates.condition())
        for event in self._certificates.to_tell():
            self._log.warning(
                "a certificate expires soon", trunk=event.trunk, ours=event.ours, days_left=event.days_left
            )
            self._link.report(Noticed(event))

    def _on_span_up(self, message: SpanUp) -> None:
        self._performer.last_words.up(message.span, message.port)
        self.put(SpanStarted(message.span, message.port))

    def _on_span_down(self, message: SpanDown) -> None:
        self._performer.last_words.down(message.span)
        self.put(SpanLost(message.span))

    def _on_span_died(self, message: SpanDied) -> None:
        source = self._performer.last_words.died(message.span, message.signal)
        if source:
            self.put(Suspicion(source, "span_killed"))

    def _on_spans(self, message: SpanList) -> None:
        for span, port in message.spans.items():
            self._performer.last_words.up(span, port)
        self.put(SpansAre(message.spans))
        self._read_now()

    def _read_now(self) -> None:
        # Before the spans are known, a datagram of one would be a stranger's, and switch would be told that there is no
        # room; until then the kernel keeps what they send.
        if not self._reading:
            self._reading = True
            self._performer.start()
            self._link.attach(self._pump)
            self.put(KeepUp())

    def _leave(self) -> None:
        """End registrations, and then ourselves."""
        self._leaving = True
        self._pump.at(monotonic_ms() + FAREWELL_MS, self._pump.stop)
        self.put(Farewell())

    # --- switch

    def _on_switch(self, connected: bool) -> None:
        if connected:
            self.put(AcceptCalls("switch_down", True))
            self._context.channel.health(LINK_CONDITION, "")
        else:
            self._pump.at(monotonic_ms() + SWITCH_GRACE_MS, self._check_switch)

    def _check_switch(self) -> None:
        if not self._link.connected and monotonic_ms() - self._link.changed_ms >= SWITCH_GRACE_MS:
            self.put(AcceptCalls("switch_down", False))
            # Switch may be ready a moment before front hears of it, and until then calls are refused.
            self._context.channel.health(LINK_CONDITION, "no link to switch: new calls are refused")

    def _on_command(self, id: CommandId, command: AnyCommand) -> None:  # noqa: A002 - the link's word
        if isinstance(command, ReserveSpan):
            self.put(
                Reserve(
                    command.leg,
                    command.target.reveal(),
                    command.trunk,
                    command.caller.reveal(),
                    command.identity,
                    command.replaces.reveal(),
                )
            )
        elif isinstance(command, ReleaseSpan):
            self.put(Release(command.leg))
        elif isinstance(command, commands.HangUp):
            self.put(HangUp(command.leg, command.text))
        elif isinstance(command, commands.TellReferrer):
            self.put(Progress(command.leg, command.code))
        elif isinstance(command, commands.Hold):
            self.put(SetDirection(id, command.leg, command.direction))
            return  # done when the peer has agreed
        elif isinstance(command, commands.Refer):
            self.put(SendElsewhere(id, command.leg, command.target))
            return
        elif isinstance(command, commands.SendInfoDigits):
            self.put(SendKeys(id, command.leg, command.digits, command.duration_ms))
            return  # done when the last one has left
        else:
            self._link.done(id, f"front does not do {type(command).__name__}")
            return
        self._link.done(id)

    def _on_discard(self, legs: list[LegId]) -> None:
        self.put(Discarded(legs))

    def _snapshot(self) -> AnyReport:
        return FrontSnapshot(self._door.live_legs())

    # --- supervisor

    def _on_request(self, message: Request) -> None:
        channel = self._context.channel
        if message.what == "bans":
            channel.send(self._bans(message))
            return
        if message.what in ("trunks", "probe"):
            channel.send(self._trunks(message))
            return
        if message.what != "accept":
            channel.send(Replied(message.id, b"", f"unknown request {message.what[:40]!r}"))
            return
        try:
            calls = msgspec.json.decode(message.body, type=dict[str, bool])["calls"]
        except (msgspec.DecodeError, KeyError):
            channel.send(Replied(message.id, b"", 'expected {"calls": true or false}'))
            return
        self.put(AcceptCalls("not_ready", calls))
        channel.send(Replied(message.id, b"{}"))

    def _trunks(self, message: Request) -> Replied:
        """Answer with what is known of one trunk or of all; `probe` asks the one first, and does not wait."""
        trunk = standing.named(message.body)
        if trunk is None:
            return Replied(message.id, b"", 'expected {} or {"trunk": name}')
        if message.what == "probe":
            self.put(Probe(trunk))
        door = self._door
        figures = door.traffic(monotonic_ms())
        return Replied(message.id, standing.document(door.upkeep.standings(), trunk, figures, door.channels()))

    def _bans(self, message: Request) -> Replied:
        """Answer with the bans that last, after having ended those that the request names."""
        try:
            asked = msgspec.json.decode(message.body, type=dict[str, str] | None)
        except msgspec.DecodeError:
            return Replied(message.id, b"", 'expected null or {"clear": address, or empty for all}')
        now_ms = monotonic_ms()
        before = len(self._door.bans(now_ms))
        if asked is not None and "clear" in asked:
            self.put(ClearBans(asked["clear"]))
        lasting = self._door.bans(now_ms)
        rows = [
            {
                "source": ban.source,
                "cause": ban.cause,
                "evidence": ban.evidence,
                "times": ban.times,
                "left_ms": ban.until_ms - now_ms,
            }
            for ban in lasting
        ]
        return Replied(message.id, to_json({"bans": rows, "cleared": before - len(lasting)}))

    def _on_reload(self, message: Reload) -> None:
        site = read_site(message.path)
        self._door.replace_trunks(
            trunks_of(site),
            KeyTones(inband=site.media.inband_dtmf),
            strangers=site.sip.strangers,
            groups=groups_of(site),
        )
        if self._reading:
            self.put(KeepUp())
        self._performer.filter_sources()
        self._certificates.load(site)
        self._performer.use_names(_names(site))
        self._hep.use(site)
        self._look_at_certificates()
        self._log.info("trunks and certificates replaced")

    def _on_scrape(self, message: Scrape) -> None:
        self._performer.set_gauges()
        self._context.channel.send(Scraped(message.id, generate_latest(self._metrics.registry).decode()))


def main(context: ProcessContext) -> int:
    """Run front; returns its exit code."""
    return FrontProcess(context).run()
