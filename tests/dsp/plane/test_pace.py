"""How the playout delay comes to the wanted one inside what is played: how soon, by how much, and how it sounds."""

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane import pace

TICK, AT = 160, 4800
RNG = np.random.default_rng(3)
SILENCE = RNG.integers(-30, 30, lo.JITTER_SAMPLES).astype(np.int16)
NOISE = RNG.integers(-9000, 9000, lo.JITTER_SAMPLES).astype(np.int16)
TONE = np.round(8000 * np.sin(2 * np.pi * 100 * np.arange(lo.JITTER_SAMPLES) / 8000)).astype(np.int16)


def changed(sound, surplus, ticks, stored=2000):
    """Samples left out (< 0: said twice) in each of `ticks` frames, the delay `surplus` samples too long at first."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    ring, out = sound.copy(), np.zeros(2 * TICK, np.int16)
    leg.jb_play_ts, changes, heard = AT, [], []
    for _ in range(ticks):
        leg.jb_newest_ts = leg.jb_play_ts + stored
        leg.jb_clean += 1
        at = int(leg.jb_play_ts)
        out[:TICK] = ring[np.arange(at, at + TICK) % len(ring)]
        consumed = pace.play(leg, ring, out, surplus)
        assert out[TICK - 1] == ring[(at + consumed - 1) % len(ring)] or abs(consumed - TICK) >= TICK, (
            "goes on as the stream does"
        )
        leg.jb_play_ts += consumed
        surplus -= consumed - TICK
        changes.append(consumed - TICK)
        heard.append(out[:TICK].copy())
    assert int(leg.jb_compressed) - int(leg.jb_stretched) == sum(changes)
    return changes, np.concatenate(heard)


@pytest.mark.parametrize("surplus", [1, 7, 160, 1000])
def test_in_silence_a_delay_too_long_goes_at_once_to_the_sample(surplus):
    changes, _ = changed(SILENCE, surplus, 8)
    assert changes[: -(-surplus // TICK)] == [TICK] * (surplus // TICK) + [surplus % TICK] * (surplus % TICK > 0)
    assert sum(changes) == surplus


@pytest.mark.parametrize("missing", [1, 160, 500])
def test_in_silence_a_delay_too_short_grows_at_once_to_the_sample(missing):
    changes, _ = changed(SILENCE, -missing, 8)
    assert changes[0] == 0, "what was played before must be real, too"
    assert sum(changes) == -missing
    assert sum(changes[: 1 + -(-missing // TICK)]) == -missing


@pytest.mark.parametrize("surplus", [pace.LONG, 400])
def test_speech_is_made_shorter_only_when_no_silence_comes(surplus):
    changes, _ = changed(TONE, surplus, pace.PATIENCE + 60)
    assert sum(changes[: pace.PATIENCE]) == 0
    left = surplus - sum(changes)
    assert left == surplus if surplus <= pace.LONG else left <= pace.LONG


def test_speech_is_made_longer_soon():
    changes, _ = changed(TONE, -300, 20)
    assert -300 - 80 <= sum(changes) <= -300 + 80
    assert sum(changes[:3]) < 0


def test_far_too_long_a_delay_does_not_wait():
    changes, _ = changed(TONE, pace.HURRY + 800, 20)
    assert sum(changes) >= 800


def test_what_repeats_nowhere_is_changed_when_it_has_been_waited_long():
    changes, _ = changed(NOISE, 400, pace.PATIENCE + 10, stored=1000)
    assert sum(changes) == 0
    changes, _ = changed(NOISE, 400, 2 * pace.PATIENCE, stored=1000)
    assert sum(changes) > 0


@pytest.mark.parametrize("surplus", [1200, -300])
def test_a_tone_goes_on_in_phase(surplus):
    changes, heard = changed(TONE, surplus, pace.PATIENCE + 100 if surplus > 0 else 20)
    assert sum(changes) != 0
    assert np.abs(np.diff(heard.astype(float), 2)).max() <= 1.05 * np.abs(np.diff(TONE.astype(float), 2)).max() + 10


def test_nothing_is_taken_that_is_not_there():
    """The store ends, or has a hole, where the left-out part would go on."""
    assert changed(SILENCE, 500, 3, stored=TICK)[0] == [0, 0, 0]
    assert changed(SILENCE, 500, 1, stored=TICK + 50)[0] == [50]
    sound = SILENCE.copy()
    sound[AT + TICK + 20] = lo.ABSENT
    assert changed(sound, 500, 1)[0] == [0]
