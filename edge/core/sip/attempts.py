"""The first INVITE of a leg, from address to address until one takes the call (RFC 3263 section 4.3).

Front is the client of this transaction: it answers the span's INVITE with 100, repeats its own (timer A) and gives it
up when nothing was heard (timer B). Then, and when a peer refuses by 503 or by a code that the group names, the next
address gets an INVITE of its own. There are never two that may ring: the one before was refused, has been silent for
timer B, or has been cancelled and has confirmed that. Should an address that was given up speak up all the same, what
rings there is cancelled and what was answered is hung up.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from edge.core.calls import endings
from edge.core.sip import orphans, redirection, session_timers, silence
from edge.core.sip.actions import Flow
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Left, Pending
from edge.core.sip.errors import phrase
from edge.core.sip.identity import shown
from edge.core.sip.message import Request, Response
from edge.core.sip.negotiation import SDP_TYPE, offer_for_peer
from edge.core.sip.parser import parse
from edge.core.sip.relay import Relay
from edge.core.sip.uri import NameAddr
from edge.core.sip.writing import CARRIED, reply
from edge.vocabulary.endings import FailoverCause
from edge.vocabulary.identity import Identity
from edge.vocabulary.reports import LeftAttempt, LegRouted

#: Addresses that one call is tried at, at the most.
MOST = 8
#: Responses after which another address of the same trunk is tried.
_ADDRESS_CODES = frozenset({408, 503})
#: Responses that ask for the same request in another form, whatever codes a group names.
_CHALLENGES = frozenset({401, 407, 422})
#: What is told of an attempt that had no final response.
_SILENCE: dict[FailoverCause, str] = {
    "refused": "",
    "timeout": "no answer to the INVITE",
    "no_ring": "it did not ring in time",
    "no_connection": "no connection",
}


# --- beginning ------------------------------------------------------------------------------------------------------


def begin(relay: Relay, dialog: Dialog, pending: Pending, data: bytes) -> None:
    """Take over what the span has begun; `data`: its INVITE, as it was just sent to the peer."""
    relay.to_span(relay.response_to_span(dialog, pending, 100), dialog.port)
    pending.sent = data
    _run(relay, dialog)


def _run(relay: Relay, dialog: Dialog) -> None:
    group = relay.trunks.groups.get(dialog.group)
    rings = group is not None and group.ring_timeout_ms > 0 and dialog.others
    dialog.ring_by_ms = relay.now_ms + group.ring_timeout_ms if rings and group is not None else 0
    dialog.moving_by_ms = 0
    dialog.seized_ms = relay.now_ms
    if (invite := dialog.invite()) is not None:
        silence.begin(relay, dialog, invite)
    if dialog.ring_by_ms:
        relay.set_alarm(dialog.ring_by_ms, "attempt", dialog.leg)


def restore(relay: Relay, dialog: Dialog) -> None:
    """Go on with an attempt of an earlier life."""
    invite = dialog.invite()
    if dialog.incoming or invite is None or dialog.state != "early" or dialog.orphan:
        return
    if dialog.heard_by_ms:
        silence.go_on(relay, dialog, invite)
    for at_ms in (dialog.ring_by_ms, dialog.moving_by_ms):
        if at_ms:
            relay.set_alarm(at_ms, "attempt", dialog.leg)


# --- what peers say -------------------------------------------------------------------------------------------------


def belongs(dialog: Dialog, flow: Flow) -> bool:
    """Whether `flow` is that of an address which was tried before."""
    return any(left.flow.address.host == flow.address.host for left in dialog.left)


def takes(relay: Relay, dialog: Dialog, message: Response) -> bool:
    """Whether a response concerns nobody but the attempts; True: it is dealt with."""
    branch = message.vias[0].branch
    left = next((one for one in dialog.left if one.branch == branch), None)
    if left is not None:
        _late(relay, dialog, left, message)
        return True
    invite = dialog.invite()
    if dialog.incoming or dialog.orphan or dialog.state != "early" or invite is None or branch != invite.sent_branch:
        return False
    if message.method == "CANCEL":
        relay.repeats.stop(f"{dialog.leg}/cancel")
        return bool(dialog.moving_by_ms)
    return message.method == "INVITE" and message.cseq == invite.sent_cseq and _heard(relay, dialog, invite, message)


def _heard(relay: Relay, dialog: Dialog, invite: Pending, message: Response) -> bool:
    silence.broken(relay, dialog)
    if message.status >= 180 and message.status not in _CHALLENGES:
        dialog.ring_by_ms = 0
    if 180 <= message.status < 300:
        dialog.rang_ms = dialog.rang_ms or relay.now_ms
    if 200 <= message.status < 300:
        dialog.answered_ms = relay.now_ms
    if message.status >= 200:
        relay.repeats.stop(f"{dialog.leg}/cancel")
    elif dialog.moving_by_ms and not dialog.provisional:
        dialog.provisional = True
        _cancel(relay, dialog)  # only now may it be sent (section 9.1)
    if message.status == 503:
        seconds = message.extras.get("Retry-After", "")
        relay.reachability.failed(dialog.first_flow, relay.now_ms, int(seconds) * 1000 if seconds else 0)
    else:
        relay.reachability.answered(dialog.first_flow)
    relay.save(dialog)
    if message.status < 300:
        return False
    sent_on = _stands(dialog, invite) and redirection.follows(relay, dialog, message)
    if not sent_on and not _may_move(relay, dialog, invite, message.status):
        return False
    ack = relay.request_to_peer(dialog, "ACK", message.cseq, message.vias[0].branch, first=True)
    ack.to = dialog.peer.with_tag(message.to.tag)
    dialog.last_end = endings.refused_by_callee(
        message.status, endings.why(message.extras.get("Reason", "")), phrase(message.status)
    )
    why: FailoverCause = "redirected" if sent_on else "no_ring" if dialog.moving_by_ms else "refused"
    same_trunk = bool(dialog.redirected) or message.status in _ADDRESS_CODES
    if not _next(relay, dialog, invite, why, same_trunk=same_trunk, ack=ack):
        dialog.moving_by_ms = 0
        return False
    return True


def _stands(dialog: Dialog, invite: Pending) -> bool:
    """Whether a call may go elsewhere: its caller has neither given up nor heard anything of this peer."""
    return f"{invite.branch}.cancel" not in dialog.pending and dialog.remote is None


def _may_move(relay: Relay, dialog: Dialog, invite: Pending, status: int) -> bool:
    if not dialog.others or not _stands(dialog, invite):
        return False
    if dialog.moving_by_ms:
        return True
    if dialog.redirected:
        # What is left are the contacts of a 3xx, each as good as the one before (RFC 3261 section 8.1.3.4).
        return status < 600 and status not in _CHALLENGES
    group = relay.trunks.groups.get(dialog.group)
    return status == 503 or (group is not None and status in group.codes and status not in _CHALLENGES)


# --- the next address -----------------------------------------------------------------------------------------------


def _next(
    relay: Relay, dialog: Dialog, invite: Pending, why: FailoverCause, *, same_trunk: bool, ack: Request | None = None
) -> bool:
    """Try the next address; False: there is none, and nothing was done."""
    if dialog.others and any(left.ringing for left in dialog.left):
        # One that was given up rings after all and is being cancelled: not before it has confirmed that.
        if ack is not None:
            relay.to_peer(ack, dialog.first_flow)
        dialog.next_due = why
        if not same_trunk:
            dialog.others = [one for one in dialog.others if one.trunk != dialog.trunk]
        relay.save(dialog)
        return True
    while dialog.others:
        attempt = dialog.others.pop(0)
        trunk = relay.trunks.by_name.get(attempt.trunk)
        srtp = trunk.srtp_over(attempt.flow.transport) if trunk is not None else "off"
        if (attempt.trunk and trunk is None) or srtp is None or (attempt.trunk == dialog.trunk and not same_trunk):
            continue
        if trunk is not None and trunk.name != dialog.trunk and not relay.may_dial(trunk):
            continue
        if ack is not None:
            relay.to_peer(ack, dialog.first_flow)
        relay.count("failover", why)
        left = _leave(relay, dialog, invite, why)
        told = shown(dialog.calling, dialog.identity, trunk, relay.presence.host(attempt.flow))
        dialog.trunk, dialog.proxy = attempt.trunk, attempt.proxy
        dialog.flow, dialog.invite_flow = attempt.flow, None
        dialog.service_routes = relay.service_routes.get(attempt.trunk, [])
        dialog.request_uri = dialog.target = attempt.uri
        kept = {name: value for name, value in dialog.headers.items() if name == "Replaces"}
        dialog.peer, dialog.own, dialog.headers = NameAddr(attempt.uri), told.own, {**told.headers, **kept}
        dialog.srtp, dialog.secured, dialog.offered_keys = srtp, None, 0
        if trunk is not None:
            dialog.codecs, dialog.dtmf = list(trunk.codecs), trunk.dtmf
            dialog.key_tones, dialog.symmetric = trunk.key_tones, trunk.symmetric
        relay.dialogs.dialled(dialog, attempt.flow.address.host)
        _tell(relay, dialog, left)
        redirection.begun(relay, dialog)
        _send(relay, dialog, invite)
        return True
    return False


def _tell(relay: Relay, dialog: Dialog, left: LeftAttempt) -> None:
    """Tell switch who is to carry the leg now, and what became of the attempt before."""
    routed = LegRouted(
        leg=dialog.leg, attempt=dialog.attempt + 1, trunk=dialog.trunk, address=dialog.first_flow.address, left=left
    )
    dialog.moves.append(routed)
    relay.tell(routed)


def _leave(relay: Relay, dialog: Dialog, invite: Pending, why: FailoverCause) -> LeftAttempt:
    """Give an address up: its figures are its trunk's, and it is remembered for as long as it may still speak up."""
    attempt = LeftAttempt(
        trunk=dialog.trunk,
        address=dialog.first_flow.address,
        end=dialog.last_end or endings.lost(0, answered=False, text=_SILENCE[why]),
        why=why,
        duration_ms=relay.now_ms - dialog.seized_ms if dialog.seized_ms else 0,
    )
    relay.end_seizure(dialog, dialog.last_end.sip_code or 0 if dialog.last_end is not None else 0)
    dialog.last_end = None
    left = Left(
        branch=invite.sent_branch,
        flow=dialog.first_flow,
        uri=dialog.request_uri,
        own=dialog.own,
        proxy=dialog.proxy,
        service_routes=dialog.service_routes,
        until_ms=relay.now_ms + TIMEOUT_MS,
    )
    dialog.left.append(left)
    relay.set_alarm(left.until_ms, "attempt", dialog.leg)
    silence.broken(relay, dialog)
    relay.repeats.stop(f"{dialog.leg}/cancel")
    dialog.provisional, dialog.peer_tag = False, ""
    return attempt


def _send(relay: Relay, dialog: Dialog, invite: Pending) -> None:
    before = parse(invite.sent)
    dialog.attempt += 1
    # A number of its own: to a server that has several addresses the same one would be a merged request (RFC 3261
    # section 8.2.2.2).
    dialog.cseq_shift += 1
    dialog.own_cseq += 1
    dialog.invite_cseq = invite.sent_cseq = dialog.own_cseq
    invite.attempt, invite.tries, invite.give_up_ms = dialog.attempt, 0, 0
    invite.challenges, invite.credentials = [], {}
    message = relay.request_to_peer(dialog, "INVITE", invite.sent_cseq, invite.sent_branch, first=True)
    if isinstance(before, Request):
        message.extras.update({name: value for name, value in before.extras.items() if name in CARRIED})
    session_timers.ask(session_timers.policy_of(relay, dialog), dialog.timer, message.extras)
    message.extras.update(dialog.headers)
    if dialog.media is not None:
        message.content_type = SDP_TYPE
        message.body = offer_for_peer(relay, dialog, dialog.media, "sendrecv")
    invite.sent = relay.to_peer(message, dialog.first_flow)
    _run(relay, dialog)


def undelivered(relay: Relay, dialog: Dialog) -> None:
    """Handle that there is no connection to the dialog's address."""
    invite = dialog.invite()
    ready = not dialog.incoming and dialog.first_flow.reliable and dialog.state == "early"
    if invite is None or not ready or not dialog.heard_by_ms:
        return
    relay.reachability.failed(dialog.first_flow, relay.now_ms)
    if dialog.orphan or not _next(relay, dialog, invite, "no_connection", same_trunk=True):
        orphans.undelivered(relay, dialog)


# --- addresses that were given up -----------------------------------------------------------------------------------


@contextmanager
def _as_it_was(dialog: Dialog, left: Left) -> Iterator[None]:
    kept = (dialog.flow, dialog.request_uri, dialog.peer, dialog.own, dialog.proxy)
    tags = (dialog.invite_flow, dialog.peer_tag, dialog.target, dialog.routes, dialog.service_routes)
    dialog.flow, dialog.request_uri, dialog.peer = left.flow, left.uri, NameAddr(left.uri)
    dialog.invite_flow = None
    dialog.own, dialog.proxy, dialog.peer_tag = left.own, left.proxy, ""
    dialog.service_routes = left.service_routes
    try:
        yield
    finally:
        dialog.flow, dialog.request_uri, dialog.peer, dialog.own, dialog.proxy = kept
        dialog.invite_flow, dialog.peer_tag, dialog.target, dialog.routes, dialog.service_routes = tags


def _late(relay: Relay, dialog: Dialog, left: Left, message: Response) -> None:
    """End what an address that was given up has begun after all."""
    key = f"{dialog.leg}/left/{left.branch}"
    if message.method != "INVITE" or message.status >= 200:
        relay.repeats.stop(key)
    if message.method != "INVITE":
        return
    left.ringing = message.status < 200
    with _as_it_was(dialog, left):
        if message.status >= 300:
            ack = relay.request_to_peer(dialog, "ACK", message.cseq, left.branch, first=True)
            ack.to = dialog.peer.with_tag(message.to.tag)
            relay.to_peer(ack, left.flow)
        elif message.status >= 200:
            relay.count("dropped", "late_answer")
            orphans.end_fork(relay, dialog, message)
        elif not left.cancelled:
            left.cancelled = True
            left.until_ms = relay.now_ms + TIMEOUT_MS
            relay.set_alarm(left.until_ms, "attempt", dialog.leg)
            cancel = relay.request_to_peer(dialog, "CANCEL", message.cseq, left.branch, first=True)
            relay.repeats.start(key, relay.to_peer(cancel, left.flow), left.flow, relay.now_ms)
            relay.save(dialog)

    _go_on(relay, dialog)


def _go_on(relay: Relay, dialog: Dialog) -> None:
    """Try the next address if it waits for nothing any more."""
    invite = dialog.invite()
    if not dialog.next_due or invite is None or any(left.ringing for left in dialog.left):
        return
    why, dialog.next_due = dialog.next_due, None
    if dialog.state == "early" and not dialog.orphan and not _next(relay, dialog, invite, why, same_trunk=True):
        _give_up(relay, dialog, invite, 503)


# --- time and the caller's patience ---------------------------------------------------------------------------------


def lapse(relay: Relay, dialog: Dialog) -> None:
    """Act on what is due of a leg's attempts."""
    for left in [one for one in dialog.left if one.until_ms <= relay.now_ms]:
        relay.repeats.stop(f"{dialog.leg}/left/{left.branch}")
        dialog.left.remove(left)
    _go_on(relay, dialog)
    invite = dialog.invite()
    if invite is None or dialog.incoming or dialog.state != "early" or dialog.orphan:
        return
    if 0 < dialog.heard_by_ms <= relay.now_ms:
        dialog.heard_by_ms = 0
        relay.reachability.failed(dialog.first_flow, relay.now_ms)
        if not _next(relay, dialog, invite, "timeout", same_trunk=True):
            _give_up(relay, dialog, invite, 408)
    elif 0 < dialog.ring_by_ms <= relay.now_ms:
        dialog.ring_by_ms = 0
        _cancel_to_move(relay, dialog)
    elif 0 < dialog.moving_by_ms <= relay.now_ms and not _next(relay, dialog, invite, "no_ring", same_trunk=False):
        _give_up(relay, dialog, invite, 408)


def _cancel_to_move(relay: Relay, dialog: Dialog) -> None:
    """Cancel an attempt that does not ring; the next follows when that is confirmed, or 32 s later (section 9.1)."""
    if not dialog.others or dialog.remote is not None:
        return
    dialog.moving_by_ms = relay.now_ms + TIMEOUT_MS
    relay.set_alarm(dialog.moving_by_ms, "attempt", dialog.leg)
    if dialog.provisional:
        _cancel(relay, dialog)
    relay.save(dialog)


def _cancel(relay: Relay, dialog: Dialog) -> None:
    invite = dialog.invite()
    if invite is not None:
        message = relay.request_to_peer(dialog, "CANCEL", invite.sent_cseq, invite.sent_branch, first=True)
        relay.repeats.start(
            f"{dialog.leg}/cancel", relay.to_peer(message, dialog.first_flow), dialog.first_flow, relay.now_ms
        )


def given_up(relay: Relay, dialog: Dialog, request: Request) -> bool:
    """Take the span's CANCEL of the first INVITE; True: the peer must not be sent one yet (section 9.1)."""
    dialog.others.clear()
    invite = dialog.invite()
    if invite is None or (dialog.provisional and not dialog.next_due):
        return False
    relay.to_span(reply(request, 200), dialog.port)
    _give_up(relay, dialog, invite, 487)
    return True


def _give_up(relay: Relay, dialog: Dialog, invite: Pending, status: int) -> None:
    """End the call towards the span; what the peer still says is dealt with as an orphan's."""
    relay.to_span(relay.response_to_span(dialog, invite, status), dialog.port)
    silence.broken(relay, dialog)
    relay.end_seizure(dialog, status)
    dialog.told = True  # the span reports the end
    dialog.orphan = True
    dialog.heard_by_ms = dialog.ring_by_ms = dialog.moving_by_ms = 0
    relay.spans.free(dialog.leg, relay.now_ms)
    relay.alarm(dialog, TIMEOUT_MS)


def forget_alternatives(dialog: Dialog) -> None:
    """Drop what else might have been tried: the call has found its address."""
    dialog.others, dialog.identity = [], Identity()
    dialog.ring_by_ms = dialog.moving_by_ms = 0
    dialog.next_due = None
