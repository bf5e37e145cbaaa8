"""From what the engine saw to reports for switch."""

from collections.abc import Callable
from typing import Literal, get_args

from dsp.detectors import answer
from dsp.detectors.progress_cadence import MEANINGS
from dsp.plane import layout
from edge.media.figures import NS_PER_MS
from edge.media.legs import Legs
from edge.media.plays import Plays
from edge.media.slots import SlotState
from edge.vocabulary.ids import CommandId
from edge.vocabulary.media import AudioFault, DigitMethod, ToneLabel, ToneMeaning
from edge.vocabulary.private import Private
from edge.vocabulary.reports import (
    AnswerHeard,
    AnyReport,
    AudioResumed,
    AudioStopped,
    DigitHeard,
    DigitsSent,
    RecordingMuted,
    SoundHeard,
    ToneHeard,
)

_SAMPLES_PER_MS = layout.SAMPLE_RATE // 1000
_PHASES: tuple[Literal["begin", "end", "once"], ...] = ("begin", "end", "once")
#: In the order of the detector's codes.
_LABELS: tuple[ToneLabel, ...] = get_args(ToneLabel)
_MEANINGS: tuple[ToneMeaning, ...] = get_args(ToneMeaning)[: len(MEANINGS)]
_ANSWERS: tuple[ToneMeaning, ...] = get_args(ToneMeaning)[len(MEANINGS) :]
_METHODS: dict[int, DigitMethod] = {layout.METHOD_RFC4733: "rfc4733", layout.METHOD_INBAND: "inband"}
#: What is heard after a verdict.
_HEARD: dict[int, Literal["beep", "greeting_ended", "revised"]] = {
    answer.BEEP: "beep",
    answer.GREETING_ENDED: "greeting_ended",
    answer.REVISED: "revised",
}
_FAULTS: dict[int, AudioFault] = {
    layout.FAULT_NO_PACKETS: "no_packets",
    layout.FAULT_NO_SOUND: "no_sound",
    layout.FAULT_NOT_RECEIVED: "not_received",
}


class Events:
    """Translates the engine's events. What belongs to an earlier use of a slot is dropped and counted."""

    def __init__(
        self,
        legs: Legs,
        plays: Plays,
        report: Callable[[AnyReport], None],
        wake_recorder: Callable[[], None],
        count_fault: Callable[[AudioFault], None],
    ) -> None:
        self._legs, self._plays, self._report, self._wake_recorder = legs, plays, report, wake_recorder
        self._count_fault = count_fault
        self._last_digit: dict[tuple[int, int, int], int] = {}
        self._handlers: dict[int, Callable[[SlotState, tuple[int, ...]], None]] = {
            layout.EV_DIGIT: self._digit,
            layout.EV_PLAY_ENDED: self._play_ended,
            layout.EV_SOUND: self._sound,
            layout.EV_DIGITS_SENT: self._digits_sent,
            layout.EV_AUDIO_STOPPED: self._audio_stopped,
            layout.EV_AUDIO_RESUMED: self._audio_resumed,
            layout.EV_ANSWER: self._answer,
            layout.EV_TONE: self._tone,
            layout.EV_PRIVATE: self._private,
            layout.EV_RECORD_STOPPED: self._record_stopped,
            layout.EV_LEG_CLOSED: self._leg_closed,
        }
        #: Events of a use of a slot that is over, or of an unknown kind.
        self.stale = 0

    def handle(self, event: tuple[int, ...]) -> None:
        """Translate one entry of the event ring."""
        kind, slot, generation, _at_ns, *arguments = event
        state = self._legs.at(slot, generation)
        handler = self._handlers.get(kind)
        if state is None or handler is None or state.phase == "closed":
            self.stale += 1
            return
        handler(state, tuple(arguments))

    def _digit(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        method, digit, start_ns, duration_ns, level, bits = arguments[:6]
        key = (state.slot, state.generation, method)
        if self._last_digit.get(key) == start_ns:  # an engine that was killed in the tick may tell twice
            return
        self._last_digit[key] = start_ns
        self._report(
            DigitHeard(
                leg=state.leg,
                method=_METHODS[method],
                digit=Private(chr(digit)),
                start_ms=start_ns // NS_PER_MS,
                duration_ms=duration_ns // NS_PER_MS,
                level_dbm0=None if level == layout.NO_LEVEL else level / 10,
                end_seen=bool(bits & 1),
                audible=bool(bits & 2),
            )
        )

    def _play_ended(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        self._plays.ended(state, *arguments[:3])

    def _sound(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        self._report(SoundHeard(state.leg, bool(arguments[0]), arguments[1] // NS_PER_MS))

    def _digits_sent(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        if arguments[0] == state.digits_number:
            self._report(DigitsSent(state.leg, state.digits_command or CommandId("")))

    def _audio_stopped(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        fault = _FAULTS[arguments[1]]
        self._count_fault(fault)
        self._report(AudioStopped(state.leg, arguments[0] // NS_PER_MS, fault))

    def _audio_resumed(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        self._report(AudioResumed(state.leg, arguments[0] // NS_PER_MS, _FAULTS[arguments[1]]))

    def _answer(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        said, span, at, a, b, level = arguments[:6]
        code, cause = said & 0xFF, said >> 8
        beep, verdict = code == answer.BEEP, code in answer.CODE_NAMES or code == answer.REVISED
        self._report(
            AnswerHeard(
                leg=state.leg,
                what=_HEARD.get(code) or answer.CODE_NAMES[code],
                cause=None if beep else answer.CAUSE_NAMES[cause],
                start_ms=(span >> 32) // _SAMPLES_PER_MS,
                end_ms=(span & 0xFFFFFFFF) // _SAMPLES_PER_MS,
                at_ms=at // _SAMPLES_PER_MS,
                level_dbm0=level / 10,
                speech_ms=a if verdict else 0,
                pause_ms=b if verdict else 0,
                hz=a / 1000 if beep else None,
            )
        )

    def _tone(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        said, span, at, tune, level, cadence = arguments[:6]
        label, cause = _LABELS[said & 0xFF], (said >> 16) - 1
        meaning: ToneMeaning | None = None
        if label == "sit":
            meaning = _MEANINGS[cause]
        elif label == "fax_ced":
            meaning = _ANSWERS[cause]
        country = None if meaning is not None else self._legs.country_of(state, cause)
        self._report(
            ToneHeard(
                leg=state.leg,
                label=label,
                phase=_PHASES[said >> 8 & 0xFF],
                country=country,
                meaning=meaning,
                start_ms=(span >> 32) // _SAMPLES_PER_MS,
                end_ms=(span & 0xFFFFFFFF) // _SAMPLES_PER_MS,
                at_ms=at // _SAMPLES_PER_MS,
                frequencies_hz=[hz / 10 for hz in (tune >> 32, tune & 0xFFFFFFFF) if hz],
                level_dbm0=level / 10,
                on_ms=(cadence >> 20 & 0xFFFFF) // _SAMPLES_PER_MS,
                off_ms=(cadence & 0xFFFFF) // _SAMPLES_PER_MS,
                cycles=cadence >> 40,
            )
        )

    def _private(self, state: SlotState, arguments: tuple[int, ...]) -> None:
        number, on, frame = arguments[:3]
        if state.recording is not None and state.recording.number == number:
            at_ms = -(-frame // _SAMPLES_PER_MS)  # all that follows is silence
            self._report(RecordingMuted(leg=state.leg, recording=state.recording.recording, on=bool(on), at_ms=at_ms))

    def _record_stopped(self, _state: SlotState, _arguments: tuple[int, ...]) -> None:
        self._wake_recorder()  # it reads the figures from the leg's record

    def _leg_closed(self, state: SlotState, _arguments: tuple[int, ...]) -> None:
        for method in _METHODS:
            self._last_digit.pop((state.slot, state.generation, method), None)
        self._legs.closed(state)
