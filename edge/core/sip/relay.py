"""The state that all parts of the relay share, and the messages they build from it.

Towards a peer everything is in front's name; towards a span everything is canonical: parties are `peer` and the leg id,
and the description is ours. `from_peer`, `from_span` and `orphans` decide; here is what they write with.
"""

import heapq
from hashlib import blake2s
from typing import cast

from edge.core.deadline import Deadline
from edge.core.sip.actions import (
    Action,
    Bury,
    Count,
    Counted,
    DropKeys,
    Flow,
    Forget,
    KeepKeys,
    OfferKeys,
    Save,
    Seized,
    Tell,
    ToPeer,
    ToSpan,
    Transport,
)
from edge.core.sip.authentication import Authenticator
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Dialogs, Pending, Tombstone
from edge.core.sip.guard import Guard
from edge.core.sip.info import Job
from edge.core.sip.message import ALLOW, RELAYED, Request, Response, serialise
from edge.core.sip.reachability import Reachability
from edge.core.sip.spans import SpanPool
from edge.core.sip.traffic import Seizure, Traffic, result_of
from edge.core.sip.transactions import Repeater
from edge.core.sip.trunks import Settings, Trunk, Trunks
from edge.core.sip.uri import NameAddr, Params, Uri, Via, is_literal
from edge.vocabulary.endings import EndReason, Outcome, Party
from edge.vocabulary.events import SecurityCause
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.reports import AnyReport, LegEnded

DEFAULT_PORT = 5060
#: Of TLS (RFC 3261 section 19.1.2).
DEFAULT_TLS_PORT = 5061
TRANSPORTS = ("udp", "tcp", "tls")
MAX_FORWARDS = 70
#: Seconds in Retry-After, where room is expected soon.
RETRY_SOON = "1"
#: Header fields that are carried through the relay; all others end here.
CARRIED = ("Require", "Supported", "Unsupported", "RSeq", "RAck", "Reason", "Retry-After")
_FILTERED = frozenset({"Require", "Supported", "Unsupported"})
_COOKIE = "z9hG4bK"


def bracketed(host: str) -> str:
    """Return `host` as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def default_port(transport: Transport) -> int:
    """Return the port of a SIP URI that names none."""
    return DEFAULT_TLS_PORT if transport == "tls" else DEFAULT_PORT


def digest(*parts: str) -> str:
    """16 hex digits that are the same for a retransmission, and different for anything else."""
    return blake2s("\0".join(parts).encode(), digest_size=8).hexdigest()


def leg_of_branch(branch: str) -> LegId:
    """Return the leg that a branch of ours was made for (empty: not ours)."""
    return LegId(branch[len(_COOKIE) :].rpartition("-")[0]) if branch.startswith(_COOKIE) else LegId("")


def first_routes(dialog: Dialog) -> list[NameAddr]:
    """Return the route set of a first INVITE: the proxy of its trunk, then what its registrar wants (RFC 3608)."""
    proxy, wanted = dialog.proxy, dialog.service_routes
    if proxy is None or (wanted and wanted[0].uri.host == proxy.host):
        return wanted
    return [NameAddr(proxy), *wanted]


def base_of_branch(branch: str) -> str:
    """Return a branch of ours without the number of the try that it was made for (`Pending.sent_branch`)."""
    head, dash, tail = branch.rpartition("-")
    return f"{head}{dash}{tail.partition('.')[0]}"


def carried(message: Request | Response) -> dict[str, str]:
    """Return the extra headers of `message` that go on to the other side."""
    found: dict[str, str] = {}
    if not message.extras:
        return found
    for name in CARRIED:
        value = message.extras.get(name)
        if value is not None and name in _FILTERED:
            value = ", ".join([x for x in value.split(", ") if x.lower() in RELAYED])
        if value:
            found[name] = value
    return found


def later(status: int) -> dict[str, str]:
    """Return the header that tells a peer when to try again (RFC 3261 section 20.33), for a status that means it."""
    return {"Retry-After": RETRY_SOON} if status == 503 else {}


class Relay:
    """Shared state; `out` collects the actions of one input."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.trunks = Trunks(settings.trunks, settings.calls_per_second, settings.key_tones, settings.groups)
        self.authenticator = Authenticator(settings.seed)
        #: Routes that registrars want calls of their trunks to take, by trunk.
        self.service_routes: dict[str, list[NameAddr]] = {}
        self.dialogs = Dialogs()
        self.guard = Guard(self.trunks, self.dialogs, settings.calls_per_second)
        self.spans = SpanPool(settings.max_spans)
        self.share_out()
        self.repeats = Repeater()
        #: Digits that front sends itself.
        self.digits: dict[LegId, Job] = {}
        self.reachability = Reachability()
        self.traffic = Traffic()
        self.now_ms = 0
        self.out: list[Action] = []
        self._dirty: dict[LegId, None] = {}
        self._alarms: list[tuple[int, str, LegId]] = []
        inner, public = settings.inner, settings.public
        self.inner_host = bracketed(inner.host)
        self._inner_peer = Uri("sip", "peer", self.inner_host)
        host = bracketed(public.host)
        self._ports: dict[Transport, int] = {"udp": public.port, "tcp": public.port, "tls": settings.tls_port}
        self._contact: dict[Transport, NameAddr] = {
            "udp": NameAddr(Uri("sip", "edge", host, public.port)),
            "tcp": NameAddr(Uri("sip", "edge", host, public.port, (("transport", "tcp"),))),
            "tls": NameAddr(Uri("sip", "edge", host, settings.tls_port, (("transport", "tls"),))),
        }
        self._secure_contact = NameAddr(Uri("sips", "edge", host, settings.tls_port))

    def share_out(self) -> None:
        """Keep a further span free where there are trunks that one of them could take the room from."""
        self.spans.spare = 2 if len(self.trunks.by_name) > 1 else 1

    # --- output

    def take(self) -> list[Action]:
        """Return the actions of this input: the table first, so that a crash after a send finds what was sent."""
        changed = [self.dialogs.by_leg[leg] for leg in self._dirty if leg in self.dialogs.by_leg]
        for dialog in changed:
            self._drop_keys(dialog)
        saves: list[Action] = [Save(dialog.leg) for dialog in changed]
        # Keys come before the table that names them: those that it doesn't name are overwritten after a crash.
        keys = [action for action in self.out if isinstance(action, OfferKeys | KeepKeys)]
        out = [action for action in self.out if not isinstance(action, OfferKeys | KeepKeys)] if keys else self.out
        self.out = []
        self._dirty.clear()
        return [*keys, *saves, *out]

    def _drop_keys(self, dialog: Dialog) -> None:
        """Drop the keys that nothing in the dialog names any more."""
        if not dialog.keys:
            return
        named = {dialog.offered_keys}
        waiting = [pending.secured for pending in dialog.pending.values() if pending.status < 300]
        named |= {secured.handle for secured in (dialog.secured, *waiting) if secured is not None}
        self.out += [DropKeys(handle) for handle in dialog.keys if handle not in named]
        dialog.keys = [handle for handle in dialog.keys if handle in named]

    def save(self, dialog: Dialog) -> None:
        """Note that the dialog changed."""
        self._dirty[dialog.leg] = None

    def count(self, what: Counted, label: str) -> None:
        """Count something."""
        self.out.append(Count(what, label))

    def hold(self, source: str, kind: SecurityCause) -> None:
        """Hold something against a source."""
        self.out += self.guard.hold(source, kind, self.now_ms)

    def tell(self, report: AnyReport) -> None:
        """Report to switch."""
        self.out.append(Tell(report))

    def tell_ended(
        self, dialog: Dialog, outcome: Outcome, text: str, by: Party = "appliance", code: int | None = None
    ) -> None:
        """Report the end of a leg, once."""
        self.tell_end(dialog, EndReason(outcome=outcome, ended_by=by, sip_code=code, text=text))

    def tell_end(self, dialog: Dialog, end: EndReason) -> None:
        """Report the end of a leg, once."""
        if not dialog.told:
            dialog.told, dialog.end = True, end
            self.save(dialog)
            self.tell(LegEnded(dialog.leg, end))

    def to_peer(self, message: Request | Response, flow: Flow) -> bytes:
        """Send to a peer; returns the bytes."""
        data = serialise(message)
        self.out.append(ToPeer(data, flow))
        return data

    def to_span(self, message: Request | Response, port: int) -> bytes:
        """Send to a span; returns the bytes."""
        data = serialise(message)
        self.out.append(ToSpan(data, port))
        return data

    # --- time

    def alarm(self, dialog: Dialog, after_ms: int) -> None:
        """Give the dialog a new deadline."""
        dialog.deadline_ms = self.now_ms + after_ms
        heapq.heappush(self._alarms, (dialog.deadline_ms, "dialog", dialog.leg))
        self.save(dialog)

    def set_alarm(self, at_ms: int, kind: str, leg: LegId) -> None:
        """Note a time at which `kind` of `leg` is due."""
        heapq.heappush(self._alarms, (at_ms, kind, leg))

    def pop_alarm(self) -> tuple[int, str, LegId] | None:
        """Return a due alarm, or None."""
        if self._alarms and self._alarms[0][0] <= self.now_ms:
            return heapq.heappop(self._alarms)
        return None

    @property
    def deadline(self) -> Deadline | None:
        """When something is due next."""
        found = [Deadline(self._alarms[0][0], self._alarms[0][1])] if self._alarms else []
        if (repeat := self.repeats.next_ms()) is not None:
            found.append(Deadline(repeat, "repeat"))
        if (idle := self.spans.next_retirement_ms()) is not None:
            found.append(Deadline(idle, "retire"))
        return min(found, default=None)

    # --- the end of a dialog

    def end_seizure(self, dialog: Dialog, status: int) -> None:
        """Count how a call, or one attempt of it, went at its trunk; `status`: final one of the INVITE."""
        if not dialog.seized_ms:
            return
        seizure = Seizure(
            trunk=dialog.trunk,
            direction="in" if dialog.incoming else "out",
            result=result_of(200 if dialog.answered_ms else status, rang=dialog.rang_ms > 0),
            talk_ms=self.now_ms - dialog.answered_ms if dialog.answered_ms else 0,
            ring_ms=dialog.rang_ms - dialog.seized_ms if dialog.rang_ms else 0,
        )
        self.traffic.add(seizure, self.now_ms)
        self.out.append(Seized(seizure))
        dialog.seized_ms = dialog.rang_ms = dialog.answered_ms = 0

    def bury(self, dialog: Dialog) -> None:
        """End a dialog that is over on both sides: a tombstone stays for 32 s, the slot is free."""
        invite = dialog.invite()
        self.end_seizure(dialog, invite.status if invite is not None else 0)
        tomb = Tombstone(
            leg=dialog.leg,
            call_id=dialog.call_id,
            peer_tag=dialog.peer_tag,
            own_tag=dialog.own_tag,
            incoming=dialog.incoming,
            trunk=dialog.trunk,
            invite_cseq=dialog.invite_cseq,
            invite_branch=dialog.invite_branch,
            status=invite.status if invite is not None else 200,
            bye_cseq=dialog.bye_cseq,
            until_ms=self.now_ms + TIMEOUT_MS,
            span=Incarnation("") if dialog.told else dialog.span,
            end=dialog.end,
            by_peer=dialog.by_peer,
        )
        self.repeats.stop_all(f"{dialog.leg}/")
        self.dialogs.remove(dialog, tomb)
        self.spans.free(dialog.leg, self.now_ms)
        self.set_alarm(tomb.until_ms, "tomb", tomb.leg)
        self.out.append(Bury(dialog.leg))
        self.out += [DropKeys(handle) for handle in dialog.keys]

    def forget(self, leg: LegId) -> None:
        """Drop a tombstone that has had its time."""
        tomb = self.dialogs.tombs.get(leg)
        if tomb is not None and tomb.until_ms <= self.now_ms:
            self.dialogs.forget(leg)
            self.out.append(Forget(leg))

    # --- addresses

    def contact(self, transport: Transport, target: Uri) -> NameAddr:
        """Our Contact as peers see it; where they use a sips URI it is one, too (RFC 3261 section 8.1.1.8)."""
        return self._secure_contact if target.scheme == "sips" else self._contact[transport]

    def via_to_peer(self, transport: Transport, branch: str) -> Via:
        """Our one Via as peers see it; over TLS its `alias` lets the peer use our connection (RFC 5923)."""
        params: Params = (("branch", branch), ("rport", None))
        if transport == "tls":
            params = (*params, ("alias", None))
        return Via(transport.upper(), bracketed(self.settings.public.host), self._ports[transport], params)

    def via_to_span(self, branch: str) -> Via:
        """Our one Via as spans see it."""
        return Via("UDP", self.inner_host, self.settings.inner.port, (("branch", branch),))

    def is_our_via(self, via: Via) -> bool:
        """Whether we put `via` on: then a request came back to us (RFC 3261 section 16.3)."""
        port = via.port or default_port("tls" if via.transport == "TLS" else "udp")
        return via.host.strip("[]") == self.settings.public.host and port in self._ports.values()

    @staticmethod
    def transaction(request: Request, *, acknowledges: bool = False) -> str:
        """Return what tells a peer's transaction from its others, the same for INVITE, CANCEL and negative ACK.

        That is the branch, or for who knows none (RFC 2543, RFC 3261 section 17.2.3) number and method.
        `acknowledges`: an ACK of a 2xx, which is a transaction of its own.
        """
        branch = request.vias[0].branch
        if branch.startswith(_COOKIE) and branch != _COOKIE:
            return branch
        method = request.method
        if method == "CANCEL" or (method == "ACK" and not acknowledges):
            method = "INVITE"
        return f"{branch} {request.cseq} {method}"

    def branch(self, dialog: Dialog, side: str, received: str) -> str:
        """Return our branch for a request that came with `received`: the same for repeats, CANCEL and negative ACK."""
        return f"{_COOKIE}{dialog.leg}-{digest(side, dialog.span, received)}"

    def belongs(self, dialog: Dialog, flow: Flow) -> bool:
        """Whether a message from `flow` may touch the dialog: right tags from elsewhere are not enough."""
        if self.trunks.includes(dialog.trunk, flow.address.host):
            return True
        return not dialog.incoming and flow.address.host == dialog.first_host

    def has_channel(self, trunk: Trunk) -> bool:
        """Whether the trunk has room for one more call of either direction."""
        return not trunk.max_channels or self.dialogs.of_trunk(trunk.name) < trunk.max_channels

    def may_dial(self, trunk: Trunk) -> bool:
        """Whether the trunk takes one more call of ours now, which is counted then."""
        return self.has_channel(trunk) and self.trunks.admit(trunk, self.now_ms, ours=True)

    def aim(self, dialog: Dialog) -> None:
        """Set where requests to the peer go from its route set and remote target (RFC 3261 section 12.2.1.1).

        A name stays at the address that it was reached by: a look-up in the middle of a call could only break it.
        """
        uri = dialog.routes[0].uri if dialog.routes else dialog.target
        if not is_literal(uri.host):
            return
        asked = "tls" if uri.scheme == "sips" else uri.param("transport")
        transport = dialog.flow.transport
        # What began over TLS stays there, whatever a Contact says: its keys were told there.
        if transport != "tls" and asked in TRANSPORTS:
            transport = cast(Transport, asked)
        host = uri.host.strip("[]")
        kept = dialog.flow.connection if transport == dialog.flow.transport and host == dialog.flow.address.host else 0
        # Only hosts that the site file names, or that we dialled, are sent anything (no third party by a Contact).
        if host == dialog.first_host or self.trunks.includes(dialog.trunk, host):
            dialog.flow = Flow(
                transport, Address(host, uri.port or default_port(transport)), kept, dialog.trunk, dialog.flow.server
            )

    # --- messages

    def request_to_peer(self, dialog: Dialog, method: str, cseq: int, branch: str, *, first: bool = False) -> Request:
        """Make a request in front's name; `first`: it is the first INVITE, its CANCEL or its negative ACK."""
        target, routes = dialog.target, dialog.routes
        if first:
            target, routes = dialog.request_uri, first_routes(dialog)
        if routes and routes[0].uri.param("lr") is None:
            # A strict router: it becomes the Request-URI, and the target the last route (section 12.2.1.1).
            target, routes = routes[0].uri, [*routes[1:], NameAddr(dialog.target)]
        tag = "" if first and method != "ACK" else dialog.peer_tag
        return Request(
            method=method,
            uri=target,
            vias=[self.via_to_peer(dialog.flow.transport, branch)],
            max_forwards=MAX_FORWARDS,
            from_=dialog.own.with_tag(dialog.own_tag),
            to=dialog.peer.with_tag(tag),
            call_id=dialog.call_id,
            cseq=cseq,
            contact=self.contact(dialog.flow.transport, target) if method in ("INVITE", "UPDATE", "REFER") else None,
            routes=routes,
            extras={"Allow": ALLOW} if method in ("INVITE", "UPDATE") else {},
        )

    def request_to_span(self, dialog: Dialog, method: str, cseq: int, branch: str) -> Request:
        """Make a canonical request for the dialog's span."""
        return Request(
            method=method,
            uri=Uri("sip", dialog.leg, self.inner_host, dialog.port),
            vias=[self.via_to_span(branch)],
            max_forwards=MAX_FORWARDS,
            from_=NameAddr(self._inner_peer).with_tag(dialog.shown_tag or dialog.peer_tag),
            to=NameAddr(Uri("sip", dialog.leg, self.inner_host)).with_tag(dialog.own_tag),
            call_id=dialog.call_id,
            cseq=cseq,
            contact=self.inner_contact(dialog) if method in ("INVITE", "UPDATE") else None,
            extras={"Allow": ALLOW} if method in ("INVITE", "UPDATE") else {},
        )

    def inner_contact(self, dialog: Dialog) -> NameAddr:
        """Where the span sends its requests in this dialog: to front, naming the leg."""
        return NameAddr(Uri("sip", dialog.leg, self.inner_host, self.settings.inner.port))

    def response_to_peer(self, dialog: Dialog, pending: Pending, status: int) -> Response:
        """Make a response to a peer's request that was passed on."""
        creates = pending.method in ("INVITE", "UPDATE") and 100 < status < 300
        extras = {"Allow": ALLOW} if creates else later(status)
        transport = pending.flow.transport if pending.flow else dialog.flow.transport
        return Response(
            status=status,
            vias=pending.vias,
            from_=pending.from_,
            to=pending.to if pending.to.tag or status == 100 else pending.to.with_tag(dialog.own_tag),
            call_id=dialog.call_id,
            cseq=pending.cseq,
            method=pending.method,
            contact=self.contact(transport, dialog.request_uri if dialog.incoming else dialog.target)
            if creates
            else None,
            record_routes=pending.record_routes if creates else [],
            extras=extras,
        )

    def response_to_span(self, dialog: Dialog, pending: Pending, status: int) -> Response:
        """Make a response to a span's request that was passed on."""
        creates = pending.method in ("INVITE", "UPDATE") and 100 < status < 300
        tag = dialog.shown_tag or dialog.peer_tag or digest("tag", dialog.leg)
        return Response(
            status=status,
            vias=pending.vias,
            from_=pending.from_,
            to=pending.to if pending.to.tag or status == 100 else pending.to.with_tag(tag),
            call_id=dialog.call_id,
            cseq=pending.cseq,
            method=pending.method,
            contact=self.inner_contact(dialog) if creates else None,
            extras={"Allow": ALLOW} if creates else {},
        )


def reply(request: Request, status: int, extras: dict[str, str] | None = None) -> Response:
    """Make an answer of front's own, outside of any dialog (RFC 3261 section 8.2.6, stateless as in 8.2.7)."""
    tag = digest("reply", request.call_id, request.from_.tag, request.vias[0].branch)
    return Response(
        status=status,
        vias=request.vias,
        from_=request.from_,
        to=request.to if request.to.tag or status == 100 else request.to.with_tag(tag),
        call_id=request.call_id,
        cseq=request.cseq,
        method=request.method,
        extras=extras or {},
    )


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where answers to a peer's request go (RFC 3261 section 18.2.2, RFC 3581)."""
    if flow.reliable:
        return flow
    via = request.vias[0]
    if via.param("rport") is not None:
        return flow
    return Flow("udp", Address(flow.address.host, via.port or DEFAULT_PORT))
