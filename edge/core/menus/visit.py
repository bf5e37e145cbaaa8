"""One stay of a call at a node, and what all nodes of a call share.

A kind of node is a module of `kinds`: its compiled form (a frozen Struct, tagged with its word) and its `Visit`. The
run makes a visit when a call enters a node, and drops it when the call goes on. A visit hears of everything by its
methods; each returns the node to go to, or None to stay. What it wants done, it tells `Walk`.
"""

from typing import ClassVar, Generic, TypeVar

from edge.core.deadline import Deadline
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.who import WhoAnswered
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import AnswerTold, End, MenuAction, MenuInput, PlaySounds, SoundChanged, Started

#: Digits kept for the next gather.
TYPE_AHEAD = 32

N = TypeVar("N")
#: The node to go to; None: stay.
Way = NodeId | None


class Walk:
    """What all nodes of a call share. Nodes read it, ask for actions, and set the one deadline."""

    def __init__(self, withheld: Withheld) -> None:
        self.now_ms = 0
        #: Name of the node that the call is at.
        self.node: NodeId = ""
        self.withheld = withheld
        #: When the node wants `time_up`, and why.
        self.deadline: Deadline | None = None
        #: Keys that were pressed before anything asked for them. An empty one is of a value that is withheld.
        self.ahead: list[str] = []
        #: The far end is loud. None: nothing was heard yet, so neither loud nor known to be quiet.
        self.loud: bool | None = None
        self.who = WhoAnswered()
        self.over = False
        self.actions: list[MenuAction] = []

    def begin(self, input: MenuInput, now_ms: int) -> None:  # noqa: A002
        """Take note of an input, before the node hears of it."""
        self.now_ms = now_ms
        self.actions = []
        if isinstance(input, Started):
            self.who.detected = input.detects_answer
        elif isinstance(input, SoundChanged):
            self.loud = input.on
        elif isinstance(input, AnswerTold):
            self.who.note(input.what)

    def do(self, action: MenuAction) -> None:
        """Ask for an action."""
        self.actions.append(action)

    def play(self, sounds: list[Sound], barge_in: bool) -> None:
        """Play sounds one after the other; `played` comes when they are over."""
        self.actions.append(PlaySounds(sounds, barge_in))

    def wait(self, ms: int, why: str) -> None:
        """Have `time_up` sent `ms` from now, and not at any other time."""
        self.deadline = Deadline(self.now_ms + ms, why)

    def keep(self, digit: str) -> None:
        """Keep a key for the next gather."""
        if len(self.ahead) < TYPE_AHEAD:
            self.ahead.append(digit)

    def end(self, text: str, *, fault: bool = False) -> None:
        """End the menu: the call is hung up."""
        self.over = True
        self.deadline = None
        self.actions.append(End(text, fault))


class Visit(Generic[N]):
    """A call at a node. Kinds override what concerns them; what they leave alone changes nothing."""

    #: Keys pressed meanwhile are for the next gather. Of a node that takes no time, too: keys go on through it.
    keeps_keys: ClassVar[bool] = True
    #: What the call does, for people and tests.
    state: str = "passing"

    def __init__(self, node: N, walk: Walk) -> None:
        self.node = node
        self.walk = walk

    def enter(self) -> Way:
        """Begin; returns the next node when the node takes no time."""
        raise NotImplementedError

    def key(self, digit: str) -> Way:
        """Take a key; an empty `digit` is one whose value is withheld."""
        if self.keeps_keys:
            self.walk.keep(digit)
        return None

    def flash(self) -> Way:
        """Take hook flash."""
        return None

    def played(self) -> Way:
        """Take the end of the sounds."""
        return None

    def time_up(self) -> Way:
        """Take the end of the deadline; whoever stays sets another one."""
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002, ARG002
        """Take any other input: what was heard, who answered, what came of something that was asked for."""
        return None

    def resumed(self) -> Way:
        """Go on after switch was restarted. Keys whose value is withheld are lost, and no longer in `walk.ahead`."""
        return None
