"""What spans send: INVITEs of reserved legs, requests of dialogs, and responses to what was passed on to them."""

import re

from edge.core.sip import adoption, attempts, challenged, info, orphans, reliable, session_timers
from edge.core.sip.actions import FromSpan
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending, Written
from edge.core.sip.message import Malformed, Request, Response
from edge.core.sip.negotiation import (
    SDP_TYPE,
    answer_for_peer,
    learn,
    offer_for_peer,
    span_direction,
)
from edge.core.sip.relay import Relay
from edge.core.sip.reservations import Reservation, Reservations
from edge.core.sip.spans import Span
from edge.core.sip.uri import NameAddr
from edge.core.sip.writing import carried, digest, leg_of_branch, reply
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address

_MEDIA = re.compile(r"(.+):([0-9]+)")


def take(relay: Relay, reservations: Reservations, item: FromSpan) -> None:
    """Handle one message of a span."""
    message = item.message
    span = relay.spans.at_port(item.port)
    if span is None:
        relay.count("dropped", "stranger")
    elif isinstance(message, Malformed):
        # Our own stack wrote it, so our grammar is too narrow (or the stack is hurt): a fault either way.
        relay.count("fault", "span_grammar")
    elif isinstance(message, Request):
        _request(relay, reservations, span, message)
    elif isinstance(message, Response):
        _response(relay, span, message)


def media_of(relay: Relay, message: Request | Response) -> Address | None:
    """Return the leg's media address that the span states, as peers of our first family see it."""
    match = _MEDIA.fullmatch(message.extras.get("X-Edge-Media", ""))
    return relay.presence.media(Address(match[1].strip("[]"), int(match[2]))) if match else None


# --- requests -------------------------------------------------------------------------------------------------------


def _request(relay: Relay, reservations: Reservations, span: Span, request: Request) -> None:
    leg = LegId(request.uri.user)
    dialog = relay.dialogs.by_leg.get(leg)
    if dialog is None and request.method == "INVITE" and not request.to.tag:
        _first_invite(relay, reservations, span, leg, request)
        return
    if dialog is None or dialog.span != span.name or dialog.call_id != request.call_id:
        if request.method != "ACK":
            # A dialog that is over: the span may forget its side.
            relay.to_span(reply(request, 200 if request.method == "BYE" else 481), span.port)
        return
    if request.from_.tag != dialog.own_tag:
        relay.count("fault", "span_dialog")
    elif dialog.orphan or dialog.adopted:
        # The peer is front's: it ends the call, or goes on with it; the span only has to let go.
        if request.method != "ACK":
            relay.to_span(reply(request, 200 if request.method in ("BYE", "CANCEL") else 481), span.port)
    elif request.method == "ACK":
        _acknowledge(relay, dialog, request)
    else:
        _pass_on(relay, dialog, request)


def _first_invite(relay: Relay, reservations: Reservations, span: Span, leg: LegId, request: Request) -> None:
    """Make the real INVITE of a reserved leg."""
    media = media_of(relay, request)
    reservation = reservations.take(leg, span.name) if media is not None else reservations.held.get(leg)
    if reservation is None:
        relay.count("refused", "no_reservation")
        relay.to_span(reply(request, 503), span.port)
        return
    if media is None:
        relay.count("fault", "no_media_address")
        reservations.release(leg)
        relay.to_span(reply(request, 500), span.port)
        return
    dialog = _dialog(reservation, span, request)
    dialog.media = media
    dialog.service_routes = relay.service_routes.get(dialog.trunk, [])
    relay.dialogs.add(dialog)
    _pass_on(relay, dialog, request)


def _dialog(reservation: Reservation, span: Span, request: Request) -> Dialog:
    session = int(digest("session", reservation.leg), 16) >> 2
    return Dialog(
        leg=reservation.leg,
        span=span.name,
        port=span.port,
        incoming=False,
        trunk=reservation.trunk,
        call_id=request.call_id,
        state="early",
        peer=NameAddr(reservation.uri),
        own=reservation.own,
        headers=reservation.headers,
        own_tag=request.from_.tag,
        request_uri=reservation.uri,
        target=reservation.uri,
        flow=reservation.flow,
        first_host=reservation.flow.address.host,
        proxy=reservation.proxy,
        group=reservation.group,
        others=list(reservation.others),
        calling=reservation.caller,
        identity=reservation.identity,
        invite_cseq=request.cseq,
        invite_branch=request.vias[0].branch,
        first_cseq=request.cseq,
        own_cseq=request.cseq,
        codecs=list(reservation.codecs),
        dtmf=reservation.dtmf,
        key_tones=reservation.key_tones,
        symmetric=reservation.symmetric,
        srtp=reservation.srtp,
        to_peer=Written(session),
        to_span=Written(session),
    )


def _pass_on(relay: Relay, dialog: Dialog, request: Request) -> None:
    """Pass a request on to the peer, in front's name."""
    branch = relay.branch(dialog, "span", request.vias[0].branch)
    cancel = request.method == "CANCEL"
    first = not dialog.incoming and request.cseq == dialog.first_cseq and request.method in ("INVITE", "CANCEL")
    key = f"{branch}.cancel" if cancel else branch
    known, invite = dialog.pending.get(key), dialog.pending.get(branch) if cancel else None
    if _is_known(relay, dialog, known, first=first) or (cancel and first and attempts.given_up(relay, dialog, request)):
        return
    pending = Pending(
        branch=key,
        method=request.method,
        cseq=request.cseq,
        sent_cseq=_number(dialog, request, known or invite),
        by="span",
        vias=request.vias,
        from_=request.from_,
        to=request.to,
    )
    on_wire = invite.sent_branch if invite is not None else branch
    message = relay.request_to_peer(dialog, request.method, pending.sent_cseq, on_wire, first=first)
    message.extras.update(carried(request))
    _say_why(dialog, message)
    if "RAck" in message.extras:
        number, cseq, method = message.extras["RAck"].split(" ")
        message.extras["RAck"] = f"{number} {dialog.number_for_peer(int(cseq))} {method}"
    if first and not cancel:
        message.extras.update(dialog.headers)
        session_timers.ask(session_timers.policy_of(relay, dialog), dialog.timer, message.extras)
    if not _put_body(relay, dialog, request, message, pending):
        return
    if known is not None:
        pending.status = known.status
    dialog.add(pending)
    dialog.own_cseq = max(dialog.own_cseq, pending.sent_cseq)
    if request.method == "BYE":
        dialog.state = "ending"
        dialog.bye_cseq = pending.sent_cseq
        relay.alarm(dialog, TIMEOUT_MS)
    relay.save(dialog)
    data = relay.to_peer(message, dialog.first_flow if first else dialog.flow)
    if first and not cancel:
        attempts.begin(relay, dialog, pending, data)
        return
    if request.method == "INVITE" and dialog.flow.reliable:
        # The peer's TCP needs no help, so the span need not repeat it while a connection is made.
        relay.to_span(relay.response_to_span(dialog, pending, 100), dialog.port)
    challenged.keep(relay, dialog, pending, data)


def _say_why(dialog: Dialog, message: Request) -> None:
    """Let a BYE say what the CANCEL before it did: the stack sends it by itself when the answer had crossed that."""
    if message.method == "CANCEL":
        dialog.cancelled_why = message.extras.get("Reason", "")
    elif message.method == "BYE" and dialog.cancelled_why:
        message.extras["Reason"] = dialog.cancelled_why


def _is_known(relay: Relay, dialog: Dialog, known: Pending | None, *, first: bool) -> bool:
    """Whether it is the span's repeat of what front repeats itself."""
    if known is None or not (known.tries or (first and known.method == "INVITE")):
        return False
    relay.count("dropped", "repeat")
    if known.method == "INVITE" and not known.status:
        relay.to_span(relay.response_to_span(dialog, known, 100), dialog.port)
    return True


def _number(dialog: Dialog, request: Request, known: Pending | None) -> int:
    """Return the CSeq that the peer gets: a repeat has that of the first time, a CANCEL that of its INVITE."""
    return known.sent_cseq if known is not None else request.cseq + dialog.cseq_shift


def _put_body(relay: Relay, dialog: Dialog, request: Request, message: Request, pending: Pending) -> bool:
    """Write the body for the peer; False: the request was answered here."""
    dialog.media = media_of(relay, request) or dialog.media
    if request.method == "INFO":
        digit = info.read(request.content_type, request.body)
        if digit is None:
            relay.count("fault", "span_body")
            relay.to_span(relay.response_to_span(dialog, pending, 415), dialog.port)
            return False
        message.content_type, message.body = info.for_peer(digit, dialog.info_type)
    elif request.body and request.method in ("INVITE", "UPDATE"):
        found = span_direction(request.body)
        if found is None or dialog.media is None:
            relay.count("fault", "no_media_address" if found else "span_body")
            relay.to_span(relay.response_to_span(dialog, pending, 500), dialog.port)
            return False
        pending.span_offers, pending.span_events = True, found[1]
        message.content_type = SDP_TYPE
        message.body = offer_for_peer(relay, dialog, dialog.media, found[0])
    return True


def _acknowledge(relay: Relay, dialog: Dialog, request: Request) -> None:
    """Pass an ACK on to the peer: of a 2xx along the route, of a refusal with the INVITE's branch."""
    refused = dialog.state == "refused"
    branch = relay.branch(dialog, "span", request.vias[0].branch)
    pending = dialog.pending.get(branch)
    first = refused and not dialog.incoming
    on_wire = pending.sent_branch if pending is not None else branch
    message = relay.request_to_peer(dialog, "ACK", dialog.number_for_peer(request.cseq), on_wire, first=first)
    if pending is not None and pending.status >= 300 and not first:
        message.contact = None
    if pending is None and (invite := dialog.invite_of_span(request.cseq)) is not None:
        # RFC 3261 section 13.2.2.4: the ACK of a 2xx carries the credentials of its INVITE.
        message.extras.update(invite.credentials)
    relay.to_peer(message, dialog.first_flow if first else dialog.flow)
    if refused:
        relay.bury(dialog)
    elif dialog.state == "answered":
        dialog.state = "confirmed"
        relay.save(dialog)


# --- responses ------------------------------------------------------------------------------------------------------


def _response(relay: Relay, span: Span, message: Response) -> None:
    branch = message.vias[0].branch
    dialog = relay.dialogs.by_leg.get(leg_of_branch(branch))
    if dialog is None or dialog.span != span.name:
        relay.count("dropped", "stray_response")
        return
    if dialog.orphan or dialog.adopted:
        orphans.span_response(relay, dialog, message)
        return
    key = f"{branch}.cancel" if message.method == "CANCEL" else branch
    pending = dialog.pending.get(key)
    if pending is None or pending.by != "peer" or (pending.cseq, pending.method) != (message.cseq, message.method):
        relay.count("dropped", "stray_response")
        return
    if pending.method == "INVITE":
        _invite_response(relay, dialog, pending, message)
        return
    answer = relay.response_to_peer(dialog, pending, message.status)
    answer.extras.update(carried(message))
    if (
        pending.method == "UPDATE"
        and message.status < 300
        and message.body
        and not _answer(relay, dialog, pending, message, answer)
    ):
        return
    if message.status >= 200:
        dialog.pending.pop(key, None)
    relay.save(dialog)
    relay.to_peer(answer, pending.flow or dialog.flow)
    if pending.method == "BYE" and message.status >= 200:
        relay.bury(dialog)


def _invite_response(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    first = dialog.incoming and pending.cseq == dialog.invite_cseq
    if first and dialog.state == "offered":
        dialog.state = "early"
        dialog.unanswered = b""
        dialog.deadline_ms = 0
        relay.repeats.stop(f"{dialog.leg}/invite")
        relay.save(dialog)
    if message.status == 100:
        return
    if first and message.to.tag and not dialog.own_tag:
        relay.dialogs.set_own_tag(dialog, message.to.tag)
        relay.save(dialog)
    if first and message.status >= 200 and reliable.holds_back(relay, dialog, message.status):
        return
    answer = relay.response_to_peer(dialog, pending, message.status)
    answer.extras.update(carried(message))
    if message.body and message.status < 300 and not _answer(relay, dialog, pending, message, answer):
        return
    if first and message.status < 200 and dialog.wants_reliable:
        reliable.send(relay, dialog, pending, answer)
        return
    _finish_invite(relay, dialog, pending, answer, first=first)


def _finish_invite(relay: Relay, dialog: Dialog, pending: Pending, answer: Response, *, first: bool) -> None:
    """Send a response to an INVITE that is written, and note what it makes of the call."""
    if first and 200 <= answer.status < 300:
        session_timers.grant(relay, dialog, answer)
    if answer.status >= 200:
        pending.status = answer.status
        relay.save(dialog)
    data = relay.to_peer(answer, pending.flow or dialog.flow)
    if first and answer.status in (200, 404) and dialog.source is not None:
        if answer.status == 200:
            relay.guard.good(dialog.source.host, relay.now_ms)
        else:
            relay.out += relay.guard.unknown_number(dialog.source.host, relay.now_ms)
    if first and answer.status >= 300 and dialog.state == "early":
        dialog.state = "refused"
        relay.alarm(dialog, TIMEOUT_MS)
        # The call of the span's stack ends with its response; waiting for the peer's ACK would let peers hold slots.
        relay.spans.free(dialog.leg, relay.now_ms)
    elif first and 200 <= answer.status < 300 and dialog.state in ("early", "answered"):
        _accepted(relay, dialog, data)


def _accepted(relay: Relay, dialog: Dialog, data: bytes) -> None:
    if dialog.state == "early":
        dialog.answered_ms = relay.now_ms
        dialog.state = "answered"
        relay.alarm(dialog, TIMEOUT_MS)
        adoption.watch_for_ack(relay, dialog)
    dialog.accepted = data


def _answer(relay: Relay, dialog: Dialog, pending: Pending, message: Response, answer: Response) -> bool:
    """Write the description for the peer; False: it can't be done, and the request was answered 500."""
    found = span_direction(message.body)
    dialog.media = media_of(relay, message) or dialog.media
    if found is None or dialog.media is None:
        relay.count("fault", "no_media_address" if found else "span_body")
        orphans.fault(relay, dialog, pending, message)
        return False
    direction, events = found
    answer.content_type = SDP_TYPE
    if pending.remote is not None:
        # The peer's new offer is in force from now on, and media must know before the peer hears of it.
        dialog.lines, dialog.secured = pending.lines, pending.secured
        learn(relay, dialog, pending.remote)
        pending.remote = None
    if _is_offer(dialog, pending):
        dialog.answer_due, dialog.span_events = True, events
        answer.body = offer_for_peer(relay, dialog, dialog.media, direction)
    elif dialog.remote is not None:
        answer.body = answer_for_peer(relay, dialog, dialog.media, dialog.remote, direction)
    relay.save(dialog)
    return True


def _is_offer(dialog: Dialog, pending: Pending) -> bool:
    """Whether the span's response has an offer: the peer's request had none (RFC 3261 section 13.2.1)."""
    return not pending.peer_offers or dialog.remote is None
