"""Events of calls that wait in queues, and of the agents who are offered them."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.ids import LegId

#: Why a call does not wait in a queue any more.
QueueLeaving = Literal["hung_up", "left", "callback", "full", "no_agents", "timed_out", "failed", "ended"]


class QueueEntered(Struct, frozen=True, tag="queue.entered", kw_only=True):
    """The call waits in a queue. `queue.connected` or `queue.left` follows; who is refused has `queue.left` alone."""

    queue: str
    #: 1: next.
    position: int
    #: How long it will take, as it is estimated now.
    estimate_ms: int
    #: Of the call: more comes first.
    priority: int = 0


class QueueAgentOffered(Struct, frozen=True, tag="queue.agent_offered", kw_only=True):
    """An agent is rung for the call, and for no other one."""

    queue: str
    agent: str
    waited_ms: int
    position: int
    #: Which of the call's agents in this queue, from 1.
    offer: int


class QueueAgentMissed(Struct, frozen=True, tag="queue.agent_missed", kw_only=True):
    """The agent is not to be had, and rests; the call keeps its place."""

    queue: str
    agent: str
    #: As that of the agent's leg.
    outcome: str
    ring_ms: int


class QueueConnected(Struct, frozen=True, tag="queue.connected", kw_only=True):
    """The call and an agent talk."""

    queue: str
    agent: str
    #: The agent's.
    leg: LegId
    waited_ms: int
    ring_ms: int
    offers: int


class AgentLineUp(Struct, frozen=True, tag="agent.line_up", kw_only=True):
    """The call stays up as an agent's line from now on: calls of queues are bridged to it.

    That it is gone is told by `call.ended`; what follows for the agent, by `agent.presence`.
    """

    agent: str
    leg: LegId


class QueueLeft(Struct, frozen=True, tag="queue.left", kw_only=True):
    """The call does not wait any more, and has not talked with an agent."""

    queue: str
    #: `hung_up`: by the caller; `left`, `callback`: by a key; `full`, `no_agents` (none who could ever take it),
    #: `timed_out`, `failed` (there is no such queue any more): it is not served; `ended`: by the appliance.
    reason: QueueLeaving
    waited_ms: int
    #: 0: it was not taken in.
    position: int
    #: Agents who were rung for it.
    offers: int = 0
