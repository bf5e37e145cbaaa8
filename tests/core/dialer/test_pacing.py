import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.dialer.abandonment import DAY_MS
from edge.core.dialer.ages import Ages
from edge.core.dialer.pacing import (
    RINGING_CELLS,
    TALKING_CELLS,
    WRAP_UP_CELLS,
    Decision,
    Observation,
    Pacing,
    PacingState,
    PacingTerms,
    decide,
)
from edge.core.dialer.ruleset import AbandonmentRule

RULE = AbandonmentRule(ceiling_per_mille=30, period_ms=30 * DAY_MS, connect_within_ms=2000)
NOW = 1_800_000_000_000


def ages(cells: tuple[int, int], begun_ago_s: list[float]) -> Ages:
    return Ages.of([NOW - round(1000 * one) for one in begun_ago_s], NOW, cell_ms=cells[0], cells=cells[1])


def seen(
    ready: int = 0,
    talking: list[float] | None = None,
    wrap_up: list[float] | None = None,
    ringing: list[float] | None = None,
    **more: int,
) -> Observation:
    return Observation(
        ready=ready,
        talking=ages(TALKING_CELLS, talking or []),
        wrap_up=ages(WRAP_UP_CELLS, wrap_up or []),
        ringing=ages(RINGING_CELLS, ringing or []),
        **{"room": 1000, **more},
    )


def state(pacing: Pacing, *, answers: int = 20_000, abandoned: int = 0, ratio: float = 1.0) -> PacingState:
    """A campaign that has learnt: 30 % answer after 5 to 12 s, talks of 2 minutes, 20 s after them."""
    made, chance = PacingState(PacingTerms(pacing=pacing, rule=RULE, ratio=ratio)), random.Random(11)
    for _ in range(1000):
        live = chance.random() < 0.3
        made.attempt_ended(round(chance.uniform(5000, 12_000)) if live else 22_000, live=live)
        made.talked(round(chance.expovariate(1 / 120_000)))
        made.wrapped_up(round(chance.uniform(10_000, 30_000)))
    for number in range(answers):
        if number < answers - abandoned:
            made.served(NOW - 1000)
        else:
            made.abandoned(NOW - 1000)
    return made


def test_progressive_dials_one_call_for_each_ready_agent() -> None:
    progressive = state("progressive")
    assert decide(progressive, seen(ready=3), NOW) == Decision(3)
    assert decide(progressive, seen(ready=3, ringing=[1, 2]), NOW) == Decision(1)
    assert decide(progressive, seen(ready=3, ringing=[1], waiting=1), NOW) == Decision(1)
    assert decide(progressive, seen(ready=1, ringing=[1, 2]), NOW) == Decision(0)
    assert decide(progressive, seen(ready=3, room=2), NOW) == Decision(2)
    assert decide(progressive, seen(ready=3, room=-1), NOW) == Decision(0)


def test_preview_dials_what_agents_have_accepted() -> None:
    assert decide(state("preview"), seen(ready=5, accepted=2), NOW) == Decision(2)
    assert decide(state("preview"), seen(ready=5), NOW) == Decision(0)


def test_power_dials_its_ratio_while_the_ceiling_leaves_room_for_it() -> None:
    assert decide(state("power", ratio=2.5), seen(ready=4), NOW) == Decision(10)
    assert decide(state("power", ratio=2.5), seen(ready=4, ringing=[1] * 6), NOW) == Decision(4)
    exhausted = state("power", ratio=2.5, abandoned=600)
    assert decide(exhausted, seen(ready=4), NOW) == Decision(4, "budget")


@pytest.mark.parametrize("pacing", ["power", "predictive"])
def test_what_is_not_known_yet_is_dialled_progressively(pacing: Pacing) -> None:
    new = PacingState(PacingTerms(pacing=pacing, rule=RULE, ratio=3))
    assert decide(new, seen(ready=4, wrap_up=[30] * 10), NOW) == Decision(4, "learning")


def test_predictive_dials_for_agents_who_are_about_to_be_ready() -> None:
    predictive = state("predictive")
    young = decide(predictive, seen(wrap_up=[6] * 20, talking=[5] * 80), NOW)
    old = decide(predictive, seen(wrap_up=[22] * 20, talking=[5] * 80), NOW)
    assert 0 < young.dial < old.dial
    ringing = decide(predictive, seen(wrap_up=[22] * 20, talking=[5] * 80, ringing=[1] * 15), NOW)
    # a call that is on its way takes the place of one that is not
    assert old.dial - 17 <= ringing.dial <= old.dial - 13


def test_many_calls_at_once_are_not_more_than_agents_can_take_in_the_end() -> None:
    """At the beginning of a day: half of the answers have come while half of the agents still wait."""
    found = decide(state("predictive"), seen(ready=100), NOW)
    assert 100 < found.dial * 0.3 + 20 < 115


def test_predictive_gets_bolder_with_its_budget_and_falls_back_without() -> None:
    busy = seen(ready=2, wrap_up=[15] * 14, talking=[40] * 84, ringing=[5] * 10)
    dialled = [decide(state("predictive", abandoned=lost), busy, NOW) for lost in (0, 590, 600)]
    assert dialled[0].dial > dialled[1].dial >= dialled[2].dial
    assert dialled[2] == Decision(0, "budget")
    assert decide(state("predictive", abandoned=600), seen(ready=2, wrap_up=[15] * 14), NOW) == Decision(2, "budget")


def test_before_the_first_abandonment_is_granted_nobody_is_risked() -> None:
    early = state("predictive", answers=33)
    assert decide(early, seen(ready=2, wrap_up=[25] * 20), NOW) == Decision(2, "budget")


def test_answers_that_leave_the_period_take_their_budget_with_them() -> None:
    predictive, many = state("predictive"), seen(wrap_up=[22] * 20)
    assert decide(predictive, many, NOW).dial > 0
    assert decide(predictive, many, NOW + 31 * DAY_MS) == Decision(0, "budget")


SPANS = st.lists(st.floats(0, 400), max_size=40)


@given(
    st.sampled_from(["power", "predictive"]),
    st.integers(0, 2000),
    st.integers(0, 100),
    st.integers(0, 20),
    SPANS,
    SPANS,
    SPANS,
    st.integers(0, 5),
    st.integers(-2, 60),
)
def test_no_call_goes_beyond_its_room_or_the_ceiling(
    pacing: Pacing,
    answers: int,
    abandoned: int,
    ready: int,
    talking: list[float],
    wrap_up: list[float],
    ringing: list[float],
    waiting: int,
    room: int,
) -> None:
    campaign = state(pacing, answers=answers, abandoned=min(abandoned, answers), ratio=4)
    now = seen(ready, talking, wrap_up, ringing, waiting=waiting, room=room)
    found = decide(campaign, now, NOW)
    assert 0 <= found.dial <= max(room, 0)
    each = ready - waiting - len(ringing)
    assert found.dial >= min(each, room)
    # Half of what is under way answers, and a half more of the agents in wrap-up and 3 % of those who talk get free.
    worst = (len(ringing) + found.dial) / 2 - max(ready - waiting, 0) - len(wrap_up) - len(talking)
    if found.dial > max(each, 0):
        assert campaign.slack(NOW) >= max(worst, 1)
