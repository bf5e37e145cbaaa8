"""What the caller says, recorded; and messages for a mailbox, which are that with a greeting.

- After the prompt and the beep the caller speaks. A key of `finish_on_key`, silence, or `max_length_ms` ends it. Such a
  key that is pressed over the prompt (with `barge_in`) skips the rest of it.
- What is shorter than `min_length_ms` is deleted: a failed round, as one without input of a gather. Then `no_input` is
  heard, of these the one that it is its turn of, and the prompt again; the last one goes to `failed`.
- With `review` the caller can listen, say it again, keep it or mark it as urgent. Whoever does nothing, or hangs up,
  keeps it.
- A mailbox with limits (`room`) is looked into before its greeting. When it is full, `full` is heard, and the call goes
  to `on_full`.
- When nothing can be recorded (a full disk), `trouble` is heard, and the call goes to `unavailable`.
"""

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.kinds.gather import Gather, GatherVisit
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.words import (
    DiscardMessage,
    InputResult,
    KeepMessage,
    LookIntoMailbox,
    MailboxSeen,
    MenuInput,
    MessageMade,
    RecordMessage,
    RefuseMessage,
    StopMessage,
    StopSounds,
)

#: Whoever records knows the length, too, and tells when it is over; these are for when it can't.
GRACE_MS = 2000
FINISH_MS = 8000
#: Whoever looks into a mailbox may be slow, or away; then the caller is let in: rather a message too many than none.
LOOK_MS = 1500

#: Ways of the review's gather, which are no nodes.
_LISTEN, _KEEP, _AGAIN, _URGENT = "listen", "keep", "again", "urgent"


class Review(Struct, frozen=True, kw_only=True):
    """What the caller can do with what was recorded."""

    #: Prompts and limits; its choices are the keys below.
    ask: Gather
    listen_key: str
    save_key: str
    rerecord_key: str
    #: Empty: nothing is urgent.
    urgent_key: str = ""
    #: Said when it is kept.
    saved: list[Sound] = []

    @property
    def choices(self) -> dict[str, str]:
        """What the keys do."""
        keys = {
            self.listen_key: _LISTEN,
            self.save_key: _KEEP,
            self.rerecord_key: _AGAIN,
            self.urgent_key: _URGENT,
        }
        return {key: what for key, what in keys.items() if key}


class Record(Struct, frozen=True, tag="record", kw_only=True):
    """Record what the caller says."""

    prompt: list[Sound] = []
    barge_in: bool = True
    beep: list[Sound] = []
    max_length_ms: int = 180_000
    min_length_ms: int = 1000
    #: Silence that ends it.
    silence_ms: int = 4000
    #: Each of these ends it.
    finish_on_key: str = "#"
    #: The attribute that the id of the message is kept in.
    into: str = ""
    #: Failed rounds before `failed`.
    max_failures: int = 3
    #: After the first failure, after the second...; the last one from then on.
    no_input: list[list[Sound]] = []
    review: Review | None = None
    #: Said when nothing can be recorded.
    trouble: list[Sound] = []
    next: NodeId
    failed: NodeId
    unavailable: NodeId
    #: Where messages lie; empty: with the recordings of the day.
    folder: str = ""


class Room(Struct, frozen=True, kw_only=True):
    """What fits into a mailbox. It is looked at as the greeting begins: who speaks already says all that he has to."""

    #: Messages, and how long they are together. None: there is no limit.
    messages: int | None = None
    length_ms: int | None = None

    def is_full(self, messages: int, length_ms: int) -> bool:
        """Say whether no further message fits in."""
        by_number = self.messages is not None and messages >= self.messages
        return by_number or (self.length_ms is not None and length_ms >= self.length_ms)


class Voicemail(Record, frozen=True, tag="voicemail", kw_only=True):
    """Take a message for a mailbox; `prompt` is its greeting."""

    mailbox: str
    #: Who is to be told.
    notify: list[str] = []
    #: Greetings by the outcome of the transfer before (`busy`, `no_answer`).
    greetings: dict[str, list[Sound]] = {}
    #: None: as much as the disk.
    room: Room | None = None
    #: Said when it is full, and then...
    full: list[Sound] = []
    on_full: NodeId = ""


class RecordVisit(Visit[Record]):
    """Prompt, beep, message, review."""

    keeps_keys = False
    state = "prompting"

    def __init__(self, node: Record, walk: Walk) -> None:
        super().__init__(node, walk)
        self._number = 0
        self._failures = 0
        #: The message that is reviewed.
        self._made: MessageMade | None = None
        self._review: GatherVisit | None = None
        #: Where to go when what is told now has been said.
        self._then: NodeId = ""

    @property
    def message(self) -> str:
        """The id of what was recorded, "" when nothing was."""
        return self._made.message if self._made is not None else ""

    # --- what happens

    def enter(self) -> Way:
        """Play the prompt."""
        self.walk.ahead.clear()
        return self._ask(self._prompt())

    def key(self, digit: str) -> Way:
        """End the message, or skip what is heard."""
        if self._review is not None:
            return self._reviewed(self._review.key(digit))
        if self.state == "listening":
            self.walk.do(StopSounds())
            self.walk.keep(digit)  # it answers what comes next
            return self._ask_review()
        if not digit or digit not in self.node.finish_on_key:
            return None
        if self.state == "prompting" and self.node.barge_in:
            self.walk.do(StopSounds())
            return self._beep()
        if self.state == "recording":
            self._stop(by_key=True)
        return None

    def flash(self) -> Way:
        """Hand it to the review, whose choices it is none of."""
        return self._reviewed(self._review.flash()) if self._review is not None else None

    def played(self) -> Way:
        """Go on with what comes after the sound."""
        if self._review is not None:
            return self._reviewed(self._review.played())
        match self.state:
            case "prompting":
                return self._beep()
            case "beeping":
                return self._record()
            case "listening":
                return self._ask_review()
            case "telling":
                return self._then
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Take the message, or that there is none."""
        if not isinstance(input, MessageMade) or input.number != self._number:
            return None
        if self.state not in {"recording", "finishing"}:
            return None
        self.walk.deadline = None
        if input.error:
            return self._tell(self.node.trouble, self.node.unavailable)
        if input.length_ms < self.node.min_length_ms:
            self.walk.do(DiscardMessage(self._number, "too_short"))
            return self._fail()
        self._made = input
        return self._ask_review() if self.node.review is not None else self._keep()

    def time_up(self) -> Way:
        """Stop what should have ended by itself; go on when its end is not told."""
        if self._review is not None:
            return self._reviewed(self._review.time_up())
        if self.state == "recording":
            self._stop(by_key=False)
            return None
        self.walk.do(KeepMessage(self._number))  # should there be one after all, somebody has said it
        return self._tell(self.node.trouble, self.node.unavailable)

    def resumed(self) -> Way:
        """Go on: media records by itself, and tells the end again."""
        return self._reviewed(self._review.resumed()) if self._review is not None else None

    # --- rounds

    def _prompt(self) -> list[Sound]:
        return self.node.prompt

    def _ask(self, sounds: list[Sound]) -> Way:
        self.state = "prompting"
        self.walk.deadline = None
        return None if self.walk.play(sounds, self.node.barge_in) else self._beep()

    def _beep(self) -> Way:
        self.state = "beeping"
        return None if self.walk.play(self.node.beep, False) else self._record()

    def _record(self) -> Way:
        node, walk = self.node, self.walk
        self.state = "recording"
        walk.messages += 1
        self._number = walk.messages
        mailbox, notify = (node.mailbox, node.notify) if isinstance(node, Voicemail) else ("", list[str]())
        walk.do(
            RecordMessage(
                number=self._number,
                node=walk.node,
                mailbox=mailbox,
                folder=node.folder,
                notify=notify,
                silence_ms=node.silence_ms,
                longest_ms=node.max_length_ms,
                least_ms=node.min_length_ms,
            )
        )
        walk.wait(node.max_length_ms + GRACE_MS, "end of a message")
        return None

    def _stop(self, *, by_key: bool) -> None:
        self.state = "finishing"
        self.walk.do(StopMessage(self._number, by_key))
        self.walk.wait(FINISH_MS, "file of a message")

    def _fail(self) -> Way:
        node = self.node
        self.walk.do(InputResult(self.walk.node, "no_input", ""))
        self._failures += 1
        if self._failures >= node.max_failures:
            return node.failed
        said = node.no_input[min(self._failures, len(node.no_input)) - 1] if node.no_input else []
        return self._ask([*said, *self._prompt()])

    # --- review

    def _ask_review(self) -> Way:
        review = self.node.review
        if review is None:
            return self._keep()
        ask = replace(review.ask, choices=review.choices, failed=_KEEP)
        self._review = GatherVisit(ask, self.walk)
        self.state = "reviewing"
        return self._reviewed(self._review.enter())

    def _reviewed(self, way: Way) -> Way:
        """Do what the caller wants."""
        if way is None:
            return None
        self._review = None
        self.walk.deadline = None
        match way:
            case "listen" if self._made is not None:
                self.state = "listening"
                return None if self.walk.play([Sound(self._made.path, "message")], True) else self._ask_review()
            case "again":
                self.walk.do(DiscardMessage(self._number, "again"))
                return self._beep()
            case _:
                return self._keep(urgent=way == _URGENT)

    def _keep(self, *, urgent: bool = False) -> Way:
        self.walk.do(KeepMessage(self._number, urgent))
        if self.node.into and self._made is not None:
            self.walk.set_values({self.node.into: self._made.message})
        return self._tell(self.node.review.saved if self.node.review is not None else [], self.node.next)

    def _tell(self, sounds: list[Sound], then: NodeId) -> Way:
        self.state, self._then = "telling", then
        return None if self.walk.play(sounds, False) else then


class VoicemailVisit(RecordVisit):
    """The greeting says why nobody answered, where the mailbox has one for that; a full mailbox says that it is."""

    def enter(self) -> Way:
        """Look whether there is room, then play the greeting."""
        node = self.node
        if not isinstance(node, Voicemail) or node.room is None:
            return super().enter()
        self.walk.ahead.clear()
        self.state = "looking"
        self.walk.do(LookIntoMailbox(node.mailbox, node.folder))
        self.walk.wait(LOOK_MS, "a look into the mailbox")
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Take how full the mailbox is, too."""
        if not isinstance(input, MailboxSeen):
            return super().told(input)
        node = self.node
        if self.state != "looking" or not isinstance(node, Voicemail) or node.room is None:
            return None
        if not node.room.is_full(input.messages, input.length_ms):
            return super().enter()
        self.walk.deadline = None
        refused = RefuseMessage(
            node=self.walk.node,
            mailbox=node.mailbox,
            notify=node.notify,
            messages=input.messages,
            length_ms=input.length_ms,
        )
        self.walk.do(refused)
        return self._tell(node.full, node.on_full)

    def time_up(self) -> Way:
        """Go on when nobody says how full it is."""
        return super().enter() if self.state == "looking" else super().time_up()

    def _prompt(self) -> list[Sound]:
        node = self.node
        special = node.greetings.get(self.walk.outcome, []) if isinstance(node, Voicemail) else []
        return special or node.prompt
