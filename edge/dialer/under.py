"""An attempt under way."""

from typing import Literal

from msgspec import Struct

AttemptAt = Literal["leased", "dialled", "ringing", "answered", "connected"]


class Under(Struct):
    """Moments are of a clock that never jumps."""

    campaign: str
    began_ms: int
    state: AttemptAt = "leased"
    #: Since when it has this state.
    since_ms: int = 0
    #: When switch told of it, or was asked for it, last.
    asked_ms: int = 0
    #: It was counted that it has found a person.
    found: bool = False

    def __post_init__(self) -> None:
        self.since_ms = self.since_ms or self.began_ms
        self.asked_ms = self.asked_ms or self.began_ms
