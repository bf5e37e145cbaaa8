"""Calls that outlive their span: front plays the stack's part in a dialog from the 2xx on, until either side hangs up.

The audio is media's and goes on by itself. What a peer may ask inside a dialog front answers anyway (`in_dialog`); here
is what else the stack did: the 2xx until its ACK, the ACK, the BYE in both directions, and digits by INFO.
"""

from edge.core.calls import endings
from edge.core.sip import in_dialog, orphans
from edge.core.sip.actions import Finish
from edge.core.sip.admission import Arrival
from edge.core.sip.dialogs import Dialog, Tombstone
from edge.core.sip.message import Request, Response
from edge.core.sip.negotiation import SDP_TYPE, facts_of_answer, learn, take_answer
from edge.core.sip.relay import Relay
from edge.core.sip.writing import base_of_branch
from edge.vocabulary.endings import EndReason, Party
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.reports import LegAdopted, LegAnswered, LegEnded

#: A 2xx that is not acknowledged by then holds no slot any more, in a span or in media: front goes on repeating it.
HALF_OPEN_MS = 8000
NO_ACK = "no ACK of our answer"
NORMAL = 'Q.850;cause=16;text="Normal call clearing"'
_TIMER_EXPIRY = 'Q.850;cause=102;text="Recovery on timer expiry"'


def _far_end(dialog: Dialog) -> Party:
    return "caller" if dialog.incoming else "callee"


# --- a span is gone -------------------------------------------------------------------------------------------------


def span_lost(relay: Relay, dialog: Dialog) -> None:
    """Go on with a call whose span died, if both sides had agreed on it; end it if not."""
    if dialog.state in ("answered", "confirmed"):
        adopt(relay, dialog)
    elif dialog.state == "ending" and dialog.by_peer:
        # Its BYE was on the way to the span, or the span's answer on the way to it.
        relay.repeats.stop_all(f"{dialog.leg}/")
        orphans.answer_open_requests(relay, dialog)
        relay.tell_end(dialog, endings.hung_up(_far_end(dialog), answered=True))
        relay.bury(dialog)
    else:
        orphans.lost(relay, dialog, "span_lost", "its signalling process died")


def adopt(relay: Relay, dialog: Dialog) -> None:
    """Take the span's part over, and tell switch whom to ask from now on."""
    dialog.adopted = True
    relay.count("adopted", dialog.state)
    orphans.answer_open_requests(relay, dialog)
    told(relay, dialog)
    relay.save(dialog)
    if dialog.state != "answered":
        return
    if dialog.incoming:
        orphans.repeat_answer(relay, dialog, at_once=True)
        return
    _acknowledge(relay, dialog)
    dialog.state = "confirmed"
    relay.tell(LegAnswered(dialog.leg))


def told(relay: Relay, dialog: Dialog) -> None:
    """Tell switch of an adoption; again in each life of front, for the last one may have taken its reports along."""
    relay.tell(LegAdopted(dialog.leg, dialog.span))
    if dialog.state == "confirmed":
        # The span may not have come to it.
        relay.tell(LegAnswered(dialog.leg))


def tell_of_the_dead(relay: Relay, tomb: Tombstone) -> None:
    """Report the end of a call that was over when its span died: the span may not have come to it."""
    if tomb.bye_cseq:
        end = endings.hung_up(("caller" if tomb.incoming else "callee") if tomb.by_peer else "appliance", answered=True)
    else:
        end = EndReason(outcome="span_lost", ended_by="appliance", sip_code=tomb.status)
    relay.tell(LegEnded(tomb.leg, end))


def half_open(relay: Relay, dialog: Dialog) -> None:
    """End a call whose 200 is not acknowledged, in all but the peer's eyes: it has its 32 s (section 13.3.1.4).

    Until then it is sent the 200 again and again, and a BYE when it acknowledges it, or has not. Media's slot may be
    another call's by then, so a late ACK can't begin the call any more.
    """
    if dialog.orphan or dialog.state != "answered" or not dialog.incoming:
        return
    # First switch: it need not wait for what the span will report.
    relay.tell_ended(dialog, "failed", NO_ACK, "network", 408)
    relay.end_seizure(dialog, 200)
    if not dialog.adopted:
        orphans.end_span_dialog(relay, dialog)
        relay.spans.free(dialog.leg, relay.now_ms)
        orphans.repeat_answer(relay, dialog, at_once=True)
    dialog.orphan = True
    relay.save(dialog)


def watch_for_ack(relay: Relay, dialog: Dialog) -> None:
    """Have `half_open` look at an incoming call that is answered, and is not acknowledged."""
    relay.set_alarm(dialog.answered_ms + HALF_OPEN_MS, "half open", dialog.leg)


# --- what peers send ------------------------------------------------------------------------------------------------


def request(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Answer a request of the peer in the stack's place."""
    if arrival.request.method != "BYE":
        in_dialog.take(relay, dialog, arrival)
        return
    message = arrival.request
    reason = endings.why(message.extras.get("Reason", ""))
    dialog.bye_cseq, dialog.by_peer = message.cseq, True
    # Switch first: a kill before its report would leave a call that nobody can end but the peer, who thinks it has.
    relay.tell_end(dialog, endings.hung_up(_far_end(dialog), answered=True, reason=reason))
    in_dialog.answer(relay, dialog, arrival, 200)
    dialog.orphan, dialog.state = True, "ending"
    give_up_digits(relay, dialog.leg)
    relay.bury(dialog)


def acknowledged(relay: Relay, dialog: Dialog, message: Request) -> None:
    """Take the ACK of our 200: from now on both sides agree that there is a call."""
    if dialog.state != "answered":
        return
    dialog.state = "confirmed"
    dialog.deadline_ms = 0
    relay.save(dialog)
    if dialog.answer_due and take_answer(relay, dialog, message) is None:
        end(relay, dialog, EndReason(outcome="media_lost", ended_by="appliance", text="no usable answer to our offer"))
    else:
        relay.tell(LegAnswered(dialog.leg))


def response(relay: Relay, dialog: Dialog, message: Response) -> None:
    """Take a response to a request that the span had sent: a 2xx of an INVITE wants its ACK, each time it comes."""
    if message.method != "INVITE" or message.status < 200:
        return
    first = not dialog.incoming and message.cseq == dialog.invite_cseq
    pending = dialog.pending.get(base_of_branch(message.vias[0].branch))
    if message.status >= 300:
        if not first:
            orphans.acknowledge(relay, dialog, message.cseq, message.vias[0].branch)
    elif first and message.to.tag != dialog.peer_tag:
        orphans.end_fork(relay, dialog, message)
        return
    else:
        if pending is not None and not pending.status and pending.span_offers and message.content_type == SDP_TYPE:
            remote = facts_of_answer(relay, dialog, message.body)
            if remote is not None:
                learn(relay, dialog, remote)
        _acknowledge(relay, dialog, message.cseq)
    if pending is not None:
        pending.status = message.status
        relay.save(dialog)


def _acknowledge(relay: Relay, dialog: Dialog, cseq: int = 0) -> None:
    cseq = cseq or dialog.invite_cseq
    orphans.acknowledge(relay, dialog, cseq, orphans.own_branch(dialog, "ACK", cseq))


# --- ends -----------------------------------------------------------------------------------------------------------


def end(relay: Relay, dialog: Dialog, reason: EndReason, why: str = NORMAL) -> None:
    """End an adopted call; a BYE before the ACK of our 200 is not allowed, so it waits for that (section 15)."""
    if dialog.orphan:
        return
    dialog.orphan = True
    relay.tell_end(dialog, reason)
    give_up_digits(relay, dialog.leg)
    relay.repeats.stop(f"{dialog.leg}/reinvite")
    if dialog.state == "answered" and dialog.incoming:
        relay.save(dialog)
    else:
        orphans.hang_up(relay, dialog, why)


def hang_up(relay: Relay, leg: LegId, text: str) -> None:
    """End a call because switch says so; one that front does not know is over."""
    dialog = relay.dialogs.by_leg.get(leg)
    if dialog is not None and not dialog.orphan:
        if not dialog.adopted:
            orphans.abandon(relay, dialog, "stopped", text)
        else:
            end(relay, dialog, endings.hung_up("appliance", answered=True, text=text))


def farewell(relay: Relay) -> None:
    """End whatever is still up, for front itself ends."""
    for dialog in list(relay.dialogs.by_leg.values()):
        if not dialog.orphan and dialog.state not in ("refused", "ending"):
            orphans.abandon(relay, dialog, "stopped", "the appliance stops")
        if dialog.state == "answered":
            # Before the ACK of our 200 a BYE is early (section 15), but nobody will be here to send it later.
            orphans.hang_up(relay, dialog)


def expired(relay: Relay, dialog: Dialog, text: str) -> None:
    """End a call because its peer does not answer any more."""
    if dialog.orphan:
        return
    reason = endings.lost(408, answered=True, text=text)
    if dialog.adopted:
        dialog.orphan = True
        relay.tell_end(dialog, reason)
        orphans.hang_up(relay, dialog, _TIMER_EXPIRY)
    else:
        orphans.abandon(relay, dialog, reason.outcome, text, by="network", code=408)


def ack_is_missing(relay: Relay, dialog: Dialog, at_ms: int) -> None:
    """End a call whose peer has not acknowledged our 2xx of its re-INVITE (section 14.2)."""
    if dialog.ack_by_ms == at_ms and dialog.ack_cseq and not dialog.orphan:
        relay.repeats.stop(f"{dialog.leg}/reinvite")
        expired(relay, dialog, "no ACK of our answer to a re-INVITE")


def give_up_digits(relay: Relay, leg: LegId) -> None:
    """Say that the digits of a leg that are not sent yet never will be."""
    job = relay.digits.pop(leg, None)
    if job is not None:
        relay.out.append(Finish(CommandId(job.command), "the leg has ended"))
