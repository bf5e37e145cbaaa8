import random

import pytest

from edge.core.dialer.ages import Ages
from edge.core.dialer.estimates import AnswerEstimate, SpanEstimate, horizon


def learnt(rate: float, attempts: int, seed: int = 7, ring_ms: int = 8000) -> AnswerEstimate:
    chance = random.Random(seed)
    found = AnswerEstimate(rate=0.5, ring_ms=5000, limit_ms=20_000)
    for _ in range(attempts):
        live = chance.random() < rate
        found.ended(round(chance.uniform(0.5, 1.5) * ring_ms) if live else 20_000, live=live)
    return found


@pytest.mark.parametrize("rate", [0.03, 0.3, 0.9])
def test_the_answer_rate_is_found(rate: float) -> None:
    found = learnt(rate, 3000)
    assert found.rate == pytest.approx(rate, abs=0.04)
    before, reached = found.curves()
    assert before[-1] == pytest.approx(found.rate)
    assert reached[0] == 1
    assert reached == sorted(reached, reverse=True)


def test_half_of_the_answers_have_come_at_the_median() -> None:
    assert learnt(0.3, 4000).quantile_cells(0.5) in {8, 9}


def test_a_jump_of_the_answer_rate_is_seen_within_a_hundred_attempts() -> None:
    found = learnt(0.15, 3000)
    chance = random.Random(3)
    for _ in range(100):
        found.ended(8000, live=chance.random() < 0.6)
    assert found.changed
    assert found.rate > 0.4


def test_chance_alone_is_no_jump() -> None:
    found, chance = learnt(0.3, 3000), random.Random(5)
    changes = 0
    for _ in range(4000):
        found.ended(8000, live=chance.random() < 0.3)
        changes += found.changed
    assert changes < 80


def test_what_lasts_longer_than_all_cells_stays_in_the_last() -> None:
    found = AnswerEstimate(rate=0.5, ring_ms=5000, limit_ms=20_000)
    for lasted in (-5, 10**9):
        found.ended(lasted, live=True)
    assert found.attempts == 2


def test_without_anything_seen_the_sites_number_counts() -> None:
    span = SpanEstimate(cell_ms=1000, cells=64, mean_ms=20_000)
    assert span.mean_ms == 20_000
    assert span.hazards(Ages(1000, 64)) == pytest.approx([0.05] * 64)


def test_a_fixed_length_ends_when_it_ends() -> None:
    span = SpanEstimate(cell_ms=1000, cells=64, mean_ms=5000)
    for _ in range(200):
        span.ended(20_500)
    found = span.hazards(Ages(1000, 64))
    assert max(found[:20]) < 0.01
    assert found[20] > 1


def test_spans_that_go_on_are_not_forgotten() -> None:
    """The first ones to end are the short ones: taken alone they make it too short."""
    ended, going_on = SpanEstimate(cell_ms=1000, cells=64, mean_ms=30_000), Ages(1000, 64)
    for _ in range(10):
        ended.ended(5000)
    alone = ended.hazards(going_on)[5]
    going_on.advance(100_000)
    for _ in range(90):
        going_on.add(80_000)
    assert ended.hazards(going_on)[5] < alone / 4


def test_a_horizon_knows_what_has_been_said_by_age() -> None:
    answers = learnt(0.3, 4000)
    talk = SpanEstimate(cell_ms=4000, cells=32, mean_ms=100_000).hazards(Ages(4000, 32))
    wrap = SpanEstimate(cell_ms=1000, cells=64, mean_ms=10_000).hazards(Ages(1000, 64))
    found = horizon(answers, talk, wrap, share=0.5, patience_ms=2000, talk_cell_ms=4000)
    assert found.fresh == pytest.approx(0.15, abs=0.03)
    # who has rung for 5 s is more likely answered within 8 s than who is dialled now; nobody answers after 12 s
    assert found.reach[5] > found.fresh > found.reach[-1] > 0
    assert len(found.reach) == 12
    # memoryless, mean 10 s, within 8 or 9 s and the 2 s of patience
    assert found.wrapped[0] == pytest.approx(1 - 2.718 ** -((answers.quantile_cells(0.5) + 2) / 10), abs=0.02)
    assert 0 < found.talked[0] < found.wrapped[0]
