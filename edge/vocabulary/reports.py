"""What the other processes tell switch, over the link.

Each report carries its sender's number and is kept by the sender until switch has committed it.
"""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.dialing import AttemptOrder, PreviewClosing, PreviewOffer
from edge.vocabulary.endings import EndReason, FailoverCause
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import CommandId, Incarnation, LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import (
    Address,
    AnswerCause,
    AnswerVerdict,
    AudioFault,
    DigitMethod,
    MessageEnd,
    RemoteMedia,
    ToneLabel,
    ToneMeaning,
)
from edge.vocabulary.private import Private
from edge.vocabulary.quality import QualityFigures
from edge.vocabulary.site_events import SiteEvent

LINK_VERSION = 1

# --- from every process -------------------------------------------------------------------------------------------


class CommandDone(Struct, frozen=True, tag=True):
    """A command was carried out, or could not be (`error`)."""

    id: CommandId
    error: str | None = None


class Noticed(Struct, frozen=True, tag=True):
    """Something happened that backends are to be told of, and that belongs to no call."""

    event: SiteEvent


# --- from front ---------------------------------------------------------------------------------------------------


class LegIncoming(Struct, frozen=True, tag=True, kw_only=True):
    """A new INVITE passed the front door and was forwarded to `span`. The call id is in the leg id."""

    leg: LegId
    span: Incarnation
    trunk: str
    caller: Private
    caller_name: Private
    identity: Identity = Identity()
    #: User part of the Request-URI: the DID.
    called: Private
    source: Address
    sip_call_id: str
    #: None: the INVITE had no SDP (late offer).
    remote: RemoteMedia | None
    #: It is to take the place of this leg (Replaces, RFC 3891), as the trunk of both may have it.
    replaces: LegId | None = None


class LegMedia(Struct, frozen=True, tag=True):
    """An offer or an answer of the peer was parsed: first answer, re-INVITE, hold, new address."""

    leg: LegId
    remote: RemoteMedia


class LegAdopted(Struct, frozen=True, tag=True):
    """The span of a leg is gone, and front plays its part: front is sent its commands now."""

    leg: LegId
    span: Incarnation


class TransferRefused(Struct, frozen=True, tag=True):
    """A peer wanted the leg to go elsewhere, by REFER, a 3xx or an INVITE with Replaces, and front did not follow."""

    leg: LegId
    by: Literal["refer", "redirect", "replaces"]
    target: Private


class Redirected(Struct, frozen=True, tag=True):
    """A 3xx to our INVITE is followed: the leg is dialled to `target` now, a number on the same trunk."""

    leg: LegId
    target: Private


class TransferAsked(Struct, frozen=True, tag=True, kw_only=True):
    """A peer wants another one in its place in the talk of `leg`, by a REFER that its trunk's rules allow."""

    leg: LegId
    #: A number, to be dialled on `trunk`.
    target: Private
    trunk: str
    #: Replaces header (RFC 3891) of the call that is to be placed: a dialog that the trunk knows, not we.
    replaces: Private = Private("")
    #: The peer's other leg here, whose partner is to have the place (attended transfer between two calls of ours).
    other: LegId | None = None


class ReferEnded(Struct, frozen=True, tag=True):
    """What came of a `Refer`: the status of the call that the peer placed, or with which it refused."""

    leg: LegId
    code: int


class SpanReserved(Struct, frozen=True, tag=True):
    """Reply to `ReserveSpan`."""

    leg: LegId
    span: Incarnation
    #: The trunk that it goes to, also where the command named none and the target's address told; "": none.
    trunk: str = ""
    #: Where its INVITE will be sent.
    address: Address | None = None


class LeftAttempt(Struct, frozen=True, kw_only=True):
    """An address that did not take a call, and was given up for another one."""

    #: Whose it is; "": nobody's.
    trunk: str
    address: Address
    #: Its final response, or why there is none.
    end: EndReason
    why: FailoverCause
    #: From its INVITE until it was given up.
    duration_ms: int


class LegRouted(Struct, frozen=True, tag=True, kw_only=True):
    """The INVITE of a dialled leg goes to another address now; told again by each life of front as long as it lasts."""

    leg: LegId
    #: How many addresses were given up so far, with `left`.
    attempt: int
    #: Who carries it from now on.
    trunk: str
    address: Address
    left: LeftAttempt


class SpanRefused(Struct, frozen=True, tag=True):
    """Reply to `ReserveSpan`: no room, or no such trunk or target."""

    leg: LegId
    end: EndReason


# --- from span (LegEnded also from front, for a lost span's legs) -------------------------------------------------


class LegRinging(Struct, frozen=True, tag=True):
    """Outgoing leg: a provisional response (180, 183...)."""

    leg: LegId
    code: int
    early_media: bool


class LegAnswered(Struct, frozen=True, tag=True):
    """200 received (outgoing leg) or its ACK received (incoming leg)."""

    leg: LegId


class LegEnded(Struct, frozen=True, tag=True):
    """The signalling of a leg is over. May be reported by span and by front; the first one counts."""

    leg: LegId
    end: EndReason


class InfoDigit(Struct, frozen=True, tag=True):
    """A digit by SIP INFO."""

    leg: LegId
    digit: Private
    duration_ms: int
    #: CLOCK_MONOTONIC, milliseconds, when the INFO arrived.
    at_ms: int


# --- from media ---------------------------------------------------------------------------------------------------


class DigitHeard(Struct, frozen=True, tag=True, kw_only=True):
    """A key was pressed and released, as one method saw it. The fuser in switch makes one digit of several."""

    leg: LegId
    method: DigitMethod
    digit: Private
    #: CLOCK_MONOTONIC, milliseconds, of the key's onset as packets arrived.
    start_ms: int
    duration_ms: int
    #: dBm0; None when the method does not carry it.
    level_dbm0: float | None = None
    #: False: the end was not seen (lost end packets) and was assumed.
    end_seen: bool = True
    #: By RFC 4733: the same key's tone was in the audio meanwhile.
    audible: bool = False


class PlayEnded(Struct, frozen=True, tag=True, kw_only=True):
    """A play ended."""

    leg: LegId
    play: PlayId
    how: Literal["finished", "stopped", "barged", "missing"]
    played_ms: int
    #: With `missing`: the file that could not be read; the rest of the list was played.
    file: str = ""


class SoundHeard(Struct, frozen=True, tag=True):
    """The leg's incoming audio became loud (`on`) or quiet: a simple level detector with hang-over."""

    leg: LegId
    on: bool
    #: CLOCK_MONOTONIC, milliseconds.
    at_ms: int


class DigitsSent(Struct, frozen=True, tag=True):
    """All digits of a `SendDigits` were sent."""

    leg: LegId
    #: Its id.
    command: CommandId = CommandId("")


class AudioStopped(Struct, frozen=True, tag=True):
    """Audio that should be there is missing, for the configured time or (`not_received`) by the peer's reports."""

    leg: LegId
    silent_ms: int
    fault: AudioFault = "no_packets"


class AudioResumed(Struct, frozen=True, tag=True):
    """What an `AudioStopped` told is over."""

    leg: LegId
    #: Since `AudioStopped`.
    missing_ms: int
    fault: AudioFault


class AnswerHeard(Struct, frozen=True, tag=True, kw_only=True):
    """Who answered a leg, or what a machine did then; after `DetectAnswer`. Times are since that command."""

    leg: LegId
    #: `revised`: a human was told, and it is a machine.
    what: AnswerVerdict | Literal["beep", "greeting_ended", "revised"]
    #: Why; of a beep none.
    cause: AnswerCause | None
    start_ms: int
    end_ms: int
    at_ms: int
    level_dbm0: float
    #: Of a verdict, also a revised one: speech in the greeting and its longest pause.
    speech_ms: int = 0
    pause_ms: int = 0
    #: Of a beep.
    hz: float | None = None


class ToneHeard(Struct, frozen=True, tag=True, kw_only=True):
    """A call progress tone on a leg; after `DetectTones`. Times are since that command."""

    leg: LegId
    label: ToneLabel
    phase: Literal["begin", "end", "once"]
    #: The country that it is of, or fits best; None: the same in all.
    country: str | None
    meaning: ToneMeaning | None
    start_ms: int
    end_ms: int
    at_ms: int
    frequencies_hz: list[float]
    level_dbm0: float
    #: Last burst and pause, and whole cycles so far.
    on_ms: int
    off_ms: int
    cycles: int


class RecordingMuted(Struct, frozen=True, tag=True, kw_only=True):
    """From here on a recording is silence (`on`), or is so no more. May be told twice."""

    leg: LegId
    recording: RecordingId
    on: bool
    #: On the recording's timeline.
    at_ms: int


class RecordingDone(Struct, frozen=True, tag=True, kw_only=True):
    """A recording is complete on disk."""

    leg: LegId
    recording: RecordingId
    path: str
    duration_ms: int
    #: Missing time per channel (caller left, other side right), filled with silence.
    gap_ms_left: int
    gap_ms_right: int
    size_bytes: int
    sha256: str
    #: Of a message (`StartMessage`), which has the first channel only; None: it is the recording of a call.
    ended_by: MessageEnd | None = None


class RecordingFailed(Struct, frozen=True, tag=True, kw_only=True):
    """A recording could not be started or had to stop (disk full, read-only); what was written stays valid."""

    leg: LegId
    recording: RecordingId
    path: str
    duration_ms: int
    error: str


class MailboxSeen(Struct, frozen=True, tag=True, kw_only=True):
    """Reply to `LookIntoMailbox`: complete messages, and how long they are together. Unreadable folders are empty."""

    leg: LegId
    folder: str
    messages: int
    length_ms: int


class LegMediaEnded(QualityFigures, frozen=True, tag=True, kw_only=True):
    """Reply to `CloseLeg`: the leg's figures."""

    leg: LegId
    #: CLOCK_MONOTONIC, milliseconds, of the first packet with sound; None when there was none.
    first_sound_ms: int | None = None


class EngineOverload(Struct, frozen=True, tag=True):
    """The engine became too busy for new calls (`on`), or has room again. Calls in progress go on."""

    on: bool


# --- from dialer --------------------------------------------------------------------------------------------------


class AttemptAsked(Struct, frozen=True, tag=True):
    """Make this call; `AttemptTold` follows."""

    order: AttemptOrder


class AttemptsQueried(Struct, frozen=True, tag=True):
    """Tell what has become of these attempts. One that is not known is never dialled from then on."""

    attempts: list[str]


class NumbersLocked(Struct, frozen=True, tag=True):
    """All numbers (E.164) that campaigns have locked and that switch has no call of: nobody is called back there.

    Of attempts that are held, and of those that other appliances dial from the same lists.
    """

    numbers: list[Private]


class PreviewAsked(Struct, frozen=True, tag=True):
    """Dialer wants an agent to look at a contact; asked again after each connect. Answered by `PreviewTold`."""

    offer: PreviewOffer


class PreviewOver(Struct, frozen=True, tag=True):
    """A preview is over; told again until `PreviewTold` says that it is `closed`."""

    closing: PreviewClosing


class ResultsTaken(Struct, frozen=True, tag=True):
    """The dialer has kept these results (`ResultTold`)."""

    ids: list[str]


# --- snapshots: what a process holds, sent first after each (re)connect -------------------------------------------


class SpanSnapshot(Struct, frozen=True, tag=True):
    """Legs a span holds: leg -> 'early' | 'confirmed'."""

    legs: dict[LegId, str]


class FrontSnapshot(Struct, frozen=True, tag=True):
    """Legs front holds a live dialog for."""

    legs: list[LegId]


class MediaSnapshot(Struct, frozen=True, tag=True):
    """Legs an engine of media holds, with their slots; recordings running; whether it takes new calls."""

    legs: dict[LegId, SlotIndex]
    recordings: dict[LegId, RecordingId]
    overloaded: bool = False


AnyReport = (
    CommandDone
    | Noticed
    | LegIncoming
    | LegMedia
    | LegAdopted
    | TransferRefused
    | Redirected
    | TransferAsked
    | ReferEnded
    | SpanReserved
    | LegRouted
    | SpanRefused
    | LegRinging
    | LegAnswered
    | LegEnded
    | InfoDigit
    | DigitHeard
    | PlayEnded
    | SoundHeard
    | DigitsSent
    | AudioStopped
    | AudioResumed
    | AnswerHeard
    | ToneHeard
    | RecordingMuted
    | RecordingDone
    | RecordingFailed
    | MailboxSeen
    | LegMediaEnded
    | EngineOverload
    | AttemptAsked
    | AttemptsQueried
    | NumbersLocked
    | PreviewAsked
    | PreviewOver
    | ResultsTaken
    | SpanSnapshot
    | FrontSnapshot
    | MediaSnapshot
)


class Hello(Struct, frozen=True, tag="hello", kw_only=True):
    """Envelope: first message on a link."""

    process: str
    version: int
    incarnation: Incarnation


class Report(Struct, frozen=True, tag="report"):
    """Envelope: report `number` (from 1, gap-free per incarnation) of this sender. Snapshots carry number 0."""

    number: int
    body: AnyReport


#: All that switch receives on a link.
ToSwitch = Hello | Report
