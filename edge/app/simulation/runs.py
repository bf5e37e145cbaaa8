"""Campaigns that are simulated to be compared: one scenario, several pacings."""

from edge.app.simulation.outcome import Outcome
from edge.app.simulation.replay import Measured, Replayed
from edge.app.simulation.scenario import Draws, Scenario
from edge.app.simulation.words import Way
from edge.app.simulation.world import World
from edge.core.dialer.pacing import PacingTerms
from edge.core.dialer.ruleset import AbandonmentRule


def terms_of(scenario: Scenario, way: Way, rule: AbandonmentRule, ratio: float) -> PacingTerms:
    """Give the terms of a campaign that is as its site expects it to be."""
    detector_s = scenario.detector_s if scenario.detector else 0.0
    return PacingTerms(
        pacing="progressive" if way == "oracle" else way,
        ratio=ratio,
        rule=rule,
        patience_ms=round(1000 * scenario.patience_s),
        answer_rate=min(scenario.answer_rate, 0.95),
        ring_ms=round(1000 * (scenario.ring_s + detector_s)),
        ring_limit_ms=round(1000 * scenario.ring_limit_s),
        talk_ms=round(1000 * scenario.talk_s),
        wrap_up_ms=round(1000 * scenario.wrap_up_s),
    )


def simulated(
    scenario: Scenario,
    way: Way,
    rule: AbandonmentRule,
    seed: int,
    *,
    ratio: float = 1.0,
    measured: list[Measured] | None = None,
    most_attempts: int = 1 << 60,
) -> Outcome:
    """Simulate a campaign; `measured` are attempts that are made again instead of drawn ones."""
    draws = Draws(scenario, seed) if measured is None else Replayed(measured, scenario, seed)
    return World(scenario, terms_of(scenario, way, rule, ratio), draws, oracle=way == "oracle").run(most_attempts)
