"""Counts of calls: repeats and misroutes by caller, bounded memory, median by a histogram."""

import random
import statistics

from msgspec.structs import replace

from edge.core.indicators.journey import CallRecord
from edge.core.indicators.tally import DAY_MS, HOUR_MS, Counting, Spread

NOW = 100 * DAY_MS


def call(caller="1", started=0, *, ended=None, fate="connected", wrong=False, arm="control"):
    return CallRecord(
        menu="m", version="v", trial="t", arm=arm, caller=caller, started_ms=started,
        ended_ms=started + 1000 if ended is None else ended, fate=fate, last="a", in_menu_ms=500, transferred=True,
        sent_wrong=wrong, visited=frozenset({"a"}), score=60.0,
        rounds={("a", "no_input"): 2},
    )  # fmt: skip


def counted(*calls, now=NOW, repeat_ms=7 * DAY_MS):
    counting = Counting(lambda one: one.arm, now_ms=now, key=b"key", repeat_ms=repeat_ms)
    for one in calls:
        counting.take(one)
    return counting.tallies


def test_a_repeat_counts_for_the_call_before_and_its_side():
    tallies = counted(call(), call(started=6 * DAY_MS, arm="candidate"), call(started=20 * DAY_MS, arm="candidate"))
    assert (tallies["control"].followed, tallies["control"].repeated) == (1, 1)
    assert (tallies["candidate"].followed, tallies["candidate"].repeated) == (2, 0)


def test_a_call_whose_time_is_not_over_says_nothing_of_repeats():
    one = counted(call(started=NOW - DAY_MS), call(started=NOW - HOUR_MS))["control"]
    assert (one.calls, one.followed, one.repeated) == (2, 0, 0)


def test_callers_who_hide_their_number_are_nobody_s_repeat():
    one = counted(call(caller=""), call(caller="", started=HOUR_MS))["control"]
    assert (one.calls, one.followed, one.repeated, one.misrouted) == (2, 0, 0, 0)


def test_who_was_connected_and_calls_again_within_the_hour_was_misrouted_once():
    assert counted(call(), call(started=HOUR_MS))["control"].misrouted == 1
    assert counted(call(), call(started=HOUR_MS + 1001))["control"].misrouted == 0
    assert counted(call(fate="contained"), call(started=HOUR_MS // 2))["control"].misrouted == 0
    assert counted(call(wrong=True), call(started=HOUR_MS // 2))["control"].misrouted == 1
    assert counted(call("1"), call("2", started=HOUR_MS // 2))["control"].misrouted == 0


def test_rounds_count_by_node_and_by_call():
    one = counted(call(), call("2"))["control"]
    assert one.rounds_at("a") == one.rounds_at("a", "no_input") == 4
    assert one.rounds_at("b") == one.rounds_at("a", "no_match") == 0
    assert (one.survey.count, one.survey.mean) == (2, 60.0)
    assert one.calls_with == {"no_input": 2}


def test_callers_are_forgotten_when_nothing_follows_from_them_any_more():
    counting = Counting(lambda one: one.arm, now_ms=NOW, key=b"key", repeat_ms=DAY_MS)
    for number in range(2000):
        counting.take(call(str(number), number * HOUR_MS))
    assert counting.tallies["control"].calls == 2000
    assert counting.callers <= 26


def test_moments_and_ranks_are_those_of_the_values():
    chance = random.Random(20261122)
    values = [chance.lognormvariate(9, 1) for _ in range(3001)]
    spread = Spread()
    for value in values:
        spread.take(value)
    assert abs(spread.mean - statistics.fmean(values)) < 1e-6
    assert abs(spread.variance / statistics.variance(values) - 1) < 1e-9
    for rank in (1, 300, 1501, 3001):
        assert abs(spread.ranked(rank) / sorted(values)[rank - 1] - 1) < 0.011
    assert Spread().ranked(1) == Spread().variance == 0.0
    spread.take(-5.0)
    assert spread.ranked(1) == 0.0


def test_a_survey_by_callback_is_the_score_of_the_call_that_it_asks_about():
    first = replace(call("1"), call="c1", asks_later=True, score=None)
    other = replace(call("2", arm="candidate"), call="c2", asks_later=True, score=None)
    survey = replace(call("", started=HOUR_MS, arm="survey"), call="s1", about="c2", score=80.0)
    again = replace(survey, call="s2", score=20.0)
    unknown = replace(survey, call="s3", about="c9")
    tallies = counted(first, other, survey, again, unknown)
    assert tallies["control"].survey.count == 0, "nobody was asked about it yet"
    assert (tallies["candidate"].survey.count, tallies["candidate"].survey.mean) == (1, 80.0), "the first answers count"
    assert tallies["survey"].survey.count == 0, "the call that asks is no call that was rated"
    assert tallies["survey"].calls == 3


def test_who_asks_may_be_of_no_group_at_all():
    counting = Counting(lambda one: one.arm if one.call == "c1" else None, now_ms=NOW, key=b"key")
    counting.take(replace(call(), call="c1", asks_later=True, score=None))
    counting.take(replace(call(""), call="s1", about="c1", score=40.0))
    assert counting.tallies["control"].survey.mean == 40.0
    assert set(counting.tallies) == {"control"}
