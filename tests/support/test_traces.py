"""The traces are what they say: same seed same trace, and the figures of their kinds."""

import numpy as np
import pytest

from tests.support import traces


@pytest.mark.parametrize("kind", traces.KINDS)
def test_a_seed_makes_the_trace(kind):
    a, b, c = (traces.KINDS[kind](20, seed) for seed in (5, 5, 6))
    assert np.array_equal(a.arrival, b.arrival, equal_nan=True)
    assert a.copies == b.copies
    assert a.arrival.shape != c.arrival.shape or not np.array_equal(a.arrival, c.arrival, equal_nan=True)


@pytest.mark.parametrize("kind", traces.KINDS)
def test_nothing_arrives_before_it_was_sent_and_ticks_bring_all(kind):
    trace = traces.KINDS[kind](20, 3)
    arrived = ~np.isnan(trace.arrival)
    assert (trace.arrival[arrived] >= trace.sent[arrived]).all()
    brought = [index for batch in trace.ticks(phase_ms=7.0) for index, waited in batch if 0 <= waited < 20]
    assert len(brought) == arrived.sum() + len(trace.copies)


def test_losses_come_in_bursts_of_the_mean_length():
    trace = traces.gilbert_elliott(4000, 1, loss=0.05, burst=4)
    lost = np.isnan(trace.arrival)
    starts = int((np.diff(lost.astype(int), prepend=0) == 1).sum())
    assert lost.mean() == pytest.approx(0.05, rel=0.1)
    assert lost.sum() / starts == pytest.approx(4, rel=0.1)


def test_a_fast_clock_sends_more():
    fast, slow = traces.drifting(1000, ppm=300), traces.drifting(1000, ppm=-300)
    assert fast.sent[-1] == pytest.approx(1e6 - 20 - 300, abs=1)
    assert slow.sent[-1] == pytest.approx(1e6 - 20 + 300, abs=1)


def test_pauses_have_markers_and_no_packets():
    trace = traces.silences(60)
    starts = np.flatnonzero(np.diff(trace.timestamp, prepend=-1000) != 160)
    assert np.array_equal(np.flatnonzero(trace.marker), starts)
    assert len(starts) > 10


def test_only_reordering_changes_the_order():
    assert (np.diff(traces.reordered(60).arrival) < 0).any()
    for kind in ("clean", "wifi", "lte", "dsl"):
        arrival = traces.KINDS[kind](60).arrival
        assert (np.diff(arrival[~np.isnan(arrival)]) >= 0).all()
