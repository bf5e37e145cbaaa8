"""Provisional responses of ours that the peer acknowledges (RFC 3262): front's, a span only says that it rings.

One at a time: the next one waits for the PRACK of the one before, and so does a 2xx behind one with a description. It
is repeated, over TCP and TLS, too, until the PRACK comes; after 32 s the call is refused by 504.
"""

from edge.core.sip import in_dialog, orphans
from edge.core.sip.admission import Arrival, refuse_request
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending, Reliable
from edge.core.sip.message import Response
from edge.core.sip.negotiation import SDP_TYPE, take_answer
from edge.core.sip.relay import Relay
from edge.core.sip.writing import digest

_TAG = "100rel"


def _key(dialog: Dialog) -> str:
    return f"{dialog.leg}/reliable"


def send(relay: Relay, dialog: Dialog, pending: Pending, answer: Response) -> None:
    """Send a provisional response that is written, or keep it until the one before is acknowledged."""
    waiting = dialog.reliable
    if waiting is not None:
        waiting.next_status, waiting.next_body = answer.status, answer.body
        relay.save(dialog)
        return
    # The first number is any, and each further one the next (section 3).
    dialog.rseq = dialog.rseq + 1 if dialog.rseq else int(digest("rseq", dialog.leg), 16) % 2**30 + 1
    answer.extras |= {"Require": _TAG, "RSeq": str(dialog.rseq)}
    flow = pending.flow or dialog.flow
    data = relay.to_peer(answer, flow)
    dialog.reliable = Reliable(
        rseq=dialog.rseq, data=data, has_body=bool(answer.body), until_ms=relay.now_ms + TIMEOUT_MS
    )
    relay.save(dialog)
    restore(relay, dialog)


def restore(relay: Relay, dialog: Dialog) -> None:
    """Repeat what is not acknowledged, a new one or one of an earlier life."""
    waiting, invite = dialog.reliable, dialog.invite()
    if waiting is None or invite is None or dialog.orphan or dialog.state != "early":
        return
    flow = invite.flow or dialog.flow
    relay.repeats.start(_key(dialog), waiting.data, flow, relay.now_ms, end_to_end=True, capped=False)
    relay.set_alarm(waiting.until_ms, "reliable", dialog.leg)


def holds_back(relay: Relay, dialog: Dialog, status: int) -> bool:
    """Whether a final response must wait for a PRACK; its span repeats it. Else nothing provisional goes on."""
    waiting = dialog.reliable
    if waiting is None:
        return False
    if 200 <= status < 300 and waiting.has_body:
        return True
    waiting.next_status = 0
    relay.repeats.stop(_key(dialog))
    return False


def acknowledged(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Take a PRACK of the peer (section 3): one of nothing that was sent gets 481."""
    request, waiting = arrival.request, dialog.reliable
    known = f"{waiting.rseq} {dialog.invite_cseq} INVITE" if waiting is not None else ""
    if waiting is None or request.extras.get("RAck") != known:
        refuse_request(relay, arrival, 481)
        return
    relay.repeats.stop(_key(dialog))
    dialog.reliable = None
    relay.save(dialog)
    body = b""
    if dialog.answer_due:
        if take_answer(relay, dialog, request) is None:
            in_dialog.answer(relay, dialog, arrival, 200)
            orphans.abandon(relay, dialog, "media_lost", "no usable answer to our offer", code=488)
            return
    elif request.body:
        found = in_dialog.answered_offer(relay, dialog, request)
        if isinstance(found, int):
            refuse_request(relay, arrival, found, {"Accept": SDP_TYPE} if found == 415 else None)
            return
        body = found
    in_dialog.answer(relay, dialog, arrival, 200, body)
    _next(relay, dialog, waiting)


def _next(relay: Relay, dialog: Dialog, before: Reliable) -> None:
    invite = dialog.invite()
    if not before.next_status or invite is None or dialog.state != "early":
        return
    answer = relay.response_to_peer(dialog, invite, before.next_status)
    if before.next_body:
        answer.content_type, answer.body = SDP_TYPE, before.next_body
    send(relay, dialog, invite, answer)


def lapsed(relay: Relay, dialog: Dialog) -> None:
    """Refuse a call whose peer has acknowledged nothing for 64*T1."""
    waiting = dialog.reliable
    if waiting is not None and waiting.until_ms <= relay.now_ms and dialog.state == "early" and not dialog.orphan:
        orphans.abandon(relay, dialog, "failed", "no PRACK of our provisional response", "network", 504)
