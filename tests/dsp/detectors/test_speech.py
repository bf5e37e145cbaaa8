"""Speech activity, noise floor, clipping and dead air, on signals made here and on recorded voices."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.accuracy.signals import at_level, line, noise, silence, sine
from dsp.detectors import offline, speech
from dsp.detectors.speech_state import FRAME, SPEECH_STATE
from dsp.detectors.verdicts import BEGIN, END, LEVEL, SPEECH
from tests.dsp.naive.speech import Speech

SEED = 7
HELLO = Path("/usr/share/asterisk/sounds/en_US_f_Allison/hello.wav")
MS = 8


def dice():
    return np.random.default_rng(SEED)


def hello(level=-18.0):
    samples, _ = soundfile.read(HELLO, dtype="float64")
    return at_level(samples * 32768, level)


def feed(samples, state=None):
    """Give verdicts and the state after `samples`."""
    states = np.zeros(1, SPEECH_STATE).view(np.recarray)
    return offline.take(speech.feed_all, states, np.asarray(samples, np.int16)[None]), states[0]


def spurts(verdicts):
    told = [one for one in verdicts if one["kind"] == SPEECH and one["phase"] == END and one["cause"] == speech.SILENCE]
    return [(int(one["start"]) / 8000, int(one["end"]) / 8000) for one in told]


def mumble(seconds, rng, level=-20.0):
    """Make something with the rhythm of speech: noise in syllables."""
    out = []
    while sum(map(len, out)) < seconds * 8000:
        length = int(rng.uniform(0.06, 0.22) * 8000)
        out += [at_level(rng.normal(0, 1, length) * np.hanning(length), level), silence(rng.uniform(10, 60))]
    return np.concatenate(out)


@pytest.mark.parametrize("level", [-32, -18, -5])
def test_a_word_has_its_begin_and_end(level):
    found = spurts(feed(line(np.concatenate([silence(1000), hello(level), silence(1000)])))[0])
    assert len(found) == 1
    assert found[0] == pytest.approx((1.09, 1.66), abs=0.06)


@pytest.mark.parametrize("ground", [-65.0, -50.0, -38.0])
def test_noise_is_no_speech_and_hides_none(ground):
    rng = dice()
    word = hello(-18)
    whole = noise(8000 * 4 + len(word), ground, rng)
    whole[16000 : 16000 + len(word)] += word
    verdicts, state = feed(line(whole))
    assert spurts(verdicts) == [pytest.approx((2.09, 2.66), abs=0.08)]
    assert float(state.floor) == pytest.approx(ground - 1, abs=3)


@pytest.mark.parametrize("hz", [(440.0, 480.0), (425.0,), (2100.0,), (1100.0,), (50.0, 150.0)])
def test_tones_are_no_speech(hz):
    tone = sum(sine(one, 8000, -15) for one in hz)
    verdicts, state = feed(line(np.concatenate([silence(500), tone, silence(700)])))
    assert spurts(verdicts) == []
    assert state.spurts == 0


def test_what_turns_out_to_be_no_voice_is_taken_back():
    verdicts, _ = feed(line(np.concatenate([silence(500), sine(480, 8000, -15) + sine(620, 8000, -15), silence(500)])))
    causes = [int(one["cause"]) for one in verdicts if one["kind"] == SPEECH and one["phase"] == END]
    assert causes == [speech.NO_VOICE]


@pytest.mark.parametrize("hz", [400.0, 850.0, 1000.0, 1004.0, 1100.0, 1500.0, 2000.0, 2100.0, 2600.0])
def test_a_tone_is_measured(hz):
    states = np.zeros(1, SPEECH_STATE).view(np.recarray)
    offline.take(speech.feed_all, states, line(np.concatenate([silence(105), sine(hz, 2400, -20)]))[None])
    assert states[0].tone_hz == pytest.approx(hz, rel=0.008)
    assert states[0].tone_start == pytest.approx(105 * MS, abs=FRAME)
    assert states[0].tone_level == pytest.approx(-20, abs=0.5)


def test_an_open_vowel_is_no_tone():
    """Of 800 and 1200 Hz the cosines of four samples' turn are the same."""
    states = np.zeros(1, SPEECH_STATE).view(np.recarray)
    offline.take(speech.feed_all, states, line(sine(800, 4800, -20) + sine(1200, 4800, -22))[None])
    assert states[0].tone_frames == 0


def test_clicks_are_no_speech():
    whole = silence(3000)
    for at in range(4000, 20000, 2400):
        whole[at : at + 200] = 8000 * np.sign(dice().normal(0, 1, 200))
    assert spurts(feed(line(whole))[0]) == []


def test_clipping_is_told_and_its_end():
    loud = np.clip(3 * sine(300, 16000, 3), -32768, 32767)
    verdicts, state = feed(line(np.concatenate([silence(500), loud, silence(2000)])))
    told = [(int(one["code"]), int(one["phase"])) for one in verdicts if one["kind"] == LEVEL]
    assert told == [(speech.CLIPPING, BEGIN), (speech.CLIPPING, END)]
    assert state.clipped > 1000
    _, clean = feed(line(sine(300, 16000, -3)))
    assert clean.clipped == 0


def test_dead_air_is_told_and_its_end():
    verdicts, _ = feed(line(np.concatenate([hello(), silence(11000), hello(), silence(500)])))
    told = [(int(one["phase"]), int(one["at"])) for one in verdicts if one["code"] == speech.DEAD_AIR]
    assert [phase for phase, _ in told] == [BEGIN, END]
    assert told[0][1] == pytest.approx(len(hello()) + 80000, abs=0.3 * 8000)


def test_active_level_is_the_voice_s():
    voice = mumble(4, dice(), -20)
    _, state = feed(line(np.concatenate([silence(3000), voice, silence(3000)])))
    loud = voice[np.abs(voice) > 0]
    assert speech.active_level(state) == pytest.approx(10 * np.log10(np.mean(loud**2) / speech.POWER_0_DBM0), abs=1.5)


def test_a_gap_moves_on_and_ends_a_spurt():
    _, state = feed(line(np.concatenate([silence(500), mumble(1, dice())])))
    assert state.talking
    at = state.position
    speech.gap(state, 160)
    assert (state.position, state.talking) == (at + 160, 1)
    speech.gap(state, 4000)
    assert not state.talking
    speech.gap(state, -5)
    assert state.position == at + 4160


@pytest.mark.parametrize("kind", ["mumble", "tones", "noise", "extremes"])
def test_as_its_slow_twin(kind):
    rng = dice()
    match kind:
        case "mumble":
            parts = [
                noise(6000, -55, rng),
                mumble(3, rng, -22),
                noise(9000, -48, rng),
                mumble(1, rng, -30),
                silence(900),
            ]
        case "tones":
            parts = [silence(300), sine(1000, 3000, -12), mumble(0.7, rng), sine(2100, 5000, -20), sine(1210, 700, -9)]
        case "noise":
            parts = [noise(12000, -30, rng), noise(6000, -60, rng), mumble(2, rng, -16) + 0, noise(8000, -35, rng)]
        case _:
            parts = [
                np.full(1600, 32767.0),
                np.tile([32767.0, -32768.0], 2000),
                silence(400),
                rng.uniform(-3e4, 3e4, 8000),
            ]
    samples = line(np.concatenate(parts))
    state, twin = np.zeros(1, SPEECH_STATE).view(np.recarray)[0], Speech()
    for at in range(0, len(samples) - FRAME + 1, FRAME):
        frame = samples[at : at + FRAME]
        speech.feed(state, frame)
        twin.feed(frame)
        names = ("position", "talking", "onset", "last_active", "spurts", "active_blocks")
        assert [int(state[name]) for name in names] == [getattr(twin, name) for name in names], at
        assert int(state.tone_frames) == len(twin.tone), at
        assert float(state.floor) == pytest.approx(twin.floors[-1], abs=0.01)


def test_legs_do_not_mix():
    rng = dice()
    streams = np.stack([line(mumble(2, rng))[:15000], line(noise(15000, -40, rng)), line(sine(700, 15000, -10))])
    together = np.zeros(3, SPEECH_STATE).view(np.recarray)
    offline.take(speech.feed_all, together, streams)
    for row in range(3):
        alone = np.zeros(1, SPEECH_STATE).view(np.recarray)
        offline.take(speech.feed_all, alone, streams[row : row + 1])
        assert together[row].tobytes() == alone[0].tobytes()
