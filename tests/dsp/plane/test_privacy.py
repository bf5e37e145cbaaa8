"""A private leg: its recording is silence on the same timeline, its room hears nothing, its keys are heard as ever."""

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane import privacy
from dsp.tones import generator
from tests.dsp.plane.test_digits import share
from tests.dsp.rig import START_NS, Rig

TAIL_TICKS = privacy.TAIL_NS // lo.TICK_NS


@pytest.fixture
def rig():
    one = Rig()
    yield one
    one.close()


def say(rig, peer, samples, ticks):
    for i in range(ticks):
        peer.send(samples[160 * i : 160 * i + 160] if len(samples) > 160 else samples)
        rig.tick()


def recorded(rig, slot=0):
    leg = rig.state.legs[slot]
    return rig.state.record[slot][: int(leg.rec_write)]


@pytest.fixture
def talking(rig):
    """A leg that is recorded, says a tone and hears one."""
    peer = rig.open(0)
    rig.state.prompts[:] = generator.tone(600, len(rig.state.prompts), -10.0)
    rig.command(lo.CMD_RECORD, 0, 1)
    rig.play(0, 1, [(0, len(rig.state.prompts))], times=0)
    say(rig, peer, generator.tone(1500, 160, -10.0), 10)
    return peer


def test_both_tracks_are_silence_on_one_timeline_and_the_room_hears_nothing(rig, talking):
    listener = rig.open(1)
    rig.command(lo.CMD_ROOM, 1, 1, lo.ROOM_LISTEN, -1, 0)
    rig.command(lo.CMD_ROOM, 0, 1, lo.ROOM_TALK, -1, 0)
    voice = generator.tone(1500, 160, -10.0)
    say(rig, talking, voice, 5)
    assert share(listener.audio[-160:], 1500) > -16
    rig.command(lo.CMD_PRIVATE, 0, 1, rig.now)
    say(rig, talking, voice, 20)
    assert not recorded(rig)[15 * 160 :].any()
    assert len(recorded(rig)) == 35 * 160
    assert not listener.audio[-18 * 160 :].any()
    assert rig.told(lo.EV_PRIVATE) == [(1, 1, 15 * 160, 0, 0, 0)]
    rig.command(lo.CMD_PRIVATE, 0, 0, 0)
    say(rig, talking, voice, TAIL_TICKS + 5)
    frames = recorded(rig)
    ended = 35 * 160 + TAIL_TICKS * 160
    assert not frames[15 * 160 : ended].any()
    assert frames[ended + 160 :, 0].any()
    assert frames[ended + 160 :, 1].any()
    assert rig.told(lo.EV_PRIVATE)[1] == (1, 0, ended, 0, 0, 0)
    assert share(listener.audio[-160:], 1500) > -16, "heard again"


@pytest.mark.parametrize(("back_ms", "read", "silent_from"), [(60, 0, 7), (5000, 0, 0), (60, 9, 9), (-50, 0, 10)])
def test_what_was_recorded_since_is_silenced_as_far_as_it_was_not_taken_away(rig, talking, back_ms, read, silent_from):
    before = recorded(rig).copy()
    rig.leg().rec_read = read * 160
    rig.command(lo.CMD_PRIVATE, 0, 1, rig.now - back_ms * 1_000_000)
    rig.tick()
    frames = recorded(rig)
    assert np.array_equal(frames[: silent_from * 160], before[: silent_from * 160])
    assert not frames[silent_from * 160 :].any()
    assert rig.told(lo.EV_PRIVATE)[0][2] == silent_from * 160


def test_no_more_than_its_memory_is_silenced_afterwards(rig, talking):
    say(rig, talking, generator.tone(1500, 160, -10.0), 60)
    rig.command(lo.CMD_PRIVATE, 0, 1, START_NS)
    rig.tick()
    first = rig.told(lo.EV_PRIVATE)[0][2]
    assert first == 70 * 160 - privacy.RECALL
    assert recorded(rig)[first - 160 : first, 0].any()


@pytest.mark.parametrize("events", [False, True])
def test_it_lasts_as_long_as_a_key_is_down(rig, talking, events):
    rig.command(lo.CMD_PRIVATE, 0, 1, 0)
    rig.tick()
    rig.command(lo.CMD_PRIVATE, 0, 0, 0)
    held = TAIL_TICKS + 30
    tone = np.zeros(160 * held, np.int16) if events else generator.dtmf("7", 160 * held, -10.0)
    for i in range(held):
        talking.send(tone[160 * i : 160 * i + 160])
        if events:
            talking.send_event(7, talking.ts, 160 * (i + 1), marker=int(i == 0))
        rig.tick()
    assert rig.leg().pv_on
    say(rig, talking, generator.tone(1500, 160, -10.0), privacy.KEY_NS // lo.TICK_NS + 10)
    assert not rig.leg().pv_on
    assert rig.digits() == "7", "the key is told as ever"
    left = recorded(rig)[11 * 160 :, 0].astype(float)
    assert all(share(part, 852) < -30 for part in left[: len(left) // 160 * 160].reshape(-1, 160) if part.any())


def test_a_second_beginning_revokes_the_end(rig, talking):
    rig.command(lo.CMD_PRIVATE, 0, 1, 0)
    rig.tick()
    rig.command(lo.CMD_PRIVATE, 0, 0, 0)
    rig.tick(10)
    rig.command(lo.CMD_PRIVATE, 0, 1, 0)
    rig.tick(2 * TAIL_TICKS)
    assert rig.leg().pv_on
    assert len(rig.told(lo.EV_PRIVATE)) == 1


def test_a_recording_that_begins_meanwhile_is_silence_from_its_first_frame(rig):
    peer = rig.open(0)
    rig.command(lo.CMD_PRIVATE, 0, 1, 0)
    rig.tick()
    rig.command(lo.CMD_RECORD, 0, 3)
    say(rig, peer, generator.tone(1500, 160, -10.0), 10)
    assert len(recorded(rig)) == 10 * 160
    assert not recorded(rig).any()
    assert rig.told(lo.EV_PRIVATE) == [(3, 1, 0, 0, 0, 0)]


def test_a_slot_that_is_opened_anew_is_not_private(rig):
    rig.open(0)
    rig.command(lo.CMD_PRIVATE, 0, 1, 0)
    rig.tick()
    rig.command(lo.CMD_CLOSE, 0)
    rig.tick()
    rig.open(0)
    rig.tick()
    assert not rig.leg().pv_on
