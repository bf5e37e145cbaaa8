"""Events of legs: their begin and end, and what is heard and pressed on them."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.endings import EndReason, FailoverCause
from edge.vocabulary.ids import CallId, LegId
from edge.vocabulary.media import AnswerCause, AnswerVerdict, AudioFault, DigitMethod, Direction, ToneLabel, ToneMeaning
from edge.vocabulary.private import Private
from edge.vocabulary.quality import QualityFigures

#: Who holds a leg.
Holder = Literal["peer", "appliance"]


class LegStarted(Struct, frozen=True, tag="leg.started", kw_only=True):
    """A further leg is being dialled, or an agent's that stays up is in this call now."""

    leg: LegId
    target: Private
    #: The trunk or the group that was asked for.
    trunk: str
    #: Which of how many targets it is, counted from 1; 0: it is nobody of a hunt.
    position: int = 0
    targets: int = 0
    #: It was up before, as an agent's line, and stays so after `leg.ended`, which says that it has left this call.
    line: bool = False


class LegFailedOver(Struct, frozen=True, tag="leg.failed_over", kw_only=True):
    """An address did not take a dialled leg, so the next one is called: how that attempt ended, and who is called."""

    leg: LegId
    #: Counts from 1.
    attempt: int
    #: Trunk and address that did not take it; empty: no trunk's.
    trunk: str
    address: str
    why: FailoverCause
    #: The final response; without `sip_code` there was none.
    end: EndReason
    #: From the INVITE to that address until it was given up, milliseconds.
    duration_ms: int
    #: Trunk and address that are called now.
    next_trunk: str
    next_address: str


class LegRang(Struct, frozen=True, tag="leg.ringing", kw_only=True):
    """A dialled leg rings."""

    leg: LegId
    sip_code: int
    early_media: bool


class LegAnswered(Struct, frozen=True, tag="leg.answered", kw_only=True):
    """A dialled leg was answered."""

    leg: LegId
    after_ms: int
    #: The trunk that carries it; empty: none.
    trunk: str = ""


class LegMoved(Struct, frozen=True, tag="leg.moved", kw_only=True):
    """A leg goes on in another call, for the one that it talked with has joined the two; this call ends."""

    leg: LegId
    to: CallId


class LegAdopted(Struct, frozen=True, tag="leg.adopted", kw_only=True):
    """The process that held a leg's signalling died; the call goes on without it."""

    leg: LegId
    #: The process's name.
    span: str


class LegEnded(Struct, frozen=True, tag="leg.ended", kw_only=True):
    """A leg is over."""

    leg: LegId
    end: EndReason
    #: The trunk that carried it, or was the last one asked; empty: none.
    trunk: str = ""


class LegQuality(QualityFigures, frozen=True, tag="leg.quality", kw_only=True):
    """The quality record of a leg, once, when its media has ended."""

    leg: LegId
    #: From the leg's answer to the first packet with sound.
    first_sound_after_ms: int | None = None


class AnswerDetected(Struct, frozen=True, tag="answer.detected", kw_only=True):
    """Who answered a call that we made through a trunk with `amd`; once a leg. Times are since the answer."""

    leg: LegId
    verdict: AnswerVerdict
    #: `short_greeting` and `greeting_then_silence`: they stopped and wait. `long_greeting`: they did not. `beep`: after
    #: speech. `fax_ced`, `fax_cng`: the tones of a fax that is called or calls. `no_speech`, `deadline`: not known.
    cause: AnswerCause
    at_ms: int
    #: Begin and end of what was heard before the verdict: the greeting, or a fax's tone.
    start_ms: int
    end_ms: int
    #: Speech in the greeting, without its pauses, and the longest of these.
    speech_ms: int
    longest_pause_ms: int
    #: Of the greeting's loudest syllables; null: nothing was said.
    level_dbm0: float | None = None


class AnswerRevised(Struct, frozen=True, tag="answer.revised", kw_only=True):
    """Whom `answer.detected` called a human was a machine that had only paused; at most once a leg, within seconds."""

    leg: LegId
    verdict: AnswerVerdict
    #: `long_greeting`: after the verdict it went on by itself, as a machine does. `beep`: that was heard.
    cause: AnswerCause
    at_ms: int
    #: Begin and end of what was said after the first verdict.
    start_ms: int
    end_ms: int
    #: Speech in it, without its pauses, and the longest of these.
    speech_ms: int
    longest_pause_ms: int


class AnswerGreetingEnded(Struct, frozen=True, tag="answer.greeting_ended", kw_only=True):
    """The greeting of a machine is over: a message may be left."""

    leg: LegId
    #: `beep`, or `greeting_then_silence` where none came.
    cause: AnswerCause
    at_ms: int
    #: Where it ended.
    end_ms: int


class AnswerBeep(Struct, frozen=True, tag="answer.beep", kw_only=True):
    """The beep of a machine, when it is over."""

    leg: LegId
    at_ms: int
    start_ms: int
    end_ms: int
    frequency_hz: float
    level_dbm0: float


class ToneDetected(Struct, frozen=True, tag="tone.detected", kw_only=True):
    """A call progress tone on a leg that we dialled, as soon as it is sure. Times are since the leg was dialled."""

    leg: LegId
    #: `sit` and `beep` are told when they are over, all others as soon as they are sure.
    label: ToneLabel
    #: Whose tone it is; of the trunk's `tones`, or the country that fits best. Null: the same everywhere.
    country: str | None = None
    #: What a special information tone means, or which form an answering tone has.
    meaning: ToneMeaning | None = None
    start_ms: int
    at_ms: int
    #: Only of `sit` and `beep`.
    end_ms: int | None = None
    #: As measured; of `sit` those of the first two segments.
    frequencies_hz: list[float]
    level_dbm0: float
    #: The last burst, the last pause (0: none was whole yet) and whole cycles of the cadence so far.
    on_ms: int
    off_ms: int
    cycles: int


class ToneEnded(Struct, frozen=True, tag="tone.ended", kw_only=True):
    """A tone that was told is over: its next burst did not come, or something else did."""

    leg: LegId
    label: ToneLabel
    country: str | None = None
    meaning: ToneMeaning | None = None
    start_ms: int
    end_ms: int
    at_ms: int
    cycles: int


class LegSoundChanged(Struct, frozen=True, tag="leg.sound_changed", kw_only=True):
    """A leg was muted, or its levels were changed: all that holds now."""

    leg: LegId
    #: What it says is not heard.
    muted: bool
    #: It does not hear the others.
    deaf: bool
    #: Of what it says, and of what it hears of the others.
    gain_db: float
    heard_gain_db: float
    #: What it says is lifted when it is quiet.
    auto_level: bool


class LegHeld(Struct, frozen=True, tag="leg.held", kw_only=True):
    """The peer of a leg holds (re-INVITE or UPDATE): it does not hear us. `leg.resumed` follows, or the leg's end.

    Or we hold it (`by`: `appliance`), as an operator wished, and it agreed: it hears our music, or nothing.
    """

    leg: LegId
    #: As who holds stated it: it may send (its music), or nobody does.
    direction: Direction
    by: Holder = "peer"


class LegResumed(Struct, frozen=True, tag="leg.resumed", kw_only=True):
    """The peer of a leg hears us again, or we hold it no more."""

    leg: LegId
    #: Since `leg.held`.
    held_ms: int
    by: Holder = "peer"


class LegHoldFailed(Struct, frozen=True, tag="leg.hold_failed", kw_only=True):
    """A leg could not be held, or resumed, as an operator wished: nothing has changed."""

    leg: LegId
    #: It was to be held; false: resumed.
    hold: bool
    #: What its peer answered, or why it was not asked.
    why: str


class DtmfReceived(Struct, frozen=True, tag="dtmf.received", kw_only=True):
    """One key press, whatever number of methods carried it."""

    leg: LegId
    #: `*` when the node is sensitive.
    digit: Private
    method: DigitMethod
    duration_ms: int
    level_dbm0: float | None = None
    end_seen: bool = True


class DtmfFlash(Struct, frozen=True, tag="dtmf.flash", kw_only=True):
    """Hook flash (RFC 4733 event 16, or SIP INFO): no digit; a menu takes it where a gather has the choice `flash`."""

    leg: LegId
    method: DigitMethod
    duration_ms: int


class AudioStopped(Struct, frozen=True, tag="leg.audio_stopped", kw_only=True):
    """Audio that should be there is missing in one direction; `leg.audio_resumed` tells when it is back.

    A peer that holds may send nothing: it is told if it is still missing 5 s after the hold.
    """

    leg: LegId
    #: For so long when it was told; 0 with `not_received`, which is known from the peer's reports only.
    silent_ms: int
    #: `no_packets`: the peer sends none; `no_sound`: it sends digital silence only (a muted phone, one-way audio behind
    #: it); `not_received`: the peer reports that none of ours arrives.
    fault: AudioFault = "no_packets"


class AudioResumed(Struct, frozen=True, tag="leg.audio_resumed", kw_only=True):
    """What `leg.audio_stopped` told is over."""

    leg: LegId
    #: From `leg.audio_stopped` on.
    missing_ms: int
    fault: AudioFault
