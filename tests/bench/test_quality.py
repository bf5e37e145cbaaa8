"""The quality bench on a short trace, with the real pjmedia functions and the real PESQ."""

import numpy as np
import pytest

from bench import quality
from tests.support import traces


def test_both_receivers_play_the_same_speech_and_are_judged_alike():
    said = quality.speech(8)
    given = quality.load(traces.clean(8, 3), said)
    for receiver in (quality.ours, quality.pjmedias):
        heard = receiver(given)
        assert heard.concealed < 0.02
        assert 40 <= heard.delay_ms < 150
        assert quality.pesq_of(given, heard) > 3.0  # the delay settles within these first seconds


def test_loss_is_made_up_by_both_and_costs_quality():
    said = quality.speech(8)
    given = quality.load(traces.gilbert_elliott(8, 3, loss=0.15, burst=1.5), said)
    lost = given.trace.lost / len(given.trace.sent)
    assert lost > 0.05
    for name, (score, _, concealed) in quality.measure(given).items():
        assert concealed == pytest.approx(lost, abs=0.05), name
        assert 1 < score < 3.8, name


def test_what_was_not_sent_is_silence_in_the_reference():
    said = np.ones(8 * 8000, np.int16)
    given = quality.load(traces.silences(8, 1), said)
    sent = np.unique(given.trace.timestamp // 160)
    assert given.frames.any(axis=1).sum() == (sent < len(given.frames)).sum()


def test_delay_counts_what_concealment_keeps_back():
    """Beside the delays that both receivers tell: where the speech is, in what is heard on a path with no fault."""
    said = quality.speech(8)
    given = quality.load(traces.clean(8, 3), said)
    for receiver in (quality.ours, quality.pjmedias):
        heard = receiver(given)
        spoken = said[32_000:40_000].astype(float)
        likeness = [float(np.dot(spoken, heard.samples[32_000 + d : 40_000 + d])) for d in range(1000)]
        # the first sample was spoken a packet's time before instant 0
        assert int(np.argmax(likeness)) / 8 + 20 == pytest.approx(heard.delay_of(4000, 5000), abs=0.2)
        assert np.array_equal(heard.samples[32_000 + int(np.argmax(likeness)) :][:8000], spoken)


def test_each_piece_is_aligned_by_its_own_delay():
    heard = quality.Heard(np.zeros(0, np.int16), np.array([40.0, 40.0, np.nan, 60.0, 60.0, 60.0]), 0.0)
    assert heard.delay_of(-40.0, -30.0) == 40.0
    assert heard.delay_of(-30.0, 0.0) == pytest.approx((40 + 60 + 60 + 60) / 4)
    assert heard.delay_of(500.0, 600.0) == heard.delay_ms == 52.0
