"""Responses of peers to what was passed on from a span: facts to switch first, then a canonical answer to the span."""

from edge.core.sip import adoption, attempts, challenged, orphans, ours, refresh, session_timers
from edge.core.sip.actions import Flow
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending
from edge.core.sip.fields import split_list
from edge.core.sip.in_dialog import readable
from edge.core.sip.message import Response
from edge.core.sip.negotiation import SDP_TYPE, facts_of_answer, learn, sdp_for_span
from edge.core.sip.relay import Relay
from edge.core.sip.uri import NameAddr
from edge.core.sip.writing import base_of_branch, carried, leg_of_branch
from edge.vocabulary.private import Private
from edge.vocabulary.reports import TransferRefused


def take(relay: Relay, message: Response, flow: Flow) -> None:
    """Handle a response to a request that front sent, for a span or in its own name."""
    via = message.vias[0]
    dialog = relay.dialogs.by_leg.get(leg_of_branch(via.branch))
    if dialog is None or not _is_for(relay, dialog, message, flow):
        relay.count("dropped", "stray_response")
        return
    if attempts.takes(relay, dialog, message):
        return
    if dialog.orphan:
        orphans.response(relay, dialog, message, flow)
        return
    base = base_of_branch(via.branch)
    pending = dialog.pending.get(f"{base}.cancel" if message.method == "CANCEL" else base)
    if pending is not None and pending.by == "front":
        if ours.response(relay, dialog, pending, message, flow):
            refresh.answered(relay, dialog, pending, message)
    elif dialog.adopted:
        adoption.response(relay, dialog, message)
    elif pending is None or pending.by != "span" or pending.method != message.method:
        relay.count("dropped", "stray_response")
    elif message.method != "CANCEL" and challenged.takes(relay, dialog, pending, message, flow):
        return
    elif message.method == "INVITE":
        _invite_response(relay, dialog, pending, message)
    else:
        _other_response(relay, dialog, pending, message)


def _is_for(relay: Relay, dialog: Dialog, message: Response, flow: Flow) -> bool:
    """Whether a response is one to a request of ours in this dialog, from whom that was sent to."""
    ours = len(message.vias) == 1 and relay.presence.is_ours(message.vias[0])
    known = message.call_id == dialog.call_id and message.from_.tag == dialog.own_tag
    return ours and known and (relay.belongs(dialog, flow) or attempts.belongs(dialog, flow))


def _other_response(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    final = message.status >= 200
    answer = relay.response_to_span(dialog, pending, shown_status(message.status))
    answer.extras.update(carried(message))
    if pending.method == "UPDATE" and message.body and message.status < 300:
        _put_answer(relay, dialog, pending, message, answer)
    if final:
        dialog.pending.pop(pending.branch, None)
    relay.save(dialog)
    relay.to_span(answer, dialog.port)
    if final and pending.method == "BYE" and message.status not in (401, 407):
        relay.bury(dialog)


def shown_status(status: int) -> int:
    """Return the status as the span is told it: redirections and challenges are not its business."""
    if 300 <= status < 400:
        return 480
    return 403 if status in (401, 407) else status


def said_instead(status: int, reason: str) -> str:
    """Return a Reason header (canonical form) whose SIP value is `status`."""
    others = [value for value in split_list(reason) if value and not value.startswith("SIP;")]
    return ", ".join([f"SIP;cause={status}", *others])


def _invite_response(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    first = pending.sent_cseq == dialog.invite_cseq and not dialog.incoming
    if message.status == 100:
        dialog.provisional = True
        relay.save(dialog)
        relay.to_span(relay.response_to_span(dialog, pending, 100), dialog.port)
    elif not message.to.tag or (message.contact is None and 200 <= message.status < 300):
        relay.count("dropped", "stray_response")
    elif _contradicts(pending, message):
        relay.count("dropped", "stray_response")
        if first and 200 <= message.status < 300:
            orphans.end_fork(relay, dialog, message)
    elif message.status >= 300:
        _negative(relay, dialog, pending, message, first=first)
    elif first and dialog.state != "early" and message.to.tag != dialog.peer_tag:
        # A second branch of a fork was answered as well: it gets its ACK and its BYE (RFC 3261 section 13.2.2.4).
        if message.status >= 200:
            orphans.end_fork(relay, dialog, message)
    else:
        _positive(relay, dialog, pending, message, first=first)


def _contradicts(pending: Pending, message: Response) -> bool:
    """Whether a final response that went to the span already is followed by one of another kind.

    What was told first counts (RFC 3261 section 17.1.1.2): a refusal after the answer must not end a call that is up.
    """
    if not pending.status:
        return False
    return message.status < 200 or (pending.status < 300) != (message.status < 300)


def _positive(relay: Relay, dialog: Dialog, pending: Pending, message: Response, *, first: bool) -> None:
    if first:
        _learn_peer(relay, dialog, message)
        if message.status >= 200 or message.body:
            attempts.forget_alternatives(dialog)
    elif message.contact is not None:
        dialog.target = message.contact.uri
        relay.aim(dialog)
    answer = relay.response_to_span(dialog, pending, message.status)
    answer.extras.update(carried(message))
    usable = True
    # pjsip dies of two provisional responses whose descriptions differ: one is all it gets.
    if message.body and not (message.status < 200 and dialog.early_media):
        usable = _put_answer(relay, dialog, pending, message, answer)
    if message.status < 200:
        dialog.provisional = True
        dialog.early_media = dialog.early_media or bool(answer.body)
    else:
        pending.status = message.status
        if first and dialog.state == "early":
            dialog.state = "answered"
            session_timers.granted(relay, dialog, message)
        if not usable or dialog.remote is None:
            orphans.reject_answer(relay, dialog, pending)
            return
        if not answer.body and pending.span_offers:
            # The answer came in a provisional response; the span's stack wants it in the final one, too.
            answer.content_type = SDP_TYPE
            answer.body = sdp_for_span(relay, dialog, dialog.remote, pending.span_events)
    relay.save(dialog)
    relay.to_span(answer, dialog.port)


def _learn_peer(relay: Relay, dialog: Dialog, message: Response) -> None:
    """Take the peer's tag, target and route set from a response that makes a dialog (RFC 3261 section 12.1.2)."""
    dialog.peer_tag = message.to.tag
    dialog.shown_tag = dialog.shown_tag or message.to.tag
    if message.contact is not None:
        dialog.target = message.contact.uri
        dialog.routes = [NameAddr(route.uri) for route in reversed(message.record_routes)]
        relay.aim(dialog)


def _put_answer(relay: Relay, dialog: Dialog, pending: Pending, message: Response, answer: Response) -> bool:
    """Read the peer's answer and write it for the span; facts go to switch first. False: nothing usable in it."""
    remote = facts_of_answer(relay, dialog, message.body) if message.content_type == SDP_TYPE else None
    if remote is None:
        return False
    learn(relay, dialog, remote)
    answer.content_type = SDP_TYPE
    answer.body = sdp_for_span(
        relay, dialog, remote, pending.span_events if remote.telephone_event is not None else None
    )
    return True


def _negative(relay: Relay, dialog: Dialog, pending: Pending, message: Response, *, first: bool) -> None:
    pending.status = message.status
    if first:
        dialog.peer_tag = message.to.tag
        dialog.shown_tag = dialog.shown_tag or message.to.tag
        dialog.state = "refused"
        relay.alarm(dialog, TIMEOUT_MS)
    if first and 300 <= message.status < 400:
        relay.count("refused", "redirect")
        target = readable(message.contact.uri) if message.contact is not None else Private("")
        relay.tell(TransferRefused(dialog.leg, "redirect", target))
    shown = shown_status(message.status)
    answer = relay.response_to_span(dialog, pending, shown)
    answer.extras.update({k: v for k, v in carried(message).items() if k in ("Reason", "Retry-After", "Unsupported")})
    if shown != message.status:
        # Who reads the call's end later wants the code that the peer sent.
        answer.extras["Reason"] = said_instead(message.status, answer.extras.get("Reason", ""))
    relay.save(dialog)
    relay.to_span(answer, dialog.port)
