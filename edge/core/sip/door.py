"""The front door's core: one input in, actions out. See `relay` for the state and ARCHITECTURE.md for the flows."""

from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Any

from edge.core.deadline import Deadline
from edge.core.sip import (
    admission,
    adoption,
    attempts,
    challenged,
    digits_out,
    from_peer,
    from_span,
    hold_out,
    in_dialog,
    orphans,
    ours,
    refer_out,
    referral,
    refresh,
    reliable,
    session_timers,
)
from edge.core.sip.actions import (
    AcceptCalls,
    Action,
    ClearBans,
    ConnectionLost,
    Discarded,
    Farewell,
    FromPeer,
    FromSpan,
    HangUp,
    Input,
    KeepUp,
    Located,
    Probe,
    Progress,
    Release,
    Reserve,
    Sample,
    SendElsewhere,
    SendKeys,
    SetDirection,
    SpanLost,
    SpansAre,
    SpanStarted,
    Suspicion,
    Sweep,
    Tick,
    ToPeer,
    ToSpan,
    Undelivered,
)
from edge.core.sip.dialogs import Dialog, Tombstone
from edge.core.sip.evidence import Ban
from edge.core.sip.guard import Guard
from edge.core.sip.message import Response
from edge.core.sip.relay import Relay
from edge.core.sip.reservations import Reservation, Reservations
from edge.core.sip.source_filter import DENIED_LIMIT, Network
from edge.core.sip.strangers import Policy, Strangers
from edge.core.sip.traffic import Direction, Figures
from edge.core.sip.trunks import Group, Settings, Trunk
from edge.core.sip.upkeep import Upkeep
from edge.core.sip.uri import is_literal
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.media import Q24, Address, KeyTones
from edge.vocabulary.reports import LegEnded
from edge.vocabulary.supervision import RetireSpan, WantSpans

#: What the table holds for a leg that lives.
Record = Dialog | Reservation


#: What is due of a dialog, by the kind of its alarm.
_LAPSES: dict[str, Callable[[Relay, Dialog], None]] = {
    "attempt": attempts.lapse,
    "challenged": challenged.lapse,
    "half open": adoption.half_open,
    "hold": hold_out.due,
    "referral": referral.lapsed,
    "reliable": reliable.lapsed,
}


class FrontDoor:
    """Transactions, dialogs and span slots of the appliance."""

    def __init__(self, settings: Settings) -> None:
        self._relay = Relay(settings)
        #: What is known of trunks.
        self.upkeep = upkeep = Upkeep(self._relay)
        self._reservations = Reservations(self._relay, upkeep)
        self._closed: dict[str, None] = {}
        self._strangers = strangers = Strangers(self._relay, settings.strangers)
        relay, reservations = self._relay, self._reservations
        self._others: dict[type, Callable[[Any], None]] = {
            Reserve: reservations.reserve,
            Release: lambda item: reservations.release(item.leg),
            Located: self._located,
            SpanStarted: lambda item: relay.spans.add(item.span, item.port, relay.now_ms),
            SpanLost: lambda item: self._span_lost(item.span),
            SpansAre: lambda item: self._spans_are(item.spans),
            Undelivered: lambda item: self._undelivered(item.address),
            ConnectionLost: lambda item: upkeep.connection_lost(item.connection),
            Discarded: lambda item: self._discard(item.legs),
            AcceptCalls: self._admission,
            Suspicion: lambda item: relay.hold(item.source, item.kind),
            Sample: lambda item: strangers.take(item.data, item.flow),
            ClearBans: lambda item: relay.out.extend(relay.guard.clear(item.source, relay.now_ms)),
            Sweep: lambda _: relay.out.extend(relay.guard.sweep(relay.now_ms)),
            HangUp: lambda item: adoption.hang_up(relay, item.leg, item.text),
            SendElsewhere: lambda item: refer_out.send(relay, item.command, item.leg, item.target.reveal()),
            SetDirection: lambda item: hold_out.send(relay, item.command, item.leg, item.direction),
            Progress: lambda item: referral.told(relay, item.leg, item.code),
            SendKeys: lambda item: digits_out.send(relay, item.command, item.leg, item.digits, item.duration_ms),
            KeepUp: lambda _: upkeep.start(),
            Probe: lambda item: upkeep.ask_now(item.trunk),
            Farewell: lambda _: self._farewell(),
        }

    # --- what the shell may look at

    @property
    def deadline(self) -> Deadline | None:
        """When `Tick` is due."""
        found, upkeep = self._relay.deadline, self.upkeep.deadline
        return upkeep if found is None or (upkeep is not None and upkeep.at_ms < found.at_ms) else found

    def knows(self, host: str) -> bool:
        """Whether `host` may talk to us at all."""
        return self._relay.trunks.of_host(host) is not None or self._relay.dialogs.is_direct(host)

    def traffic(self, now_ms: int) -> dict[tuple[str, Direction], Figures]:
        """Return how the calls of trunks went in the last hour."""
        return self._relay.traffic.figures(now_ms)

    def channels(self) -> dict[str, int]:
        """Return how many calls each trunk carries now, both directions; those of no trunk under the empty name."""
        return self._relay.dialogs.channels.all()

    def trunk_at(self, host: str) -> str:
        """Return the name of the trunk that `host` belongs to; empty: none."""
        trunk = self._relay.trunks.of_host(host)
        return trunk.name if trunk is not None else ""

    def admits(self, data: bytes, host: str, now_ms: int) -> list[Action] | None:
        """Whether a message of a known source is read (None); else what is to be done instead."""
        guard = self._relay.guard
        return None if guard.admits(data, host, now_ms) else guard.over(host, now_ms)

    @property
    def sources_version(self) -> tuple[int, int, int]:
        """Differs when `sources` may."""
        relay = self._relay
        return relay.trunks.version, relay.dialogs.direct_version, relay.guard.version

    def sources(self, now_ms: int) -> tuple[list[Network], list[str]]:
        """Return the networks whose messages are to reach us, and hosts in them that are shut out."""
        relay = self._relay
        denied = relay.guard.kept_out(DENIED_LIMIT, now_ms)
        if self._strangers.policy == "refuse":
            return [ip_network("0.0.0.0/0"), ip_network("::/0")], denied
        hosts = [ip_network(host.strip("[]")) for host in relay.dialogs.direct_hosts if is_literal(host)]
        return [*relay.trunks.networks, *hosts], denied

    def bans(self, now_ms: int) -> list[Ban]:
        """Return the bans that last."""
        return self._relay.guard.bans(now_ms)

    @property
    def guard(self) -> Guard:
        """What is known of sources; only to be kept and restored."""
        return self._relay.guard

    def record(self, leg: LegId) -> Record | None:
        """Return what is to be written to the table for a leg: its dialog, or its reservation before that."""
        return self._relay.dialogs.by_leg.get(leg) or self._reservations.held.get(leg)

    def tombstone(self, leg: LegId) -> Tombstone | None:
        """Return the tombstone of a leg, to be written to the table."""
        return self._relay.dialogs.tombs.get(leg)

    def live_legs(self) -> list[LegId]:
        """Return the legs whose calls go on, for `FrontSnapshot`."""
        return [
            leg for leg, dialog in self._relay.dialogs.by_leg.items() if not dialog.told and dialog.state != "refused"
        ]

    def figures(self) -> dict[str, int]:
        """Return what the gauges show."""
        relay = self._relay
        return {
            "dialogs": len(relay.dialogs.by_leg),
            "tombstones": len(relay.dialogs.tombs),
            "spans": len(relay.spans.spans),
            "free_slots": relay.spans.free_slots,
            "adopted": sum(dialog.adopted and not dialog.orphan for dialog in relay.dialogs.by_leg.values()),
        }

    # --- life

    def restore(self, records: Iterable[Record], tombs: Iterable[Tombstone], now_ms: int) -> None:
        """Take over what the table of an earlier life holds. `SpansAre` must come next.

        What switch may not have heard of is told again, with the actions of the next input.
        """
        relay = self._relay
        relay.now_ms = now_ms
        for tomb in tombs:
            relay.dialogs.add_tomb(tomb)
            relay.set_alarm(tomb.until_ms, "tomb", tomb.leg)
            self._tell_again(tomb)
        for record in records:
            if isinstance(record, Reservation):
                self._reservations.restore(record)
            elif record.leg not in relay.dialogs.tombs:  # else killed before the dialog's slot was freed
                self._restore_dialog(record)

    def _restore_dialog(self, dialog: Dialog) -> None:
        relay = self._relay
        relay.dialogs.add(dialog)
        if dialog.incoming and not dialog.told and dialog.state in ("offered", "early"):
            # Switch may not have heard of it; once it is answered, switch has said so.
            relay.tell(admission.incoming(dialog))
        if dialog.deadline_ms:
            relay.set_alarm(dialog.deadline_ms, "dialog", dialog.leg)
        self._tell_again(dialog)
        if dialog.adopted and not dialog.orphan:
            adoption.told(relay, dialog)
            if dialog.state == "answered" and dialog.incoming:
                orphans.repeat_answer(relay, dialog, at_once=True)
        if dialog.state == "answered" and dialog.incoming and not dialog.orphan:
            adoption.watch_for_ack(relay, dialog)
        if dialog.ack_cseq and not dialog.orphan:
            in_dialog.repeat_accepted(relay, dialog)
        ours.restore(relay, dialog)
        session_timers.restore(relay, dialog)
        referral.restore(relay, dialog)
        hold_out.restore(relay, dialog)
        reliable.restore(relay, dialog)
        if dialog.unanswered:
            relay.repeats.start(f"{dialog.leg}/invite", dialog.unanswered, dialog.port, relay.now_ms)
        challenged.restore(relay, dialog)
        attempts.restore(relay, dialog)

    def _tell_again(self, record: Dialog | Tombstone) -> None:
        """Report what the last life had: with switch away, its reports died with it. Switch knows what it has heard."""
        for move in record.moves:
            self._relay.tell(move)
        if record.end is not None:
            self._relay.tell(LegEnded(record.leg, record.end))

    def replace_trunks(
        self,
        trunks: tuple[Trunk, ...],
        key_tones: KeyTones = Q24,
        *,
        strangers: Policy = "drop",
        groups: tuple[Group, ...] = (),
    ) -> None:
        """Take a new set of trunks (reload), the tones that are keys on calls of none, and what strangers get."""
        self._relay.trunks.replace(trunks, key_tones, groups)
        self._relay.dialogs.outlive(self._relay.trunks.by_name)
        self._relay.referring = {trunk.name for trunk in trunks if trunk.refer}
        self._relay.share_out()
        self._relay.out += self._relay.guard.routes_changed(self._relay.now_ms)
        self._relay.traffic.keep_only({"", *(trunk.name for trunk in trunks)})
        self._strangers.policy = strangers

    def handle(self, item: Input, now_ms: int) -> list[Action]:
        """Take one input (`now_ms`: CLOCK_MONOTONIC, milliseconds) and return what is to be done, in order."""
        relay = self._relay
        relay.now_ms = now_ms
        if isinstance(item, FromPeer):
            if not self._is_for_upkeep(item):
                from_peer.take(relay, item, self._why_closed())
            self._grow()
        elif isinstance(item, FromSpan):
            from_span.take(relay, self._reservations, item)
        elif isinstance(item, Tick):
            self._tick()
        else:
            self._others[type(item)](item)
            self._grow()
        return relay.take()

    def _why_closed(self) -> str:
        """Return why no new calls are taken; `overload` only if that is all, for it need not concern everybody."""
        return next((why for why in self._closed if why != "overload"), next(iter(self._closed), ""))

    def _admission(self, item: AcceptCalls) -> None:
        if item.accept:
            self._closed.pop(item.why_not, None)
        else:
            self._closed[item.why_not] = None

    def _located(self, item: Located) -> None:
        if not self.upkeep.located(item):
            self._reservations.located(item)

    def _is_for_upkeep(self, item: FromPeer) -> bool:
        message = item.message
        return isinstance(message, Response) and self.upkeep.takes(message, item.flow)

    def _undelivered(self, address: Address) -> None:
        self.upkeep.undelivered(address)
        for dialog in [d for d in self._relay.dialogs.by_leg.values() if d.flow.address == address]:
            attempts.undelivered(self._relay, dialog)

    def _span_lost(self, span: Incarnation) -> None:
        relay = self._relay
        relay.spans.remove(span)
        for dialog in [d for d in relay.dialogs.by_leg.values() if d.span == span and not d.orphan and not d.adopted]:
            adoption.span_lost(relay, dialog)
        for tomb in relay.dialogs.tombs.values():
            if tomb.span == span:
                adoption.tell_of_the_dead(relay, tomb)
        self._reservations.drop_span(span)

    def _spans_are(self, spans: dict[Incarnation, int]) -> None:
        relay = self._relay
        for name, port in spans.items():
            relay.spans.add(name, port, relay.now_ms)
        for name in [name for name in relay.spans.spans if name not in spans]:
            self._span_lost(name)
        relay.spans.wanted = max(relay.spans.wanted, len(spans))
        for dialog in list(relay.dialogs.by_leg.values()):
            span = relay.spans.spans.get(dialog.span)
            if dialog.orphan:
                orphans.lost(relay, dialog, "span_lost", "its signalling process died")
            elif dialog.adopted:
                continue
            elif span is None:
                adoption.span_lost(relay, dialog)
            elif dialog.state != "refused":
                relay.spans.hold(dialog.leg, span)

        for held in list(self._reservations.held.values()):
            span = relay.spans.spans.get(held.span)
            if span is None:
                self._reservations.drop_span(held.span)
            else:
                relay.spans.hold(held.leg, span)

    def _discard(self, legs: list[LegId]) -> None:
        for leg in legs:
            dialog = self._relay.dialogs.by_leg.get(leg)
            if dialog is not None and not dialog.orphan:
                dialog.told = True  # switch does not know the leg, so there is nobody to tell
                orphans.abandon(self._relay, dialog, "failed", "discarded")

    def _farewell(self) -> None:
        adoption.farewell(self._relay)
        self.upkeep.farewell()

    def _grow(self) -> None:
        wanted = self._relay.spans.grow(self._relay.now_ms)
        if wanted is not None:
            self._relay.out.append(WantSpans(wanted))

    def _alarmed(self, at_ms: int, kind: str, leg: LegId) -> None:
        relay = self._relay
        if kind == "tomb":
            relay.forget(leg)
        elif kind in ("reservation", "lookup"):
            self._reservations.lapse(leg)
        elif kind == "digit":
            digits_out.due(relay, leg)
        elif (dialog := relay.dialogs.by_leg.get(leg)) is not None:
            self._dialog_due(dialog, kind, at_ms)

    def _tick(self) -> None:
        relay = self._relay
        self.upkeep.tick()
        while (alarm := relay.pop_alarm()) is not None:
            self._alarmed(*alarm)
        for repeat in relay.repeats.due(relay.now_ms):
            relay.out.append(
                ToSpan(repeat.data, repeat.to) if isinstance(repeat.to, int) else ToPeer(repeat.data, repeat.to)
            )
        self._retire()

    def _dialog_due(self, dialog: Dialog, kind: str, at_ms: int) -> None:
        relay = self._relay
        if kind in _LAPSES:
            _LAPSES[kind](relay, dialog)
        elif kind == "ack":
            adoption.ack_is_missing(relay, dialog, at_ms)
        elif kind == "own":
            for pending in ours.due(relay, dialog):
                refresh.unanswered(relay, dialog, pending)
        elif kind == "session":
            refresh.due(relay, dialog, at_ms)
        elif dialog.deadline_ms == at_ms:
            orphans.due(relay, dialog)

    def _retire(self) -> None:
        relay = self._relay
        retired = False
        while (span := relay.spans.retire(relay.now_ms)) is not None:
            relay.out.append(RetireSpan(span))
            retired = True
        if retired:
            # The lower count goes first, or the supervisor would replace what it is told to end.
            relay.out.insert(0, WantSpans(relay.spans.wanted))
