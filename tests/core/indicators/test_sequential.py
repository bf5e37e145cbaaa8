"""Looks at all times: guard rails stop seldom what is not worse, and soon what is; ordinary intervals do not."""

import pytest

from bench.trials import guarded, looks
from edge.core.indicators.sequential import Watched, alarm_of, difference_always, means_always, shares_always
from edge.core.indicators.tally import Spread
from edge.core.routing.trials import Guards

SEED = 20261122


def watched(calls, abandoned=0, contained=0):
    return Watched(calls, contained, abandoned)


def test_who_looks_after_every_call_is_seldom_wrong_and_ordinary_intervals_are_often():
    always, naive = looks(0.25, 0.0, runs=150, length=800, seed=SEED)
    # At most 2.5 % on the side that counts; of 150 trials that are 4, and 11 by a chance of 1 in 1,000.
    assert always <= 11 / 150
    assert naive >= 0.10, "else there would be nothing to be careful about"


def test_a_candidate_that_is_worse_is_stopped():
    stopped, after = guarded(0.25, 0.20, runs=40, length=3000, seed=SEED)
    assert stopped == 1.0
    assert after < 1000


def test_intervals_for_all_looks_are_wider_and_close_in():
    wide = shares_always((30, 100), (30, 100), 0.05)
    narrow = shares_always((3000, 10_000), (3000, 10_000), 0.05)
    assert wide.low < narrow.low < 0 < narrow.high < wide.high
    assert not shares_always((1, 19), (30, 100), 0.05).known
    assert not difference_always(0.1, 0.0, 0.05).known
    one, other = Spread(), Spread()
    for number in range(200):
        one.take(1000.0 + number % 7)
        other.take(900.0 + number % 5)
    assert means_always(one, other, 50.0).low > 0
    assert not means_always(one, Spread(), 50.0).known


@pytest.mark.parametrize("indicator", ["abandonment", "containment"])
def test_an_alarm_tells_by_how_much_and_only_beyond_the_margin(indicator):
    guards = Guards(**{indicator: 0.10}, after_calls=50)
    bad = watched(2000, abandoned=800, contained=500)
    good = watched(2000, abandoned=400, contained=900)
    alarm = alarm_of(guards, good, bad)
    assert alarm is not None
    assert alarm.indicator == indicator
    assert alarm.worse_by == pytest.approx(0.2)
    assert 0.10 < alarm.at_least < 0.2
    assert alarm_of(guards, bad, good) is None, "the candidate is better"
    near = watched(2000, abandoned=600, contained=700)
    assert alarm_of(guards, near, bad) is None, "worse by the margin, not by more"


def test_no_alarm_without_guards_or_calls():
    bad, good = watched(2000, abandoned=2000), watched(2000)
    assert alarm_of(Guards(), good, bad) is None
    assert alarm_of(Guards(abandonment=0.0, after_calls=50), watched(49), watched(49, abandoned=49)) is None
    assert alarm_of(Guards(abandonment=0.0, after_calls=50), watched(50), watched(50, abandoned=50)) is not None
