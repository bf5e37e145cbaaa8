"""One stay of a call in a queue."""

from typing import Literal

from msgspec import Struct

from edge.core.calls.inputs import Handed
from edge.vocabulary.ids import LegId


class CallStay(Struct, kw_only=True):
    """One stay; the exchange reads it when it is restarted."""

    number: int
    queue: str
    priority: int
    values: dict[str, str]
    joined_ms: int
    state: Literal["waiting", "ringing", "talking"] = "waiting"
    #: Since when an agent is rung, or talks.
    since_ms: int = 0
    agent: str = ""
    #: The agent's.
    leg: LegId | None = None
    #: As told last; 0: not yet.
    position: int = 0
    estimate_ms: int = 0
    #: Agents who were offered so far.
    offers: int = 0
    #: The line of the agent who is offered, until it is borrowed; what is heard on it as the call comes.
    line: Handed | None = None
    tone: str = ""
    #: The agent is the call's first leg (`agent_led`); how long he was rung, and whether he has talked with anybody.
    led: bool = False
    rang_ms: int = 0
    connected: bool = False
