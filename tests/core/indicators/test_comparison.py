"""Two menus with known differences: what a comparison says of them, and of equal ones."""

import pytest

from bench.callers import CANDIDATE, CONTROL, pool
from bench.trials import WATCHED, coverage, false_verdicts, power_of
from edge.core.indicators.comparison import INDICATORS, compare, uneven, verdict_of
from edge.core.indicators.estimates import NOTHING, Estimate
from edge.core.indicators.tally import Tally

SEED = 20261122


@pytest.fixture(scope="module")
def populations():
    return pool(CONTROL, 3000, SEED), pool(CANDIDATE, 3000, SEED + 1)


def tally_of(calls):
    tally = Tally()
    for one in calls:
        tally.take(one)
    return tally


def test_a_shorter_prompt_is_seen_to_lose_fewer_callers(populations):
    rows = {row.indicator: row for row in compare(*map(tally_of, populations), final=False)}
    assert rows["abandonment"].verdict == "better"
    assert rows["containment"].verdict == "better"
    assert rows["time in menu"].verdict == "better"
    assert rows["connected"].verdict == "no difference seen yet", "there is one, but of less than 3 points"
    assert rows["abandonment"].difference.high < 0
    assert rows["abandonment"].always.low < rows["abandonment"].difference.low
    assert "survey" not in rows
    assert "repeat calls" not in rows


def test_intervals_hold_and_verdicts_are_not_wrong(populations):
    covered, wrong = coverage(*populations, trials=200, seed=SEED)
    assert set(covered) == set(WATCHED)
    assert all(0.90 <= share <= 0.99 for share in covered.values()), covered
    assert wrong <= 0.01


def test_equal_sides_seldom_differ(populations):
    told = false_verdicts(populations[0], trials=200, seed=SEED)
    assert all(share <= 0.10 for share in told.values()), told


def test_what_is_planned_is_seen(populations):
    power, calls = power_of(*populations, trials=200, seed=SEED)
    assert 0.68 <= power <= 0.92
    assert calls > 50


def test_verdicts_read_intervals():
    by_name = {one.name: one for one in INDICATORS}
    up, down = Estimate(0.1, 0.05, 0.2), Estimate(-0.1, -0.2, -0.05)
    assert verdict_of(by_name["containment"], up) == "better"
    assert verdict_of(by_name["containment"], down) == "worse"
    assert verdict_of(by_name["abandonment"], up) == "worse"
    assert verdict_of(by_name["transfers"], up) == "higher"
    assert verdict_of(by_name["transfers"], down) == "lower"
    assert verdict_of(by_name["lost"], Estimate(0.1, -0.1, 0.2)) == "no difference seen yet"
    assert verdict_of(by_name["lost"], NOTHING) == "too few calls"


def test_few_calls_say_so_and_how_many_are_wanted(populations):
    rows = {row.indicator: row for row in compare(*(tally_of(one[:15]) for one in populations))}
    assert {row.verdict for row in rows.values()} == {"too few calls"}
    assert rows["abandonment"].more_calls > 500
    assert compare(Tally(), Tally()) == []
    one_side = compare(tally_of(populations[0][:50]), Tally(), part=0.5)
    assert all(row.verdict == "too few calls" for row in one_side)


def test_a_split_that_no_chance_explains():
    assert uneven(800, 200, 0.5)
    assert not uneven(510, 490, 0.5)
    assert not uneven(15, 5, 0.5), "too few to tell"
    assert uneven(900, 300, 0.20)
