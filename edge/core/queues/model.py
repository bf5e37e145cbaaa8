"""What queues are made of: agents, queues, and the places of callers in them."""

from typing import Literal, NamedTuple

from msgspec import Struct, field

from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private

#: Among agents of one tier: who has not talked for the longest, each in turn, or as they are listed.
Strategy = Literal["longest_idle", "round_robin", "in_order"]
#: Values of a call that an agent may have to have as a skill.
Match = Literal["skill", "language", "customer_type"]
#: What an agent does. `wrap_up`: busy with what the last talk was about. `resting`: did not answer, so is not rung for
#: a while. `previewing`: looks at somebody who may be called then.
Activity = Literal["ready", "previewing", "ringing", "talking", "wrap_up", "resting"]
#: Whether an agent takes calls: he does, he does not for a while, or he is not at work.
Presence = Literal["here", "paused", "away"]
#: What people see of both: what he does while a call is at him, else whether he takes calls.
AgentState = Literal["ready", "previewing", "ringing", "talking", "wrap_up", "resting", "paused", "logged_out"]
#: What is asked for an agent. `ready` ends a pause, and wrapping up and resting, too.
PresenceWish = Literal["log_in", "log_out", "pause", "ready"]
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
    #: He is away until he logs in. Without a `target` he says where he is by the phone that he does it from.
    signs_in: bool = False
    #: One leg stays up over all his calls. He takes calls while it is up, so he logs in, too.
    nailed_up: bool = False

    @property
    def logs_in(self) -> bool:
        """Whether he is away until he logs in."""
        return self.signs_in or self.nailed_up

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

    @property
    def names(self) -> set[str]:
        """Names of its agents."""
        return {member.agent for member in self.members}


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


class Held(Struct, frozen=True, kw_only=True):
    """An agent of a queue who is ready is kept for a call that may be made; `Taken` or `Left` follows."""

    ticket: Ticket
    queue: str
    agent: str


class Taken(Struct, frozen=True):
    """The call that an agent was kept for is made: he is rung."""

    ticket: Ticket


class WrappedUp(Struct, frozen=True):
    """An agent is done with what the last talk was about. Whoever pauses goes on to."""

    agent: str


class PresenceWanted(Struct, frozen=True, kw_only=True):
    """An agent, or somebody for him, says whether he takes calls. A talk goes on whatever is said."""

    agent: str
    wish: PresenceWish
    #: Of a pause.
    reason: str = ""
    #: Of a log-in: where he is rung until he logs out; None: where the site says.
    target: Private | None = None
    trunk: str = ""
    #: The call in which he said so; empty: somebody else did.
    call: CallId | None = None
    #: Of a log-in: that call is to be his line.
    on_line: bool = False


class LineSet(Struct, frozen=True, kw_only=True):
    """A call is an agent's line; `up`: other calls can have his leg."""

    agent: str
    call: CallId
    up: bool


class LineGone(Struct, frozen=True, kw_only=True):
    """An agent's line is over, or there is no way to call him (`call`: None)."""

    agent: str
    call: CallId | None
    #: By himself.
    hung_up: bool = False


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
    #: Empty: as the site has him at first.
    presence: Presence | Literal[""] = ""
    reason: str = ""
    since_ms: int = 0
    #: Where he is, if he said so.
    target: str = ""
    trunk: str = ""


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
    lines: list[LineSet] = []


Input = (
    Configured
    | Join
    | Held
    | Taken
    | Left
    | Answered
    | Missed
    | Finished
    | WrappedUp
    | PresenceWanted
    | LineSet
    | LineGone
    | Gone
    | Elapsed
    | Restored
)

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
    #: The call that is his line; None: ring him.
    line: CallId | None = None


class Closed(Struct, frozen=True):
    """A caller is not served here, and is in the queue no more."""

    ticket: Ticket
    reason: Refusal


class PresenceChanged(Struct, frozen=True, kw_only=True):
    """Tell of an agent that he takes calls, or takes none, from now on."""

    agent: str
    presence: Presence
    reason: str = ""
    #: How long it was as it was before, and what that was; 0 after the machine was started.
    before: Presence
    lasted_ms: int
    call: CallId | None = None


class LineWanted(Struct, frozen=True):
    """Call an agent, for his leg to stay up. `LineSet` or `LineGone` follows."""

    agent: AgentTerms


class LineReleased(Struct, frozen=True):
    """An agent's line is not wanted any more."""

    call: CallId


#: What is told of a place.
PlaceAction = Told | Offered | Closed
Action = PlaceAction | PresenceChanged | LineWanted | LineReleased
