"""Quality of a direction: what counts as lost, how bursty it was, and when nothing is said."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.quality import legs
from edge.core.quality.legs import UNKNOWN, burst_ratio, received, sent

PCMU = ("PCMU", 8000)


def test_late_packets_are_as_lost_as_lost_ones():
    one = received(PCMU, heard=950, lost=50, late=0, gap_packets=50, gaps=50, delay_ms=100)
    other = received(PCMU, heard=950, lost=25, late=25, gap_packets=25, gaps=25, delay_ms=100)
    assert one.loss == other.loss == 0.05
    assert one.mos == other.mos
    assert one.mos == pytest.approx(3.9, abs=0.15)


def test_a_clean_stream_has_the_best_opinion_of_its_codec():
    assert received(PCMU, heard=1000, lost=0, late=0, gap_packets=0, gaps=0, delay_ms=0) == (0.0, 1.0, 4.41)
    for codec in legs.EQUIPMENT:
        assert 4.3 < (received(codec, heard=100, lost=0, late=0, gap_packets=0, gaps=0, delay_ms=80).mos or 0) <= 4.5


def test_little_is_no_base_for_a_figure():
    assert received(PCMU, heard=49, lost=0, late=0, gap_packets=0, gaps=0, delay_ms=0) == UNKNOWN
    assert sent(PCMU, packets=49, lost=0, jitter_ms=0, delay_ms=0) == UNKNOWN


def test_an_unknown_codec_has_loss_and_no_opinion():
    found = received(("OPUS", 48000), heard=100, lost=100, late=0, gap_packets=100, gaps=9, delay_ms=0)
    assert found.loss == 0.5
    assert found.mos is None


def test_a_peer_that_counts_duplicates_has_no_negative_loss_and_one_that_lies_has_no_more_than_all():
    assert sent(PCMU, packets=100, lost=-7, jitter_ms=0, delay_ms=0).loss == 0
    assert sent(PCMU, packets=100, lost=0x7FFFFF, jitter_ms=0, delay_ms=0).loss == 1


def test_a_peers_jitter_costs_delay():
    calm = sent(PCMU, packets=1000, lost=0, jitter_ms=5, delay_ms=150).mos
    assert sent(PCMU, packets=1000, lost=0, jitter_ms=100, delay_ms=150).mos < calm


@pytest.mark.parametrize(("to_bad", "to_good", "ratio"), [(0.05, 0.95, 1.0), (0.02, 0.25, 3.7), (0.01, 0.1, 9.1)])
def test_burst_ratio_of_a_gilbert_channel_is_its_closed_form(to_bad, to_good, ratio):
    """For a Gilbert channel the ratio is 1 / (p + q): G.107 section 7.5."""
    assert 1 / (to_bad + to_good) == pytest.approx(ratio, abs=0.05)
    rng, bad, gaps, lost, count = random.Random(5), False, 0, 0, 400_000
    for _ in range(count):
        was, bad = bad, rng.random() < (1 - to_good if bad else to_bad)
        lost += bad
        gaps += bad and not was
    assert burst_ratio(lost, gaps, lost / count) == pytest.approx(ratio, rel=0.05)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 10**5))
def test_any_counts_give_sane_figures(heard, lost, late, gaps, delay_ms):
    found = received(PCMU, heard=heard, lost=lost, late=late, gap_packets=lost, gaps=gaps, delay_ms=delay_ms)
    if found is not UNKNOWN:
        assert 0 <= found.loss <= 1
        assert found.burst_ratio >= 1
        assert 1 <= found.mos <= 4.5
