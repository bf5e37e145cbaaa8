"""The agents: what each is doing, and who of them is asked next."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from edge.core.queues.agent import HANDLING, Agent, first_presence
from edge.core.queues.model import AgentState, AgentTerms, QueueTerms
from edge.vocabulary.ids import CallId


class Roster:
    """All agents of a site."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        #: Who was asked last, by queue.
        self.asked: dict[str, str] = {}
        self._spent: Counter[AgentState] = Counter()
        self._handled: Counter[tuple[str, AgentState]] = Counter()
        #: Lines of agents whom no site names any more.
        self._left_lines: list[CallId] = []

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents.values())

    def get(self, name: str) -> Agent | None:
        """Find an agent."""
        return self._agents.get(name)

    def configure(self, agents: Iterable[AgentTerms], now_ms: int) -> None:
        """Know these, and nobody else as soon as his call is over."""
        known = {terms.name: terms for terms in agents}
        for name in [name for name, one in self._agents.items() if name not in known and one.ticket is None]:
            line = self._agents.pop(name).line
            self._left_lines += [line] if line is not None else []
        for name, terms in known.items():
            if name in self._agents:
                self._agents[name].configure(terms, now_ms)
            else:
                self._agents[name] = Agent(
                    terms=terms,
                    since_ms=now_ms,
                    idle_since_ms=now_ms,
                    presence=first_presence(terms),
                    presence_since_ms=now_ms,
                    booked_ms=now_ms,
                )

    def able(self, queue: QueueTerms, wants: frozenset[str]) -> list[Agent]:
        """List the agents of a queue who could take a call, whatever they do now: they pause, but are not away."""
        found = (self._agents.get(member.agent) for member in queue.members)
        return [
            agent for agent in found if agent is not None and agent.presence != "away" and agent.terms.covers(wants)
        ]

    def choose(self, queue: QueueTerms, wants: frozenset[str]) -> Agent | None:
        """Choose who is rung; None: nobody is ready who could take it."""
        names = [member.agent for member in queue.members]
        asked = self.asked.get(queue.name, "")
        after = names.index(asked) + 1 if asked in names else 0
        best: tuple[Any, Agent] | None = None
        for at, member in enumerate(queue.members):
            agent = self._agents.get(member.agent)
            if agent is None or not agent.available or not agent.terms.covers(wants):
                continue
            turn = {
                "longest_idle": agent.idle_since_ms,
                "round_robin": (at - after) % len(names),
                "in_order": at,
            }[queue.strategy]
            rank = (member.tier, turn, at)
            if best is None or rank < best[0]:
                best = (rank, agent)
        if best is None:
            return None
        self.asked[queue.name] = best[1].terms.name
        return best[1]

    def take_spare_lines(self) -> list[CallId]:
        """Give the lines that nobody needs any more; nobody has them from now on."""
        spare, self._left_lines = self._left_lines, []
        for agent in self._agents.values():
            line = agent.spare_line
            if line is not None:
                spare.append(line)
                agent.line, agent.line_up = None, False
        return spare

    def ready(self, queue: QueueTerms) -> list[str]:
        """Name the agents of a queue who could be rung now: of lower tiers first, then who has not talked longest."""
        found = [(member.tier, at, self._agents.get(member.agent)) for at, member in enumerate(queue.members)]
        able = [(tier, one.idle_since_ms, at, one) for tier, at, one in found if one is not None and one.available]
        return [one.terms.name for _, _, _, one in sorted(able, key=lambda each: each[:3])]

    def rested(self, now_ms: int) -> None:
        """Let those have calls again whose pause is over."""
        for agent in self._agents.values():
            if agent.state in {"wrap_up", "resting"} and agent.until_ms <= now_ms:
                agent.free(now_ms)

    def book(self, now_ms: int) -> None:
        """Count the time of all up to now."""
        for agent in self._agents.values():
            shown, passed_ms = agent.shown, agent.book(now_ms)
            self._spent[shown] += passed_ms
            if agent.state in HANDLING and agent.works_for:
                self._handled[agent.works_for, agent.state] += passed_ms

    def take_handled(self) -> Counter[tuple[str, AgentState]]:
        """Give the milliseconds of talks and wrap-ups by queue and state, since they were taken last."""
        taken, self._handled = self._handled, Counter()
        return taken

    def take_spent(self) -> Counter[AgentState]:
        """Give the milliseconds of all by state, since they were taken last."""
        taken, self._spent = self._spent, Counter()
        return taken

    @property
    def next_ms(self) -> int | None:
        """When the next pause is over."""
        return min((one.until_ms for one in self._agents.values() if one.state in {"wrap_up", "resting"}), default=None)
