"""What peers send: requests of dialogs, repeats of them, and responses to what was passed on."""

from edge.core.sip import (
    admission,
    adoption,
    in_dialog,
    info,
    orphans,
    peer_responses,
    refer_out,
    referral,
    reliable,
    securing,
)
from edge.core.sip.actions import FromPeer, ToPeer
from edge.core.sip.admission import Arrival, last_of, note_request, pending_of
from edge.core.sip.admission import refuse_request as _refuse
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending, Tombstone
from edge.core.sip.errors import SipError
from edge.core.sip.message import KeepAlive, Malformed, NotSip, Request, answer_malformed
from edge.core.sip.negotiation import (
    SDP_TYPE,
    facts_of_offer,
    sdp_for_span,
    take_answer,
)
from edge.core.sip.relay import Relay
from edge.core.sip.writing import RETRY_SOON, carried, later, reply

#: Methods that go through to the span inside a dialog.
#: Methods that concern a call which is up, and that no span sees.
_ABOUT_CALLS = frozenset({"REFER", "NOTIFY"})
THROUGH = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INFO"})


def take(relay: Relay, item: FromPeer, closed: str) -> None:
    """Handle one message from outside; `closed`: why new calls are refused, or empty."""
    flow = item.flow
    trunk = relay.trunks.of_host(flow.address.host)
    message = item.message
    if trunk is None and not relay.dialogs.is_direct(flow.address.host):
        relay.count("dropped", "stranger")
        return
    if isinstance(message, KeepAlive):
        return
    if isinstance(message, NotSip):
        relay.count("dropped", "not_sip")
    elif isinstance(message, Malformed):
        _malformed(relay, message, item)
    elif isinstance(message, Request):
        message.vias[0] = message.vias[0].seen_from(flow.address.host, flow.address.port)
        _request(relay, Arrival(request=message, flow=flow, trunk=trunk, token=item.token, closed=closed))
    else:
        peer_responses.take(relay, message, flow)


def _malformed(relay: Relay, message: Malformed, item: FromPeer) -> None:
    source = item.flow.address.host
    if relay.guard.banned(source, relay.now_ms) is not None:
        relay.count("dropped", "banned")
        return
    relay.count("refused", message.why)
    relay.hold(source, "malformed")
    data = answer_malformed(message, f"e{item.token}")
    if data is not None:
        relay.out.append(ToPeer(data, item.flow))


def _request(relay: Relay, arrival: Arrival) -> None:
    request = arrival.request
    if request.to.tag:
        _in_dialog(relay, arrival)
    elif request.method == "CANCEL":
        _cancel(relay, arrival)
    elif request.method == "ACK":
        relay.count("dropped", "stray_ack")
    elif request.method == "INVITE":
        _invite(relay, arrival)
    else:
        admission.answer_itself(relay, arrival)


# --- INVITE without To tag ------------------------------------------------------------------------------------------


def _invite(relay: Relay, arrival: Arrival) -> None:
    request, trunk = arrival.request, arrival.trunk
    dialog = relay.dialogs.of_invite(request.call_id, request.from_.tag)
    if dialog is not None:
        _repeated_invite(relay, dialog, arrival)
        return
    tomb = relay.dialogs.tomb_of(request.call_id, request.from_.tag)
    if tomb is not None and tomb.incoming and tomb.invite_cseq == request.cseq:
        _invite_of_the_dead(relay, tomb, arrival)
    elif trunk is None:
        # A host that we have dialled may answer us; calling us takes a trunk.
        relay.count("dropped", "stranger")
    else:
        own = relay.trunks.of_call(arrival.flow.address, request.uri.user)
        if own is None:
            relay.count("dropped", "stranger")  # a process of this machine that is no line
        else:
            admission.new_call(relay, arrival, own)


def _repeated_invite(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    request = arrival.request
    if not relay.belongs(dialog, arrival.flow):
        relay.count("refused", "foreign")
        return
    answers = arrival.answers
    if request.cseq != dialog.invite_cseq or request.vias[0].branch != dialog.invite_branch:
        # The same request by another path (RFC 3261 section 8.2.2.2).
        relay.count("refused", "482")
        relay.to_peer(reply(request, 482), answers)
        return
    relay.count("dropped", "repeat")
    if dialog.unanswered:
        relay.to_peer(reply(request, 100), answers)
        relay.repeats.start(f"{dialog.leg}/invite", dialog.unanswered, dialog.port, relay.now_ms)
    elif dialog.accepted:
        relay.out.append(ToPeer(dialog.accepted, answers))
    elif dialog.state in ("offered", "early"):
        relay.to_peer(reply(request, 100), answers)


def _invite_of_the_dead(relay: Relay, tomb: Tombstone, arrival: Arrival) -> None:
    request = arrival.request
    relay.count("dropped", "repeat")
    if request.vias[0].branch != tomb.invite_branch:
        relay.to_peer(reply(request, 482), arrival.answers)
    elif tomb.status >= 300:
        again = reply(request, tomb.status, later(tomb.status))
        again.to = request.to.with_tag(tomb.own_tag) if tomb.own_tag else again.to
        relay.to_peer(again, arrival.answers)


def _cancel(relay: Relay, arrival: Arrival) -> None:
    request = arrival.request
    dialog = relay.dialogs.of_invite(request.call_id, request.from_.tag)
    answers = arrival.answers
    if (
        dialog is None
        or not relay.belongs(dialog, arrival.flow)
        or request.cseq != dialog.invite_cseq
        or request.vias[0].branch != dialog.invite_branch
    ):
        relay.count("refused", "481")
        relay.to_peer(reply(request, 481), answers)
    elif dialog.orphan:
        relay.to_peer(reply(request, 200), answers)
    else:
        _pass_on(relay, dialog, arrival)


# --- requests with To tag -------------------------------------------------------------------------------------------


def _in_dialog(relay: Relay, arrival: Arrival) -> None:
    """Handle a request that names a dialog."""
    request = arrival.request
    dialog = relay.dialogs.of_tags(request.call_id, request.to.tag)
    if dialog is None or dialog.peer_tag != request.from_.tag or not relay.belongs(dialog, arrival.flow):
        _no_dialog(relay, arrival)
        return
    if request.method == "ACK":
        _acknowledged(relay, dialog, request)
        return
    if request.method not in THROUGH and not (request.method in _ABOUT_CALLS and in_dialog.is_ours(dialog, "REFER")):
        admission.answer_itself(relay, arrival)
        return
    if (unknown := admission.required_extensions(request)) and request.method != "CANCEL":
        _refuse(relay, arrival, 420, {"Unsupported": unknown})
    elif request.max_forwards == 0:
        _refuse(relay, arrival, 483)
    elif request.method != "CANCEL" and _is_out_of_order(relay, dialog, request):
        _refuse(relay, arrival, 500)
    else:
        _in_order(relay, dialog, arrival)


def _is_out_of_order(relay: Relay, dialog: Dialog, request: Request) -> bool:
    """Whether a request's number is not a new one (section 12.2.2); a repeat of the last request is in order."""
    if request.cseq != dialog.peer_cseq:
        return request.cseq < dialog.peer_cseq
    return bool(dialog.peer_request) and dialog.peer_request != last_of(relay, request)


def _in_order(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Give a request that is in order to whoever answers it: front, or the dialog's span."""
    request = arrival.request
    if dialog.orphan:
        orphans.request(relay, dialog, request, arrival.answers)
    elif request.method == "NOTIFY":
        in_dialog.take(relay, dialog, arrival, refer_out.notified)
    elif request.method == "PRACK" and dialog.incoming and (dialog.reliable is not None or not dialog.adopted):
        in_dialog.take(relay, dialog, arrival, reliable.acknowledged)
    elif request.method == "REFER":
        in_dialog.take(relay, dialog, arrival, referral.take)
    elif dialog.adopted:
        adoption.request(relay, dialog, arrival)
    elif in_dialog.is_ours(dialog, request.method):
        in_dialog.take(relay, dialog, arrival)
    elif request.method == "BYE" and dialog.state == "early" and not dialog.incoming:
        # Section 15: a callee refuses or answers. A stack that is given it as well does not know where it stands.
        _refuse(relay, arrival, 481)
    elif request.method == "INVITE":
        # Section 14.2: the first one has no final response yet, or the call is ending.
        early = dialog.state in ("offered", "early")
        _refuse(relay, arrival, 500 if early else 481, {"Retry-After": RETRY_SOON} if early else None)
    else:
        _pass_on(relay, dialog, arrival)


def _no_dialog(relay: Relay, arrival: Arrival) -> None:
    request = arrival.request
    if request.method == "ACK":
        # Of a refusal that front made without keeping anything, or long over.
        relay.count("dropped", "stray_ack")
        return
    tomb = relay.dialogs.tomb_of(request.call_id, request.to.tag)
    ended = tomb is not None and tomb.bye_cseq and request.method == "BYE" and tomb.peer_tag == request.from_.tag
    if ended:
        # Its 200 was lost, or both sides hung up at once.
        relay.to_peer(reply(request, 200), arrival.answers)
    else:
        _refuse(relay, arrival, 481)


def _pass_on(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Pass a request on to the span, in canonical form."""
    request = arrival.request
    pending = pending_of(relay, dialog, arrival)
    key = pending.branch
    if request.method == "CANCEL":
        # The branch is the INVITE's, whose own entry must stay.
        key = f"{key}.cancel"
        pending.branch = key
    message = relay.request_to_span(dialog, request.method, request.cseq, key.removesuffix(".cancel"))
    message.extras.update(carried(request))
    if not _put_body(relay, dialog, arrival, message, pending):
        return
    known = dialog.pending.get(key)
    if known is not None and known.status:
        pending.status = known.status
    dialog.add(pending)
    note_request(relay, dialog, request)
    if request.method == "BYE":
        dialog.state = "ending"
        dialog.bye_cseq, dialog.by_peer = request.cseq, True
        relay.alarm(dialog, TIMEOUT_MS)
    elif request.method == "UPDATE" and request.contact is not None:
        dialog.target = request.contact.uri
        relay.aim(dialog)
    relay.save(dialog)
    relay.to_span(message, dialog.port)


def _put_body(relay: Relay, dialog: Dialog, arrival: Arrival, message: Request, pending: Pending) -> bool:
    """Write the body for the span; False: the request was answered here."""
    request = arrival.request
    if request.method == "INFO":
        digit = info.read(request.content_type, request.body)
        if digit is None:
            accept = {"Accept": info.ACCEPTED} if request.body else None
            _refuse(relay, arrival, 415 if request.body else 200, accept)
            return False
        dialog.info_type = request.content_type
        message.content_type, message.body = info.for_span(digit)
    elif request.body and request.method == "UPDATE":
        if request.content_type != SDP_TYPE:
            _refuse(relay, arrival, 415, {"Accept": SDP_TYPE})
            return False
        found = facts_of_offer(relay, request.body, dialog.codecs, dialog.remote, dialog.flow.address.host, dialog.srtp)
        secured = found if isinstance(found, SipError) else securing.offered(relay, dialog, found[1])
        if isinstance(found, SipError) or isinstance(secured, SipError):
            _refuse(relay, arrival, found.status if isinstance(found, SipError) else 488)
            return False
        pending.remote, pending.lines, pending.secured = found[0], found[1].lines, secured
        pending.peer_offers = True
        message.content_type = SDP_TYPE
        message.body = sdp_for_span(relay, dialog, pending.remote, pending.remote.telephone_event)
    elif request.body and request.method == "PRACK" and dialog.answer_due:
        _answer_for_span(relay, dialog, request, message)
    return True


def _answer_for_span(relay: Relay, dialog: Dialog, request: Request, message: Request) -> bool:
    """Take the peer's answer to the offer in our response, and tell the span; False: there is no usable one."""
    remote = take_answer(relay, dialog, request)
    if remote is None:
        return False
    message.content_type = SDP_TYPE
    message.body = sdp_for_span(
        relay, dialog, remote, dialog.span_events if remote.telephone_event is not None else None
    )
    return True


def _acknowledged(relay: Relay, dialog: Dialog, request: Request) -> None:
    """Pass an ACK on: of a 2xx with its own branch, of a refusal with the INVITE's."""
    if in_dialog.is_own_ack(dialog, request):
        if not dialog.orphan:
            in_dialog.acknowledged(relay, dialog, request)
        return
    relay.repeats.stop(f"{dialog.leg}/final")
    if dialog.orphan:
        orphans.acknowledged(relay, dialog)
        return
    if dialog.adopted:
        adoption.acknowledged(relay, dialog, request)
        return
    acknowledges = dialog.state != "refused"
    branch = relay.branch(dialog, "peer", relay.transaction(request, acknowledges=acknowledges))
    message = relay.request_to_span(dialog, "ACK", request.cseq, branch)
    if dialog.state == "refused":
        relay.to_span(message, dialog.port)
        relay.bury(dialog)
        return
    usable = True
    if dialog.answer_due:
        usable = _answer_for_span(relay, dialog, request, message)
    if dialog.state == "answered":
        dialog.state = "confirmed"
        dialog.deadline_ms = 0
        relay.save(dialog)
    relay.to_span(message, dialog.port)
    if not usable:
        orphans.abandon(relay, dialog, "media_lost", "no usable answer to our offer")
