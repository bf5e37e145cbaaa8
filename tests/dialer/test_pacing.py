"""Campaigns with agents: as many calls as pacing says, by what queues and switch tell."""

from pathlib import Path
from typing import Any

from edge.core.dialer.ruleset import AbandonmentRule
from edge.dialer.pacing import Pace
from edge.dialer.under import Under
from edge.vocabulary.commands import AgentsTold, AttemptTold
from tests.dialer.world import RULES, House, settings

NOW = 1_000_000
WALL = 1_795_000_000_000


def house(tmp_path: Path, **more: Any) -> House:
    made = House(tmp_path, 40, queue="sales", max_channels=30, **more)
    made.begin()
    return made


def agents(made: House, **states: int) -> None:
    since = {state: [made.now_ms] * count for state, count in states.items()}
    made.engine.hear(AgentsTold({"sales": since}))


def test_nobody_is_called_for_agents_who_are_not_there(tmp_path: Path) -> None:
    made = house(tmp_path)
    made.turn()
    agents(made, paused=3, talking=2)
    made.turn()
    assert made.switch.dialled == {}


def test_progressive_is_one_call_for_each_ready_agent(tmp_path: Path) -> None:
    made = house(tmp_path)
    agents(made, ready=3)
    made.turn()
    assert len(made.lasting) == 3
    made.turn()
    assert len(made.lasting) == 3
    first, second, third = made.lasting
    made.engine.hear(AttemptTold(attempt=first, state="answered"))
    agents(made, ready=2, ringing=1)
    made.turn()
    assert len(made.lasting) == 3, "an agent is rung for the first, and two ring for two"
    made.engine.hear(AttemptTold(attempt=first, state="connected"))
    agents(made, ready=2, talking=1)
    made.hang_up(second, "busy")
    made.turn()
    made.turn()
    assert len(made.lasting) == 3
    assert third in made.lasting


def test_a_ratio_is_used_when_enough_is_known(tmp_path: Path) -> None:
    pace = Pace(settings(queue="sales", pacing="power", ratio=2.0), RULES.abandonment)
    ready = {"ready": [NOW] * 10}
    assert pace.decide(100, [], ready, NOW, WALL) == 10
    assert pace.last.because == "learning"
    for number in range(300):
        under = Under("spring", NOW)
        if number % 3 == 0:
            under.state, under.since_ms = "connected", NOW + 5000
            pace.went_on(under, NOW + 5000, WALL + number * 1000, abandoned=False)
        pace.ended(under, "connected" if number % 3 == 0 else "no_answer", NOW + 60_000, WALL + number * 1000)
    assert pace.decide(100, [], ready, NOW, WALL + 400_000) > 10
    assert pace.decide(7, [], ready, NOW, WALL + 400_000) == 7


def test_the_stricter_of_campaign_and_rules_is_the_ceiling() -> None:
    rule = AbandonmentRule(ceiling_per_mille=30, period_ms=86_400_000, connect_within_ms=2000)
    strict = Pace(settings(queue="sales", abandoned_most=0.01), rule)
    assert strict._state.ceiling == 0.01
    assert Pace(settings(queue="sales", abandoned_most=0.5), rule)._state.ceiling == 0.03


def test_a_new_life_remembers_what_was_abandoned(tmp_path: Path) -> None:
    made = house(tmp_path)
    agents(made, ready=4)
    made.turn()
    for attempt in list(made.lasting):
        made.hang_up(attempt, "abandoned")
    made.turn()
    made.kill_dialer()
    pace = made.engine.campaigns["spring"].pace
    assert pace is not None
    assert pace._state.ledger.recent(made.wall_ms).abandoned == 4


def test_it_is_done_also_when_no_agent_is_there(tmp_path: Path) -> None:
    made = House(tmp_path, 1, queue="sales")
    made.begin()
    agents(made, ready=1)
    made.turn()
    agents(made, resting=1)
    made.hang_up(made.lasting[0], "connected")
    made.turn()
    made.turn(1000)
    assert made.states == ["running", "done"]
