import random
from typing import Any

import pytest

from edge.app.simulation.outcome import Outcome
from edge.app.simulation.scenario import Draws, Scenario
from edge.app.simulation.world import BEGIN_MS, World
from edge.core.dialer.abandonment import DAY_MS
from edge.core.dialer.pacing import Pacing, PacingTerms
from edge.core.dialer.ruleset import AbandonmentRule

RULE = AbandonmentRule(ceiling_per_mille=30, period_ms=30 * DAY_MS, connect_within_ms=2000)
SEED = 20261122


def made(scenario: Scenario, pacing: Pacing, seed: int = SEED, *, oracle: bool = False, ratio: float = 1.0) -> Outcome:
    terms = PacingTerms(pacing=pacing, rule=RULE, ratio=ratio)
    return World(scenario, terms, Draws(scenario, seed), oracle=oracle).run()


def test_chance_comes_from_the_seed_alone() -> None:
    scenario = Scenario(agents=10, days=0.2, weather="jumps", least_agents=0.6)
    first, second, other = (made(scenario, "predictive", seed).figures() for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_every_attempt_ends_and_everybody_who_answers_is_served_or_abandoned() -> None:
    scenario = Scenario(agents=20, days=2, detector=False, machines=0.0)
    world = World(scenario, PacingTerms(pacing="predictive", rule=RULE), Draws(scenario, SEED))
    outcome = world.run()
    assert world.state.answers.attempts == outcome.attempts
    assert world.state.answers.answers == outcome.live
    tally = world.state.ledger.since_begin
    assert (tally.served, tally.abandoned) == (len(outcome.connected_ms), len(outcome.abandoned_ms))
    assert world.state.talk.seen == world.state.wrap_up.seen == len(outcome.connected_ms)
    assert 0.25 < outcome.live / outcome.attempts < 0.32  # of 0.3 a few would have answered after the ring limit
    assert outcome.decisions["budget"] < outcome.decisions["pacing"]


def test_agents_time_is_talk_work_and_waiting() -> None:
    outcome = made(Scenario(agents=8, days=1, talk_s=90, wrap_up_s=0, pauses=0), "progressive")
    assert outcome.agent_ms == pytest.approx(8 * 8 * 3_600_000, rel=0.02)
    assert outcome.talk_ms + outcome.idle_ms == pytest.approx(outcome.agent_ms, rel=0.02)


def test_progressive_abandons_nobody_and_the_oracle_lets_nobody_wait() -> None:
    scenario = Scenario(agents=20, days=0.5, weather="jumps", least_agents=0.5)
    progressive, predictive = made(scenario, "progressive"), made(scenario, "predictive")
    oracle = made(scenario, "progressive", oracle=True)
    assert progressive.abandoned_ms == oracle.abandoned_ms == []
    assert progressive.utilisation < predictive.utilisation < oracle.utilisation
    assert oracle.utilisation > 0.99


def test_lines_and_calls_a_second_are_kept() -> None:
    class Watched(World):
        def __init__(self, *of: Any) -> None:
            super().__init__(*of)
            self.most, self.begun = 0, dict[int, int]()

        def _attempt(self) -> None:
            super()._attempt()
            self.most = max(self.most, self._ringing.total + self._talking.total + len(self._waiting))
            self.begun[self._now // 1000] = self.begun.get(self._now // 1000, 0) + 1

    scenario = Scenario(agents=20, days=0.3, lines=25, calls_per_second=2)
    world = Watched(scenario, PacingTerms(pacing="predictive", rule=RULE), Draws(scenario, SEED))
    world.run()
    assert world.most == 25
    assert max(world.begun.values()) <= 4  # two of the second before were left
    assert sum(world.begun.values()) / len(world.begun) <= 2


@pytest.mark.parametrize("seed", range(6))
def test_the_ceiling_holds_in_every_window_whatever_the_weather(seed: int) -> None:
    """Answer rates and talk times that jump, agents that come and go; `bench.dialer` has more, and longer ones."""
    chance = random.Random(SEED + seed)
    scenario = Scenario(
        agents=chance.choice([5, 12, 40]),
        answer_rate=chance.uniform(0.05, 0.6),
        talk_s=chance.uniform(30, 240),
        wrap_up_s=chance.uniform(0, 60),
        weather="jumps",
        least_agents=0.5,
        days=2,
        hours_a_day=5,
    )
    outcome = made(scenario, "predictive", seed)
    assert outcome.abandoned_ms
    assert outcome.worst_window() <= 0.03


def test_windows_are_those_of_a_slow_count() -> None:
    chance, outcome = random.Random(SEED), Outcome()
    for _ in range(300):
        moment = BEGIN_MS + chance.randrange(20) * DAY_MS // 4
        (outcome.abandoned if chance.random() < 0.2 else outcome.connected_ms.append)(moment)
    slow = 0.0
    for end in {*outcome.connected_ms, *outcome.abandoned_ms}:
        lost = sum(end - DAY_MS < one <= end for one in outcome.abandoned_ms)
        slow = max(slow, lost / (lost + sum(end - DAY_MS < one <= end for one in outcome.connected_ms)))
    assert outcome.worst_window(1) == pytest.approx(slow)
