"""What switch tells the other processes to do, over the link.

Each command is sent as a `Command` with an id; the receiver does it at most once and answers with a
`reports.CommandDone`. Commands may be sent again after a crash on either side, so each is idempotent by its
subject (leg, play or recording id).
"""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.dialing import Disposition, Evidence, Next, ResultStep
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import CommandId, LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import Address, Direction, LegSound, RemoteMedia, RoomMode
from edge.vocabulary.private import Private

# --- to front -----------------------------------------------------------------------------------------------------


class ReserveSpan(Struct, frozen=True, tag=True, kw_only=True):
    """Reserve a span slot for an outgoing leg; front answers `SpanReserved` or `SpanRefused`. Lapses after 5 s."""

    leg: LegId
    #: Where the INVITE goes: a SIP URI, or a number to be dialled on `trunk`.
    target: Private
    #: Trunk name; empty: the trunk whose sources hold the URI's host, else direct.
    trunk: str
    #: Caller id shown to the target (user part).
    caller: Private
    #: What else is said of the caller, as far as the trunk's rules let it.
    identity: Identity = Identity()
    #: Replaces header of the INVITE (RFC 3891); empty: none.
    replaces: Private = Private("")


class ReleaseSpan(Struct, frozen=True, tag=True):
    """Give a reservation back."""

    leg: LegId


# --- to span ------------------------------------------------------------------------------------------------------


class Ring(Struct, frozen=True, tag=True):
    """Send 180."""

    leg: LegId


class Progress(Struct, frozen=True, tag=True):
    """Send 183 with SDP naming `media`."""

    leg: LegId
    media: Address


class Answer(Struct, frozen=True, tag=True):
    """Send 200 with SDP naming `media` (the leg's slot)."""

    leg: LegId
    media: Address


class Reject(Struct, frozen=True, tag=True):
    """Refuse an incoming leg that was not answered."""

    leg: LegId
    code: int
    text: str = ""


class MakeCall(Struct, frozen=True, tag=True):
    """Send the INVITE of an outgoing leg whose slot front has reserved; its SDP names `media`."""

    leg: LegId
    media: Address


class HangUp(Struct, frozen=True, tag=True):
    """End a leg in any state (CANCEL, BYE or a final response, whatever fits)."""

    leg: LegId
    text: str = ""
    #: Another one has taken the call, which phones then do not show as missed (RFC 3326 section 3.1).
    elsewhere: bool = False


class SendInfoDigits(Struct, frozen=True, tag=True):
    """Send digits (`!` is hook flash) by SIP INFO, one after the other; done when the last one has left."""

    leg: LegId
    digits: Private
    #: What is said that each key was pressed for.
    duration_ms: int = 160


class Refer(Struct, frozen=True, tag=True):
    """Send the peer of an answered leg to `target`, a SIP URI or a number there, by REFER; `ReferEnded` follows."""

    leg: LegId
    target: Private


class Hold(Struct, frozen=True, tag=True):
    """Offer the peer of an answered leg this direction by a re-INVITE; done when it has agreed.

    `sendonly`: it is held and hears our music; `inactive`: it is held and hears nothing; `sendrecv`: it is resumed.
    """

    leg: LegId
    direction: Direction


class TellReferrer(Struct, frozen=True, tag=True):
    """Tell the peer of `leg` what its REFER has come to (`TransferAsked`): a SIP status, from 200 on the last one."""

    leg: LegId
    code: int


# --- to media -----------------------------------------------------------------------------------------------------


class OpenLeg(Struct, frozen=True, tag=True, kw_only=True):
    """Take slot `slot` for `leg`. With `remote` the sockets are connected and emptied before `CommandDone` is sent."""

    leg: LegId
    slot: SlotIndex
    remote: RemoteMedia | None


class UpdateLeg(Struct, frozen=True, tag=True):
    """The peer's address, codec or direction was negotiated or changed; connected before `CommandDone` is sent."""

    leg: LegId
    remote: RemoteMedia


class Play(Struct, frozen=True, tag=True, kw_only=True):
    """Play sound files one after the other to the leg; replaces what plays. Ends with `PlayEnded`."""

    leg: LegId
    play: PlayId
    #: Absolute paths; any file libsndfile reads.
    files: list[str]
    #: 1 plays once, 0 for ever.
    times: int = 1
    #: For ever only: it begins so far from the beginning of the files, which go round.
    start_ms: int = 0
    #: A key press stops it inside the engine, without waiting for switch.
    barge_in: bool = False
    #: True: mixed over what the leg hears, which is lowered by `duck_db` meanwhile; else heard in its place.
    mix: bool = False
    duck_db: float = 12.0


class StopPlay(Struct, frozen=True, tag=True):
    """Stop play `play` if it still runs."""

    leg: LegId
    play: PlayId


class Bridge(Struct, frozen=True, tag=True):
    """Connect two legs' audio, both ways: a room of two. Takes them out of other rooms, unless they share one."""

    leg: LegId
    other: LegId


class Join(Struct, frozen=True, tag=True, kw_only=True):
    """Put `leg` into the room that `other` is in (or make one of the two), or change how it is there."""

    leg: LegId
    other: LegId
    #: `talk`: heard by all; `listen`: by nobody; `whisper`: by `to` only. It hears all who talk in any case.
    mode: RoomMode = "talk"
    to: LegId | None = None


class Unbridge(Struct, frozen=True, tag=True):
    """Take `leg` out of its bridge or room. Who is left alone there leaves it, too."""

    leg: LegId


class SetSound(Struct, frozen=True, tag=True):
    """Mute, gains and automatic level of `leg`, all of them anew; they are reached by ramps."""

    leg: LegId
    sound: LegSound


class SetPrivate(Struct, frozen=True, tag=True, kw_only=True):
    """Let nobody overhear `leg` (or let that run out): both sides are silence in its recording, its room hears nothing.

    Its keys are told as ever. Media holds to it across crashes of anybody; it runs out some time after its end, when no
    key is down.
    """

    leg: LegId
    on: bool
    #: The recording is silenced from then on (CLOCK_MONOTONIC, milliseconds), as far as it is not on disk.
    since_ms: int = 0


class DetectAnswer(Struct, frozen=True, tag=True):
    """Tell from now on who has answered `leg`, once, by rules in ms (Hz) by name (see `AmdRules` of the site)."""

    leg: LegId
    rules: dict[str, int]


class DetectTones(Struct, frozen=True, tag=True):
    """Tell the call progress tones that `leg` hears from now on; `country`: a country of the tables, or empty: any."""

    leg: LegId
    country: str


class StartRecording(Struct, frozen=True, tag=True):
    """Record `leg` in stereo (left: what it says, right: what it hears) to `path` (absolute, `.wav`)."""

    leg: LegId
    recording: RecordingId
    path: str
    #: Something sensitive may be said: its newest part stays off the disk for as long as it can still be silenced.
    guarded: bool = False


class StopRecording(Struct, frozen=True, tag=True):
    """Finish the recording of `leg`; ends with `RecordingDone`."""

    leg: LegId
    recording: RecordingId


class StartMessage(Struct, frozen=True, tag=True, kw_only=True):
    """Record what `leg` says, in mono, to `path` (absolute, `.wav`), beside the call's own recording if there is one.

    It ends by itself after `silence_ms` without speech, at `longest_ms`, and with the leg; then with `RecordingDone`.
    What follows the last speech is cut off, so a message in which nobody spoke is empty.
    """

    leg: LegId
    recording: RecordingId
    path: str
    silence_ms: int
    longest_ms: int


class LookIntoMailbox(Struct, frozen=True, tag=True):
    """Tell how much lies in a folder of messages; `MailboxSeen` follows. `leg` is whom it is wanted for."""

    leg: LegId
    folder: str


class StopMessage(Struct, frozen=True, tag=True):
    """Finish a message, if it is not finished already; ends with `RecordingDone`."""

    leg: LegId
    recording: RecordingId
    #: What was said from then on does not belong to it: CLOCK_MONOTONIC, milliseconds. 0: now.
    until_ms: int = 0


class DropMessage(Struct, frozen=True, tag=True):
    """Delete a message that is complete: its caller does not want it, or there is nothing in it."""

    leg: LegId
    recording: RecordingId
    path: str


class SendDigits(Struct, frozen=True, tag=True):
    """Send digits (`!` is hook flash) by RFC 4733 or in-band, as the leg's `RemoteMedia` says."""

    leg: LegId
    digits: Private
    duration_ms: int = 100
    gap_ms: int = 100


class CloseLeg(Struct, frozen=True, tag=True):
    """Free the slot; media reports `LegMediaEnded` with the leg's figures."""

    leg: LegId


# --- to forwarder -------------------------------------------------------------------------------------------------


class Wake(Struct, frozen=True, tag=True):
    """New events are in the outbox up to `sequence`. Never acknowledged; polling is the fallback."""

    sequence: int


# --- to dialer ----------------------------------------------------------------------------------------------------


class AttemptTold(Struct, frozen=True, tag=True, kw_only=True):
    """What there is of an attempt, all of it on disk. Told as it happens and when asked; never acknowledged."""

    attempt: str
    #: `unknown`, `refused`: it was not dialled and never will be.
    #: `waiting`: a person was found and waits for an agent; `missed`: he has left the queue without one.
    state: Literal["dialled", "ringing", "answered", "waiting", "missed", "connected", "ended", "refused", "unknown"]
    #: Of `missed` and `connected`: nobody was there in time.
    abandoned: bool = False
    #: Of `refused`.
    why: str = ""
    #: Of `ended`; None: the call is over, and what became of it is not to be found any more.
    disposition: Disposition | None = None
    evidence: Evidence | None = None
    next: Next | None = None
    started_ms: int = 0
    ended_ms: int = 0
    rang_ms: int | None = None
    answered_ms: int | None = None
    talked_ms: int = 0
    #: False: the contact was not called, as `dialer.attempt_ended` says.
    placed: bool = True


class AgentsTold(Struct, frozen=True, tag=True):
    """Agents of each queue by state (`ready`, `ringing`, `talking`...), whenever that changes.

    Of each, since when he is so (CLOCK_MONOTONIC, milliseconds).
    """

    queues: dict[str, dict[str, list[int]]]
    #: Names of those who may be shown a contact, who is first; of queues of campaigns with previews.
    ready: dict[str, list[str]] = {}


class PreviewTold(Struct, frozen=True, tag=True, kw_only=True):
    """What there is of a preview. Told as it happens and when asked; never acknowledged.

    `held`: the agent is kept for it; `refused`: he is not there for it; `gone`: not any more; `closed`: its end is on
    disk.
    """

    preview: str
    state: Literal["held", "refused", "gone", "closed"]
    why: str = ""


class ResultTold(Struct, frozen=True, tag=True, kw_only=True):
    """An agent has said what came of the talk of an attempt. Told again until `ResultsTaken` says that it is kept."""

    id: str
    attempt: str
    campaign: str
    agent: str
    code: str
    step: ResultStep
    due_ms: int | None = None
    note: Private = Private("")
    given_ms: int


#: `HangUp`, `SendInfoDigits`: for legs whose span is gone (`reports.LegAdopted`).
FrontCommand = ReserveSpan | ReleaseSpan | Refer | TellReferrer | Hold | HangUp | SendInfoDigits
SpanCommand = Ring | Progress | Answer | Reject | MakeCall | HangUp | SendInfoDigits
MediaCommand = (
    OpenLeg
    | UpdateLeg
    | Play
    | StopPlay
    | Bridge
    | Join
    | Unbridge
    | SetSound
    | SetPrivate
    | DetectAnswer
    | DetectTones
    | StartRecording
    | StopRecording
    | StartMessage
    | LookIntoMailbox
    | StopMessage
    | DropMessage
    | SendDigits
    | CloseLeg
)
AnyCommand = FrontCommand | SpanCommand | MediaCommand | Wake | AttemptTold | AgentsTold | PreviewTold | ResultTold
#: Neither acknowledged nor remembered by who gets them.
UNREMEMBERED = (Wake, AttemptTold, AgentsTold, PreviewTold, ResultTold)

#: Commands that may leave switch before the input that led to them is on disk. For a member it must hold that a new
#: life of switch, which has forgotten the input and gets it again from its sender (not acknowledged, so kept), comes to
#: a good end in every order of what it is told.
#:
#: `OpenLeg`: the leg's slot is remembered outside of the disk (`edge.switch.seats`), so the new life opens the leg in
#: the same slot, and for media that is done already. A leg that is not told of again is discarded by media's snapshot.
#:
#: `Answer` leaves just before the `OpenLeg` of an incoming call, or follows its CommandDone. After a kill the new life,
#: told of the call again by front, sends both again, under new ids: media and a span that have done it say so and do no
#: more. The span's `LegAnswered` may come before front's `LegIncoming`; it is kept for it. If the new life does not
#: want the call, the span turns its `Reject` behind the answer into a BYE.
LEAVES_EARLY = (OpenLeg, Answer)


class Command(Struct, frozen=True, tag="command"):
    """Envelope: a command with the id under which it is done at most once."""

    id: CommandId
    body: AnyCommand


class Acknowledge(Struct, frozen=True, tag="acknowledge"):
    """Envelope: switch has committed all reports of this sender up to `number`."""

    number: int


class Welcome(Struct, frozen=True, tag="welcome"):
    """Envelope: switch's answer to `Hello`; reports above `committed` are to be sent (again)."""

    version: int
    committed: int


class Discard(Struct, frozen=True, tag="discard"):
    """Envelope: the sender's snapshot named these legs, and switch does not know them: end and free them."""

    legs: list[LegId]


#: All that switch sends on a link.
FromSwitch = Welcome | Command | Acknowledge | Discard
