"""Hold by us: a re-INVITE with `sendonly` (our music) or `inactive`, and with `sendrecv` again (RFC 3264 section 8.4).

Front sends it, whether the span lives or not. The peer's refusal leaves everything as it was (RFC 3261 section 14.1);
when both sides have asked at once (491), we ask again after the time that the section gives our side.
"""

from edge.core.sip import ours, session_timers
from edge.core.sip.actions import Finish
from edge.core.sip.dialogs import Dialog, Holding
from edge.core.sip.message import Response
from edge.core.sip.negotiation import SDP_TYPE, facts_of_answer, learn, offer_for_peer
from edge.core.sip.relay import Relay
from edge.core.sip.writing import digest
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Direction

#: How often we ask where both sides have asked at once.
TRIES = 5
_GLARE = 491
_TOO_SMALL = 422


def send(relay: Relay, command: CommandId, leg: LegId, direction: Direction) -> None:
    """Offer the peer of `leg` this direction; the command is done when it has agreed, or failed."""
    dialog = relay.dialogs.by_leg.get(leg)
    if dialog is None or dialog.orphan or dialog.state != "confirmed":
        relay.out.append(Finish(command, "the leg is not up"))
    elif dialog.holding is not None:
        again = dialog.holding.command == command
        if not again:
            relay.out.append(Finish(command, "the leg is being held or resumed"))
    elif dialog.direction == direction:
        relay.out.append(Finish(command, None))
    else:
        dialog.holding = Holding(command=command, direction=direction)
        _try(relay, dialog, dialog.holding)


def _try(relay: Relay, dialog: Dialog, holding: Holding) -> None:
    holding.again_ms = 0
    if dialog.media is None:
        _end(relay, dialog, "no media address")
    elif dialog.inviting or dialog.offering or dialog.answer_due or dialog.ack_cseq:
        _later(relay, dialog, holding)
    else:
        holding.before = dialog.to_peer.text
        body = offer_for_peer(relay, dialog, dialog.media, holding.direction)
        extras: dict[str, str] = {}
        if dialog.timer.interval_s:
            # It refreshes the session as well (RFC 4028 section 7.4), and without a word of the timer would end it.
            session_timers.ask(session_timers.policy_of(relay, dialog), dialog.timer, extras)
        ours.send(relay, dialog, "INVITE", "hold", content_type=SDP_TYPE, body=body, extras=extras)


def _later(relay: Relay, dialog: Dialog, holding: Holding) -> None:
    """Try again in a while: who has made the Call-ID waits for 2.1 to 4 s, the other side for 0 to 2 s."""
    holding.tries += 1
    if holding.tries >= TRIES:
        _end(relay, dialog, "the peer changes the session itself")
        return
    dice = int(digest("glare", relay.settings.seed, dialog.leg, str(dialog.own_cseq), str(holding.tries)), 16)
    units = dice % 201 if dialog.incoming else 210 + dice % 191
    holding.again_ms = relay.now_ms + units * 10
    relay.set_alarm(holding.again_ms, "hold", dialog.leg)
    relay.save(dialog)


def due(relay: Relay, dialog: Dialog) -> None:
    """Ask again, if it is time."""
    holding = dialog.holding
    if holding is not None and 0 < holding.again_ms <= relay.now_ms and not dialog.orphan:
        _try(relay, dialog, holding)


def answered(relay: Relay, dialog: Dialog, message: Response) -> None:
    """Take the peer's final answer."""
    holding = dialog.holding
    if holding is None:
        return
    if message.status >= 300:
        _refused(relay, dialog, holding, message)
        return
    if message.contact is not None:
        dialog.target = message.contact.uri
        relay.aim(dialog)
    remote = facts_of_answer(relay, dialog, message.body) if message.content_type == SDP_TYPE else None
    if remote is None:
        relay.count("refused", "answer")
        _end(relay, dialog, "no usable answer to our offer")
        return
    dialog.direction = holding.direction
    learn(relay, dialog, remote)
    if dialog.timer.interval_s:
        session_timers.granted(relay, dialog, message)
    _end(relay, dialog, None)


def _refused(relay: Relay, dialog: Dialog, holding: Holding, message: Response) -> None:
    # What was agreed before holds, and our next description is another one again (RFC 3264 section 8).
    dialog.to_peer.text = holding.before
    dialog.to_peer.version += 1
    if message.status == _GLARE:
        _later(relay, dialog, holding)
    elif message.status == _TOO_SMALL and session_timers.raised(dialog.timer, message):
        _try(relay, dialog, holding)
    else:
        _end(relay, dialog, f"the peer refused it: {message.status}")


def _end(relay: Relay, dialog: Dialog, error: str | None) -> None:
    if dialog.holding is not None:
        relay.out.append(Finish(CommandId(dialog.holding.command), error))
        dialog.holding = None
        relay.save(dialog)


def restore(relay: Relay, dialog: Dialog) -> None:
    """Go on with what an earlier life of front was asked."""
    if dialog.holding is not None and dialog.holding.again_ms:
        relay.set_alarm(dialog.holding.again_ms, "hold", dialog.leg)
