"""Re-INVITEs and UPDATEs that front sends in its own name: session refreshes (RFC 4028), and what came of them."""

from edge.core.sip import adoption, hold_out, ours, refer_out, referral, session_timers
from edge.core.sip.dialogs import Dialog, Pending
from edge.core.sip.message import Response
from edge.core.sip.negotiation import SDP_TYPE, facts_of_answer, learn
from edge.core.sip.relay import Relay

#: The peer does not know the call any more (RFC 3261 section 12.2.1.2), or nothing came.
_GONE = (408, 481)
_UNKNOWN_METHOD = (405, 501)
_TOO_SMALL = 422


def due(relay: Relay, dialog: Dialog, at_ms: int) -> None:
    """Refresh the session, or end one that nobody has refreshed."""
    timer = dialog.timer
    if timer.due_ms != at_ms or dialog.orphan or not timer.interval_s or dialog.state == "ending":
        return
    if relay.now_ms >= timer.ends_ms:
        adoption.expired(relay, dialog, "the session was not refreshed")
    elif timer.refresher == "us":
        _send(relay, dialog)


def _send(relay: Relay, dialog: Dialog) -> None:
    """Refresh by UPDATE where the peer takes it, else by a re-INVITE; neither changes the session (section 7.4)."""
    if dialog.inviting or dialog.answer_due or dialog.ack_cseq or dialog.state != "confirmed":
        session_timers.retry(relay, dialog)
        return
    extras: dict[str, str] = {}
    session_timers.ask(session_timers.policy_of(relay, dialog), dialog.timer, extras)
    if dialog.timer.update:
        ours.send(relay, dialog, "UPDATE", "refresh", extras=extras)
    else:
        ours.send(relay, dialog, "INVITE", "refresh", extras=extras, content_type=SDP_TYPE, body=dialog.to_peer.again())
    session_timers.wait_for_end(relay, dialog)


def answered(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    """Take the final answer to a request of front's own."""
    status = message.status
    if dialog.orphan:
        return
    if pending.purpose == "notify":
        referral.heard(relay, dialog, pending)
    elif status in _GONE:
        adoption.expired(relay, dialog, "the peer does not know the call any more")
    elif pending.purpose == "hold":
        hold_out.answered(relay, dialog, message)
    elif pending.purpose == "refer" and status >= 300:
        refer_out.ended(relay, dialog, status)
    elif pending.purpose != "refresh":
        return
    elif status < 300:
        _refreshed(relay, dialog, pending, message)
    elif status in _UNKNOWN_METHOD and pending.method == "UPDATE":
        dialog.timer.update = False
        _send(relay, dialog)
    elif status == _TOO_SMALL and session_timers.raised(dialog.timer, message):
        _send(relay, dialog)
    else:
        session_timers.retry(relay, dialog)


def _refreshed(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    if message.contact is not None:
        dialog.target = message.contact.uri
        relay.aim(dialog)
    if pending.span_offers and message.content_type == SDP_TYPE:
        remote = facts_of_answer(relay, dialog, message.body)
        if remote is not None:
            learn(relay, dialog, remote)
        else:
            relay.count("refused", "answer")
    session_timers.granted(relay, dialog, message)


def unanswered(relay: Relay, dialog: Dialog, pending: Pending) -> None:
    """Take note that nothing came in 32 s: after a refresh the peer counts as gone (RFC 4028 section 10)."""
    if pending.purpose in ("refresh", "hold") and not dialog.orphan:
        # RFC 3261 section 14.1: a re-INVITE without an answer ends the call.
        what = "session refresh" if pending.purpose == "refresh" else "hold"
        adoption.expired(relay, dialog, f"no answer to our {what}")
    elif pending.purpose == "refer":
        refer_out.ended(relay, dialog, 408)
    elif pending.purpose == "notify":
        referral.heard(relay, dialog, pending)
