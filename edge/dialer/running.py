"""A campaign as it runs: its state, what keeps it from dialling, and how many calls begin now."""

from edge.core.dialer.campaign import CampaignState, Settings, Throttle
from edge.dialer.pacing import Pace
from edge.dialer.permission import Permissions
from edge.dialer.under import Under

#: A campaign that the rules hold up as a whole, or that switch takes no calls of, is tried again then.
BACK_OFF_MS = 2000
#: One whose calls cannot be dialled waits twice as long each time, and so long at most.
HELD_MOST_MS = 30_000


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
        #: Calls in a row that could not be dialled, and when the last one could not.
        self._failures, self._failed_ms = 0, 0
        #: Calls that the rules did not let be made since the process began, by reason.
        self.refused: dict[str, int] = {}

    def block(self, blocked: str, until_ms: int, why: str) -> None:
        """Dial nothing until then."""
        self.blocked, self._until_ms, self.why = blocked, until_ms, why

    def resume(self) -> None:
        """Dial as soon as nothing speaks against it."""
        self.blocked, self.why, self._until_ms = "", "", 0

    def hold_back(self, now_ms: int, why: str) -> None:
        """Take note that a call could not be dialled: the trunk is full, say, or down. The pause grows each time."""
        self._failed_ms = now_ms
        if now_ms >= self._until_ms:  # of those that were begun together only one counts
            self._failures += 1
            pause_ms = min(HELD_MOST_MS, BACK_OFF_MS << min(self._failures - 1, 10))
            self.block("refused", now_ms + pause_ms, why)

    def got_through(self, under: Under) -> None:
        """Take note that a call was dialled."""
        if under.began_ms >= self._failed_ms:
            self._failures = 0

    def freed(self) -> None:
        """Take note that a call of ours is over: there may be room for another one."""
        if self._failures:
            self.resume()

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
        if self._failures:  # one goes ahead
            tried = any(one.state in {"leased", "dialled"} and one.began_ms >= self._failed_ms for one in mine)
            room = 0 if tried else min(room, 1)
        if not settings.queue:
            return room
        return self.pace.decide(room, mine, agents.get(settings.queue, {}), now_ms, wall_ms) if self.pace else 0
