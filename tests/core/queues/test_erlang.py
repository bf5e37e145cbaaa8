"""The floor beside the known formula: waits under Poisson arrivals and exponential talks (M/M/c) against Erlang C.

    P(wait > 0) = C(c, a),  E(wait) = C(c, a) / (c mu - lambda),  a = lambda / mu

with C(c, a) by the recursion of Erlang B (ITU-T E.501, Annex). Estimates are held against the waits that came of them.
"""

import heapq
import math
import random

import pytest

from edge.core.queues.floor import Floor
from edge.core.queues.model import Answered, Configured, Finished, Join, Offered, Settings, Told
from tests.core.queues.test_floor import agent, queue, ticket

#: Mean talk.
TALK_S = 180.0
CALLS = 6000


def erlang_c(agents: int, offered: float) -> float:
    blocked = 1.0
    for n in range(1, agents + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked / (1 - offered / agents * (1 - blocked))


def simulate(agents: int, load: float, seed: int) -> tuple[list[float], list[tuple[float, float]]]:
    """Return the waits in seconds, and for whoever found no agent what was estimated at first, with the wait."""
    dice = random.Random(seed)
    floor = Floor()
    names = [f"agent{n}" for n in range(agents)]
    terms = queue("q", *names, max_waiting=10_000, max_wait_ms=86_400_000, handling_ms=int(TALK_S * 1000))
    floor.handle(Configured(Settings(agents=[agent(name) for name in names], queues=[terms])), 0)
    now, joined, first, waits, pairs = 0.0, {}, {}, [], []
    happens: list[tuple[float, int, object]] = [(0.0, 0, "arrival")]
    number = 0
    while len(waits) < CALLS:
        now, _, what = heapq.heappop(happens)
        if what == "arrival":
            number += 1
            one = ticket(f"c{number}")
            joined[one] = now
            given = Join(ticket=one, queue="q")
            heapq.heappush(happens, (now + dice.expovariate(load * agents / TALK_S), number, "arrival"))
        else:
            given = Finished(what)
        todo = [given]
        while todo:
            for action in floor.handle(todo.pop(0), round(now * 1000)):
                if isinstance(action, Offered):
                    waited = now - joined.pop(action.ticket)
                    waits.append(waited)
                    if action.ticket in first and waited > 0:
                        pairs.append((first.pop(action.ticket), waited))
                    todo.append(Answered(action.ticket))
                    heapq.heappush(happens, (now + dice.expovariate(1 / TALK_S), number, action.ticket))
                elif isinstance(action, Told):
                    first.setdefault(action.ticket, action.estimate_ms / 1000)
    return waits, pairs


@pytest.mark.parametrize(("agents", "load", "seed"), [(1, 0.5, 1), (4, 0.75, 2), (10, 0.85, 3)])
def test_waits_are_those_of_the_formula(agents, load, seed):
    waits, pairs = simulate(agents, load, seed)
    probability = erlang_c(agents, load * agents)
    mean_s = probability * TALK_S / (agents * (1 - load))
    waited = sum(wait > 0 for wait in waits) / len(waits)
    print(f"seed {seed}: {agents} agents, load {load}: P(wait) {waited:.3f}, formula {probability:.3f}")
    print(f"mean wait {sum(waits) / len(waits):.1f} s, formula {mean_s:.1f} s")
    assert waited == pytest.approx(probability, rel=0.15)
    assert sum(waits) / len(waits) == pytest.approx(mean_s, rel=0.3)
    # Whoever waits is told, on the average, how long he will.
    told, came = (sum(one) / len(pairs) for one in zip(*pairs, strict=True))
    print(f"told {told:.1f} s, waited {came:.1f} s")
    assert told == pytest.approx(came, rel=0.25)
    assert math.isfinite(told)
