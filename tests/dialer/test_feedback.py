"""What the real engine tells pacing is what the simulator tells it: the same decisions, moment for moment.

The world of the simulator has its callees and agents; its calls are dialled by the engine over a real store, which
hears of them only what switch would tell. The world decides along by what it sees itself.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from edge.app.simulation.scenario import Draws, Scenario
from edge.app.simulation.world import BEGIN_MS, World
from edge.core.dialer.pacing import Decision, Observation, PacingTerms, decide
from edge.dialer.pacing import Pace
from edge.vocabulary.commands import AgentsTold, AttemptTold
from edge.vocabulary.dialing import AttemptOrder, Disposition, Next
from tests.dialer.world import CAMPAIGN, RULES, House, contact, settings

SEED = 20261122
QUEUE = "sales"
SCENARIO = Scenario(
    agents=15,
    answer_rate=0.5,
    machines=0.0,
    talk_s=45,
    wrap_up_s=12,
    detector=False,
    lines=500,
    calls_per_second=500,
    days=1,
)
SETTINGS = settings(
    queue=QUEUE, pacing="predictive", max_channels=500, calls_per_second=500, ring_timeout_ms=22_000, hang_up_on=[]
)


class Shared(World):
    """The world; `house` has the engine, which is told of it as switch would."""

    def __init__(self, house: House, terms: PacingTerms, scenario: Scenario) -> None:
        super().__init__(scenario, terms, Draws(scenario, SEED))
        self.house = house
        #: Attempts that ring, by their end and how long they last; who waits; whom an agent talks with.
        self.rings: dict[tuple[int, int], list[str]] = defaultdict(list)
        self.waiters: dict[int, str] = {}
        self.talks: dict[int, str] = {}
        self.found = ""
        self.states: dict[int, str] = {}
        self.decisions: list[tuple[Decision, Decision]] = []

    # --- what switch would tell

    def tell(self, attempt: str, state: Any, **more: Any) -> None:
        self.sync()
        self.house.engine.hear(AttemptTold(attempt=attempt, state=state, **more))

    def end(self, attempt: str, disposition: Disposition) -> None:
        self.tell(attempt, "ended", disposition=disposition, ended_ms=self._now, next=Next(step="done"))

    def tell_agents(self) -> None:
        self.sync()
        found: dict[str, list[int]] = defaultdict(list)
        for agent, state in self.states.items():
            found[state].append(self._since[agent] - self.house.begun_ms)
        self.house.engine.hear(AgentsTold({QUEUE: dict(found)}))

    def sync(self) -> None:
        self.house.now_ms = self._now - self.house.begun_ms
        for ages in (self._ringing, self._talking, self._wrap_up):
            ages.advance(self._now)

    # --- decisions

    def _dial(self) -> None:
        now = self._now
        self._last_decision = now
        self.sync()
        self.tell_agents()
        busy = self._ringing.total + self._talking.total + len(self._waiting)
        self._bucket, self._bucket_at = min(self._bucket + (now - self._bucket_at) * 0.5, 500.0), now
        seen = Observation(
            ready=len(self._ready),
            talking=self._talking,
            wrap_up=self._wrap_up,
            ringing=self._ringing,
            waiting=len(self._waiting),
            room=min(500 - busy, int(self._bucket)),
        )
        expected = decide(self._state, seen, self.house.wall_ms)
        self.house.engine.tick()
        orders = [one for one in self.house.to_switch if isinstance(one, AttemptOrder)]
        self.house.to_switch.clear()
        pace = self.house.engine.campaigns[CAMPAIGN].pace
        assert pace is not None
        self.decisions.append((expected, pace.last))
        self.outcome.decided(expected.because)
        self._bucket -= len(orders)
        for order in orders:
            self.dialled(order.attempt)

    def dialled(self, attempt: str) -> None:
        """As `_attempt`, which names none."""
        self.outcome.attempts += 1
        self._ringing.add(self._now)
        drawn, kind, lasts, other_kind, other_lasts = self._draws.attempt()
        if drawn >= self._answer_rate:
            kind, lasts = other_kind, other_lasts
        self._push(self._now + lasts, kind, lasts)
        self.rings[self._now + lasts, lasts].append(attempt)
        self.house.engine.hear(AttemptTold(attempt=attempt, state="dialled"))

    # --- what happens

    def _end_ringing(self, lasted_ms: int, *, live: bool) -> None:
        super()._end_ringing(lasted_ms, live=live)
        if not live:
            self.end(self.rings[self._now, lasted_ms].pop(), "no_answer")

    def _answered(self, lasted_ms: int, *, person: bool) -> None:
        self.found = self.rings[self._now, lasted_ms].pop()
        self.tell(self.found, "answered")
        if not self._ready:
            self.tell(self.found, "waiting")
            self.waiters[(self._waited + 1) & 0xFFFFF] = self.found
        super()._answered(lasted_ms, person=person)

    def _become_ready(self, agent: int) -> None:
        if self._waiting:
            self.found = self.waiters.pop(next(iter(self._waiting)))
        super()._become_ready(agent)
        if agent in self._ready:
            self.states[agent] = "ready"
            self.tell_agents()

    def _leave(self, agent: int) -> None:
        super()._leave(agent)
        self.states[agent] = "logged_out"
        self.tell_agents()

    def _talk(self, agent: int, waited_ms: int, *, person: bool) -> None:
        self.sync()
        super()._talk(agent, waited_ms, person=person)
        self.talks[agent] = self.found
        self.states[agent] = "talking"
        self.tell(self.found, "connected")
        self.tell_agents()

    def _talked(self, agent: int) -> None:
        self.sync()
        super()._talked(agent)
        self.states[agent] = "wrap_up"
        self.end(self.talks.pop(agent), "connected")
        self.tell_agents()

    def _wrapped(self, agent: int) -> None:
        self.sync()
        self.states[agent] = "paused"
        super()._wrapped(agent)
        self.tell_agents()

    def _gone(self, caller: int) -> None:
        lost = caller in self._waiting
        super()._gone(caller)
        if lost:
            attempt = self.waiters.pop(caller)
            self.tell(attempt, "missed", abandoned=True)
            self.end(attempt, "abandoned")


class AgentsHouse(House):
    """A house whose clock is the simulator's."""

    begun_ms = 0

    @property
    def wall_ms(self) -> int:
        return self.begun_ms + self.now_ms


def run(tmp_path: Path, scenario: Scenario, attempts: int) -> Shared:
    house = AgentsHouse(tmp_path)
    house.begun_ms = BEGIN_MS - 16_000  # of whole cells, so that both clocks count ages alike
    house.settings = SETTINGS
    house.now_ms = 16_000
    house.add([contact(index) for index in range(attempts + 100)])
    house.start()
    house.begin()
    terms = Pace(SETTINGS, RULES.abandonment)._state.terms
    world = Shared(house, terms, scenario)
    world.run(attempts)
    return world


def test_the_engine_decides_as_the_simulator_does(tmp_path: Path) -> None:
    world = run(tmp_path, SCENARIO, 700)
    differing = [(at, expected, found) for at, (expected, found) in enumerate(world.decisions) if expected != found]
    assert differing[:5] == []
    assert world.outcome.attempts >= 700
    assert {"learning", "pacing"} <= {name for name, count in world.outcome.decisions.items() if count}
    assert max(found.dial for _, found in world.decisions) > 1
    assert 0 < world.outcome.abandonment <= RULES.abandonment.ceiling_per_mille / 1000
    pace = world.house.engine.campaigns[CAMPAIGN].pace
    assert pace is not None
    assert pace._state.wrap_up.seen == world.state.wrap_up.seen > 250
    assert pace._state.ledger.since_begin == world.state.ledger.since_begin
