"""Requests to peers that were challenged (401, 407): front sends them again with credentials (RFC 3261 section 22.2).

The span hears nothing of it: the secret is front's, and so is the CSeq, which every try raises by one. From then on the
dialog's numbers towards the peer are `Dialog.cseq_shift` above the span's. What was sent again is also repeated by
front, over UDP, for the span may have heard a provisional response to the first try.
"""

import re

from edge.core.sip import session_timers, silence
from edge.core.sip.actions import Flow, ToPeer
from edge.core.sip.authentication import ANSWER_HEADERS, TRIES, Account, Challenge
from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending
from edge.core.sip.message import Response
from edge.core.sip.relay import Relay

STATUSES = (401, 407)
_TOO_SMALL = 422
_BRANCH = re.compile(rb";branch=[^;]+")


def account_of(relay: Relay, dialog: Dialog) -> Account | None:
    """Return the account of the dialog's trunk."""
    trunk = relay.trunks.by_name.get(dialog.trunk)
    return trunk.account if trunk is not None else None


def keep(relay: Relay, dialog: Dialog, pending: Pending, data: bytes) -> None:
    """Remember a request as it was sent, if it could be sent again."""
    if pending.method == "INVITE" or (account_of(relay, dialog) is not None and pending.method != "CANCEL"):
        pending.sent = data


def takes(relay: Relay, dialog: Dialog, pending: Pending, message: Response, flow: Flow) -> bool:
    """Whether a response to a span's request is none of the span's business: a challenge, or the end of an old try."""
    if message.vias[0].branch != pending.sent_branch or message.cseq != pending.sent_cseq:
        if pending.method == "INVITE" and message.status >= 300 and pending.tries:
            # The challenge again: its ACK was lost (section 17.1.1.2).
            _acknowledge(relay, dialog, pending, message)
        relay.count("dropped", "stray_response")
        return True
    if pending.tries and (pending.method == "INVITE" or message.status >= 200):
        relay.repeats.stop(_key(dialog, pending))
        pending.give_up_ms = 0
    if message.status in STATUSES and not pending.status and _again(relay, dialog, pending, message, flow):
        return True
    if message.status == _TOO_SMALL and not pending.status and _longer(relay, dialog, pending, message):
        return True
    if message.status >= 200:
        pending.sent = b""
    return False


def _key(dialog: Dialog, pending: Pending) -> str:
    return f"{dialog.leg}/again/{pending.branch}"


def _again(relay: Relay, dialog: Dialog, pending: Pending, message: Response, flow: Flow) -> bool:
    """Send the request again with credentials; False: it can't be, and the challenge is the answer."""
    chosen = choose(relay, dialog, (message, flow), pending.challenges, pending.tries - pending.raised)
    if not chosen or not pending.sent or f"{pending.branch}.cancel" in dialog.pending:
        return False
    pending.challenges = chosen
    _resend(relay, dialog, pending, message, {})
    return True


def _longer(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> bool:
    """Send an INVITE again whose session interval the peer finds too short (RFC 4028 section 7.3), once."""
    if pending.method != "INVITE" or pending.raised or not pending.sent or f"{pending.branch}.cancel" in dialog.pending:
        return False
    longer = session_timers.raised(dialog.timer, message)
    if not longer:
        return False
    pending.raised = True
    _resend(relay, dialog, pending, message, longer)
    return True


def _resend(relay: Relay, dialog: Dialog, pending: Pending, message: Response, headers: dict[str, str]) -> None:
    """Acknowledge the refusal and send the request again, as another transaction."""
    if pending.method == "INVITE":
        _acknowledge(relay, dialog, pending, message)
    first = pending.sent_cseq == dialog.invite_cseq and pending.method == "INVITE" and not dialog.incoming
    dialog.cseq_shift += 1
    dialog.own_cseq += 1
    pending.tries += 1
    pending.sent_cseq = dialog.own_cseq
    if first:
        dialog.invite_cseq = dialog.own_cseq
    if pending.method == "BYE":
        dialog.bye_cseq = dialog.own_cseq
    uri = pending.sent.split(b" ", 2)[1].decode()
    pending.credentials = credentials(relay, dialog, pending.challenges, pending.method, uri)
    headers = {**headers, **pending.credentials}
    pending.sent = rewritten(pending.sent, pending.sent_branch, pending.sent_cseq, headers)
    _send(relay, dialog, pending)


def _send(relay: Relay, dialog: Dialog, pending: Pending) -> None:
    first = pending.method == "INVITE" and not dialog.incoming and pending.sent_cseq == dialog.invite_cseq
    relay.out.append(ToPeer(pending.sent, dialog.first_flow if first else dialog.flow))
    if first:
        # A new transaction: its silence leads on like that of the first one, and a CANCEL needs a word of its own.
        dialog.provisional = False
        silence.begin(relay, dialog, pending)
        return
    relay.repeats.start(_key(dialog, pending), pending.sent, dialog.flow, relay.now_ms)
    pending.give_up_ms = relay.now_ms + TIMEOUT_MS
    relay.set_alarm(pending.give_up_ms, "challenged", dialog.leg)
    relay.save(dialog)


def choose(
    relay: Relay, dialog: Dialog, response: tuple[Response, Flow], before: list[Challenge], tries: int
) -> list[Challenge]:
    """Return the challenges of a response that are to be answered; empty: none, and why is counted."""
    message, flow = response
    account = account_of(relay, dialog)
    if account is None:
        relay.count("challenge", "no_account")
        return []
    verdict, chosen = relay.authenticator.choose(
        dialog.trunk, account, message.extras, before, own_address=flow.address.host == dialog.flow.address.host
    )
    if verdict == "answered" and tries >= TRIES:
        verdict, chosen = "rejected", []
    relay.count("challenge", verdict)
    return chosen


def credentials(relay: Relay, dialog: Dialog, chosen: list[Challenge], method: str, uri: str) -> dict[str, str]:
    """Return the header fields that answer `chosen` in the name of the dialog's trunk."""
    account = account_of(relay, dialog)
    return relay.authenticator.headers(dialog.trunk, account, chosen, (method, uri)) if account is not None else {}


def rewritten(data: bytes, branch: str, cseq: int, headers: dict[str, str]) -> bytes:
    """Return a request of ours as another transaction, with these header fields in place of those that it had."""
    head, blank, body = data.partition(b"\r\n\r\n")
    lines = []
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"Via":
            lines.append(_BRANCH.sub(f";branch={branch}".encode(), line))
        elif name == b"CSeq":
            lines.append(f"CSeq: {cseq} ".encode() + value.rpartition(b" ")[2])
            lines += [f"{name}: {value}".encode() for name, value in headers.items()]
        elif name.decode() not in {*ANSWER_HEADERS.values(), *headers}:
            lines.append(line)
    return b"\r\n".join(lines) + blank + body


def _acknowledge(relay: Relay, dialog: Dialog, pending: Pending, message: Response) -> None:
    """Acknowledge a refusal in its own transaction (section 17.1.1.3), which the dialog goes on without."""
    first = not dialog.incoming and pending.sent_cseq == dialog.invite_cseq
    ack = relay.request_to_peer(dialog, "ACK", message.cseq, message.vias[0].branch, first=first)
    ack.to = dialog.peer.with_tag(message.to.tag)
    relay.to_peer(ack, dialog.first_flow if first else dialog.flow)


# --- time -----------------------------------------------------------------------------------------------------------


def restore(relay: Relay, dialog: Dialog) -> None:
    """Go on with what an earlier life had sent again."""
    for pending in dialog.pending.values():
        if pending.give_up_ms and not pending.status:
            relay.repeats.start(_key(dialog, pending), pending.sent, dialog.flow, relay.now_ms)
            relay.set_alarm(pending.give_up_ms, "challenged", dialog.leg)


def lapse(relay: Relay, dialog: Dialog) -> None:
    """Give up what was sent again and never answered (timers B and F); the span's own timers may have been stopped."""
    for key, pending in list(dialog.pending.items()):
        if not 0 < pending.give_up_ms <= relay.now_ms:
            continue
        pending.give_up_ms = 0
        relay.repeats.stop(_key(dialog, pending))
        relay.save(dialog)
        if dialog.orphan or dialog.adopted:
            continue
        pending.status = 408
        relay.to_span(relay.response_to_span(dialog, pending, 408), dialog.port)
        if pending.method != "INVITE":
            dialog.pending.pop(key, None)
