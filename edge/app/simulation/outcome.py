"""What became of a simulated campaign."""

from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from edge.core.dialer.abandonment import DAY_MS


class Sample(Struct, frozen=True):
    """Counts since the campaign's begin."""

    at_ms: int
    agent_ms: int
    idle_ms: int
    live: int
    abandoned: int


class Outcome:
    """Counts of one campaign. Times are milliseconds, shares 0 to 1."""

    def __init__(self) -> None:
        self.attempts = 0
        self.talk_ms = self.idle_ms = self.line_ms = 0
        #: Of agents who are logged in and do not pause.
        self._agents = 0
        self._agents_since = 0
        self.agent_ms = 0
        self.machines_to_agents = self.persons_refused = 0
        #: Moments of those who got an agent and of those who did not, and how long the first waited.
        self.connected_ms: list[int] = []
        self.waits_ms: list[int] = []
        self.abandoned_ms: list[int] = []
        self.samples: list[Sample] = []
        self.decisions: dict[str, int] = {"pacing": 0, "learning": 0, "budget": 0}

    def logged_in(self, now_ms: int) -> None:
        """Count one more agent."""
        self.agent_ms += self._agents * (now_ms - self._agents_since)
        self._agents, self._agents_since = self._agents + 1, now_ms

    def logged_out(self, now_ms: int) -> None:
        """Count one less."""
        self.agent_ms += self._agents * (now_ms - self._agents_since)
        self._agents, self._agents_since = self._agents - 1, now_ms

    def sample(self, now_ms: int) -> None:
        """Keep what has been counted until now, for a picture of how it went."""
        agent_ms = self.agent_ms + self._agents * (now_ms - self._agents_since)
        self.samples.append(Sample(now_ms, agent_ms, self.idle_ms, self.live, len(self.abandoned_ms)))

    def connected(self, now_ms: int, waited_ms: int) -> None:
        """Count a person who got an agent."""
        self.connected_ms.append(now_ms)
        if waited_ms:
            self.waits_ms.append(waited_ms)

    def abandoned(self, now_ms: int) -> None:
        """Count one who did not."""
        self.abandoned_ms.append(now_ms)

    def decided(self, because: str) -> None:
        """Count a decision."""
        self.decisions[because] += 1

    @property
    def live(self) -> int:
        """Persons who answered, as the rules count them."""
        return len(self.connected_ms) + len(self.abandoned_ms)

    @property
    def abandonment(self) -> float:
        """Share of them who found nobody."""
        return len(self.abandoned_ms) / max(self.live, 1)

    @property
    def utilisation(self) -> float:
        """Share of agents' time in which they talk or do the work after it."""
        return 1 - self.idle_ms / max(self.agent_ms, 1)

    def worst_window(self, days: float = 30) -> float:
        """Return the greatest share of abandoned calls of any window of so many days that ends with an answer.

        Windows that begin before the campaign are those since its begin: every prefix of it is one.
        """
        moments, abandoned = self._answers()
        if not len(moments):
            return 0.0
        begins = np.searchsorted(moments, moments - round(days * DAY_MS), side="right")
        before = np.concatenate([[0], np.cumsum(abandoned)])
        # Of several answers in one millisecond, a window holds all.
        ends = np.searchsorted(moments, moments, side="right")
        return float(((before[ends] - before[begins]) / (ends - begins)).max())

    def _answers(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        moments = np.array([*self.connected_ms, *self.abandoned_ms], np.int64)
        lost = np.zeros(len(moments), np.int64)
        lost[len(self.connected_ms) :] = 1
        order = np.argsort(moments, kind="stable")
        return moments[order], lost[order]

    def figures(self) -> dict[str, float]:
        """Return what is told: per agent hour, shares, seconds."""
        hours = max(self.agent_ms, 1) / 3_600_000
        connected = max(len(self.connected_ms), 1)
        waits = np.array(self.waits_ms or [0])
        return {
            "attempts": self.attempts,
            "live_answers": self.live,
            "connected": len(self.connected_ms),
            "abandoned": len(self.abandoned_ms),
            "abandonment": self.abandonment,
            "worst_window": self.worst_window(),
            "utilisation": self.utilisation,
            "talk_minutes_per_agent_hour": self.talk_ms / 60_000 / hours,
            "calls_per_agent_hour": len(self.connected_ms) / hours,
            "attempts_per_agent_hour": self.attempts / hours,
            "agent_wait_s": self.idle_ms / 1000 / connected,
            "callees_who_waited": len(self.waits_ms) / connected,
            "callee_wait_p95_s": float(np.percentile(waits, 95)) / 1000,
            "machines_to_agents": self.machines_to_agents,
            "persons_refused": self.persons_refused,
        }
