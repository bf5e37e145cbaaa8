"""What goes into a menu run and what comes out of it."""

from typing import Literal

from msgspec import Struct

from edge.core.menus.facts import Facts
from edge.core.menus.parts import Announcement, NodeId, Sound, Target, Whisper
from edge.core.queues.model import Refusal
from edge.vocabulary.hunting import HuntStrategy
from edge.vocabulary.media import AnswerVerdict

# --- inputs -------------------------------------------------------------------------------------------------------


class Started(Struct, frozen=True):
    """The call can hear and be heard: enter the first node."""

    #: It will be told who answered (`AnswerTold`).
    detects_answer: bool = False
    facts: Facts = Facts()


class Digit(Struct, frozen=True):
    """A key was pressed. An empty `digit` is one whose value the journal does not hold."""

    digit: str


class Flash(Struct, frozen=True):
    """Hook flash."""


class PlayDone(Struct, frozen=True):
    """The current play ended by itself or was barged into inside the engine."""


class SoundChanged(Struct, frozen=True):
    """The far end became loud or quiet."""

    on: bool


class AnswerTold(Struct, frozen=True):
    """It is known who answered, or that it was a machine after all, or its greeting is over, or it has beeped."""

    what: AnswerVerdict | Literal["greeting_ended", "beep", "revised"]
    #: Of a verdict: so long ago the greeting ended.
    over_ms: int = 0


class DigitsGone(Struct, frozen=True):
    """All digits of a press node were sent."""


class TransferTaken(Struct, frozen=True):
    """A target takes the call, and talks with the caller from now on; comes once at the most, before the end."""

    #: Index of the target in `Dial.targets`.
    target: int


class TransferEnded(Struct, frozen=True):
    """A transfer is over: with the outcome of its failure, or with "" when the target hung up a bridged call."""

    outcome: str


class BackendSaid(Struct, frozen=True, kw_only=True):
    """What came of a question to a backend."""

    number: int
    outcome: Literal["ok", "failed", "timeout"]
    answer: str = ""
    attributes: dict[str, str] = {}


class MessageMade(Struct, frozen=True, kw_only=True):
    """A message is complete, or (`error`) could not be recorded to its end."""

    number: int
    #: Its id.
    message: str
    #: Of what was said, up to the last word.
    length_ms: int
    path: str
    error: str = ""


class MailboxSeen(Struct, frozen=True, kw_only=True):
    """How much lies in a mailbox."""

    folder: str
    messages: int
    length_ms: int


class PlaceTold(Struct, frozen=True, kw_only=True):
    """Where the caller stands in the queue, and how long it will take from now on."""

    position: int
    estimate_ms: int


class AgentFound(Struct, frozen=True, kw_only=True):
    """An agent is there for the caller: dial him."""

    target: str
    trunk: str
    ring_timeout_ms: int


class QueueClosed(Struct, frozen=True):
    """The caller is not served by the queue, and has no place in it any more."""

    reason: Refusal


class TimeUp(Struct, frozen=True):
    """The deadline passed."""


class Resumed(Struct, frozen=True):
    """The call was rebuilt after a crash: withheld digits are lost."""


class TakenOver(Struct, frozen=True):
    """Somebody else is in the call in the caller's place, and has heard nothing yet: the node begins anew."""


MenuInput = (
    Started
    | Digit
    | Flash
    | PlayDone
    | SoundChanged
    | AnswerTold
    | DigitsGone
    | TransferTaken
    | TransferEnded
    | BackendSaid
    | MessageMade
    | MailboxSeen
    | PlaceTold
    | AgentFound
    | QueueClosed
    | TimeUp
    | Resumed
    | TakenOver
)

# --- actions ------------------------------------------------------------------------------------------------------


class PlaySounds(Struct, frozen=True):
    """Play sounds one after the other; replaces what plays."""

    sounds: list[Sound]
    barge_in: bool
    #: 0: again and again.
    times: int = 1
    #: So far from their beginning.
    start_ms: int = 0


class StopSounds(Struct, frozen=True):
    """Stop what plays; no `PlayDone` is wanted for it."""


class Dial(Struct, frozen=True, kw_only=True):
    """Dial further legs until one of the targets takes the call, and bridge it; ends with `TransferEnded`.

    Where somebody takes it `TransferTaken` comes before. Until then the menu goes on hearing keys and ends of plays.
    """

    #: At least one.
    targets: list[Target]
    strategy: HuntStrategy = "linear"
    #: The site's list that the targets are of; empty: none.
    hunt_list: str = ""
    #: Targets that are dialled by us already, or talk with us, are passed over.
    skip_busy: bool = False
    #: For all targets together, until one answers; 0: as long as each may ring.
    hunt_timeout_ms: int = 0
    #: Played for ever while it rings; empty: nothing, and what plays goes on.
    ringing: list[Sound] = []
    whisper: Whisper | None = None
    #: What a target sends before it answers is heard.
    early_media: bool = True
    #: `refer`: the far end is asked to go to the one target by itself.
    by: Literal["bridge", "refer"] = "bridge"
    #: Said while the two talk.
    announcement: Announcement | None = None

    @property
    def is_hunt(self) -> bool:
        """Whether there may be several who are looked for, which is told as a hunt."""
        return len(self.targets) > 1 or bool(self.hunt_list)


class JoinQueue(Struct, frozen=True):
    """Wait in a queue; whoever waits there already keeps his place. `PlaceTold`, `AgentFound`, `QueueClosed` follow."""

    queue: str
    priority: int
    #: Values of the call that agents are chosen by.
    values: dict[str, str]


class LeaveQueue(Struct, frozen=True):
    """Give the place up; who is dialled for it is another thing (`StopDialling`)."""

    reason: Literal["left", "callback", "timed_out"]


class AgentMissed(Struct, frozen=True):
    """The agent who was rung is not to be had."""

    outcome: str


class StopDialling(Struct, frozen=True):
    """Give up what `Dial` began, unless somebody has taken the call; no `TransferEnded` follows."""


class AskBackend(Struct, frozen=True):
    """Ask a backend; ends with `BackendSaid`."""

    number: int
    node: NodeId
    endpoint: str
    timeout_ms: int
    values: dict[str, str]
    #: Digits that nobody else may see.
    secrets: dict[str, str]


class RequestCallback(Struct, frozen=True, kw_only=True):
    """Somebody is to be called back; asked for at a node."""

    node: NodeId
    #: In E.164.
    number: str
    #: The window, milliseconds since 1970.
    begins_ms: int
    ends_ms: int


class RequestSurvey(Struct, frozen=True):
    """Whoever talked in this call is to be called afterwards, for a menu that asks how it was."""

    node: NodeId
    #: That menu.
    menu: str


class Suppress(Struct, frozen=True):
    """Whom a campaign has called does not want to be called any more."""

    node: NodeId


class SurveyBegun(Struct, frozen=True):
    """Questions are asked from here on; what another node asked is over."""

    node: NodeId


class SurveyAsked(Struct, frozen=True):
    """A question is being asked."""

    question: str


class SurveyAnswered(Struct, frozen=True, kw_only=True):
    """A question was answered."""

    question: str
    #: As it was pressed; None: it was said.
    value: int | None = None
    #: What the author calls it.
    label: str = ""
    #: The scale.
    least: int = 0
    most: int = 0
    #: The least is the best.
    reverse: bool = False
    #: The id of what was said.
    message: str = ""


class SurveyOver(Struct, frozen=True):
    """No more is asked; `complete`: everything was, whether it was answered or not."""

    complete: bool


#: What outlives the node that asked for it.
Aftercare = RequestCallback | RequestSurvey | SurveyBegun | SurveyAsked | SurveyAnswered | SurveyOver | Suppress


class PressKeys(Struct, frozen=True):
    """Send digits to the far end; ends with `DigitsGone`."""

    digits: str
    duration_ms: int
    gap_ms: int


class RecordMessage(Struct, frozen=True, kw_only=True):
    """Record what the caller says; ends with `MessageMade`."""

    number: int
    node: NodeId
    #: Empty: none; then the file lies with the recordings of the day.
    mailbox: str
    folder: str
    notify: list[str]
    silence_ms: int
    longest_ms: int
    #: A shorter one is not kept when the caller hangs up.
    least_ms: int


class LookIntoMailbox(Struct, frozen=True):
    """Ask how much lies in a mailbox; `MailboxSeen` follows."""

    mailbox: str
    folder: str


class RefuseMessage(Struct, frozen=True, kw_only=True):
    """The mailbox is full: the caller can leave no message in it, and is told so."""

    node: NodeId
    mailbox: str
    notify: list[str]
    messages: int
    length_ms: int


class StopMessage(Struct, frozen=True):
    """End a message: `by_key` before the key that was pressed last, else now."""

    number: int
    by_key: bool = False


class KeepMessage(Struct, frozen=True):
    """A message is as its caller wants it, once it is complete."""

    number: int
    urgent: bool = False


class DiscardMessage(Struct, frozen=True):
    """Delete a message."""

    number: int
    why: Literal["too_short", "again"]


MessageAction = RecordMessage | LookIntoMailbox | RefuseMessage | StopMessage | KeepMessage | DiscardMessage


class EnterNode(Struct, frozen=True):
    """A node was entered."""

    node: NodeId
    kind: str


class InputResult(Struct, frozen=True):
    """A gather ended a round: `matched`, `no_input` or `no_match`; digits masked when the node is sensitive."""

    node: NodeId
    result: str
    digits: str


class AttributesSet(Struct, frozen=True):
    """Values of the call have changed; the language, too, as `language`."""

    node: NodeId
    values: dict[str, str]


class OrderOver(Struct, frozen=True):
    """What somebody wanted done in the call meanwhile is done, or will not be."""

    operation: str
    #: `played`, `matched`, `connected`...; `replaced`: by another order.
    result: str
    #: What was pressed, where that was asked for.
    digits: str = ""


class End(Struct, frozen=True):
    """The menu is over: hang up. `fault`: the menu itself went wrong (a loop without a pause)."""

    text: str
    fault: bool = False


QueueAction = JoinQueue | LeaveQueue | AgentMissed
MenuAction = (
    PlaySounds
    | StopSounds
    | Dial
    | StopDialling
    | QueueAction
    | AskBackend
    | PressKeys
    | MessageAction
    | EnterNode
    | InputResult
    | AttributesSet
    | Aftercare
    | OrderOver
    | End
)
