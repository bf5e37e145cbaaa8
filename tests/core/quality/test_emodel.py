"""The E-model against the tables and curves of the recommendations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.quality import emodel
from edge.core.quality.emodel import Equipment, Line

IDEAL = Equipment(0.0, 25.1)
SHARES = st.floats(0, 1)
DELAYS = st.floats(0, 2000)


def test_the_defaults_give_the_rating_of_g107():
    assert emodel.rating(IDEAL) == pytest.approx(93.2, abs=0.05)  # G.107 section 7.7
    assert emodel.opinion(emodel.rating(IDEAL)) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(
    ("r", "mos"), [(100, 4.50), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0)]
)
def test_opinions_of_table_b1(r, mos):
    assert emodel.opinion(r) == pytest.approx(mos, abs=0.01)


@pytest.mark.parametrize(
    ("delay_ms", "r"),
    [(0, 93.2), (50, 91.8), (100, 90.7), (150, 89.5), (200, 85.8), (300, 72.7), (400, 62.2)],
)
def test_delay_follows_the_curve_of_g114(delay_ms, r):
    """Figure 1 of G.114: flat to 150 ms, "some users dissatisfied" (below 80) from about 250 ms on."""
    assert emodel.rating(IDEAL, delay_ms=delay_ms) == pytest.approx(r, abs=0.5)


@pytest.mark.parametrize(
    ("codec", "percent", "impairment"),
    [
        # G.113 Appendix I: Ie and Bpl of the codec; Ie-eff by hand from G.107 (7-29).
        (Equipment(0, 4.3), 1, 17.92),  # G.711 without concealment
        (Equipment(0, 4.3), 2, 30.16),
        (Equipment(0, 25.1), 1, 3.64),  # G.711 with Appendix I
        (Equipment(0, 25.1), 3, 10.14),
        (Equipment(11, 19), 1, 15.2),  # G.729A
        (Equipment(11, 19), 4, 25.61),
        (Equipment(15, 16.1), 2, 23.84),  # G.723.1 at 6.3 kbit/s
    ],
)
def test_equipment_impairment_by_random_loss(codec, percent, impairment):
    assert emodel.equipment(codec, percent / 100) == pytest.approx(impairment, abs=0.01)


def test_bursts_hurt_more_than_random_loss():
    assert emodel.equipment(IDEAL, 0.05, burst_ratio=2) > emodel.equipment(IDEAL, 0.05)
    assert emodel.equipment(IDEAL, 0.05, 2) == pytest.approx(95 * 5 / (2.5 + 25.1))


def test_echo_hurts_when_it_is_late():
    poor = Line(talker_echo_loss=35)
    assert emodel.delay(0, poor) < 1
    assert emodel.delay(100, poor) > emodel.delay(100) + 20


def test_wideband_is_better_than_narrowband_and_codecs_cost_something():
    wide = Equipment(0, 25.1, wideband=True)
    g722 = Equipment(13, 25.1, wideband=True)
    assert emodel.rating(wide) == 129
    assert emodel.mean_opinion(wide)[1] == 4.5
    assert emodel.rating(g722) == 116
    assert 4.3 < emodel.mean_opinion(g722)[1] < 4.5


@given(loss=SHARES, bursts=st.floats(1, 20), delay_ms=DELAYS, wide=st.booleans(), impairment=st.floats(0, 50))
def test_an_opinion_is_an_opinion(loss, bursts, delay_ms, wide, impairment):
    codec = Equipment(impairment, 10, wide)
    r, mos = emodel.mean_opinion(codec, loss=loss, burst_ratio=bursts, delay_ms=delay_ms)
    assert math.isfinite(r)
    assert 1 <= mos <= 4.5


@given(SHARES, SHARES, DELAYS)
def test_more_loss_is_never_better(one, other, delay_ms):
    less, more = sorted((one, other))
    assert emodel.rating(IDEAL, loss=more, delay_ms=delay_ms) <= emodel.rating(IDEAL, loss=less, delay_ms=delay_ms)


@given(DELAYS, DELAYS)
def test_more_delay_is_never_better(one, other):
    less, more = sorted((one, other))
    # In the first milliseconds the formulas of the recommendation themselves have a bump of 0.06.
    assert emodel.rating(IDEAL, delay_ms=more) <= emodel.rating(IDEAL, delay_ms=less) + 0.1


@given(st.floats(-200, 200), st.floats(-200, 200))
def test_a_better_rating_is_never_a_worse_opinion(one, other):
    worse, better = sorted((one, other))
    assert emodel.opinion(worse) <= emodel.opinion(better) + 1e-9
