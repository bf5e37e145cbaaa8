"""One staged call's part of the world: its phone, those whom it may call, and what comes of calling them."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from edge.app.menu_part import Part
from edge.app.menu_prompts import Listener
from edge.app.phone import Phone
from edge.core.menus.parts import Whisper
from edge.core.menus.rehearsed_world import BackendAnswer, What

#: How a target refuses. What is not here does not come from a target, or from how it goes on (`not_accepted`).
STATUSES = {"busy": 486, "rejected": 603, "not_found": 404, "unreachable": 502, "failed": 500}
#: Those who make a queue what a test says call as this one.
CROWD = "crowd"


class Answers(Struct, kw_only=True):
    """What the world does in one call. Both are called on threads of their own and may take their time."""

    #: Gives the outcome of a transfer to a target, "" when it answers and hangs up after a while.
    outcome_of: Callable[[str], str]
    #: Gives what an endpoint says.
    answer_of: Callable[[str], BackendAnswer]
    #: How long targets ring before they answer, and talk.
    ring_ms: int
    talk_ms: int


class Witness(Protocol):
    """The call, as those see it who are called in it."""

    @property
    def whisper(self) -> Whisper | None:
        """What a target is told now before it is connected."""

    def listener(self, what: What) -> Listener:
        """Give somebody who hears sounds of the menu; what is heard becomes lines of the call."""


class Crowd(Protocol):
    """Those who are in the queues of a scene beside its caller."""

    def joined(self, queue: str) -> None:
        """Let things happen in a queue that the caller has joined."""

    def leave(self) -> None:
        """Have everybody hang up."""


class Scene(Struct):
    """One call's part of the world."""

    part: Part
    answers: Answers
    caller: Phone
    #: That of those who are in its queues beside the caller; None: it has no queues.
    crowd: Phone | None = None
    #: One for each trunk that is to be full.
    fillers: list[Phone] = []
    #: Who has come, of those.
    crowd_calls: Crowd | None = None
    #: Set once it is called.
    witness: Witness | None = None
