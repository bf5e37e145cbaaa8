"""A campaign as it runs: its state, what keeps it from dialling, and how many calls begin now."""

from typing import Literal

from msgspec import Struct

from edge.core.dialer.campaign import CampaignState, Settings, Throttle
from edge.dialer.permission import Permissions

AttemptAt = Literal["leased", "dialled", "ringing", "answered", "connected"]


class Under(Struct):
    """An attempt under way. Moments are of a clock that never jumps."""

    campaign: str
    since_ms: int
    state: AttemptAt = "leased"
    #: When switch told of it, or was asked for it, last.
    asked_ms: int = 0

    def __post_init__(self) -> None:
        self.asked_ms = self.since_ms


class Running:
    """One campaign."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.permissions: Permissions | None = None
        self.throttle = Throttle()
        self.state: CampaignState = "stopped"
        #: Why it does not dial although it runs (`metrics.dialer.BLOCKS`), and more about it.
        self.blocked = ""
        self.why = ""
        self._until_ms = 0
        #: Calls that the rules did not let be made since the process began, by reason.
        self.refused: dict[str, int] = {}

    def block(self, blocked: str, until_ms: int, why: str) -> None:
        """Dial nothing until then."""
        self.blocked, self._until_ms, self.why = blocked, until_ms, why

    def resume(self) -> None:
        """Dial as soon as nothing speaks against it."""
        self.blocked, self.why, self._until_ms = "", "", 0

    def waits(self, now_ms: int) -> bool:
        """Tell whether it is blocked still."""
        if now_ms < self._until_ms:
            return True
        if self._until_ms:
            self.resume()
        return False

    def pace(self, room: int, mine: list[Under], agents: dict[str, dict[str, int]], now_ms: int) -> int:  # noqa: ARG002
        """Tell how many calls begin now; `room` is what channels and calls a second leave."""
        settings = self.settings
        if not settings.queue:
            return room
        ready = agents.get(settings.queue, {}).get("ready", 0)
        without_agent = sum(one.state != "connected" for one in mine)
        ratio = settings.ratio if settings.pacing == "power" else 1.0
        return max(0, min(room, int(ready * ratio) - without_agent))
