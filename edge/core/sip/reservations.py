"""Spans reserved for outgoing legs, and where those legs will be dialled."""

import re

from msgspec import Struct

from edge.core.routing.numbers import written
from edge.core.sip.actions import Drop, Flow, Resolve, Save, Transport
from edge.core.sip.errors import SipError
from edge.core.sip.identity import shown
from edge.core.sip.relay import TRANSPORTS, Relay, bracketed, default_port
from edge.core.sip.trunks import Trunk
from edge.core.sip.upkeep import Upkeep
from edge.core.sip.uri import URI_LIMIT, NameAddr, Uri, is_literal, parse_uri
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.media import Address, DigitSending, KeyTones
from edge.vocabulary.reports import LegEnded, SpanRefused, SpanReserved

RESERVED_MS = 5000
RESOLVE_MS = 2000
DEFAULT_CODECS = ("PCMU", "PCMA")
_NUMBER = re.compile(r"[A-Za-z0-9\-_.!~*'()+&=]{1,64}")


class Reservation(Struct, kw_only=True, tag="reservation"):
    """A slot that waits for its span's INVITE. It is kept in the table until its dialog takes its place there."""

    leg: LegId
    span: Incarnation
    uri: Uri
    flow: Flow
    trunk: str
    #: How the caller is told, and further headers of the INVITE.
    own: NameAddr
    headers: dict[str, str]
    codecs: tuple[str, ...]
    dtmf: DigitSending
    key_tones: KeyTones = KeyTones()
    symmetric: bool
    srtp: SrtpPolicy
    until_ms: int


class _Looked(Struct, kw_only=True):
    """A target whose name is being looked up."""

    uri: Uri
    transport: Transport
    trunk: Trunk | None
    caller: str
    identity: Identity
    until_ms: int


class Reservations:
    """All of them."""

    def __init__(self, relay: Relay, upkeep: Upkeep) -> None:
        self._relay = relay
        self._upkeep = upkeep
        self.held: dict[LegId, Reservation] = {}
        self._looked: dict[LegId, _Looked] = {}

    def reserve(self, leg: LegId, target: str, trunk_name: str, caller: str, identity: Identity) -> None:
        """Find out where the leg goes, then hold a slot for it; reports `SpanReserved` or `SpanRefused`."""
        if leg in self.held:
            # The command came again, since its answer was lost with an earlier life.
            self._relay.tell(SpanReserved(leg, self.held[leg].span, self.held[leg].trunk))
            return
        if leg in self._looked or leg in self._relay.dialogs.by_leg:
            return
        trunk = self._relay.trunks.by_name.get(trunk_name)
        if trunk_name and trunk is None:
            self._refuse(leg, "no_route", "no such trunk")
            return
        if trunk is not None and not trunk.dial_when_down and (why := self._upkeep.why_down(trunk.name)):
            self._refuse(leg, "trunk_down", why)
            return
        uri = self._uri(target, trunk)
        if uri is None:
            self._refuse(leg, "no_route", "bad target, or its trunk has no address")
            return
        transport = self._transport(uri, trunk if not target.startswith("sip") else None)
        looked = _Looked(
            uri=uri,
            transport=transport,
            trunk=trunk,
            caller=caller if _NUMBER.fullmatch(caller) else "anonymous",
            identity=identity,
            until_ms=self._relay.now_ms + RESOLVE_MS,
        )
        if is_literal(uri.host):
            self._hold(leg, looked, uri.host.strip("[]"))
            return
        self._looked[leg] = looked
        self._relay.set_alarm(looked.until_ms, "lookup", leg)
        self._relay.out.append(Resolve(leg, uri.host))

    @staticmethod
    def _uri(target: str, trunk: Trunk | None) -> Uri | None:
        if _NUMBER.fullmatch(target) and trunk is not None and trunk.host:
            params = (("transport", trunk.transport),) if trunk.transport != "udp" else ()
            return Uri("sip", written(target, trunk.country, trunk.dial_as), bracketed(trunk.host), trunk.port, params)
        if len(target) > URI_LIMIT:
            return None
        try:
            uri = parse_uri(target)
        except SipError:
            return None
        return uri if uri.scheme in ("sip", "sips") and uri.param("transport") in (None, *TRANSPORTS) else None

    @staticmethod
    def _transport(uri: Uri, trunk: Trunk | None) -> Transport:
        """Return what a target is sent over (RFC 3263 section 4.1, without NAPTR)."""
        if uri.scheme == "sips" or uri.param("transport") == "tls":
            return "tls"
        return "tcp" if uri.param("transport") == "tcp" else trunk.transport if trunk is not None else "udp"

    def resolved(self, leg: LegId, host: str | None) -> None:
        """Take the result of a look-up."""
        looked = self._looked.pop(leg, None)
        if looked is None:
            return
        if host is None:
            self._refuse(leg, "unreachable", "host name not found")
        else:
            self._hold(leg, looked, host)

    def _hold(self, leg: LegId, looked: _Looked, host: str) -> None:
        relay = self._relay
        trunk = looked.trunk or relay.trunks.of_host(host)
        srtp = trunk.srtp_over(looked.transport) if trunk is not None else "off"
        if srtp is None:
            self._refuse(leg, "no_route", "the trunk wants SRTP, and its keys could be read on the way")
            return
        span = relay.spans.pick(leg, relay.now_ms)
        if span is None:
            relay.count("call_refused", "no_room")
            self._refuse(leg, "no_room", "no span with room")
            return
        told = shown(looked.caller, looked.identity, trunk, bracketed(relay.settings.public.host))
        held = Reservation(
            leg=leg,
            span=span.name,
            uri=looked.uri,
            flow=Flow(
                looked.transport,
                Address(host, looked.uri.port or default_port(looked.transport)),
                trunk=trunk.name if trunk is not None else "",
                server="" if looked.trunk is not None and looked.trunk.host else looked.uri.host.strip("[]"),
            ),
            trunk=trunk.name if trunk is not None else "",
            own=told.own,
            headers=told.headers,
            codecs=trunk.codecs if trunk is not None else DEFAULT_CODECS,
            dtmf=trunk.dtmf if trunk is not None else "auto",
            key_tones=trunk.key_tones if trunk is not None else relay.trunks.key_tones,
            symmetric=trunk is not None and trunk.symmetric,
            srtp=srtp,
            until_ms=relay.now_ms + RESERVED_MS,
        )
        relay.out.append(Save(leg))
        self.restore(held)

    def restore(self, held: Reservation) -> None:
        """Take in a reservation, a new one or one of an earlier life, and tell switch of it."""
        self.held[held.leg] = held
        self._relay.set_alarm(held.until_ms, "reservation", held.leg)
        self._relay.tell(SpanReserved(held.leg, held.span, held.trunk))

    def _refuse(self, leg: LegId, outcome: Outcome, text: str) -> None:
        self._relay.tell(SpanRefused(leg, EndReason(outcome=outcome, ended_by="appliance", text=text)))

    def take(self, leg: LegId, span: Incarnation) -> Reservation | None:
        """Use a reservation; its slot stays taken."""
        held = self.held.get(leg)
        if held is None or held.span != span:
            return None
        return self.held.pop(leg)

    def release(self, leg: LegId) -> None:
        """Give a slot back; harmless when the leg is dialled already."""
        self._looked.pop(leg, None)
        if self.held.pop(leg, None) is not None:
            self._relay.spans.free(leg, self._relay.now_ms)
            self._relay.out.append(Drop(leg))

    def lapse(self, leg: LegId) -> None:
        """Its time may be over."""
        held = self.held.get(leg)
        if held is not None and held.until_ms <= self._relay.now_ms:
            self.release(leg)
        looked = self._looked.get(leg)
        if looked is not None and looked.until_ms <= self._relay.now_ms:
            del self._looked[leg]
            self._refuse(leg, "unreachable", "host name not found in time")

    def drop_span(self, span: Incarnation) -> None:
        """Give up what was reserved on a span that is gone."""
        for leg in [leg for leg, held in self.held.items() if held.span == span]:
            self.release(leg)
            self._relay.tell(LegEnded(leg, EndReason(outcome="span_lost", ended_by="appliance")))
