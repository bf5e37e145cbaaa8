"""What front answers by itself inside a dialog that is up: new descriptions, session refreshes, digits by INFO.

The span's stack never hears of these. Front writes every description anyway, so there is one way for a hold, a change
of address and a refresh, whether the span lives or front has taken its part over (`adoption`).
"""

from collections.abc import Callable

from edge.core.sip import info, securing, session_timers
from edge.core.sip.actions import ToPeer
from edge.core.sip.admission import Arrival, note_request, pending_of, refuse_request
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog
from edge.core.sip.errors import SipError
from edge.core.sip.message import Request, Response
from edge.core.sip.negotiation import (
    SDP_TYPE,
    answer_for_peer,
    answering,
    facts_of_offer,
    learn,
    offer_for_peer,
    take_answer,
)
from edge.core.sip.relay import Relay
from edge.core.sip.uri import Uri
from edge.vocabulary.private import Private
from edge.vocabulary.reports import InfoDigit

_OURS = frozenset({"INVITE", "UPDATE", "INFO", "REFER"})


def is_ours(dialog: Dialog, method: str) -> bool:
    """Whether front answers `method` itself, rather than the dialog's span."""
    return dialog.adopted or (method in _OURS and dialog.state in ("answered", "confirmed"))


Taker = Callable[[Relay, Dialog, Arrival], None]


def take(relay: Relay, dialog: Dialog, arrival: Arrival, taker: Taker | None = None) -> None:
    """Answer a request of the peer, by `taker` if given; a repeat gets the answer that it got before (section 17.2)."""
    request = arrival.request
    if _transaction(relay, request) == dialog.reply_to:
        relay.count("dropped", "repeat")
        relay.out.append(ToPeer(dialog.reply, arrival.answers))
        return
    note_request(relay, dialog, request)
    relay.save(dialog)
    if taker is not None:
        taker(relay, dialog, arrival)
    elif request.method == "INFO":
        _digit(relay, dialog, arrival)
    elif request.method in ("INVITE", "UPDATE"):
        _session(relay, dialog, arrival)
    else:
        # PRACK of a provisional response and CANCEL of an INVITE that are answered by now.
        answer(relay, dialog, arrival, 200)


def readable(uri: Uri) -> Private:
    """Return a URI as people are told it: without its parameters."""
    port = f":{uri.port}" if uri.port else ""
    return Private(f"{uri.scheme}:{uri.user}@{uri.host}{port}" if uri.host else f"{uri.scheme}:{uri.user}")


def _transaction(relay: Relay, request: Request) -> str:
    return f"{request.method} {request.cseq} {relay.transaction(request)}"


def answer(  # noqa: PLR0917 - what an answer is made of
    relay: Relay,
    dialog: Dialog,
    arrival: Arrival,
    status: int,
    body: bytes = b"",
    extras: dict[str, str] | None = None,
) -> None:
    """Answer a request, and keep the answer for its repeats."""
    response = relay.response_to_peer(dialog, pending_of(relay, dialog, arrival), status)
    response.extras.update(extras or {})
    if arrival.request.method == "REFER" and status < 300:
        response.contact = relay.presence.contact(arrival.answers, dialog.target)
    if body:
        response.content_type, response.body = SDP_TYPE, body
    if arrival.request.method in ("INVITE", "UPDATE"):
        session_timers.grant(relay, dialog, response)
    _send(relay, dialog, arrival, response)


def _send(relay: Relay, dialog: Dialog, arrival: Arrival, response: Response) -> None:
    dialog.reply = relay.to_peer(response, arrival.answers)
    dialog.reply_to = _transaction(relay, arrival.request)
    dialog.reply_flow = arrival.answers
    relay.save(dialog)


def _digit(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    request = arrival.request
    digit = info.read(request.content_type, request.body)
    if digit is None and request.body:
        refuse_request(relay, arrival, 415, {"Accept": info.ACCEPTED})
        return
    if digit is not None:
        dialog.info_type = request.content_type
        relay.tell(InfoDigit(dialog.leg, Private(digit.key), digit.duration_ms, relay.now_ms))
    # Without a body it only asks whether we are there.
    answer(relay, dialog, arrival, 200)


# --- re-INVITE and UPDATE -------------------------------------------------------------------------------------------


def _session(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Answer a re-INVITE (RFC 3261 section 14.2) or an UPDATE (RFC 3311 section 5.2)."""
    request = arrival.request
    if dialog.offering and (request.method == "INVITE" or request.body):
        refuse_request(relay, arrival, 491)
        return
    if (longer := session_timers.too_small(session_timers.policy_of(relay, dialog), request)) is not None:
        refuse_request(relay, arrival, 422, longer)
        return
    if dialog.media is None:
        relay.count("fault", "no_media_address")
        refuse_request(relay, arrival, 500)
        return
    body = b""
    if request.body:
        found = answered_offer(relay, dialog, request)
        if isinstance(found, int):
            refuse_request(relay, arrival, found, {"Accept": SDP_TYPE} if found == 415 else None)
            return
        body = found
    elif request.method == "INVITE":
        dialog.answer_due = True
        body = offer_for_peer(relay, dialog, dialog.media, dialog.direction)
    if request.contact is not None:
        dialog.target = request.contact.uri
        relay.aim(dialog)
    session_timers.note(dialog.timer, request)
    answer(relay, dialog, arrival, 200, body)
    if request.method == "INVITE":
        _await_ack(relay, dialog, request.cseq)


def answered_offer(relay: Relay, dialog: Dialog, request: Request) -> bytes | int:
    """Put the peer's new description in force and return our answer to it; or the status that refuses it."""
    if request.content_type != SDP_TYPE:
        return 415
    found = facts_of_offer(relay, request.body, dialog.codecs, dialog.remote, dialog.flow.address.host, dialog.srtp)
    if isinstance(found, SipError):
        return found.status
    remote, session = found
    secured = securing.offered(relay, dialog, session)
    if isinstance(secured, SipError) or dialog.media is None:
        return 488
    dialog.lines, dialog.secured = session.lines, secured
    # Media must know before the peer hears of it.
    learn(relay, dialog, remote)
    facts = dialog.remote or remote
    return answer_for_peer(relay, dialog, dialog.media, facts, answering(dialog.direction, facts.direction))


def _await_ack(relay: Relay, dialog: Dialog, cseq: int) -> None:
    dialog.ack_cseq, dialog.ack_by_ms = cseq, relay.now_ms + TIMEOUT_MS
    repeat_accepted(relay, dialog)


def repeat_accepted(relay: Relay, dialog: Dialog) -> None:
    """Send the 2xx of a re-INVITE again until its ACK comes, or time is up (RFC 3261 section 14.2)."""
    flow = dialog.reply_flow or dialog.flow
    relay.repeats.start(f"{dialog.leg}/reinvite", dialog.reply, flow, relay.now_ms, end_to_end=True)
    relay.set_alarm(dialog.ack_by_ms, "ack", dialog.leg)


def acknowledged(relay: Relay, dialog: Dialog, request: Request) -> None:
    """Take the ACK of an INVITE that front answered: of a 2xx, or of a refusal, which needs nothing more."""
    if request.cseq != dialog.ack_cseq:
        return
    relay.repeats.stop(f"{dialog.leg}/reinvite")
    dialog.ack_cseq = dialog.ack_by_ms = 0
    if dialog.answer_due and take_answer(relay, dialog, request) is None:
        # The session stays as it was agreed before.
        relay.count("refused", "answer")
    relay.save(dialog)


def is_own_ack(dialog: Dialog, request: Request) -> bool:
    """Whether an ACK belongs to an INVITE that no span has seen: every one but the first of an incoming call."""
    return not dialog.incoming or request.cseq != dialog.invite_cseq
