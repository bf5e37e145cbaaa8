"""What a call core is fed with; what it asks for: `actions`.

Inputs are what the journal holds; so they carry everything that was decided outside at the time (slot, menu, folder),
and a replay needs nothing but the journal and the stored menu.
"""

from typing import Literal

from msgspec import Struct

from edge.core.callbacks.errand import Errand
from edge.core.callbacks.rules import Rules
from edge.core.calls.bridge_words import LegLent, LegReturned
from edge.core.calls.line_words import LineGivenUp, LineReturned, LineTaken, LineTerms
from edge.core.menus.facts import Row
from edge.core.menus.model import Announcement, Node
from edge.core.queues.model import Refusal
from edge.vocabulary.dialing import AttemptOrder
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import CallbackId, CallId, Incarnation, LegId, RecordingId, SlotIndex
from edge.vocabulary.media import Address, LegSound, RemoteMedia, RoomMode
from edge.vocabulary.private import Private
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
    LegIncoming,
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


class Seat(Struct, frozen=True):
    """A media slot and the address that its RTP socket is bound to."""

    slot: SlotIndex
    address: Address


class CallbackTerms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for callbacks of a call."""

    rules: Rules
    #: A caller who hangs up after he has waited for so long is to be called back, milliseconds; None: he is not.
    lost_after_ms: int | None = None
    #: Nodes that this is for; empty: all.
    lost_nodes: list[str] = []
    #: As many requests are open as may be.
    full: bool = False


class Terms(Struct, frozen=True, kw_only=True):
    """What was settled when the call began."""

    menu: str = ""
    menu_version: str = ""
    #: Under which the menu itself is stored.
    menu_key: str = ""
    #: The trial that it is part of, and its side of it; empty: none.
    trial: str = ""
    arm: str = ""
    #: When the call began, milliseconds since 1970.
    wall_ms: int = 0
    #: What the tables that the menu asks say of the far end, by the table's name.
    rows: dict[str, Row] = {}
    #: Hard limit of the call's length.
    max_call_ms: int
    #: Absolute folder of this day's recordings; empty: the call is not recorded.
    recordings: str = ""
    #: Absolute folder of messages that are for no mailbox.
    messages: str = ""
    #: Trunks whose quiet talkers are lifted.
    auto_level: list[str] = []
    #: Trunks whose early media nobody is to hear.
    own_ringing: list[str] = []
    #: Trunks through which it is told who answered a call that we make, with the rules for it: ms (Hz) by name.
    amd: dict[str, dict[str, int]] = {}
    #: The same for a call that we make into a menu which asks who answered, whatever its trunk says; "": other trunks.
    answering: dict[str, dict[str, int]] = {}
    #: Country of the tones that are told of legs dialled through a trunk, by its name.
    tones: dict[str, str] = {}
    #: Sound file that legs of a trunk hear while the other side holds, by its name; of all others by "".
    hold_music: dict[str, str] = {}
    #: Calls of a trunk ring for so long before they are answered, milliseconds, by its name.
    answer_after_ms: dict[str, int] = {}
    #: A leg of a trunk that sends no RTP for so long is hung up on, milliseconds, by its name; of all others by "".
    no_rtp_ms: dict[str, int] = {}
    #: Country of the trunk that the call came by; empty: it has none.
    country: str = ""
    #: None: nothing of the call can lead to a callback.
    callbacks: CallbackTerms | None = None


class Incoming(Struct, frozen=True, tag=True, kw_only=True):
    """First input of an incoming call. Without `seat` it is refused with `refuse`."""

    report: LegIncoming
    terms: Terms
    seat: Seat | None
    #: SIP status to refuse with; 0: take the call.
    refuse: int = 0
    #: Caller and called number in E.164; empty where they are no whole numbers, or the trunk has no country.
    caller_e164: Private = Private("")
    called_e164: Private = Private("")
    #: The seat's engine is there to open the leg, so the answer need not wait until it has told so.
    engine_up: bool = False


class Originate(Struct, frozen=True, tag=True, kw_only=True):
    """First input of a call that we make: dial `target`, then walk through the menu."""

    target: Private
    trunk: str
    caller: Private
    identity: Identity = Identity()
    terms: Terms
    ring_timeout_ms: int = 60000
    #: It rings for so long from its first 180 or 183 on, whatever was left of the above; 0: as said above.
    rings_for_ms: int = 0
    #: What the menu begins with, by name; what it does not take is left out.
    attributes: dict[str, Private] = {}
    #: In which the menu speaks, if it can; empty: in its own.
    language: str = ""
    #: Whom it calls back; None: nobody.
    errand: Errand | None = None
    #: The dialer's order, when it is one.
    attempt: AttemptOrder | None = None
    #: Whose line it is; None: nobody's.
    line: LineTerms | None = None


class Reserved(Struct, frozen=True, tag=True):
    """Front reserved a span slot; switch added a media slot, None when it has none."""

    leg: LegId
    span: Incarnation
    seat: Seat | None
    #: Where front found the call to go; "": to no trunk.
    trunk: str = ""
    #: Where its INVITE will be sent.
    address: Address | None = None


class Elapsed(Struct, frozen=True, tag=True):
    """A deadline passed."""


class Resumed(Struct, frozen=True, tag=True):
    """Switch was restarted and has rebuilt the call from its journal."""


class MediaLost(Struct, frozen=True, tag=True):
    """The media engine does not hold the leg any more."""

    leg: LegId


class Stopped(Struct, frozen=True, tag=True):
    """An operator, or a limit of the appliance, ends the call."""

    text: str


class Invite(Struct, frozen=True, tag=True, kw_only=True):
    """An operator asks a further leg into the talk: a supervisor, or one more to talk with."""

    target: Private
    trunk: str
    caller: Private
    mode: RoomMode
    #: Whom it whispers to; None: the leg that the first one talks with.
    to: LegId | None = None
    #: Its keys 4, 5 and 6 change the mode: listen, whisper, talk.
    supervises: bool = False
    ring_timeout_ms: int = 30000


class ChangeMode(Struct, frozen=True, tag=True):
    """An operator lets a guest be heard by all, by nobody, or by `to`."""

    leg: LegId
    mode: RoomMode
    to: LegId | None = None


class ChangeSound(Struct, frozen=True, tag=True):
    """An operator mutes a leg, or changes its levels."""

    leg: LegId
    sound: LegSound


class Handed(Struct, frozen=True, kw_only=True):
    """A leg that is up, as another call goes on with it."""

    leg: LegId
    span: Incarnation
    seat: Seat
    remote: RemoteMedia
    trunk: str


class Joins(Struct, frozen=True, tag=True):
    """A peer wants two of its legs joined (`TransferAsked.other`); `handed` is who its other one talks with.

    None: it talks with nobody there, or the two cannot be brought together.
    """

    report: TransferAsked
    handed: Handed | None


class TakesPlace(Struct, frozen=True, tag=True):
    """A call came in that is to take the place of a leg (`LegIncoming.replaces`)."""

    report: LegIncoming
    seat: Seat | None
    engine_up: bool = False


class GivenAway(Struct, frozen=True, tag=True):
    """A leg goes on in call `to`; what is left of this one ends."""

    leg: LegId
    to: CallId


class PutOnHold(Struct, frozen=True, tag=True):
    """An operator puts a leg of a talk on hold, or resumes it."""

    leg: LegId
    on: bool


class Drop(Struct, frozen=True, tag=True):
    """An operator ends a leg that is not the first one."""

    leg: LegId


class Announce(Struct, frozen=True, tag=True):
    """An operator has something said in the talk."""

    what: Announcement


class Ordered(Struct, frozen=True, tag=True, kw_only=True):
    """Somebody wants the call to do something now; its menu goes on afterwards."""

    #: `<call>-op<n>`.
    operation: str
    act: str
    #: Its ways begin with `menus.run.BACK`.
    node: Node
    #: Of `say`: what is spoken, and how many characters it has.
    language: str = ""
    characters: int = 0
    #: Of `bridge`: the leg of another call that it talks with.
    handed: Handed | None = None


class RecordCall(Struct, frozen=True, tag=True):
    """An operator has the call recorded from now on, or no more. Each beginning is a file of its own."""

    on: bool


class Superseded(Struct, frozen=True, tag=True):
    """Somebody was to call back who talks with us now: this request is closed."""

    callback: CallbackId
    #: Since the request.
    after_ms: int


class Asked(Struct, frozen=True, tag=True, kw_only=True):
    """What came of a question."""

    #: Of the question, within its call.
    number: int
    outcome: Literal["ok", "failed", "timeout"]
    #: The backend's word; empty when there is no answer.
    answer: str = ""
    attributes: dict[str, str] = {}
    after_ms: int = 0
    error: str = ""
    #: By which the call is an agent's line from now on; None: it is none, or was one before.
    line: LineTerms | None = None


class HuntTold(Struct, frozen=True, tag=True, kw_only=True):
    """What a hunt asked for (`AskHunt`)."""

    #: Key of the target that took the last call; empty: none has, or it was not asked for.
    last: str = ""
    #: Keys of those targets, of the ones that were asked for, that calls of ours dial or talk with.
    busy: list[str] = []


class QueueTold(Struct, frozen=True, tag=True, kw_only=True):
    """Where the call stands in the queue, and how long it will take from now on."""

    #: Of the stay, within the call.
    number: int
    position: int
    estimate_ms: int


class AgentOffered(Struct, frozen=True, tag=True, kw_only=True):
    """An agent is there for the call alone: ring him."""

    number: int
    agent: str
    target: Private
    trunk: str
    ring_timeout_ms: int
    #: His leg, where it stays up from call to call: he is not rung. None: ring him.
    line: Handed | None = None
    #: What he hears on it as the call comes (`tone:...`); empty: nothing.
    tone: str = ""


class QueueRefused(Struct, frozen=True, tag=True):
    """The call is not served by the queue, and has no place in it any more."""

    number: int
    reason: Refusal


class Restored(Struct, frozen=True, kw_only=True):
    """A recording that a restart of the appliance interrupted, repaired."""

    recording: RecordingId
    path: str
    duration_ms: int
    #: None: not known.
    gap_ms_left: int | None
    gap_ms_right: int | None
    size_bytes: int
    sha256: str
    repaired: bool
    error: str = ""


class Abandoned(Struct, frozen=True, tag=True):
    """The appliance was restarted: nothing of the call is left but this."""

    recordings: list[Restored]


Input = (
    Incoming
    | Originate
    | Reserved
    | Elapsed
    | Resumed
    | MediaLost
    | Stopped
    | Invite
    | ChangeMode
    | ChangeSound
    | Joins
    | TakesPlace
    | GivenAway
    | PutOnHold
    | Drop
    | Announce
    | Ordered
    | RecordCall
    | Asked
    | Superseded
    | HuntTold
    | QueueTold
    | AgentOffered
    | QueueRefused
    | LegLent
    | LegReturned
    | LineTaken
    | LineReturned
    | LineGivenUp
    | Abandoned
    | CommandDone
    | LegMedia
    | LegAdopted
    | TransferRefused
    | Redirected
    | TransferAsked
    | ReferEnded
    | SpanRefused
    | LegRinging
    | LegRouted
    | LegAnswered
    | LegEnded
    | InfoDigit
    | DigitHeard
    | PlayEnded
    | SoundHeard
    | DigitsSent
    | AudioStopped
    | AnswerHeard
    | AudioResumed
    | ToneHeard
    | RecordingMuted
    | RecordingDone
    | RecordingFailed
    | MailboxSeen
    | LegMediaEnded
)


class Entry(Struct, frozen=True, array_like=True):
    """A journal line: the input, without what must not be written, and what was decided by that."""

    input: Input
    withheld: list[str] = []
