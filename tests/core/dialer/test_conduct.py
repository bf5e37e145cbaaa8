"""Attempts judged afterwards, against judging each when it was made."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.dialer.conduct import Conduct, Made
from edge.core.dialer.rules import History
from edge.core.dialer.ruleset import AfterRule, AttemptsRule, GapRule
from edge.vocabulary.dialing import PastAttempt
from edge.vocabulary.private import Private
from tests.core.dialer.test_rules import DAY, HOUR, MINUTE, NOON, asked, judge_of, ruleset

NUMBERS = ("+12125550123", "+12125550124", "+18085550123")
RULES = ruleset(
    attempts=[
        AttemptsRule(of="number", most=2, calendar="day"),
        AttemptsRule(of="contact", most=3, within_ms=2 * DAY),
    ],
    gap=GapRule(least_ms=HOUR),
    after=[AfterRule(dispositions=["abandoned"], wait_ms=DAY)],
)
ATTEMPTS = st.lists(
    st.tuples(
        st.integers(0, 4 * 24 * 60),
        st.sampled_from(NUMBERS),
        st.integers(0, 1),
        st.sampled_from(["abandoned", "connected", "no_answer"]),
    ),
    max_size=12,
    unique_by=lambda one: one[0],
)


@settings(deadline=None)
@given(ATTEMPTS, st.integers(0, 3))
def test_each_is_judged_as_it_would_have_been(drawn: list[tuple[int, str, int, str]], days: int) -> None:
    judge = judge_of(RULES)
    since = NOON + days * DAY
    conduct = Conduct(lambda name: judge if name == "c" else None, judge.window_ms, since)
    made: list[Made] = []
    refused = 0
    for index, (minute, number, contact, disposition) in enumerate(sorted(drawn)):
        at = NOON + minute * MINUTE
        one = Made(
            attempt=f"a{index}",
            campaign="c",
            number=Private(number),
            contact=("list", str(contact)),
            started_ms=at,
            ended_ms=at,
            disposition=disposition,  # type: ignore[arg-type]
        )
        past = [
            (
                before.number,
                before.contact,
                PastAttempt(
                    attempt=before.attempt, campaign="c", started_ms=before.started_ms, disposition=before.disposition
                ),
            )
            for before in made
        ]
        history = History(
            number=[each for whose, _, each in past if whose == one.number],
            contact=[each for _, whose, each in past if whose == one.contact],
            suppressions=[],
            lists={},
            consents=[],
        )
        refused += at >= since and not judge.judge(asked(number), history, at).allowed
        conduct.take(one)
        made.append(one)
    found = conduct.result()
    counted = [one for one in made if one.started_ms >= since]
    assert [one.attempts for one in found] == ([len(counted)] if counted else [])
    if counted:
        assert (sum(found[0].breaches.values()) == 0) == (refused == 0)
        assert max(found[0].breaches.values(), default=0) <= refused
        assert sum(times * numbers for times, numbers in found[0].per_number.items()) == len(counted)
        assert sum(found[0].hours.values()) == len(counted)
        assert sum(period.tally.live for period in found[0].periods) == sum(
            one.disposition in {"connected", "abandoned"} for one in made
        )


@pytest.mark.parametrize(
    ("rang_ms", "given_up", "short"),
    [(14_999, True, 1), (15_000, True, 0), (None, True, 0), (0, True, 1), (300, False, 0)],
)
def test_only_what_we_gave_up_can_have_rung_too_short(rang_ms: int | None, given_up: bool, short: int) -> None:
    judge = judge_of(RULES)
    conduct = Conduct(lambda _name: judge, judge.window_ms, 0)
    conduct.take(
        Made(
            attempt="a",
            campaign="c",
            number=Private(NUMBERS[0]),
            contact=("list", "1"),
            started_ms=NOON,
            ended_ms=NOON,
            disposition="no_answer",
            rang_ms=rang_ms,
            given_up=given_up,
        )
    )
    assert [one.rang_short for one in conduct.result()] == [short]
