"""What each input does to a call: the table `REACTIONS`, and one function a line of it.

A command that could not be carried out counts as the report that will never come.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge.core.calls.announcing import ANNOUNCE
from edge.core.calls.guests import WAITS
from edge.core.calls.inputs import (
    Abandoned,
    Announce,
    ChangeMode,
    ChangeSound,
    Drop,
    Elapsed,
    Incoming,
    Invite,
    MediaLost,
    Originate,
    Reserved,
    Resumed,
    Stopped,
)
from edge.core.calls.keys_out import PATIENCE
from edge.core.calls.leg import NO_RTP, Leg
from edge.core.calls.missing import AFTER_HOLD
from edge.core.calls.transfer import MEDIA_MS
from edge.core.menus.words import AnswerTold, DigitsGone, Flash, SoundChanged, TimeUp
from edge.core.menus.words import Digit as KeyPressed
from edge.core.menus.words import Resumed as MenuResumed
from edge.vocabulary import events
from edge.vocabulary.commands import HangUp
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import FLASH
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
    PlayEnded,
    RecordingDone,
    RecordingFailed,
    ReferEnded,
    SoundHeard,
    SpanRefused,
    ToneHeard,
    TransferRefused,
)

if TYPE_CHECKING:
    from edge.core.calls.call import Call

#: From our 200 to its ACK: RFC 3261 timer H is 32 s.
ACK_MS = 40_000
#: From the command to the moment that media is open.
OPEN_MS = 10_000

SETUP, LONGEST, ENDING, FIRST_FACTS = "set-up", "longest call", "ending", "media facts"
ELSEWHERE = "transfer by REFER"


def _reserved(call: "Call", input: Reserved) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or not call.waits_for_seat(input.leg):
        if input.seat is not None:
            call.fx.free(input.seat.slot)
        return
    call.found_trunk(leg, input.trunk)
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


def _rang(call: "Call", input: LegRinging) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None:
        return
    if (party := call.party(leg)) is not None:
        party.rang(input)
    else:
        leg.rang(input)


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
        call.fx.emit(events.CallAnswered(after_ms=call.fx.now_ms - call.started_ms))
        call.recorder.start()
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
        _keys_sent(call, leg, CommandId(""))


def _transfer_refused(call: "Call", input: TransferRefused) -> None:  # noqa: A002
    if input.leg in call.legs:
        call.fx.emit(events.TransferRefused(leg=input.leg, by=input.by, target=input.target))


def _refer_ended(call: "Call", input: ReferEnded) -> None:  # noqa: A002
    if input.leg == call.first.id:
        call.sent_elsewhere(input.code)


def _leg_ended(call: "Call", input: LegEnded) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None:
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
        _keys_sent(call, leg, input.id)
    else:
        _failed(call, awaited[0], leg, input.error[:200])


def _succeeded(call: "Call", kind: str, leg: Leg, command: CommandId) -> None:
    if kind == "SendInfoDigits":
        _keys_sent(call, leg, command)
    elif kind == "StartRecording":
        call.recorder.started()
    elif kind == "OpenLeg":
        leg.opened()
        if leg is call.first:
            if call.phase == "setup":
                patience = ACK_MS if isinstance(call.begun, Incoming) else _ring_timeout(call)
                call.fx.set(SETUP, patience)
            elif call.phase == "running":
                call.fx.clear(SETUP)
        elif (party := call.party(leg)) is not None and leg.signalling == "dialling":
            party.dialled()


def _ring_timeout(call: "Call") -> int:
    return call.begun.ring_timeout_ms if isinstance(call.begun, Originate) else ACK_MS


def _failed(call: "Call", kind: str, leg: Leg, error: str) -> None:
    """Take a command that could not be carried out as the report that will never come."""
    reason = EndReason(outcome="failed", ended_by="appliance", text=error)
    if kind in {"Answer", "MakeCall", "HangUp", "Reject"}:
        _leg_ended(call, LegEnded(leg.id, reason))
    elif kind == "Refer":
        call.sent_elsewhere(500)
    elif kind == "ReserveSpan":
        _refused(call, SpanRefused(leg.id, reason))
    elif kind == "OpenLeg" and leg.media == "opening":
        leg.media_gone()
        _fail_leg(call, leg, EndReason(outcome="no_room", ended_by="appliance", sip_code=503, text=error))
    elif kind == "CloseLeg":
        leg.media_gone()
    elif kind in {"StartRecording", "StopRecording"}:
        call.recorder.failed(error)
    elif kind == "Join":
        _fail_leg(call, leg, EndReason(outcome="media_lost", ended_by="appliance", text=error))
    elif kind == "Bridge":
        _fail_transfer(call, EndReason(outcome="media_lost", ended_by="appliance", text=error))
    elif leg is call.first and call.phase == "running" and call.run is not None:
        _menu_command_failed(call, kind)


def _menu_command_failed(call: "Call", kind: str) -> None:
    if call.run is None:
        return
    if kind == "Play":
        call.perform(call.stage.lost(call.run, call.fx.now_ms))


def _fail_leg(call: "Call", leg: Leg, reason: EndReason) -> None:
    if leg is call.first:
        call.finish(reason)
    elif (party := call.party(leg)) is not None:
        party.fail(reason)
    else:
        leg.take_down(reason)


def _fail_transfer(call: "Call", reason: EndReason) -> None:
    if call.transfer is not None:
        call.transfer.fail(reason)


def _media_ended(call: "Call", input: LegMediaEnded) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None:
        leg.figures(input)


def _media_lost(call: "Call", input: MediaLost) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or leg.media not in {"opening", "open", "closing"}:
        return
    if leg is call.first:
        call.recorder.failed("the media engine lost the leg")
    leg.media_gone()
    _fail_leg(call, leg, EndReason(outcome="media_lost", ended_by="appliance", text="media engine lost the leg"))


def _key(call: "Call", input: DigitHeard | InfoDigit) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or call.phase != "running":
        return
    secret = leg is call.first and call.run is not None and call.run.sensitive
    digit = call.keys.take(leg, input, secret, call.talks_with(leg))
    if digit and call.run is not None and not call.run.sensitive:
        call.guests.key(leg, digit)
    if digit is not None and leg is call.first and call.run is not None:
        call.perform(call.run.handle(Flash() if digit == FLASH else KeyPressed(digit), call.fx.now_ms))


def _played(call: "Call", input: PlayEnded) -> None:  # noqa: A002
    if call.phase != "running" or call.run is None:
        return
    if call.talk_sounds.played(input):
        call.fx.emit(events.PromptMissing(node=call.run.node, file=input.file))
    elif input.leg == call.first.id:
        call.perform(call.stage.played(input, call.run, call.fx.now_ms))


def _sound(call: "Call", input: SoundHeard) -> None:  # noqa: A002
    if input.leg == call.first.id and call.run is not None and call.phase in {"setup", "running"}:
        call.perform(call.run.handle(SoundChanged(input.on), call.fx.now_ms))


def _digits_sent(call: "Call", input: DigitsSent) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None:
        _keys_sent(call, leg, input.command)


def _keys_sent(call: "Call", leg: Leg, command: CommandId) -> None:
    if call.phase == "running" and leg.keys_sent(command) and call.run is not None:
        call.perform(call.run.handle(DigitsGone(), call.fx.now_ms))


def _audio_stopped(call: "Call", input: AudioStopped) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None and leg.audio_missing(input.fault, True, input.silent_ms):
        leg.audio_faults.stopped(input, held=leg.held)


def _audio_resumed(call: "Call", input: AudioResumed) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None and leg.audio_missing(input.fault, False):
        leg.audio_faults.resumed(input)


def _answer_heard(call: "Call", input: AnswerHeard) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is None or not leg.answer_heard(input):
        return
    if leg is call.first and call.run is not None and call.phase == "running":
        call.perform(call.run.handle(AnswerTold(input.what), call.fx.now_ms))


def _tone_heard(call: "Call", input: ToneHeard) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None:
        leg.tone_heard(input)


def _recorded(call: "Call", input: RecordingDone) -> None:  # noqa: A002
    call.recorder.completed(input)


def _recording_failed(call: "Call", input: RecordingFailed) -> None:  # noqa: A002
    call.recorder.failed(input.error[:200], input)


def _elapsed(call: "Call", _input: Elapsed) -> None:
    for reason in call.fx.due():
        if call.phase != "ending":
            _passed(call, reason)
        elif reason == ENDING:
            call.give_up()
    deadline = call.run.deadline if call.run is not None and call.phase == "running" else None
    if deadline is not None and deadline.at_ms <= call.fx.now_ms and call.run is not None:
        call.perform(call.run.handle(TimeUp(), call.fx.now_ms))


def _passed(call: "Call", reason: str) -> None:
    """One of the deadlines of a call that is not ending passed."""
    if reason == LONGEST:
        call.finish(EndReason(outcome="max_duration", ended_by="appliance"))
    elif reason == SETUP:
        _setup_elapsed(call)
    elif reason == FIRST_FACTS:
        call.finish(EndReason(outcome="media_lost", ended_by="appliance", text="no media facts"))
    elif reason.startswith(PATIENCE):
        _keys_sent(call, call.legs[LegId(reason.removeprefix(PATIENCE))], CommandId(""))
    elif reason.startswith(NO_RTP):
        _no_rtp(call, call.legs[LegId(reason.removeprefix(NO_RTP))])
    elif reason == ELSEWHERE:
        call.sent_elsewhere(408)
    else:
        _further_passed(call, reason)


def _further_passed(call: "Call", reason: str) -> None:
    if reason == ANNOUNCE:
        call.talk_sounds.elapsed()
    elif reason.startswith(AFTER_HOLD):
        leg = call.legs[LegId(reason.removeprefix(AFTER_HOLD))]
        leg.audio_faults.waited(held=leg.held or not leg.talks)
    elif reason.startswith(WAITS):
        call.guests.elapsed(reason)
    elif call.transfer is not None:
        call.transfer.elapsed(reason)


def _no_rtp(call: "Call", leg: Leg) -> None:
    text = f"no RTP for {leg.no_rtp_ms // 1000} s"
    _fail_leg(call, leg, EndReason(outcome="media_lost", ended_by="network", text=text))


def _setup_elapsed(call: "Call") -> None:
    ringing = call.first.signalling in {"dialling", "ringing"}
    outcome: Outcome = "no_answer" if ringing else "no_room" if call.first.signalling == "reserving" else "failed"
    code = 503 if call.first.signalling == "offered" else None
    call.finish(EndReason(outcome=outcome, ended_by="appliance", sip_code=code, text="set-up took too long"))


def _resumed(call: "Call", _input: Resumed) -> None:
    call.fx.lives += 1
    if call.run is not None and call.phase == "running":
        call.perform(call.run.handle(MenuResumed(), call.fx.now_ms))


def _stopped(call: "Call", input: Stopped) -> None:  # noqa: A002
    call.finish(EndReason(outcome="stopped", ended_by="appliance", text=input.text))


def _invited(call: "Call", input: Invite) -> None:  # noqa: A002
    call.invite(input)


def _mode(call: "Call", input: ChangeMode) -> None:  # noqa: A002
    if call.talking:
        call.guests.change(input.leg, input.mode, input.to)


def _sound_set(call: "Call", input: ChangeSound) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None and call.phase in {"setup", "running"}:
        leg.set_sound(input.sound)


def _dropped(call: "Call", input: Drop) -> None:  # noqa: A002
    leg = call.legs.get(input.leg)
    if leg is not None and call.phase == "running" and (party := call.party(leg)) is not None:
        party.fail(EndReason(outcome="stopped", ended_by="appliance", text="by request"))


def _announce(call: "Call", input: Announce) -> None:  # noqa: A002
    if call.talking:
        call.talk_sounds.announce(input.what)


def _incoming(call: "Call", input: Incoming) -> None:  # noqa: A002
    call.begin_incoming(input)


def _originate(call: "Call", input: Originate) -> None:  # noqa: A002
    call.begin_outgoing(input)


def _abandoned(call: "Call", input: Abandoned) -> None:  # noqa: A002
    call.abandon(input)


REACTIONS: dict[type, Callable[["Call", Any], None]] = {
    Incoming: _incoming,
    Originate: _originate,
    Reserved: _reserved,
    SpanRefused: _refused,
    LegRinging: _rang,
    LegAnswered: _answered,
    LegMedia: _negotiated,
    LegAdopted: _adopted,
    TransferRefused: _transfer_refused,
    ReferEnded: _refer_ended,
    LegEnded: _leg_ended,
    CommandDone: _done,
    LegMediaEnded: _media_ended,
    MediaLost: _media_lost,
    DigitHeard: _key,
    InfoDigit: _key,
    PlayEnded: _played,
    SoundHeard: _sound,
    DigitsSent: _digits_sent,
    AudioStopped: _audio_stopped,
    AudioResumed: _audio_resumed,
    AnswerHeard: _answer_heard,
    ToneHeard: _tone_heard,
    RecordingDone: _recorded,
    RecordingFailed: _recording_failed,
    Elapsed: _elapsed,
    Resumed: _resumed,
    Stopped: _stopped,
    Invite: _invited,
    ChangeMode: _mode,
    ChangeSound: _sound_set,
    Drop: _dropped,
    Announce: _announce,
    Abandoned: _abandoned,
}
