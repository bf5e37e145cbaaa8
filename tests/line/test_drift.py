"""The store between two clocks: half an hour of each pair of clocks in virtual time, and what resampling does."""

import random

import numpy as np
import pytest

from edge.line.drift import DriftStore, Stretch

HALF_AN_HOUR_S = 1800


def run(
    store: DriftStore, ppm: float, block: int, jitter_s: float, lasts_s: int = HALF_AN_HOUR_S
) -> tuple[float, float]:
    """Fill by a clock that is `ppm` fast, empty by ours; returns the least and the greatest depth, seconds."""
    dice = random.Random(1)
    rate = 8000 * (1 + ppm * 1e-6)
    puts = [(n * block / rate + dice.random() * jitter_s, False) for n in range(1, int(lasts_s * rate / block))]
    takes = [(n * 0.02 + dice.random() * 0.004, True) for n in range(1, lasts_s * 50)]
    samples = np.ones(block, np.int16)
    least, most = 1.0, 0.0
    for at, is_take in sorted(puts + takes):
        if is_take:
            store.take(160, at)
            if at > 10:
                least, most = min(least, store.depth_s), max(most, store.depth_s)
        else:
            store.put(samples, at)
    return least, most


@pytest.mark.parametrize(("ppm", "block", "jitter_s"), [(200, 441, 0.0), (-200, 320, 0.008)])
def test_half_an_hour_of_other_clocks_without_a_gap(ppm: int, block: int, jitter_s: float) -> None:
    store = DriftStore()
    _, most = run(store, ppm, block, jitter_s)
    assert (store.underruns, store.overruns) == (0, 0)
    assert abs(store.drift_ppm - ppm) < 10
    assert most < 0.15


def test_without_the_controller_the_same_half_hour_has_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.line.drift._MOST", 0.0)
    store = DriftStore()
    run(store, -200, 160, 0.003, 900)
    assert store.underruns > 2


def test_what_nobody_listens_to_is_no_overrun() -> None:
    store = DriftStore()
    for n in range(1000):
        store.put(np.ones(160, np.int16), n * 0.02)
    assert store.overruns == 0
    assert store.depth_s <= store.wanted_s


def test_a_pause_of_the_stream_is_no_underrun() -> None:
    store = DriftStore()
    for n in range(100):
        store.put(np.ones(160, np.int16), n * 0.02)
        store.take(160, n * 0.02 + 0.001)
    before = store.underruns
    for n in range(100, 200):
        heard = store.take(160, n * 0.02 + 1.0)
    assert store.underruns == before
    assert not heard.any()


@pytest.mark.parametrize("hz", [300, 1000, 3400])
def test_a_stretched_tone_stays_a_tone(hz: int) -> None:
    stretch = Stretch()
    stretch.step = 1.0005
    tone = (10000 * np.sin(2 * np.pi * hz * np.arange(10 * 8000) / 8000)).astype(np.int16)
    out = np.concatenate([stretch.feed(tone[at : at + 160]) for at in range(0, len(tone), 160)])[8000:-8000]
    power = np.abs(np.fft.rfft(out * np.blackman(len(out)))) ** 2
    peak = int(power.argmax())
    assert peak * 8000 / len(out) == pytest.approx(hz * 1.0005, abs=0.06)
    near = power[peak - 20 : peak + 21].sum()
    assert 10 * np.log10(near / (power.sum() - near)) > 65
