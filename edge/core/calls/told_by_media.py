"""What a call does about what media tells of its legs: keys, sounds, plays, recordings, and audio that is missing."""

from typing import TYPE_CHECKING

from edge.core.calls.inputs import (
    MediaLost,
)
from edge.core.calls.leg import Leg
from edge.core.calls.stage import missing_prompt
from edge.core.calls.transfer import Transfer
from edge.core.menus.words import AnswerTold, DigitsGone, Flash, MessageMade, SoundChanged
from edge.core.menus.words import Digit as KeyPressed
from edge.core.menus.words import MailboxSeen as MailboxContents
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CommandId
from edge.vocabulary.media import FLASH
from edge.vocabulary.reports import (
    AnswerHeard,
    AudioResumed,
    AudioStopped,
    DigitHeard,
    DigitsSent,
    InfoDigit,
    LegMediaEnded,
    MailboxSeen,
    PlayEnded,
    RecordingDone,
    RecordingFailed,
    RecordingMuted,
    SoundHeard,
    ToneHeard,
)

if TYPE_CHECKING:
    from edge.core.calls.call import Call


def fail_leg(call: "Call", leg: Leg, reason: EndReason) -> None:
    """Give a leg up, and with it what it was there for."""
    if leg is call.first:
        call.finish(reason)
    elif (party := call.party(leg)) is not None:
        party.fail(reason)
    else:
        leg.take_down(reason)


def media_ended(call: "Call", input: LegMediaEnded) -> None:  # noqa: A002
    """Take the figures of a leg that media has closed."""
    leg = call.legs.get(input.leg)
    if leg is not None:
        leg.figures(input)


def media_lost(call: "Call", input: MediaLost) -> None:  # noqa: A002
    """End a leg that its engine does not have any more."""
    leg = call.legs.get(input.leg)
    if leg is None or leg.media not in {"opening", "open", "closing"}:
        return
    if leg.leads:
        call.recorder.lost("the media engine lost the leg", leg.id)
    call.messages.lost("the media engine lost the leg", leg.id)
    leg.media_gone()
    fail_leg(call, leg, EndReason(outcome="media_lost", ended_by="appliance", text="media engine lost the leg"))


def key(call: "Call", input: DigitHeard | InfoDigit) -> None:  # noqa: A002
    """Take a key, as one of the ways that it may come by saw it."""
    leg = call.legs.get(input.leg)
    if leg is None or call.phase != "running":
        return
    digit = call.keys.take(leg, input, call.secret_key, call.talks_with(leg))
    if call.secret_key and not call.secrecy.on:
        return  # of a press that the menu is past
    if digit and isinstance(party := call.party(leg), Transfer):
        party.key(digit)
    if digit and not call.secrecy.on:
        call.guests.key(leg, digit)
    if digit is not None and leg is call.first and call.run is not None:
        call.messages.key_ms = input.start_ms if isinstance(input, DigitHeard) else input.at_ms - input.duration_ms
        call.perform(call.run.handle(Flash() if digit == FLASH else KeyPressed(digit), call.fx.now_ms))


def played(call: "Call", input: PlayEnded) -> None:  # noqa: A002
    """Go on after a play."""
    if call.phase != "running" or call.run is None:
        return
    if call.line is not None:
        call.line.played(input)
    hunt = call.dialling.hunt
    if call.talk_sounds.played(input) or (hunt is not None and hunt.played(input)):
        call.fx.emit(missing_prompt(call.run, input.file))
    elif input.leg == call.first.id:
        call.perform(call.stage.played(input, call.run, call.fx.now_ms))


def sound(call: "Call", input: SoundHeard) -> None:  # noqa: A002
    """Tell the menu that it became loud or quiet."""
    if input.leg == call.first.id and call.run is not None and call.phase in {"setup", "running"}:
        call.perform(call.run.handle(SoundChanged(input.on), call.fx.now_ms))


def digits_sent(call: "Call", input: DigitsSent) -> None:  # noqa: A002
    """Take note that media has sent digits."""
    leg = call.legs.get(input.leg)
    if leg is not None:
        keys_sent(call, leg, input.command)


def keys_sent(call: "Call", leg: Leg, command: CommandId) -> None:
    """Go on after keys that were sent, or never will be."""
    if call.phase == "running" and leg.keys_sent(command) and call.run is not None:
        call.perform(call.run.handle(DigitsGone(), call.fx.now_ms))


def audio_stopped(call: "Call", input: AudioStopped) -> None:  # noqa: A002
    """Take note that audio is missing."""
    leg = call.legs.get(input.leg)
    if leg is not None and leg.audio_missing(input.fault, True, input.silent_ms):
        leg.audio_faults.stopped(input, held=leg.may_be_silent)


def audio_resumed(call: "Call", input: AudioResumed) -> None:  # noqa: A002
    """Take note that it is there again."""
    leg = call.legs.get(input.leg)
    if leg is not None and leg.audio_missing(input.fault, False):
        leg.audio_faults.resumed(input)


def answer_heard(call: "Call", input: AnswerHeard) -> None:  # noqa: A002
    """Tell who answered."""
    leg = call.legs.get(input.leg)
    if leg is None or not leg.answer_heard(input):
        return
    if leg is call.first and call.run is not None and call.phase == "running":
        over_ms = max(0, input.at_ms - input.end_ms) if input.speech_ms else 0
        call.perform(call.run.handle(AnswerTold(input.what, over_ms), call.fx.now_ms))


def tone_heard(call: "Call", input: ToneHeard) -> None:  # noqa: A002
    """Tell a call progress tone."""
    leg = call.legs.get(input.leg)
    if leg is not None:
        leg.tone_heard(input)


def muted(call: "Call", input: RecordingMuted) -> None:  # noqa: A002
    """Tell that the recording is silence from here on, or is so no more."""
    call.recorder.muted(input)


def recorded(call: "Call", input: RecordingDone) -> None:  # noqa: A002
    """Take a recording that is complete."""
    call.recorder.completed(input)
    _message(call, call.messages.completed(input))


def recording_failed(call: "Call", input: RecordingFailed) -> None:  # noqa: A002
    """Take a recording that had to stop."""
    call.recorder.failed(input)
    _message(call, call.messages.failed(input))


def mailbox_seen(call: "Call", input: MailboxSeen) -> None:  # noqa: A002
    """Tell the menu how full a mailbox is."""
    if call.run is not None and call.phase == "running" and input.leg == call.first.id:
        told = MailboxContents(folder=input.folder, messages=input.messages, length_ms=input.length_ms)
        call.perform(call.run.handle(told, call.fx.now_ms))


def messages_lost(call: "Call", leg: Leg, error: str) -> None:
    """Go on without a message that media could not begin."""
    for told in call.messages.lost(error, leg.id):
        _message(call, told)


def _message(call: "Call", told: MessageMade | None) -> None:
    if told is not None and call.run is not None and call.phase == "running":
        call.perform(call.run.handle(told, call.fx.now_ms))
