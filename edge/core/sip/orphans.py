"""Calls that front ends in its own name: their span is gone, went wrong, or switch does not know them.

A peer must never stay in a dead call: an established dialog gets a BYE with the next CSeq, an early one its 503 or its
CANCEL, and whatever the peer still sends is answered until both sides are done (RFC 3261 sections 9, 13, 15).
"""

from edge.core.sip import challenged
from edge.core.sip.actions import Flow, ToPeer
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending
from edge.core.sip.message import Request, Response
from edge.core.sip.relay import Relay
from edge.core.sip.uri import NameAddr
from edge.core.sip.writing import digest, reply
from edge.vocabulary.endings import Outcome, Party

_REASON = 'Q.850;cause=41;text="Temporary failure"'


def own_branch(dialog: Dialog, method: str, cseq: int, tag: str = "") -> str:
    """Return the branch of a request that front makes itself."""
    return f"z9hG4bK{dialog.leg}-{digest('own', method, str(cseq), tag)}"


def lost(  # noqa: PLR0917 - the parts of an end's reason
    relay: Relay, dialog: Dialog, outcome: Outcome, text: str, by: Party = "appliance", code: int | None = None
) -> None:
    """Take the call over and end it towards the peer; reports its end once. Also goes on where an earlier life was."""
    dialog.orphan = True
    relay.save(dialog)
    relay.repeats.stop_all(f"{dialog.leg}/")
    relay.tell_ended(dialog, outcome, text, by, code)
    if answer_open_requests(relay, dialog):
        relay.bury(dialog)
    elif dialog.state in ("offered", "early"):
        _end_early(relay, dialog, code or 503)
    elif dialog.state == "refused":
        if not dialog.incoming:
            invite = dialog.invite()
            acknowledge(relay, dialog, dialog.invite_cseq, invite.sent_branch if invite else "", first=True)
        # Repeats of an incoming INVITE are answered by the tombstone.
        relay.bury(dialog)
    elif dialog.state == "answered" and dialog.incoming and relay.now_ms < dialog.deadline_ms:
        repeat_answer(relay, dialog, at_once=True)
    else:
        if dialog.state == "answered" and not dialog.incoming:
            acknowledge(relay, dialog, dialog.invite_cseq, own_branch(dialog, "ACK", dialog.invite_cseq))
        hang_up(relay, dialog)


def answer_open_requests(relay: Relay, dialog: Dialog) -> bool:
    """Answer what the peer waits for; True: that was its BYE."""
    ended = False
    for key, pending in list(dialog.pending.items()):
        first = pending.method == "INVITE" and dialog.incoming and pending.cseq == dialog.invite_cseq
        if pending.by != "peer" or pending.status or first:
            continue
        status = 200 if pending.method in ("BYE", "CANCEL") else 500
        pending.status = status
        relay.to_peer(relay.response_to_peer(dialog, pending, status), pending.flow or dialog.flow)
        ended = ended or pending.method == "BYE"
        if pending.method != "INVITE":
            del dialog.pending[key]
    return ended


def _end_early(relay: Relay, dialog: Dialog, status: int) -> None:
    if dialog.incoming:
        refuse_invite(relay, dialog, status)
        return
    relay.alarm(dialog, TIMEOUT_MS)
    if dialog.provisional:
        _cancel(relay, dialog)


def repeat_answer(relay: Relay, dialog: Dialog, *, at_once: bool) -> None:
    """Our 200 went out and its ACK has not come: repeat it until that comes, or the dialog's deadline."""
    invite = dialog.invite()
    flow = invite.flow if invite is not None and invite.flow is not None else dialog.flow
    if at_once:
        relay.out.append(ToPeer(dialog.accepted, flow))
    relay.repeats.start(f"{dialog.leg}/final", dialog.accepted, flow, relay.now_ms, end_to_end=True)
    if not dialog.deadline_ms:
        relay.alarm(dialog, TIMEOUT_MS)


def refuse_invite(relay: Relay, dialog: Dialog, status: int) -> None:
    """Send the final response of an incoming INVITE ourselves, until it is acknowledged."""
    invite = dialog.invite()
    if invite is None:
        relay.bury(dialog)
        return
    if not dialog.own_tag:
        relay.dialogs.set_own_tag(dialog, digest("tag", dialog.leg))
    invite.status = status
    dialog.state = "refused"
    dialog.unanswered = b""
    answer = relay.response_to_peer(dialog, invite, status)
    flow = invite.flow or dialog.flow
    relay.repeats.start(f"{dialog.leg}/final", relay.to_peer(answer, flow), flow, relay.now_ms)
    relay.alarm(dialog, TIMEOUT_MS)


def hang_up(relay: Relay, dialog: Dialog, why: str = _REASON) -> None:
    """Send the peer a BYE of our own, until it is answered or 32 s are over."""
    dialog.own_cseq += 1
    dialog.bye_cseq = dialog.own_cseq
    dialog.state = "ending"
    message = relay.request_to_peer(dialog, "BYE", dialog.own_cseq, own_branch(dialog, "BYE", dialog.own_cseq))
    message.extras["Reason"] = why
    message.extras.update(challenged.credentials(relay, dialog, dialog.bye_challenges, "BYE", str(message.uri)))
    data = relay.to_peer(message, dialog.flow)
    relay.repeats.start(f"{dialog.leg}/bye", data, dialog.flow, relay.now_ms)
    relay.alarm(dialog, TIMEOUT_MS)


def _cancel(relay: Relay, dialog: Dialog) -> None:
    invite = dialog.invite()
    if invite is None:
        return
    message = relay.request_to_peer(dialog, "CANCEL", dialog.invite_cseq, invite.sent_branch, first=True)
    data = relay.to_peer(message, dialog.first_flow)
    relay.repeats.start(f"{dialog.leg}/cancel", data, dialog.first_flow, relay.now_ms)


def acknowledge(relay: Relay, dialog: Dialog, cseq: int, branch: str, *, first: bool = False) -> None:
    """Send an ACK; `first`: of the refusal of the first INVITE."""
    flow = dialog.first_flow if first else dialog.flow
    relay.to_peer(relay.request_to_peer(dialog, "ACK", cseq, branch, first=first), flow)


# --- what peers send to an orphan -----------------------------------------------------------------------------------


def request(relay: Relay, dialog: Dialog, message: Request, flow: Flow) -> None:
    """Answer a request of a call that front is ending."""
    ends = message.method == "BYE"
    relay.to_peer(reply(message, 200 if ends or message.method == "CANCEL" else 481), flow)
    if ends:
        dialog.bye_cseq, dialog.by_peer = message.cseq, True
        relay.bury(dialog)


def acknowledged(relay: Relay, dialog: Dialog) -> None:
    """Handle the ACK of a final response."""
    if dialog.state == "refused":
        relay.bury(dialog)
    elif dialog.state == "answered":
        hang_up(relay, dialog)


def response(relay: Relay, dialog: Dialog, message: Response, flow: Flow) -> None:
    """Handle a response to a request of our own, or to one that the lost span had sent."""
    if message.method == "CANCEL":
        relay.repeats.stop(f"{dialog.leg}/cancel")
    elif message.method == "BYE":
        if message.status >= 200 and message.cseq == dialog.bye_cseq and not _bye_again(relay, dialog, message, flow):
            relay.bury(dialog)
    elif message.method == "INVITE":
        _invite_response(relay, dialog, message)


def _bye_again(relay: Relay, dialog: Dialog, message: Response, flow: Flow) -> bool:
    """Whether a BYE of our own was challenged, and goes out again with credentials."""
    if message.status not in challenged.STATUSES:
        return False
    chosen = challenged.choose(relay, dialog, (message, flow), dialog.bye_challenges, dialog.bye_tries)
    if not chosen:
        return False
    dialog.bye_challenges, dialog.bye_tries = chosen, dialog.bye_tries + 1
    hang_up(relay, dialog)
    return True


def _invite_response(relay: Relay, dialog: Dialog, message: Response) -> None:
    first = not dialog.incoming and message.cseq == dialog.invite_cseq
    if message.status < 200:
        if first and dialog.state == "early" and not dialog.provisional:
            dialog.provisional = True
            _cancel(relay, dialog)
        return
    relay.repeats.stop(f"{dialog.leg}/cancel")
    if message.status >= 300:
        dialog.peer_tag = message.to.tag if first else dialog.peer_tag
        acknowledge(relay, dialog, message.cseq, message.vias[0].branch, first=first)
        if first:
            relay.bury(dialog)
        return
    if first and dialog.state == "early":
        # The CANCEL crossed the answer: the call stands, so it takes a BYE.
        _learn(relay, dialog, message)
        acknowledge(relay, dialog, message.cseq, own_branch(dialog, "ACK", message.cseq))
        hang_up(relay, dialog)
    else:
        acknowledge(relay, dialog, message.cseq, own_branch(dialog, "ACK", message.cseq))


def _learn(relay: Relay, dialog: Dialog, message: Response) -> None:
    dialog.peer_tag = message.to.tag
    if message.contact is not None:
        dialog.target = message.contact.uri
        dialog.routes = [NameAddr(route.uri) for route in reversed(message.record_routes)]
        relay.aim(dialog)


def end_fork(relay: Relay, dialog: Dialog, message: Response) -> None:
    """Acknowledge and end a second dialog that one INVITE made; the first one is not touched."""
    kept = (dialog.peer_tag, dialog.target, dialog.routes, dialog.flow)
    _learn(relay, dialog, message)
    acknowledge(relay, dialog, message.cseq, own_branch(dialog, "ACK", message.cseq, message.to.tag))
    branch = own_branch(dialog, "BYE", message.cseq + 1, message.to.tag)
    relay.to_peer(relay.request_to_peer(dialog, "BYE", message.cseq + 1, branch), dialog.flow)
    dialog.peer_tag, dialog.target, dialog.routes, dialog.flow = kept


def undelivered(relay: Relay, dialog: Dialog) -> None:
    """Refuse a span's INVITE whose peer can't be connected to."""
    invite = dialog.invite()
    if invite is None or dialog.orphan or dialog.provisional or dialog.state != "early":
        return
    invite.status = 503
    dialog.state = "refused"
    relay.to_span(relay.response_to_span(dialog, invite, 503), dialog.port)
    relay.bury(dialog)


# --- ending both sides ----------------------------------------------------------------------------------------------


def abandon(  # noqa: PLR0917 - the parts of an end's reason
    relay: Relay, dialog: Dialog, outcome: Outcome, text: str, by: Party = "appliance", code: int | None = None
) -> None:
    """End a call towards its span and its peer."""
    # Switch first: the span takes its BYE for the peer's, and would report that before us.
    relay.tell_ended(dialog, outcome, text, by, code)
    _end_span_side(relay, dialog)
    lost(relay, dialog, outcome, text, by, code)


def _end_span_side(relay: Relay, dialog: Dialog) -> None:
    if dialog.orphan or dialog.adopted:
        return
    invite = dialog.invite()
    if dialog.state in ("offered", "early") and invite is not None:
        if dialog.incoming:
            relay.to_span(relay.request_to_span(dialog, "CANCEL", dialog.invite_cseq, invite.branch), dialog.port)
        else:
            relay.to_span(relay.response_to_span(dialog, invite, 480), dialog.port)
    elif dialog.state in ("answered", "confirmed"):
        end_span_dialog(relay, dialog)


def end_span_dialog(relay: Relay, dialog: Dialog) -> None:
    """Send the span a BYE in the peer's name, until it is answered."""
    cseq = max(dialog.peer_cseq, 1) + 1
    branch = f"z9hG4bK{dialog.leg}-{digest('inner', 'BYE', str(cseq))}"
    data = relay.to_span(relay.request_to_span(dialog, "BYE", cseq, branch), dialog.port)
    relay.repeats.start(f"{dialog.leg}/span", data, dialog.port, relay.now_ms)


def span_response(relay: Relay, dialog: Dialog, message: Response) -> None:
    """Handle what the span still says about a call that front is ending."""
    if message.status < 200:
        return
    if message.method == "BYE":
        relay.repeats.stop(f"{dialog.leg}/span")
    elif message.method == "INVITE":
        branch = message.vias[0].branch
        dialog.own_tag = dialog.own_tag or message.to.tag
        ack = relay.request_to_span(dialog, "ACK", message.cseq, branch)
        ack.to = message.to
        if message.status < 300:
            ack.vias = [relay.via_to_span(f"{branch}a")]
        relay.to_span(ack, dialog.port)
        if message.status < 300:
            # It answered while we gave up.
            end_span_dialog(relay, dialog)


def reject_answer(relay: Relay, dialog: Dialog, pending: Pending) -> None:
    """End what the peer answered with a description that we can't use: it gets its ACK, the span a 488."""
    first = not dialog.incoming and pending.sent_cseq == dialog.invite_cseq
    relay.count("refused", "answer")
    pending.status = 488
    relay.to_span(relay.response_to_span(dialog, pending, 488), dialog.port)
    acknowledge(relay, dialog, pending.sent_cseq, own_branch(dialog, "ACK", pending.sent_cseq))
    if first:
        dialog.orphan = True
        dialog.told = True  # the span reports the end, with the 488
        hang_up(relay, dialog)
    relay.save(dialog)


def fault(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    """Answer 500 for a span that does not say where its audio is, rather than send a wrong address."""
    first = pending.method == "INVITE" and dialog.incoming and pending.cseq == dialog.invite_cseq
    if first:
        dialog.orphan = True
        relay.tell_ended(dialog, "failed", "no media address", code=500)
        refuse_invite(relay, dialog, 500)
        if message.status < 200:
            invite_branch = pending.branch
            relay.to_span(relay.request_to_span(dialog, "CANCEL", dialog.invite_cseq, invite_branch), dialog.port)
    else:
        pending.status = 500
        relay.to_peer(relay.response_to_peer(dialog, pending, 500), pending.flow or dialog.flow)
    span_response(relay, dialog, message)


def due(relay: Relay, dialog: Dialog) -> None:
    """Act on a dialog's deadline."""
    dialog.deadline_ms = 0
    if dialog.state == "offered":
        relay.count("fault", "span_silent")
        abandon(relay, dialog, "failed", "the span did not answer")
    elif dialog.state == "answered" and dialog.orphan:
        hang_up(relay, dialog)
    elif dialog.state == "answered":
        lost(relay, dialog, "failed", "no ACK of our answer", "network", 408)
    else:
        relay.bury(dialog)
