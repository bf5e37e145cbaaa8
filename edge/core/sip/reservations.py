"""Spans reserved for outgoing legs, and where those legs will be dialled."""

import re

from msgspec import Struct

from edge.core.routing.numbers import written
from edge.core.sip.actions import Drop, Flow, Locate, Located, Place, Reserve, Save, Transport
from edge.core.sip.attempts import MOST
from edge.core.sip.dialogs import Attempt
from edge.core.sip.errors import SipError
from edge.core.sip.identity import shown
from edge.core.sip.locating import literal
from edge.core.sip.presence import bracketed, default_port
from edge.core.sip.relay import Relay
from edge.core.sip.trunks import Trunk
from edge.core.sip.upkeep import Upkeep
from edge.core.sip.uri import URI_LIMIT, NameAddr, Uri, parse_uri
from edge.core.sip.writing import TRANSPORTS, digest
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.media import Address, DigitSending, KeyTones
from edge.vocabulary.reports import LegEnded, SpanRefused, SpanReserved

RESERVED_MS = 5000
#: A little more than the look-up takes at the most: it has earlier answers then.
RESOLVE_MS = 2500
DEFAULT_CODECS = ("PCMU", "PCMA")
_NUMBER = re.compile(r"[A-Za-z0-9\-_.!~*'()+&=]{1,64}")


class Reservation(Struct, kw_only=True, tag="reservation"):
    """A slot that waits for its span's INVITE. It is kept in the table until its dialog takes its place there."""

    leg: LegId
    span: Incarnation
    uri: Uri
    flow: Flow
    proxy: Uri | None
    trunk: str
    #: Group that the trunk was chosen from, and where else the call may go.
    group: str
    others: list[Attempt]
    caller: str
    identity: Identity
    #: How the caller is told, and further headers of the INVITE.
    own: NameAddr
    headers: dict[str, str]
    codecs: tuple[str, ...]
    dtmf: DigitSending
    key_tones: KeyTones = KeyTones()
    symmetric: bool
    srtp: SrtpPolicy
    until_ms: int


class _Candidate(Struct, frozen=True):
    """One way of reaching a target, and where its addresses are looked for."""

    trunk: Trunk | None
    uri: Uri
    places: tuple[Place, ...]
    #: `places` are addresses of the trunk, so each is named in its own URI.
    named: bool = False


class _Looked(Struct, kw_only=True):
    """A target whose names are being looked up."""

    candidates: list[_Candidate]
    group: str
    caller: str
    identity: Identity
    replaces: str
    until_ms: int


class Reservations:
    """All of them."""

    def __init__(self, relay: Relay, upkeep: Upkeep) -> None:
        self._relay = relay
        self._upkeep = upkeep
        self.held: dict[LegId, Reservation] = {}
        self._looked: dict[LegId, _Looked] = {}

    def reserve(self, item: Reserve) -> None:
        """Find out where the leg goes, then hold a slot for it; reports `SpanReserved` or `SpanRefused`."""
        relay, leg, target, trunk_name = self._relay, item.leg, item.target, item.trunk
        if leg in self.held:
            # The command came again, since its answer was lost with an earlier life.
            self._tell(self.held[leg])
            return
        if leg in self._looked or leg in relay.dialogs.by_leg:
            return
        names = self._names(leg, trunk_name)
        trunks = [relay.trunks.by_name[name] for name in names if name in relay.trunks.by_name]
        if trunk_name and not trunks:
            self._refuse(leg, "no_route", "no such trunk")
            return
        up = [one for one in trunks if one.dial_when_down or not self._upkeep.why_down(one.name)]
        if trunks and not up:
            self._refuse(leg, "trunk_down", self._upkeep.why_down(trunks[0].name))
            return
        ways = [self._candidate(target, trunk) for trunk in up] or [self._candidate(target, None)]
        candidates = [one for one in ways if one is not None]
        if not candidates:
            self._refuse(leg, "no_route", "bad target, or its trunk has no address")
            return
        looked = _Looked(
            candidates=candidates if _NUMBER.fullmatch(target) else candidates[:1],
            group=trunk_name if trunk_name in relay.trunks.groups else "",
            caller=item.caller if _NUMBER.fullmatch(item.caller) else "anonymous",
            identity=item.identity,
            replaces=item.replaces,
            until_ms=relay.now_ms + RESOLVE_MS,
        )
        places = tuple(place for one in looked.candidates for place in one.places)
        known = [literal(place, default_port(place.transport)) for place in places]
        if all(address is not None for address in known):
            found = tuple(() if address is None else (address,) for address in known)
            self._hold(leg, looked, Located(leg, found, tuple(place.transport for place in places)))
            return
        self._looked[leg] = looked
        relay.set_alarm(looked.until_ms, "lookup", leg)
        relay.out.append(Locate(leg, places))

    def _names(self, leg: LegId, trunk_name: str) -> list[str]:
        group = self._relay.trunks.groups.get(trunk_name)
        # The leg's id is random, so what is drawn from it is fair and the same when the command comes again.
        return group.in_order(int(digest("draw", leg), 16)) if group is not None else [trunk_name]

    def _candidate(self, target: str, trunk: Trunk | None) -> _Candidate | None:
        if _NUMBER.fullmatch(target):
            return self._by_number(target, trunk) if trunk is not None and trunk.host else None
        if len(target) > URI_LIMIT:
            return None
        try:
            uri = parse_uri(target)
        except SipError:
            return None
        if uri.scheme not in ("sip", "sips") or uri.param("transport") not in (None, *TRANSPORTS):
            return None
        transport = self._transport(uri)
        proxy = trunk.proxy if trunk is not None else None
        anything = uri.scheme == "sip" and uri.param("transport") is None
        return _Candidate(trunk, uri, (proxy or Place(uri.host, uri.port, transport, anything),))

    @staticmethod
    def _by_number(number: str, trunk: Trunk) -> _Candidate:
        params = (("transport", trunk.transport),) if trunk.transport != "udp" else ()
        port = 0 if trunk.any_port else trunk.port
        user = written(number, trunk.country, trunk.dial_as)
        uri = Uri("sip", user, bracketed(trunk.host), port, params)
        if trunk.proxy is not None:
            return _Candidate(trunk, uri, (trunk.proxy,))
        return _Candidate(trunk, uri, (trunk.place, *trunk.others), named=True)

    @staticmethod
    def _transport(uri: Uri) -> Transport:
        """Return what a target is sent over where DNS says nothing else (RFC 3263 section 4.1)."""
        if uri.scheme == "sips" or uri.param("transport") == "tls":
            return "tls"
        return "tcp" if uri.param("transport") == "tcp" else "udp"

    def located(self, item: Located) -> None:
        """Take the result of a look-up."""
        looked = self._looked.pop(item.leg, None)
        if looked is not None:
            self._hold(item.leg, looked, item)

    def _attempts(self, looked: _Looked, located: Located) -> list[Attempt]:
        """Return all that may be tried, the best first."""
        found: list[Attempt] = []
        reaches = self._relay.presence.reaches
        places = [(one, place) for one in looked.candidates for place in one.places]
        transports = located.transports or tuple(place.transport for _, place in places)
        for (one, place), known, transport in zip(places, located.addresses, transports, strict=False):
            uri = one.uri
            if one.named and place is not one.places[0]:
                uri = Uri(uri.scheme, uri.user, bracketed(place.host), place.port, uri.params)
            found += [self._attempt(one, uri, transport, address) for address in known if reaches(address.host)]
        return self._relay.reachability.sorted([(one.flow, one) for one in found], self._relay.now_ms)

    def _attempt(self, candidate: _Candidate, uri: Uri, transport: Transport, address: Address) -> Attempt:
        trunk = candidate.trunk or self._relay.trunks.of_address(address)
        proxy = candidate.trunk.proxy if candidate.trunk is not None else None
        by_name = candidate.trunk is not None and bool(candidate.trunk.host)
        flow = Flow(
            transport,
            address,
            trunk=trunk.name if trunk is not None else "",
            server=uri.host.strip("[]") if transport == "tls" and not by_name else "",
        )
        return Attempt(
            trunk=trunk.name if trunk is not None else "", uri=uri, flow=flow, proxy=_route(proxy) if proxy else None
        )

    def _hold(self, leg: LegId, looked: _Looked, located: Located) -> None:
        attempts = self._attempts(looked, located)
        if not attempts:
            known = any(located.addresses)
            self._refuse(
                leg, "unreachable", "no address of its family to call from" if known else "host name not found"
            )
            return
        while attempts:
            first = attempts.pop(0)
            trunk = self._relay.trunks.by_name.get(first.trunk)
            srtp = trunk.srtp_over(first.flow.transport) if trunk is not None else "off"
            if srtp is None:
                refusal: tuple[Outcome, str] = "no_route", "the trunk wants SRTP, and its keys could be read on the way"
            elif trunk is not None and not self._relay.may_dial(trunk):
                self._relay.count("call_refused", "trunk_full")
                refusal = "no_room", "its trunk takes no more calls"
                attempts = [one for one in attempts if one.trunk != first.trunk]
            else:
                self._reserve_at(leg, looked, first, srtp, attempts)
                return
        self._refuse(leg, *refusal)

    def _reserve_at(self, leg: LegId, looked: _Looked, first: Attempt, srtp: SrtpPolicy, others: list[Attempt]) -> None:
        relay = self._relay
        trunk = relay.trunks.by_name.get(first.trunk)
        span = relay.spans.pick(leg, relay.now_ms)
        if span is None:
            relay.count("call_refused", "no_room")
            self._refuse(leg, "no_room", "no span with room")
            return
        told = shown(looked.caller, looked.identity, trunk, relay.presence.host(first.flow))
        replaces = {"Replaces": looked.replaces} if looked.replaces else {}
        held = Reservation(
            leg=leg,
            span=span.name,
            uri=first.uri,
            flow=first.flow,
            proxy=first.proxy,
            trunk=first.trunk,
            group=looked.group,
            others=others[: MOST - 1],
            caller=looked.caller,
            identity=looked.identity if others or (trunk is not None and trunk.redirects) else Identity(),
            own=told.own,
            headers={**told.headers, **replaces},
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
        self._relay.dialogs.channels.take(held.leg, held.trunk)
        self._relay.set_alarm(held.until_ms, "reservation", held.leg)
        self._tell(held)

    def _tell(self, held: Reservation) -> None:
        self._relay.tell(SpanReserved(held.leg, held.span, held.trunk, held.flow.address))

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
            self._relay.dialogs.channels.free(leg)
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


def _route(proxy: Place) -> Uri:
    """Return the Route that sends a call through a proxy."""
    params = (("transport", proxy.transport),) if proxy.transport != "udp" else ()
    return Uri("sip", "", bracketed(proxy.host), proxy.port, (*params, ("lr", None)))
