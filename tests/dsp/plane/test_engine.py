"""The loop in its thread, on the real clock: order, counts and states only."""

import os
import select
import time

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane.engine import Engine, compile_all, pack_cname, pack_digits, pack_play
from tests.dsp.rig import Rig

LIMIT_S = 20


def wait_for(condition) -> None:
    """Wait until the condition holds; a generous limit."""
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, "timed out"
        select.select([], [], [], 0.005)


@pytest.fixture
def rig():
    compile_all()
    r = Rig()
    r.state.ctl[lo.GRID_ANCHOR_NS] = time.monotonic_ns()
    yield r
    r.engine.stop()
    r.close()


def received(peer) -> int:
    peer.collect()
    return len(peer.got)


def test_the_loop_ticks_sends_and_wakes(rig):
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    rig.state.ctl[lo.WAKE_FD] = wake
    peer = rig.open(0)
    rig.play(0, 1, [(0, 320)])
    rig.engine.start()
    assert select.select([wake], [], [], LIMIT_S)[0], "no wake-up for the end of the play"
    assert [e[:3] for e in rig.engine.drain_events()] == [(lo.EV_PLAY_ENDED, 0, 1)]
    wait_for(lambda: received(peer) >= 10)
    rig.engine.stop()
    peer.collect()
    assert np.diff([p.seq for p in peer.got]).astype(np.uint16).tolist() == [1] * (len(peer.got) - 1)
    times = np.diff([p.ts for p in peer.got]).astype(np.uint32)
    assert (times % 160 == 0).all()
    ctl = rig.state.ctl
    assert ctl[lo.TICK_COUNT] == ctl[lo.TICK_BUCKETS : lo.TICK_BUCKETS + len(lo.TICK_BOUNDS_US) + 1].sum()
    assert ctl[lo.TICK] == ctl[lo.TICK_COUNT] + ctl[lo.MISSED_TICKS]
    os.close(wake)


def test_a_restarted_loop_goes_on_with_the_same_grid(rig):
    rig.engine.start()
    wait_for(lambda: rig.engine.ticks >= 3)
    rig.engine.stop()
    anchor, ticks = int(rig.state.ctl[lo.GRID_ANCHOR_NS]), rig.engine.ticks
    second = Engine(rig.state)
    second.take_up()
    second.start()
    wait_for(lambda: second.ticks >= ticks + 3)
    second.stop()
    assert rig.state.ctl[lo.GRID_ANCHOR_NS] == anchor


def test_an_engine_that_was_away_for_long_skips_on_the_grid(rig):
    rig.state.ctl[lo.GRID_ANCHOR_NS] -= 100 * lo.TICK_NS
    rig.engine.start()
    wait_for(lambda: rig.state.ctl[lo.TICK_COUNT] >= 3)
    rig.engine.stop()
    assert rig.state.ctl[lo.MISSED_TICKS] >= 100
    assert rig.engine.ticks >= 103


def test_a_short_delay_is_caught_up(rig):
    peer = rig.open(0)
    rig.state.ctl[lo.GRID_ANCHOR_NS] = time.monotonic_ns() - 5 * lo.TICK_NS
    rig.engine.start()
    wait_for(lambda: received(peer) >= 6)
    rig.engine.stop()
    if rig.state.ctl[lo.MISSED_TICKS] == 0:  # a machine that froze for 100 ms more may skip
        assert np.diff([p.ts for p in peer.got]).astype(np.uint32).tolist() == [160] * (len(peer.got) - 1)
    assert rig.state.ctl[lo.LATE_TICKS] >= 4


def test_starting_twice_is_misuse(rig):
    rig.engine.start()
    with pytest.raises(RuntimeError):
        rig.engine.start()


def test_packing_refuses_what_does_not_fit():
    assert pack_digits("12") == [0x3231]
    assert len(pack_digits("1" * 64)) == 8
    assert pack_play(7, 2, True, [(3, 4)]) == [7, 2, 1, 1, 3 << 32 | 4]
    with pytest.raises(ValueError, match="digits"):
        pack_digits("1" * 65)
    with pytest.raises(ValueError, match="sounds"):
        pack_play(1, 1, False, [(0, 1)] * 17)
    with pytest.raises(ValueError, match="CNAME"):
        pack_cname("short")


def test_too_many_arguments_are_misuse(rig):
    with pytest.raises(ValueError, match="arguments"):
        rig.engine.push_command(lo.CMD_PLAY, 0, 1, *range(30))
