"""The detectors' benchmark measures what it says: the same frames, every key recognised, nothing skipped."""

import numpy as np

from bench import dsp, spandsp
from bench.accuracy import signals


def test_everybody_talks_and_presses_keys():
    frames = dsp.talk(500, 8)
    assert frames.shape == (500, 8, dsp.FRAME)
    for leg in range(8):
        sound = np.ascontiguousarray(frames[:, leg]).ravel()
        assert -25 < signals.level(sound) < -10
        assert len(spandsp.digits(sound)) == 1
    assert len({frames[:, leg].tobytes() for leg in range(8)}) == 8


def test_in_calls_people_listen_more_than_they_talk():
    frames, whole = dsp.talk(1000, 24, pauses=True), dsp.talk(1000, 24)
    loud = np.abs(frames).max(axis=2) > 200  # the line has 30
    assert 0.25 < loud.mean() < 0.45
    assert (np.abs(whole).max(axis=2) > 200).mean() > 0.7
    assert 0.2 < loud[:100].mean() < 0.5  # from the begin on
    assert sum(len(spandsp.digits(np.ascontiguousarray(frames[:, leg]).ravel())) for leg in range(24)) == 48


def test_spandsp_is_fed_leg_by_leg():
    """The C loop gives its detectors what Python would give them."""
    frames = dsp.talk(500, 3)
    want = [spandsp.digits(np.ascontiguousarray(frames[:, leg]).ravel()) for leg in range(3)]
    with dsp.spandsp_feed(3) as feed:
        feed(frames)
        assert feed.digits() == want
    assert all(want)


def test_all_figures_are_told():
    figures = {}
    dsp.measure(lambda name, value, unit, **more: figures.update({name: (value, unit, more)}), quick=True)
    for name in ("dtmf", "tones", "speech", "everything", "dtmf_in_calls", "everything_in_calls"):
        value, unit, more = figures[f"{name}_channels_per_core"]
        assert unit == "channels/core"
        assert value > 0
        assert more["peer_value"] > 0
    assert figures["dtmf_onset_to_verdict_p99"][0] < 60  # samples of the stream, no clock


def test_every_key_is_waited_for():
    taken = dsp.waits(64)
    assert len(taken["ours"]) == len(taken["spandsp"]) == 64
    assert min(taken["ours"]) > 10
