"""What a rehearsal is told of the world around its call, and what it tells of the call."""

from collections.abc import Callable, Collection
from typing import Literal

from msgspec import Struct, field

from edge.core.menus.parts import NodeId, Sound
from edge.core.queues.model import Refusal

#: How long agents of queues are rung who do not answer.
RING_OUT_MS = 20_000

What = Literal[
    "enter",
    "hear",
    "press",
    "input",
    "set",
    "transfer",
    "whisper",
    "ask",
    "callback",
    "survey",
    "do_not_call",
    "send",
    "answer",
    "queue",
    "record",
    "message",
    "end",
]
#: Who answers a call that we make. A machine beeps after its greeting, unless it is one without a beep.
WhoAnswers = Literal["human", "machine", "machine_without_beep", "fax", "unknown"]


class BackendAnswer(Struct, frozen=True, kw_only=True):
    """What a backend says."""

    outcome: Literal["ok", "failed", "timeout"] = "ok"
    answer: str = ""
    attributes: dict[str, str] = {}


class FreeAgent(Struct, frozen=True, kw_only=True):
    """An agent who has time for the caller."""

    #: Since the caller has joined.
    after_ms: int
    target: str
    #: How long he is rung who does not answer.
    ring_ms: int = RING_OUT_MS


class QueueThere(Struct, frozen=True, kw_only=True):
    """What a caller finds in a queue."""

    #: Why he is not taken in; empty: he is.
    refuses: Refusal | Literal[""] = ""
    #: Callers before him; every `moves_ms` there is one less. 0: they stay.
    ahead: int = 0
    moves_ms: int = 0
    #: What is estimated for each place.
    place_ms: int = 60_000
    agents: list[FreeAgent] = []
    max_wait_ms: int = 3_600_000


class World(Struct, frozen=True, kw_only=True):
    """Everybody but the caller."""

    #: Length of a sound, milliseconds.
    length_ms: Callable[[Sound], int]
    #: Gives the outcome of a target that is dialled, "" when it takes the call and hangs up after a while.
    outcome_of: Callable[[str], str]
    #: Gives what an endpoint says.
    answer_of: Callable[[str], BackendAnswer]
    #: Gives what is to be found in a queue.
    queue_of: Callable[[str], QueueThere] = lambda _name: QueueThere(refuses="no_agents")
    #: Messages can be recorded.
    records: bool = True
    #: Mailboxes that are full.
    full: Collection[str] = ()
    #: Who answered a call that we made; None: it is not told.
    answered: WhoAnswers | None = None


class Line(Struct, frozen=True):
    """Something that happened, in the words of people."""

    at_ms: int
    what: What
    text: str
    node: NodeId
    #: Values that were set, by name; what was sent to a backend.
    values: dict[str, str] = field(default_factory=dict)
    #: Of a real call, which hears a play sound by sound: characters of `text` that were heard before, and for how long
    #: it has been heard.
    known: int = 0
    since_ms: int = 0
