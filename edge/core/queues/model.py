"""What queues are made of: agents, queues, and the places of callers in them."""

from typing import Literal, NamedTuple

from msgspec import Struct, field

from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private

#: Among agents of one tier: who has not talked for the longest, each in turn, or as they are listed.
Strategy = Literal["longest_idle", "round_robin", "in_order"]
#: Values of a call that an agent may have to have as a skill.
Match = Literal["skill", "language", "customer_type"]
#: `wrap_up`: busy with what the last talk was about. `resting`: did not answer, so is not rung for a while.
AgentState = Literal["ready", "ringing", "talking", "wrap_up", "resting"]
#: `full`: as many wait as may. `no_agents`: nobody here could ever take the call.
Refusal = Literal["full", "no_agents", "timed_out", "failed"]


class Ticket(NamedTuple):
    """One stay of a call in a queue; `number` counts the stays of a call."""

    call: CallId
    number: int


class AgentTerms(Struct, frozen=True, kw_only=True):
    """A person who takes calls. He is one and the same in all queues."""

    name: str
    target: Private
    trunk: str = ""
    #: None: takes every call.
    skills: frozenset[str] = frozenset()
    #: How long he is rung at the most; 0: as the queue says.
    max_ring_ms: int = 0
    #: Not rung for so long after a talk.
    wrap_up_ms: int = 0
    #: Not rung for so long after he did not answer.
    rest_ms: int = 60_000

    def covers(self, wants: frozenset[str]) -> bool:
        """Say whether he can take who wants these skills."""
        return not self.skills or wants <= self.skills


class Member(Struct, frozen=True, kw_only=True):
    """An agent as one of a queue."""

    agent: str
    #: Lower ones are asked first.
    tier: int = 1


class QueueTerms(Struct, frozen=True, kw_only=True):
    """A queue as the site has it; times in milliseconds."""

    name: str
    members: list[Member] = []
    strategy: Strategy = "longest_idle"
    match: list[Match] = field(default_factory=lambda: ["skill"])
    max_waiting: int = 100
    max_wait_ms: int = 3_600_000
    ring_timeout_ms: int = 20_000
    #: What one point of priority is worth in waiting; 0: who has more comes first, however long others wait.
    ageing_ms: int = 30_000
    #: Handling time of a call until so many were measured.
    handling_ms: int = 180_000
    measured: int = 20
    service_level_ms: int = 20_000


class Settings(Struct, frozen=True, kw_only=True):
    """All agents and queues of a site."""

    agents: list[AgentTerms] = []
    queues: list[QueueTerms] = []


# --- inputs -----------------------------------------------------------------------------------------------------------


class Configured(Struct, frozen=True):
    """The site is another one. Who talks or is rung goes on; who can be served no more is told."""

    settings: Settings


class Join(Struct, frozen=True, kw_only=True):
    """A caller wants to be served."""

    ticket: Ticket
    queue: str
    priority: int = 0
    #: Values of the call; the queue says which of them count.
    values: dict[str, str] = {}


class Left(Struct, frozen=True):
    """The caller is not in the queue any more: he hung up, or went elsewhere. Whoever was rung for him is free."""

    ticket: Ticket


class Answered(Struct, frozen=True):
    """The agent who was rung talks with the caller."""

    ticket: Ticket


class Missed(Struct, frozen=True):
    """The agent who was rung is not to be had; the caller keeps his place."""

    ticket: Ticket
    #: False: it was not for him that they did not come together.
    rests: bool = True


class Finished(Struct, frozen=True):
    """The agent does not talk with the caller any more."""

    ticket: Ticket


class Gone(Struct, frozen=True):
    """The call is over, whatever was told of it."""

    call: CallId


class Elapsed(Struct, frozen=True):
    """The deadline passed."""


class Stay(Struct, frozen=True, kw_only=True):
    """A stay as its call knows it after a restart."""

    ticket: Ticket
    queue: str
    priority: int
    values: dict[str, str]
    joined_ms: int
    state: Literal["waiting", "ringing", "talking"]
    agent: str = ""
    #: When the agent was rung, or the talk began.
    since_ms: int = 0
    #: What the caller was told last; 0: nothing.
    position: int = 0


class AgentMark(Struct, frozen=True, omit_defaults=True):
    """What is remembered of an agent beside his calls."""

    idle_since_ms: int = 0
    #: Wraps up, or rests, until then; 0: does not.
    until_ms: int = 0
    rests: bool = False


class Marks(Struct, frozen=True, omit_defaults=True):
    """What is remembered across a restart beside the calls. Times are those of one run of the machine."""

    agents: dict[str, AgentMark] = {}
    #: Handling times that were measured last, by queue.
    handled_ms: dict[str, list[int]] = {}
    #: Who was asked last, by queue.
    asked: dict[str, str] = {}


class Restored(Struct, frozen=True):
    """The process was restarted: these stays are in the calls that were rebuilt."""

    stays: list[Stay]
    marks: Marks = Marks()


Input = Configured | Join | Left | Answered | Missed | Finished | Gone | Elapsed | Restored

# --- actions ----------------------------------------------------------------------------------------------------------


class Told(Struct, frozen=True, kw_only=True):
    """Tell a caller where he stands."""

    ticket: Ticket
    #: 1: next.
    position: int
    #: From now on, milliseconds.
    estimate_ms: int


class Offered(Struct, frozen=True, kw_only=True):
    """Ring an agent for a caller. `Answered`, `Missed` or `Left` follows."""

    ticket: Ticket
    agent: AgentTerms
    ring_ms: int


class Closed(Struct, frozen=True):
    """A caller is not served here, and is in the queue no more."""

    ticket: Ticket
    reason: Refusal


Action = Told | Offered | Closed
