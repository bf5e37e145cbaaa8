"""Requests that front makes inside a dialog, in its own name: client transactions (RFC 3261 section 17.1)."""

from edge.core.sip import challenged, orphans
from edge.core.sip.actions import Flow, ToPeer
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending, Purpose
from edge.core.sip.message import Response
from edge.core.sip.negotiation import SDP_TYPE
from edge.core.sip.relay import Relay


def send(
    relay: Relay,
    dialog: Dialog,
    method: str,
    purpose: Purpose,
    *,
    content_type: str = "",
    body: bytes = b"",
    extras: dict[str, str] | None = None,
) -> Pending:
    """Send a request with the next CSeq, and go on until it is answered or 32 s are over."""
    cseq = _next_cseq(dialog)
    pending = Pending(
        branch=orphans.own_branch(dialog, method, cseq),
        method=method,
        cseq=cseq,
        sent_cseq=cseq,
        by="front",
        vias=[],
        from_=dialog.own,
        to=dialog.peer,
        purpose=purpose,
        due_ms=relay.now_ms + TIMEOUT_MS,
    )
    message = relay.request_to_peer(dialog, method, cseq, pending.branch)
    message.content_type, message.body = content_type, body
    message.extras.update(extras or {})
    data = relay.to_peer(message, dialog.flow)
    pending.sent = data
    pending.span_offers = bool(body) and content_type == SDP_TYPE
    dialog.add(pending)
    relay.save(dialog)
    _repeat(relay, dialog, pending, data)
    return pending


def _next_cseq(dialog: Dialog) -> int:
    """Take a number of the dialog, which the span knows nothing of."""
    dialog.own_cseq += 1
    dialog.cseq_shift += 1
    return dialog.own_cseq


def _key(dialog: Dialog, pending: Pending) -> str:
    return f"{dialog.leg}/own/{pending.branch}"


def _repeat(relay: Relay, dialog: Dialog, pending: Pending, data: bytes) -> None:
    capped = pending.method != "INVITE"
    relay.repeats.start(_key(dialog, pending), data, dialog.flow, relay.now_ms, capped=capped)
    relay.set_alarm(pending.due_ms, "own", dialog.leg)


def restore(relay: Relay, dialog: Dialog) -> None:
    """Go on with what an earlier life of front had asked."""
    for pending in dialog.pending.values():
        if pending.by == "front" and not pending.status:
            _repeat(relay, dialog, pending, pending.sent)


def response(relay: Relay, dialog: Dialog, pending: Pending, message: Response, flow: Flow) -> bool:
    """Take a response to a request of front's; whether it is the final one, seen for the first time."""
    status = message.status
    if message.method != pending.method:
        relay.count("dropped", "stray_response")
        return False
    if pending.method == "INVITE" and status >= 200:
        # Each time it comes (sections 13.2.2.4 and 17.1.1.3).
        branch = orphans.own_branch(dialog, "ACK", message.cseq) if status < 300 else message.vias[0].branch
        orphans.acknowledge(relay, dialog, message.cseq, branch)
    if (message.vias[0].branch, message.cseq) != (pending.sent_branch, pending.sent_cseq):
        relay.count("dropped", "stray_response")
        return False
    if pending.method == "INVITE" or status >= 200:
        relay.repeats.stop(_key(dialog, pending))
    if status < 200:
        return False
    repeated = bool(pending.status)
    if not repeated and status in challenged.STATUSES and _again(relay, dialog, pending, message, flow):
        return False
    pending.status = status
    if pending.method != "INVITE":
        dialog.pending.pop(pending.branch, None)
    relay.save(dialog)
    return not repeated


def _again(relay: Relay, dialog: Dialog, pending: Pending, message: Response, flow: Flow) -> bool:
    """Send a challenged request again with credentials; False: it can't be."""
    chosen = challenged.choose(relay, dialog, (message, flow), pending.challenges, pending.tries)
    if not chosen:
        return False
    pending.sent_cseq = _next_cseq(dialog)
    pending.tries += 1
    pending.challenges = chosen
    uri = pending.sent.split(b" ", 2)[1].decode()
    answers = challenged.credentials(relay, dialog, chosen, pending.method, uri)
    pending.sent = challenged.rewritten(pending.sent, pending.sent_branch, pending.sent_cseq, answers)
    pending.due_ms = relay.now_ms + TIMEOUT_MS
    relay.save(dialog)
    relay.out.append(ToPeer(pending.sent, dialog.flow))
    _repeat(relay, dialog, pending, pending.sent)
    return True


def due(relay: Relay, dialog: Dialog) -> list[Pending]:
    """Give up the requests that nobody has answered in time, and return them."""
    given_up = []
    for pending in list(dialog.pending.values()):
        if pending.by == "front" and not pending.status and 0 < pending.due_ms <= relay.now_ms:
            relay.repeats.stop(_key(dialog, pending))
            relay.count("dropped", "no_response")
            dialog.pending.pop(pending.branch, None)
            relay.save(dialog)
            given_up.append(pending)
    return given_up
