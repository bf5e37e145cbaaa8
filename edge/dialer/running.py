"""A campaign as it runs: its state, what keeps it from dialling, and how many calls begin now."""

from edge.core.dialer.campaign import CampaignState, Settings, Throttle
from edge.dialer.pacing import Pace
from edge.dialer.permission import Permissions
from edge.dialer.under import Under


class Running:
    """One campaign."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.permissions: Permissions | None = None
        self.throttle = Throttle()
        #: Of a campaign with agents whose rules are there.
        self.pace: Pace | None = None
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

    def saw_agents(
        self, before: dict[str, dict[str, list[int]]], now: dict[str, dict[str, list[int]]], now_ms: int
    ) -> None:
        """Take note of what the agents of its queue do from now on."""
        queue = self.settings.queue
        if self.pace is not None and queue in before and queue in now:
            self.pace.saw_agents(before[queue], now[queue], now_ms)

    def room(self, mine: list[Under], agents: dict[str, dict[str, list[int]]], now_ms: int, wall_ms: int) -> int:
        """Tell how many calls begin now: what channels and calls a second leave, and for agents what pacing says."""
        settings = self.settings
        room = self.throttle.room(settings, len(mine), now_ms)
        if not settings.queue:
            return room
        return self.pace.decide(room, mine, agents.get(settings.queue, {}), now_ms, wall_ms) if self.pace else 0
