"""How well campaigns are paced, in virtual time: how fast it simulates, whether the ceiling holds, what agents gain.

Agents' time is compared with the strictest oracle there is: it knows who answers and when, and when each agent is done,
so its agents never wait. `power` is the best fixed ratio at the same share of abandoned calls: ratios are measured
without a ceiling, and what lies between two of them may be mixed (the upper hull), which no dialer does.
"""

import random
import time
from collections.abc import Callable

from edge.app.simulation.outcome import Outcome
from edge.app.simulation.runs import simulated
from edge.app.simulation.scenario import Scenario
from edge.app.simulation.words import Way
from edge.core.dialer.abandonment import DAY_MS
from edge.core.dialer.ruleset import AbandonmentRule

SEED = 20261122
RULE = AbandonmentRule(ceiling_per_mille=30, period_ms=30 * DAY_MS, connect_within_ms=2000)
NO_RULE = AbandonmentRule(ceiling_per_mille=1000, period_ms=30 * DAY_MS, connect_within_ms=2000)
#: Attempts of the race against the clock: lists as they are cold, talks that are short.
MANY = 1_000_000
COLD = Scenario(agents=200, answer_rate=0.2, machines=0.25, talk_s=90, wrap_up_s=15, days=365)
#: Agents, and working days that are simulated of each: so many that the first ones, in which it learns and puts its
#: reserve aside, weigh little.
SIZES = {5: 24.0, 10: 16.0, 20: 12.0, 50: 20.0, 100: 20.0, 200: 10.0}
RATIOS = (1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 7.0)
#: Campaigns whose answer rates and talk times jump, and working days of each.
STORMS, STORM_DAYS = 20, 45


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure it."""
    many = MANY // 20 if quick else MANY
    begin = time.process_time()
    outcome = simulated(COLD, "predictive", RULE, SEED, most_attempts=many)
    spent = time.process_time() - begin
    emit("dialer_simulation", round(spent, 2), "s of one core", attempts=outcome.attempts,
         decisions=sum(outcome.decisions.values()))  # fmt: skip
    emit("dialer_simulated_attempts_per_second", round(outcome.attempts / spent), "attempts/s")
    storms(emit, 4 if quick else STORMS, 3 if quick else STORM_DAYS)
    for agents, days in SIZES.items():
        if not quick or agents in {5, 100}:
            compare(emit, agents, days / 8 if quick else days)


def storm(seed: int, days: float) -> Scenario:
    """Make up a campaign."""
    chance = random.Random(SEED + seed)
    return Scenario(
        agents=chance.choice([5, 8, 12, 20]),
        answer_rate=chance.uniform(0.05, 0.6),
        machines=chance.uniform(0, 0.5),
        talk_s=chance.uniform(30, 240),
        talk_spread=chance.uniform(0.2, 1.5),
        wrap_up_s=chance.uniform(0, 60),
        ring_s=chance.uniform(5, 14),
        detector=chance.random() < 0.5,
        weather="jumps",
        least_agents=chance.uniform(0.3, 1.0),
        days=days,
        hours_a_day=chance.uniform(2, 8),
    )


def storms(emit: Callable[..., None], campaigns: int, days: float) -> None:
    """Look at every window of 30 days, and every prefix, of campaigns that nothing about is steady."""
    found = [simulated(storm(seed, days), "predictive", RULE, seed) for seed in range(campaigns)]
    windows = [one.worst_window() for one in found]
    emit("dialer_abandoned_in_worst_window", round(100 * max(windows), 3), "% of live answers",
         campaigns=campaigns, days=days, seed=SEED)  # fmt: skip
    emit("dialer_campaigns_over_the_ceiling", sum(one > 0.03 for one in windows), "campaigns")
    shares = sorted(one.abandonment for one in found)
    emit("dialer_abandoned_of_jumping_campaigns", round(100 * shares[len(shares) // 2], 2), "% (median)")


def hull(points: list[tuple[float, float]], at: float) -> float:
    """Give the utmost utilisation at this share of abandoned calls, of what mixtures of the points reach."""
    best = max((y for x, y in points if x <= at), default=0.0)
    for low_x, low_y in points:
        for high_x, high_y in points:
            if low_x <= at < high_x:
                best = max(best, low_y + (high_y - low_y) * (at - low_x) / (high_x - low_x))
    return best


def compare(emit: Callable[..., None], agents: int, days: float) -> None:
    """Measure agents' time of each pacing; all of them meet the same callees."""

    def of(way: Way, rule: AbandonmentRule = RULE, ratio: float = 1.0, length: float = 1.0) -> Outcome:
        return simulated(Scenario(agents=agents, days=days * length), way, rule, SEED, ratio=ratio)

    predictive, oracle, progressive = of("predictive"), of("oracle"), of("progressive")
    points = [(progressive.abandonment, progressive.utilisation)]
    for ratio in RATIOS:
        one = of("power", NO_RULE, ratio, 0.5)
        points.append((one.abandonment, one.utilisation))
        if one.abandonment > 2 * predictive.abandonment:
            break
    power = hull(points, predictive.abandonment)
    name = f"dialer_{agents}_agents"
    percent = "% of agents' time"
    emit(f"{name}_predictive", round(100 * predictive.utilisation, 2), percent,
         abandoned=round(100 * predictive.abandonment, 2), worst_window=round(100 * predictive.worst_window(), 2),
         days=days)  # fmt: skip
    emit(f"{name}_progressive", round(100 * progressive.utilisation, 2), percent)
    emit(f"{name}_power_at_the_same_abandonment", round(100 * power, 2), percent)
    emit(f"{name}_oracle", round(100 * oracle.utilisation, 2), percent)
    emit(f"{name}_beside_oracle", round(100 * predictive.utilisation / oracle.utilisation, 2), "%")
    emit(f"{name}_beside_power", round(predictive.utilisation / power, 4), "times")
