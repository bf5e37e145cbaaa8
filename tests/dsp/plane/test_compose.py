"""What a leg hears: play, room, or both, over real sockets."""

import numpy as np
import pytest

from dsp.plane import gain
from dsp.plane import layout as lo
from tests.dsp.rig import Rig


@pytest.fixture
def rig():
    r = Rig()
    yield r
    r.close()


def level(samples, hz: float) -> float:
    """Amplitude of a frequency in int16 units."""
    t = np.arange(len(samples)) / 8000
    window = np.hanning(len(samples))
    return float(2 * abs((samples * window * np.exp(-2j * np.pi * hz * t)).sum()) / window.sum())


def talk(rig, tones: dict[int, float], ticks: int) -> None:
    """Let peers say their tones."""
    for _ in range(ticks):
        for slot, hz in tones.items():
            peer = rig.peers[slot]
            peer.send(4000 * np.sin(2 * np.pi * hz / 8000 * (peer.ts + np.arange(160))))
        rig.tick()


def bridged(rig) -> None:
    rig.open(0)
    rig.open(1)
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    talk(rig, {0: 500, 1: 800}, 10)


def test_a_mixed_play_lowers_the_room_and_lets_it_come_back(rig):
    bridged(rig)
    rig.state.prompts[: 160 * 40] = 2000 * np.sin(2 * np.pi * 1500 / 8000 * np.arange(160 * 40))
    before = level(rig.peers[0].audio[-800:], 800)
    rig.play(0, 1, [(0, 160 * 40)], under=gain.UNITY // 4)
    rig.peers[0].got.clear()
    talk(rig, {0: 500, 1: 800}, 60)
    heard = rig.peers[0].audio
    during, after = heard[160 * 8 : 160 * 39], heard[160 * 48 :]
    assert level(during, 800) == pytest.approx(before / 4, rel=0.05)
    assert level(during, 1500) == pytest.approx(level(rig.state.prompts[: 160 * 31], 1500), rel=0.03)
    assert level(after, 800) == pytest.approx(before, rel=0.03)
    assert level(after, 1500) < 30
    assert rig.told(lo.EV_PLAY_ENDED)[0][:3] == (1, lo.PLAY_FINISHED, 160 * 40)
    # The other side hears nothing of the prompt and is not lowered.
    other = rig.peers[1].audio[-160 * 50 :]
    assert level(other, 1500) < 30
    assert level(other, 500) == pytest.approx(before, rel=0.05)


def test_a_mixed_play_outside_a_room_is_just_a_play(rig):
    peer = rig.open(0)
    rig.state.prompts[:1600] = 5000
    rig.play(0, 1, [(0, 1600)], under=0)
    rig.tick(20)
    assert (np.abs(peer.audio[160:1600].astype(int) - 5000) < 200).all()


def test_deaf_and_lowered_hearing(rig):
    bridged(rig)
    before = level(rig.peers[0].audio[-800:], 800)
    rig.command(lo.CMD_SOUND, 0, 0, 0, 0, gain.UNITY // 2 - gain.UNITY, 0)
    talk(rig, {0: 500, 1: 800}, 20)
    assert level(rig.peers[0].audio[-800:], 800) == pytest.approx(before / 2, rel=0.03)
    rig.command(lo.CMD_SOUND, 0, 0, 1, 0, 0, 0)
    talk(rig, {0: 500, 1: 800}, 20)
    assert not rig.peers[0].audio[-800:].any()
    assert level(rig.peers[1].audio[-800:], 500) == pytest.approx(before, rel=0.05)


def test_a_gain_out_of_range_is_limited(rig):
    bridged(rig)
    rig.command(lo.CMD_SOUND, 0, 0, 0, 1 << 50, -(1 << 50), 0)
    talk(rig, {0: 500, 1: 800}, 20)
    assert rig.leg(0).sd_said == gain.MAX - gain.UNITY
    assert rig.leg(0).sd_heard == -gain.UNITY
    assert np.abs(rig.peers[1].audio[-800:].astype(int)).max() > 30000, "saturated, not wrapped"
    assert not rig.peers[0].audio[-800:].any()


def test_the_recording_has_what_the_leg_says_and_hears(rig):
    """A whisper to the other side and a mute for the others do not change what is recorded of this leg."""
    bridged(rig)
    rig.open(2)
    rig.command(lo.CMD_ROOM, 2, 1, lo.ROOM_WHISPER, 1, 1)
    rig.command(lo.CMD_SOUND, 0, 1, 0, 0, 0, 0)
    rig.command(lo.CMD_RECORD, 0, 1)
    talk(rig, {0: 500, 1: 800, 2: 1700}, 40)
    frames = rig.state.record[0][160 * 10 : 160 * 40]
    assert level(frames[:, 0], 500) > 3000, "what it says, muted or not"
    assert level(frames[:, 1], 800) > 3000
    assert level(frames[:, 1], 1700) < 30, "a whisper to the other side"
    assert level(rig.peers[1].audio[-800:], 1700) > 3000
    assert level(rig.peers[1].audio[-800:], 500) < 30
    assert level(rig.peers[0].audio[-800:], 1700) < 30


def test_quiet_speech_is_lifted_for_the_others_only(rig):
    bridged(rig)
    rig.command(lo.CMD_SOUND, 0, 0, 0, 0, 0, 1)
    dice = np.random.default_rng(1)
    for n in range(400):
        rig.peers[0].send(dice.normal(0, 420 if n % 15 < 10 else 8, 160))
        rig.tick()
    said = 420.0
    heard = rig.peers[1].audio[-160 * 30 :].astype(float)
    loud = np.sqrt(np.mean(np.sort(np.mean(heard.reshape(-1, 160) ** 2, 1))[-15:]))
    assert 20 * np.log10(loud / said) > 8


@pytest.mark.parametrize(
    "command",
    [
        (lo.CMD_ROOM, 0, 0, 0, 0),
        (lo.CMD_ROOM, 5, 0, 0, 0),
        (lo.CMD_ROOM, -1, 0, 0, 0),
        (lo.CMD_ROOM, 1, 3, 0, 0),
        (lo.CMD_ROOM, 1, -1, 0, 0),
        (lo.CMD_BRIDGE, 1, 1, 5),
        (lo.CMD_BRIDGE, 1, 1, -1),
        (lo.CMD_BRIDGE, 0, 1, 0),
        (lo.CMD_BRIDGE, 9, 1, 0),
    ],
)
def test_rooms_that_cannot_be_are_bad(rig, command):
    rig.open(0)
    rig.open(1)
    kind, *arguments = command
    rig.command(kind, 0, *arguments)
    rig.tick(2)
    assert rig.state.ctl[lo.COMMANDS_BAD] == 1
    assert rig.leg(0).rm_room == rig.leg(1).rm_room == 0


@pytest.mark.parametrize("length", [160, 177, 1000, 163])
def test_hold_music_loops_without_a_click(rig, length):
    """A tone that ends anywhere in its course begins again; a joint may lie anywhere in a frame, or between two."""
    peer = rig.open(0)
    tone = 8000 * np.cos(2 * np.pi * 440 / 8000 * np.arange(length))
    rig.state.prompts[:length] = tone
    rig.play(0, 1, [(0, length)], times=0)
    rig.tick(60)
    heard = peer.audio.astype(int)[160:]
    steady = np.abs(np.diff(8000 * np.cos(2 * np.pi * 440 / 8000 * np.arange(4000)))).max()
    assert np.abs(np.diff(heard)).max() <= steady + 2 * 16000 / 40 + 256, "no step beyond the tone's own slope"
    assert np.abs(heard).max() > 7000


def test_sounds_that_join_by_themselves_are_not_touched(rig):
    peer = rig.open(0)
    rig.state.prompts[:800] = np.tile(4000 * np.sin(2 * np.pi * 500 / 8000 * np.arange(16)), 50)
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.play(0, 1, [(0, 400), (400, 400)], times=0)
    rig.tick(40)
    assert peer.got
    right = rig.state.record[0][160 : 160 * 40, 1]
    assert np.array_equal(right, np.tile(rig.state.prompts[:800], 8)[160 : 160 * 40])
