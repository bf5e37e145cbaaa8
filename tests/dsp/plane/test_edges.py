"""No clicks on the whole way from commands to packets: every change of what a leg hears, over tones and over DC."""

import numpy as np
import pytest

from dsp.plane import edges
from dsp.plane import layout as lo
from dsp.tones import generator
from tests.dsp.rig import Rig

#: Phases of a tone, so that the changes come at peaks, at zeros and in between.
SHIFTS = [0, 7, 13]
HZ, LEVEL = 300, -10.0


@pytest.fixture
def rig():
    r = Rig()
    yield r
    r.close()


def sounds(shift: int):
    """A tone, and what has a constant part: a click shows best on both."""
    tone = generator.tone(HZ, 8000, LEVEL)[shift:]
    return {"tone": tone, "dc": np.full(len(tone), 6000, np.int16)}


def clicks(heard, *, bound: float) -> list[int]:
    """Samples where the second difference is above `bound`."""
    return np.flatnonzero(np.abs(np.diff(heard.astype(float), 2)) > bound).tolist()


#: Largest second difference of the tone (a sine of 7850), with the steps of mu-law at that level (256) thrice on top.
TONE_BOUND = 7850 * (2 * np.pi * HZ / 8000) ** 2 + 3 * 256


def talk(rig, peer, sound, ticks: int) -> None:
    """The peer's stream goes on; it keeps its place in the sound."""
    for _ in range(ticks):
        at = (peer.ts - 5000) % 4800
        peer.send(sound[at : at + 160])
        rig.tick()


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("kind", ["tone", "dc"])
def test_plays_begin_are_stopped_and_give_way_to_others_without_a_click(rig, kind, shift):
    sound = sounds(shift)[kind]
    rig.state.prompts[:6400] = sound[:6400]
    peer = rig.open(0)
    rig.tick(3)
    rig.play(0, 1, [(0, 6400)])
    rig.tick(10)
    rig.play(0, 2, [(3001, 3000)])  # another one replaces it
    rig.tick(7)
    rig.command(lo.CMD_STOP_PLAY, 0, 2)
    rig.tick(5)
    assert np.abs(peer.audio[160 * 5 : 160 * 18].astype(int)).max() > 5000
    assert clicks(peer.audio, bound=TONE_BOUND) == []
    assert not peer.audio[-160:].any()


@pytest.mark.parametrize("shift", SHIFTS)
def test_bridge_play_over_it_unbridge_and_close_do_not_click(rig, shift):
    sound = sounds(shift)["tone"]
    rig.state.prompts[:1600] = generator.tone(280, 1600, LEVEL)
    a, b = rig.open(0), rig.open(1)
    talk(rig, a, sound, 10)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)  # into the middle of what is said
    talk(rig, a, sound, 10)
    rig.play(1, 1, [(0, 1600)])
    talk(rig, a, sound, 10)
    rig.command(lo.CMD_STOP_PLAY, 1, 1)
    talk(rig, a, sound, 10)
    rig.command(lo.CMD_UNBRIDGE, 0)
    talk(rig, a, sound, 10)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    talk(rig, a, sound, 10)
    rig.command(lo.CMD_CLOSE, 0)
    rig.tick(5)
    assert np.abs(b.audio[160 * 15 : 160 * 19].astype(int)).max() > 5000
    assert clicks(b.audio, bound=TONE_BOUND) == []
    assert not b.audio[-160:].any()


def test_hold_and_resume_do_not_click(rig):
    """What the held peer gets after the pause begins softly; the pause itself is not sent at all."""
    rig.state.prompts[:] = np.resize(generator.tone(HZ, 80, LEVEL), len(rig.state.prompts))
    peer = rig.open(0)
    rig.play(0, 1, [(0, 8000)])
    rig.tick(10)
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 0, 1)
    rig.tick(10)
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1)
    before = len(peer.audio)
    rig.tick(10)
    assert clicks(np.concatenate([np.zeros(2, np.int16), peer.audio[before:]]), bound=TONE_BOUND) == []


def test_tones_of_digits_begin_and_end_softly(rig):
    """In-band digits over a prompt: their own second difference (two tones, 941 and 1477 Hz) is the bound."""
    rig.state.prompts[:] = np.resize(generator.tone(HZ, 80, LEVEL), len(rig.state.prompts))
    peer = rig.open(0, te_pt=-1)
    rig.play(0, 1, [(0, 16000)])
    rig.tick(5)
    rig.send_digits(0, 2, "#0#")
    rig.tick(30)
    digit = generator.dtmf("#", 800, -8.0)
    bound = 1.1 * np.abs(np.diff(digit.astype(float), 2)).max() + 3 * 256
    assert rig.told(lo.EV_DIGITS_SENT, 0)
    assert clicks(peer.audio, bound=bound) == []


def test_a_frame_of_the_same_source_is_not_touched():
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    dice = np.random.default_rng(1)
    edges.join(leg, np.zeros(320, np.int16), 5)
    for _ in range(20):
        frame = dice.integers(-400, 400, 320).astype(np.int16)
        out = frame.copy()
        edges.join(leg, out, 5)
        assert np.array_equal(out, frame)


@pytest.mark.parametrize("wide", [0, 1])
def test_a_join_goes_on_with_value_and_slope_and_is_over_after_5_ms(wide):
    n = 160 << wide
    for hz in (100, 250, 700):
        for shift in range(0, 60, 7):
            leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
            leg.wide = wide
            t = (np.arange(2 * n) + shift) / (8000 << wide)
            one = (9000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)
            two = (9000 * np.cos(2 * np.pi * hz * t)).astype(np.int16)
            edges.join(leg, one[:n].copy(), 7)
            edges.join(leg, one[:n].copy(), 7)
            out = two[:n].copy()
            edges.join(leg, out, 8)
            both = np.concatenate([one[:n], out]).astype(float)
            slope = 9000 * 2 * np.pi * hz / (8000 << wide)
            assert np.abs(np.diff(both)).max() < 3.5 * slope + 9000 * 6 / (40 << wide)
            assert abs(both[n] - 2 * both[n - 1] + both[n - 2]) < 0.7 * slope + 30
            assert np.array_equal(out[40 << wide :], two[40 << wide : n])
            assert np.abs(out.astype(int)).max() <= 1.25 * 9000


def test_digital_silence_that_breaks_into_a_sound_is_an_edge_too():
    """A partner's key that is not to be heard empties the frames of a bridge: the source is the same."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    tone = (9000 * np.cos(2 * np.pi * 250 / 8000 * np.arange(320))).astype(np.int16)
    edges.join(leg, tone[:160].copy(), 9)
    edges.join(leg, tone[:160].copy(), 9)
    quiet = np.zeros(320, np.int16)
    edges.join(leg, quiet[:160], 9)
    assert abs(int(quiet[0]) - int(tone[159])) < 2500
    assert not quiet[40:].any()
    edges.join(leg, quiet[160:], 9)
    back = tone[:160].copy()
    edges.join(leg, back, 9)
    assert abs(int(back[0])) < 200
