"""The share of abandoned calls, against counting it by hand, window by window."""

import math
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from edge.core.dialer.abandonment import (
    Estimates,
    Ledger,
    Tally,
    abandoned_of,
    answer_of,
    left,
    rate,
    successive,
    tally,
    worst,
)
from edge.core.dialer.ruleset import AbandonmentRule
from edge.vocabulary.dialing import Disposition

RULE = AbandonmentRule(ceiling_per_mille=30, period_ms=10_000, connect_within_ms=2000)
ANSWERS = st.lists(
    st.tuples(
        st.integers(0, 60_000),
        st.sampled_from(["connected", "connected", "abandoned", "machine", "busy", "silence", None]),
    ),
    max_size=40,
)
Answers = list[tuple[int, Disposition | None]]


def test_only_what_a_person_answered_is_in_the_share() -> None:
    found = tally(["connected"] * 97 + ["abandoned"] * 3 + ["machine"] * 500 + ["no_answer", "busy", "held", None])
    assert (found.live, found.machines, found.unclear) == (100, 500, 1)
    assert rate(found) == 0.03
    assert left(found, RULE) == 0
    assert left(Tally(96, 4), RULE) == -1
    assert rate(Tally()) == 0
    assert answer_of("silence") == "unclear"


def test_estimates_of_the_british_formula() -> None:
    # Without detection: every tenth call that agents got was a machine, so every tenth abandoned one was.
    assert math.isclose(abandoned_of(Tally(90, 10), Estimates(machines_among_live=0.1)), 9)
    assert math.isclose(rate(Tally(90, 10), Estimates(machines_among_live=0.1)), 9 / 99)
    # With it: two in a hundred machines were persons who heard nothing.
    assert math.isclose(rate(Tally(94, 2, 100), Estimates(persons_among_machines=0.02)), 4 / 98)


@given(ANSWERS)
def test_successive_periods_hold_each_attempt_once(answers: Answers) -> None:
    windows = successive(answers, RULE)
    assert sum((window.tally for window in windows), Tally()) == tally(disposition for _, disposition in answers)
    for one, following in pairwise(windows):
        assert one.end_ms <= following.begin_ms
    for window in windows:
        inside = [disposition for moment, disposition in answers if window.begin_ms <= moment < window.end_ms]
        assert window.tally == tally(inside)
        assert (window.begin_ms - windows[0].begin_ms) % RULE.period_ms == 0


@given(ANSWERS)
@example([(0, "connected"), (2, "abandoned"), (10_001, "connected")])  # just after one has left, before the next enters
def test_no_period_from_any_moment_is_worse_than_the_worst(answers: Answers) -> None:
    found = worst(answers, RULE)
    if not answers:
        assert found is None
        return
    assert found is not None
    first, last = min(moment for moment, _ in answers), max(moment for moment, _ in answers)
    begins = range(first, last + 2 - RULE.period_ms) if last - first >= RULE.period_ms else [first]
    near = {moment + shift for moment, _ in answers for shift in (-1, 0, 1, *(n - RULE.period_ms for n in (-1, 0, 1)))}
    step = max(1, len(begins) // 100)
    for begin in [*begins[::step], begins[-1], *(near & {*begins})]:
        inside = [disposition for moment, disposition in answers if begin <= moment < begin + RULE.period_ms]
        assert rate(tally(inside)) <= rate(found.tally)
    inside = [disposition for moment, disposition in answers if found.begin_ms <= moment < found.end_ms]
    assert found.tally == tally(inside)


@given(ANSWERS)
def test_the_ledger_counts_the_last_period_and_all(answers: Answers) -> None:
    ledger = Ledger(RULE)
    seen: Answers = []
    whole_seconds = [(moment // 1000 * 1000, disposition) for moment, disposition in answers]
    for moment, disposition in sorted(whole_seconds, key=lambda answer: answer[0]):
        ledger.add(moment, disposition)
        seen.append((moment, disposition))
        inside = tally(one for at, one in seen if at >= moment - RULE.period_ms)
        whole = tally(one for _, one in seen)
        assert ledger.recent(moment) == Tally(inside.served, inside.abandoned)
        assert ledger.left(moment) == min(left(inside, RULE), left(whole, RULE))


def test_a_clock_that_goes_back_loses_nothing() -> None:
    ledger = Ledger(RULE)
    ledger.add(50_000, "connected")
    ledger.add(20_000, "abandoned")
    assert ledger.recent(50_000) == Tally(1, 1)
    assert ledger.since_begin == Tally(1, 1)
