"""What each input does to a call: the table `REACTIONS`, and one function a line of it.

A command that could not be carried out counts as the report that will never come.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge.core.calls import beginning, bridged, elapsing, line, referrals, told_by_media, told_by_operator
from edge.core.calls.bridge_words import LegLent, LegReturned
from edge.core.calls.elapsing import ACK_MS, FIRST_FACTS, OPEN_MS, SETUP
from edge.core.calls.inputs import (
    Abandoned,
    AgentOffered,
    Announce,
    Asked,
    ChangeMode,
    ChangeSound,
    Drop,
    Elapsed,
    GivenAway,
    HuntTold,
    Incoming,
    Invite,
    Joins,
    MediaLost,
    Ordered,
    Originate,
    PutOnHold,
    QueueRefused,
    QueueTold,
    RecordCall,
    Reserved,
    Resumed,
    Stopped,
    Superseded,
    TakesPlace,
)
from edge.core.calls.leg import Leg
from edge.core.calls.line_words import LineGivenUp, LineReturned, LineTaken
from edge.core.calls.told_by_media import fail_leg, keys_sent
from edge.core.calls.transfer import MEDIA_MS, Transfer
from edge.core.menus.words import Resumed as MenuResumed
from edge.vocabulary import events
from edge.vocabulary.commands import HangUp
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CommandId
from edge.vocabulary.reports import (
    AnswerHeard,
    AudioResumed,
    AudioStopped,
    CommandDone,
    DigitHeard,
    DigitsSent,
    InfoDigit,
    LegAdopted,
    LegAnswered,
    LegEnded,
    LegMedia,
    LegMediaEnded,
    LegRinging,
    LegRouted,
    MailboxSeen,
    PlayEnded,
    RecordingDone,
    RecordingFailed,
    RecordingMuted,
    Redirected,
    ReferEnded,
    SoundHeard,
    SpanRefused,
    ToneHeard,
    TransferAsked,
    TransferRefused,
)

if TYPE_CHECKING:
    from edge.core.calls.call import Call


def _reserved(call: "Call", input: Reserved) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or not call.waits_for_seat(input.leg):
        if input.seat is not None:
            call.fx.free(input.seat.slot)
        return
    call.found_trunk(leg, input.trunk)
    leg.address = input.address
    party = call.party(leg)
    if leg is not call.first:
        if party is not None:
            party.reserved(input)
        return
    leg.span = input.span
    if input.seat is None:
        call.finish(EndReason(outcome="no_room", ended_by="appliance", text="no media slot"))
        return
    leg.signalling = "seating"
    leg.take_seat(input.seat, None)


def _refused(call: "Call", input: SpanRefused) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or leg.signalling != "reserving":
        return
    if leg is call.first:
        call.first_ended(input.end)
    elif (party := call.party(leg)) is not None:
        party.refused(input.end)


def _routed(call: "Call", input: LegRouted) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None:
        leg.moved(input, lambda: call.found_trunk(leg, input.trunk))


def _rang(call: "Call", input: LegRinging) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None:
        return
    if (party := call.party(leg)) is not None:
        party.rang(input)
    else:
        rang = leg.trace.rings_ms is not None
        leg.rang(input)
        first = leg.trace.rings_ms is not None and not rang
        if first and call.phase == "setup" and isinstance(call.begun, Originate) and call.begun.rings_for_ms:
            call.fx.set(SETUP, call.begun.rings_for_ms)


def _answered(call: "Call", input: LegAnswered) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None:
        return
    if (party := call.party(leg)) is not None:
        party.answered()
    elif leg is call.first and leg.answered():
        call.answered_ms = call.fx.now_ms
        call.phase = "running"
        if leg.media == "opening":
            call.fx.set(SETUP, OPEN_MS)
        else:
            call.fx.clear(SETUP)
        call.fx.emit(events.CallAnswered(after_ms=call.fx.now_ms - call.started_ms, trunk=leg.trunk))
        call.recorder.start(guarded=call.guarded)
        if leg.remote is None:
            call.fx.set(FIRST_FACTS, MEDIA_MS)
        call.start_menu()


def _negotiated(call: "Call", input: LegMedia) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None:
        return
    leg.negotiated(input.remote)
    if leg is call.first:
        call.start_menu()
    elif (party := call.party(leg)) is not None:
        party.connect()


def _adopted(call: "Call", input: LegAdopted) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or leg.signalling == "down":
        call.fx.front(HangUp(input.leg, "the leg is over"))
    elif leg.adopt(input.span) and leg.keys_by == "info":
        # What the span had of them is gone with it; a job that never ends would hold up all that follow.
        keys_sent(call, leg, CommandId(""))


def _transfer_refused(call: "Call", input: TransferRefused) -> None:  # noqa: A002
    if input.leg in call.legs:
        call.fx.emit(events.TransferRefused(leg=input.leg, by=input.by, target=input.target))


def _redirected(call: "Call", input: Redirected) -> None:  # noqa: A002
    if input.leg in call.legs:
        call.fx.emit(events.TransferRedirected(leg=input.leg, target=input.target))


def _transfer_asked(call: "Call", input: TransferAsked) -> None:  # noqa: A002
    referrals.asked(call, input)


def _refer_ended(call: "Call", input: ReferEnded) -> None:  # noqa: A002
    if input.leg == call.first.id:
        call.dialling.sent_elsewhere(input.code)


def _leg_ended(call: "Call", input: LegEnded) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or referrals.left(call, leg, input.end):
        return
    if leg is call.first:
        call.first_ended(input.end)
        return
    party = call.party(leg)
    reason = leg.ended(input.end)
    if reason is not None and party is not None:
        party.leg_ended(reason)


def _done(call: "Call", input: CommandDone) -> None:  # noqa: A002
    awaited = call.fx.awaited(input.id)
    leg = call.legs.get(awaited[1]) if awaited is not None else None
    if awaited is None or leg is None:
        return
    if input.error is None:
        _succeeded(call, awaited[0], leg, input.id)
    elif awaited[0] in {"SendDigits", "SendInfoDigits"}:
        keys_sent(call, leg, input.id)
    else:
        _failed(call, awaited[0], leg, input.error[:200])


def _succeeded(call: "Call", kind: str, leg: Leg, command: CommandId) -> None:
    if kind == "SendInfoDigits":
        keys_sent(call, leg, command)
    elif kind == "Hold":
        leg.hold_agreed()
    elif kind == "StartRecording":
        call.recorder.started(leg.id)
    elif kind == "OpenLeg":
        leg.opened()
        if leg is call.first:
            if call.phase == "setup":
                call.fx.set(SETUP, _ring_timeout(call))
            elif call.phase == "running":
                call.fx.clear(SETUP)
        elif (party := call.party(leg)) is not None and leg.signalling == "dialling":
            party.dialled()


def _ring_timeout(call: "Call") -> int:
    if isinstance(call.begun, Originate):
        return call.begun.ring_timeout_ms
    return ACK_MS + (call.begun.terms.answer_after_ms.get(call.first.trunk, 0) if call.begun is not None else 0)


def _failed(call: "Call", kind: str, leg: Leg, error: str) -> None:
    """Take a command that could not be carried out as the report that will never come."""
    reason = EndReason(outcome="failed", ended_by="appliance", text=error)
    if kind in {"Answer", "MakeCall", "HangUp", "Reject"}:
        _leg_ended(call, LegEnded(leg.id, reason))
    elif kind in {"Hold", "Refer"}:
        _not_asked(call, kind, leg, error)
    elif kind == "ReserveSpan":
        _refused(call, SpanRefused(leg.id, reason))
    elif kind == "OpenLeg" and leg.media == "opening":
        leg.media_gone()
        fail_leg(call, leg, EndReason(outcome="no_room", ended_by="appliance", sip_code=503, text=error))
    elif kind == "CloseLeg":
        leg.media_gone()
    elif kind in {"StartRecording", "StopRecording", "StartMessage", "SetPrivate"}:
        _recording_failed_by_command(call, leg, kind, error)
    elif kind == "Join":
        fail_leg(call, leg, EndReason(outcome="media_lost", ended_by="appliance", text=error))
    elif kind == "Bridge":
        _fail_transfer(call, EndReason(outcome="media_lost", ended_by="appliance", text=error))
    elif kind == "Play" and call.phase == "running":
        _play_failed(call, leg)


def _not_asked(call: "Call", kind: str, leg: Leg, error: str) -> None:
    if kind == "Hold":
        leg.hold_refused(error)
    else:
        call.dialling.sent_elsewhere(500)


def _recording_failed_by_command(call: "Call", leg: Leg, kind: str, error: str) -> None:
    if kind == "StartMessage":
        told_by_media.messages_lost(call, leg, error)
    elif kind != "SetPrivate":
        call.recorder.lost(error, leg.id)
    elif call.secrecy.on:
        call.recorder.stop()  # rather no recording than one of this


def _play_failed(call: "Call", leg: Leg) -> None:
    if leg is call.first and call.run is not None:
        call.perform(call.stage.lost(call.run, call.fx.now_ms))
    elif isinstance(party := call.party(leg), Transfer):
        party.not_played()


def _fail_transfer(call: "Call", reason: EndReason) -> None:
    if call.transfer is not None:
        call.transfer.fail(reason)


def _resumed(call: "Call", _input: Resumed) -> None:
    call.fx.lives += 1
    if call.run is not None and call.phase == "running":
        call.perform(call.run.handle(MenuResumed(), call.fx.now_ms))
    if call.dialling.hunt is not None:
        call.dialling.hunt.resumed()


def _asked(call: "Call", input: Asked) -> None:  # noqa: A002
    if input.line is not None and call.phase == "running":
        call.line = line.Line(call, input.line)
    waiting = call.run.waits_for if call.run is not None and call.phase == "running" else 0
    said = call.questions.answered(input, waiting)
    if said is not None and call.run is not None:
        call.perform(call.run.handle(said, call.fx.now_ms))


def _superseded(call: "Call", input: Superseded) -> None:  # noqa: A002
    call.fx.emit(events.CallbackSuperseded(callback=input.callback, after_ms=input.after_ms))


def _hunt_told(call: "Call", input: HuntTold) -> None:  # noqa: A002
    if call.dialling.hunt is not None and call.phase == "running":
        call.dialling.hunt.told(input)


def _queue_told(call: "Call", input: QueueTold) -> None:  # noqa: A002
    call.queueing.told(input)


def _agent_offered(call: "Call", input: AgentOffered) -> None:  # noqa: A002
    call.queueing.offered(input)


def _queue_refused(call: "Call", input: QueueRefused) -> None:  # noqa: A002
    call.queueing.refused(input)


def _abandoned(call: "Call", input: Abandoned) -> None:  # noqa: A002
    call.abandon(input)


REACTIONS: dict[type, Callable[["Call", Any], None]] = {
    Incoming: beginning.incoming,
    Originate: beginning.outgoing,
    Reserved: _reserved,
    SpanRefused: _refused,
    LegRouted: _routed,
    LegRinging: _rang,
    LegAnswered: _answered,
    LegMedia: _negotiated,
    LegAdopted: _adopted,
    TransferRefused: _transfer_refused,
    Redirected: _redirected,
    TransferAsked: _transfer_asked,
    Joins: referrals.joins,
    TakesPlace: referrals.takes_place,
    GivenAway: referrals.given_away,
    ReferEnded: _refer_ended,
    LegEnded: _leg_ended,
    CommandDone: _done,
    LegMediaEnded: told_by_media.media_ended,
    MediaLost: told_by_media.media_lost,
    DigitHeard: told_by_media.key,
    InfoDigit: told_by_media.key,
    PlayEnded: told_by_media.played,
    SoundHeard: told_by_media.sound,
    DigitsSent: told_by_media.digits_sent,
    AudioStopped: told_by_media.audio_stopped,
    AudioResumed: told_by_media.audio_resumed,
    AnswerHeard: told_by_media.answer_heard,
    ToneHeard: told_by_media.tone_heard,
    RecordingMuted: told_by_media.muted,
    RecordingDone: told_by_media.recorded,
    RecordingFailed: told_by_media.recording_failed,
    MailboxSeen: told_by_media.mailbox_seen,
    Elapsed: elapsing.elapsed,
    Resumed: _resumed,
    Stopped: told_by_operator.stopped,
    Invite: told_by_operator.invited,
    ChangeMode: told_by_operator.mode,
    ChangeSound: told_by_operator.sound_set,
    PutOnHold: told_by_operator.put_on_hold,
    Drop: told_by_operator.dropped,
    Announce: told_by_operator.announce,
    Ordered: told_by_operator.ordered,
    RecordCall: told_by_operator.recorded,
    Asked: _asked,
    Superseded: _superseded,
    HuntTold: _hunt_told,
    QueueTold: _queue_told,
    AgentOffered: _agent_offered,
    QueueRefused: _queue_refused,
    LegLent: bridged.lent,
    LegReturned: bridged.returned,
    LineTaken: line.taken,
    LineReturned: line.returned,
    LineGivenUp: line.given_up,
    Abandoned: _abandoned,
}
