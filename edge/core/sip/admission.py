"""Requests of peers that belong to no dialog yet: what front answers itself, and how a new call comes in."""

from msgspec import Struct
from msgspec.structs import replace

from edge.core.sip import identity, replacing, securing, session_timers
from edge.core.sip.actions import Flow
from edge.core.sip.dialogs import Dialog, Pending, Written
from edge.core.sip.errors import SipError
from edge.core.sip.message import ALLOW, EXTENSIONS, METHODS, Request
from edge.core.sip.negotiation import SDP_TYPE, facts_of_offer, sdp_for_span
from edge.core.sip.relay import Relay
from edge.core.sip.sdp import Session
from edge.core.sip.spans import Span
from edge.core.sip.trunks import Trunk
from edge.core.sip.uri import NameAddr
from edge.core.sip.writing import RETRY_SOON, digest, reply, reply_flow
from edge.vocabulary.ids import CallId, LegId, leg_id
from edge.vocabulary.media import RemoteMedia
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegIncoming

#: A span that has not said anything to an INVITE by then is given up.
SPAN_ANSWER_MS = 5000
#: The last free slot, while there are several trunks, is for one that has no call waiting already.
RESERVED_SLOTS = 1
#: Seconds in Retry-After while no calls are taken at all.
RETRY_LATER = "5"
_OWN = {"Allow": ALLOW}
#: Methods that never reach a span, with their answers.
_REFUSED = {
    "REGISTER": 405,
    "PUBLISH": 405,
    "MESSAGE": 405,
    "SUBSCRIBE": 489,
    "NOTIFY": 489,
    "REFER": 603,
}


#: Media ranges of Accept (section 20.1) that our answer is one of.
_ACCEPTABLE = frozenset({SDP_TYPE, "application/*", "*/*"})


class Arrival(Struct, frozen=True, kw_only=True):
    """A request of a peer, and what is known of who sent it."""

    request: Request
    flow: Flow
    #: None: only a host that we have dialled.
    trunk: Trunk | None
    token: str
    #: Why no new calls are taken; empty: they are.
    closed: str

    @property
    def answers(self) -> Flow:
        """Where answers go."""
        return reply_flow(self.request, self.flow)


def refuse_request(relay: Relay, arrival: Arrival, status: int, extras: dict[str, str] | None = None) -> None:
    """Answer a request with an error, outside of any transaction."""
    relay.count("refused", str(status))
    relay.to_peer(reply(arrival.request, status, extras), arrival.answers)


def pending_of(relay: Relay, dialog: Dialog, arrival: Arrival) -> Pending:
    """Return what the answer to a peer's request needs."""
    request = arrival.request
    return Pending(
        branch=relay.branch(dialog, "peer", relay.transaction(request)),
        method=request.method,
        cseq=request.cseq,
        by="peer",
        vias=request.vias,
        from_=request.from_,
        to=request.to,
        record_routes=request.record_routes,
        flow=arrival.answers,
    )


def last_of(relay: Relay, request: Request) -> str:
    """Return what tells a request from another one with the same number."""
    return f"{request.method} {relay.transaction(request)}"


def note_request(relay: Relay, dialog: Dialog, request: Request) -> None:
    """Remember the newest request of a peer in its dialog."""
    if request.cseq >= dialog.peer_cseq and request.method != "CANCEL":
        dialog.peer_cseq, dialog.peer_request = request.cseq, last_of(relay, request)


def answer_itself(relay: Relay, arrival: Arrival) -> None:
    """Answer a request that no span sees."""
    request = arrival.request
    if unknown := required_extensions(request):
        relay.count("refused", "420")
        relay.to_peer(reply(request, 420, {"Unsupported": unknown}), arrival.answers)
        return
    if request.method == "OPTIONS":
        extras = {**_OWN, "Accept": SDP_TYPE, "Supported": ", ".join(sorted(EXTENSIONS))}
        relay.to_peer(reply(request, 200, extras), arrival.answers)
        return
    status = _REFUSED.get(request.method, 481 if request.method in METHODS else 501)
    relay.count("refused", str(status))
    relay.to_peer(reply(request, status, _OWN if status in (405, 489, 501) else {}), arrival.answers)


def refuse(relay: Relay, arrival: Arrival, status: int, why: str, extras: dict[str, str] | None = None) -> None:
    """Refuse a new call. Nothing is kept: a repeat of the INVITE gets the same answer, and its ACK finds nothing."""
    relay.count("call_refused", why)
    relay.to_peer(reply(arrival.request, status, extras), arrival.answers)


def required_extensions(request: Request) -> str:
    """Return the extensions asked for that nobody here knows (RFC 3261 section 8.2.2.3), as an Unsupported value."""
    asked = [x for name in ("Require", "Proxy-Require") for x in request.extras.get(name, "").split(", ") if x]
    return ", ".join([x for x in asked if x.lower() not in EXTENSIONS])


def problem_of(relay: Relay, request: Request, flow: Flow) -> tuple[int, str, dict[str, str]] | None:
    """Return status, reason for the metric and headers when a new INVITE can't become a call whatever room there is."""
    if request.uri.scheme == "sips" and flow.transport != "tls":
        return 416, "scheme", {}
    if request.max_forwards == 0:
        return 483, "hops", {}
    if any(relay.presence.is_ours(via) for via in request.vias):
        return 482, "loop", {}
    if unknown := required_extensions(request):
        return 420, "extension", {"Unsupported": unknown}
    if "Content-Encoding" in request.extras or (request.body and request.content_type != SDP_TYPE):
        return 415, "media_type", {"Accept": SDP_TYPE}
    if not _ACCEPTABLE.intersection(request.extras.get("Accept", SDP_TYPE).split(", ")):
        return 406, "media_type", {}
    if request.contact is None:
        return 400, "grammar", {}
    if not request.uri.user or len(request.uri.user) > identity.NUMBER_LIMIT:
        return 484, "address", {}
    if relay.guard.scans(flow.address.host, relay.now_ms):
        return 404, "unknown_numbers", {}
    return None


def excess_of(relay: Relay, arrival: Arrival, trunk: Trunk) -> str | None:
    """Return why this trunk may not bring a further call now, whatever room there is: others must not feel it."""
    if not relay.guard.may_call(arrival.flow.address.host, relay.now_ms):
        return "banned"
    if not relay.has_channel(trunk):
        return "trunk_full"
    if not relay.trunks.admit(trunk, relay.now_ms):
        return "rate"
    pending = relay.dialogs.pending_of(trunk.name)
    if pending >= trunk.max_pending:
        return "pending"
    shared = len(relay.trunks.by_name) > 1
    return "no_room" if shared and pending and relay.spans.free_slots <= RESERVED_SLOTS else None


def new_call(relay: Relay, arrival: Arrival, trunk: Trunk) -> None:
    """Take a new INVITE of `trunk`: check it, find a span, pass it on; or refuse it."""
    request = arrival.request
    if _is_refused(relay, arrival, trunk):
        return
    replaced = replacing.replaced(relay, request, trunk)
    if isinstance(replaced, int):
        refuse(relay, arrival, replaced, "replaces")
        return
    policy = trunk.srtp_over(arrival.flow.transport)
    if policy is None:
        refuse(relay, arrival, 488, "keys_without_tls")
        return
    facts: tuple[RemoteMedia, Session] | None = None
    if request.body:
        found = facts_of_offer(relay, request.body, list(trunk.codecs), None, arrival.flow.address.host, policy)
        if isinstance(found, SipError):
            refuse(relay, arrival, found.status, "media")
            return
        facts = found
    leg = leg_id(CallId(f"c{arrival.token}"), 1)
    span = relay.spans.pick(leg, relay.now_ms)
    if span is None:
        refuse(relay, arrival, 503, "no_room", {"Retry-After": RETRY_SOON})
        return
    dialog = _dialog(relay, arrival, trunk, span, leg)
    dialog.replaces = replaced.leg if replaced is not None else None
    dialog.srtp, dialog.wants_reliable = policy, _wants_reliable(request, trunk)
    if facts is not None:
        remote, session = facts
        dialog.lines = session.lines
        dialog.secured = securing.first(relay, dialog, session)
        handle = dialog.secured.handle if dialog.secured is not None else 0
        dialog.remote = replace(
            remote, dtmf=dialog.dtmf, key_tones=dialog.key_tones, symmetric=dialog.symmetric, crypto=handle
        )
    _offer(relay, dialog, arrival)


def _is_refused(relay: Relay, arrival: Arrival, trunk: Trunk) -> bool:
    """Refuse what cannot become a call, or may not now; whether that was so."""
    request = arrival.request
    if (problem := problem_of(relay, request, arrival.flow)) is not None:
        refuse(relay, arrival, *problem)
    elif arrival.closed and not (arrival.closed == "overload" and relay.guard.suffers(trunk.name, relay.now_ms)):
        refuse(relay, arrival, 503, arrival.closed, {"Retry-After": RETRY_LATER})
    elif (excess := excess_of(relay, arrival, trunk)) is not None:
        refuse(relay, arrival, 503, excess, {"Retry-After": RETRY_SOON})
    elif (longer := session_timers.too_small(trunk.session, request)) is not None:
        refuse(relay, arrival, 422, "session_interval", longer)
    else:
        return False
    return True


def _wants_reliable(request: Request, trunk: Trunk) -> bool:
    """Whether our provisional responses are to be acknowledged (RFC 3262): required, or possible and wanted."""
    return "100rel" in request.tokens("Require") or (trunk.reliable and "100rel" in request.tokens("Supported"))


def _dialog(relay: Relay, arrival: Arrival, trunk: Trunk, span: Span, leg: LegId) -> Dialog:
    request, flow = arrival.request, arrival.flow
    session = int(digest("session", leg), 16) >> 2  # fits the signed 64 bits that some peers read it into
    assert request.contact is not None  # noqa: S101 - checked by problem_of
    return Dialog(
        leg=leg,
        span=span.name,
        port=span.port,
        incoming=True,
        trunk=trunk.name,
        call_id=request.call_id,
        state="offered",
        peer=request.from_.with_tag(""),
        own=request.to.with_tag(""),
        peer_tag=request.from_.tag,
        # A peer of RFC 2543 has no tag; towards the span everybody has one.
        shown_tag="" if request.from_.tag else digest("shown", leg),
        request_uri=request.uri,
        target=request.contact.uri,
        routes=[NameAddr(route.uri) for route in request.record_routes],
        flow=flow,
        first_host=flow.address.host,
        source=flow.address,
        invite_cseq=request.cseq,
        invite_branch=request.vias[0].branch,
        peer_cseq=request.cseq,
        peer_request=last_of(relay, request),
        codecs=list(trunk.codecs),
        dtmf=trunk.dtmf,
        key_tones=trunk.key_tones,
        symmetric=trunk.symmetric,
        caller=identity.read(request, trunk),
        to_peer=Written(session),
        to_span=Written(session),
    )


def _offer(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Pass the INVITE on to the dialog's span and tell switch of it."""
    request, answers = arrival.request, arrival.answers
    pending = pending_of(relay, dialog, arrival)
    pending.peer_offers = dialog.remote is not None
    dialog.seized_ms = relay.now_ms
    session_timers.note(dialog.timer, request)
    dialog.add(pending)
    relay.dialogs.add(dialog)
    relay.aim(dialog)
    message = relay.request_to_span(dialog, "INVITE", request.cseq, pending.branch)
    if dialog.remote is not None:
        message.content_type = SDP_TYPE
        message.body = sdp_for_span(relay, dialog, dialog.remote, dialog.remote.telephone_event)
    # The span first: its stack takes longer with the INVITE than switch until it has said what becomes of it.
    dialog.unanswered = relay.to_span(message, dialog.port)
    relay.tell(incoming(dialog))
    relay.to_peer(reply(request, 100), answers)
    relay.repeats.start(f"{dialog.leg}/invite", dialog.unanswered, dialog.port, relay.now_ms)
    relay.alarm(dialog, SPAN_ANSWER_MS)


def incoming(dialog: Dialog) -> LegIncoming:
    """Make the report of an incoming call that is not answered yet, from what the table holds of it."""
    caller = dialog.caller
    assert caller is not None  # noqa: S101 - it is made with an incoming dialog
    return LegIncoming(
        leg=dialog.leg,
        span=dialog.span,
        trunk=dialog.trunk,
        caller=caller.number,
        caller_name=caller.name,
        identity=caller.identity,
        called=Private(dialog.request_uri.user),
        source=dialog.source or dialog.flow.address,
        sip_call_id=dialog.call_id,
        remote=dialog.remote,
        replaces=dialog.replaces,
    )
