"""An attempt under way."""

from typing import Literal

from msgspec import Struct

AttemptAt = Literal["leased", "dialled", "ringing", "answered", "waiting", "missed", "connected"]
#: A person was found, and pacing has been told.
FOUND: frozenset[AttemptAt] = frozenset({"waiting", "missed", "connected"})


class Under(Struct):
    """Moments are of a clock that never jumps."""

    campaign: str
    began_ms: int
    state: AttemptAt = "leased"
    #: Since when it has this state.
    since_ms: int = 0
    #: When switch told of it, or was asked for it, last.
    asked_ms: int = 0
    #: It was counted that it has found a person, or has ended without one.
    found: bool = False
    #: It was counted that an agent was there for him in time, or nobody was.
    settled: bool = False

    def __post_init__(self) -> None:
        self.since_ms = self.since_ms or self.began_ms
        self.asked_ms = self.asked_ms or self.began_ms
