"""The engine is killed between any two phases of a tick; the next one goes on with the same memory and sockets."""

import mmap
import os
import signal

import numpy as np
import pytest

from dsp.plane import layout as lo
from dsp.plane.engine import Engine, compile_all
from dsp.plane.tick import PHASES
from dsp.tones import generator
from tests.dsp.rig import Rig

SLOTS, PROMPT = 3, 8000


def run_in_child(state, first_now: int, ticks: int) -> int:
    """Fork an engine that runs `ticks` ticks and exits; gives the wait status."""
    pid = os.fork()
    if pid == 0:
        engine = Engine(state)
        for i in range(ticks):
            engine.step(first_now + i * lo.TICK_NS)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.fixture
def rig():
    compile_all()
    r = Rig(SLOTS, PROMPT, memory=mmap.mmap(-1, lo.state_bytes(SLOTS, PROMPT * 2)))
    yield r
    r.close()


def start_call(rig):
    peers = [rig.open(slot) for slot in range(2)]
    rig.state.prompts[:] = 5000
    rig.command(lo.CMD_BRIDGE, 0, 1, 1)
    rig.command(lo.CMD_RECORD, 0, 1)
    for _ in range(10):
        for peer in peers:
            peer.send(generator.tone(440, 160, -10.0))
        rig.tick()
    return peers


@pytest.mark.parametrize("phase", range(1, PHASES + 1))
def test_a_kill_after_a_phase_costs_at_most_a_frame(rig, phase):
    peers = start_call(rig)
    # Commands are waiting when the tick that dies begins.
    rig.play(1, 1, [(0, 320)])
    rig.send_digits(0, 1, "5")
    third = rig.open(2)
    rig.state.ctl[lo.CRASH_PHASE] = phase
    status = run_in_child(rig.state, rig.now, 1)
    assert os.WTERMSIG(status) == signal.SIGKILL
    torn = sum(int(leg.begin_tick != leg.end_tick) for leg in rig.state.legs)
    assert (torn > 0) == (phase < PHASES), "the kill did not land inside the tick"
    assert rig.state.ctl[lo.TICK] == (11 if phase == PHASES else 10)

    rig.now += lo.TICK_NS
    assert rig.engine.take_up() is None
    assert rig.state.ctl[lo.TORN_LEGS] == torn
    for _ in range(30):
        for peer in peers:
            peer.send(generator.tone(440, 160, -10.0))
        rig.tick()

    for peer in [*peers, third]:
        numbers = [p.seq for p in peer.got]
        assert len(set(numbers)) == len(numbers), "a sequence number was used twice"
        steps = np.diff(np.unwrap(np.array(numbers, float), period=65536))
        assert steps.min() >= 1
        assert steps.max() <= 3
        audio = [p for p in peer.got if p.pt == 0]
        times = [p.ts for p in audio]
        assert len(set(times)) == len(times), "a timestamp was used twice"
        assert len({p.ssrc for p in peer.got}) == 1
    # What was told is told (repeats may come, and carry the same numbers), the commands were done once.
    assert {e[:3] for e in rig.told(lo.EV_PLAY_ENDED, 1)} == {(1, lo.PLAY_FINISHED, 320)}
    assert {e[0] for e in rig.told(lo.EV_PLAY_ENDED, 1)} == {1}
    assert {e[0] for e in rig.told(lo.EV_DIGITS_SENT, 0)} == {1}
    assert {p.payload[0] for p in peers[0].got if p.pt == 101} == {5}
    # The bridge lives again, and the recording has its place on the timeline.
    assert peers[1].audio[-160:].any()
    leg = rig.leg()
    assert leg.rec_write == (int(rig.state.ctl[lo.TICK]) - int(leg.rec_start_tick)) * 160
    assert leg.rec_gap_right <= 160


def test_a_clean_restart_loses_nothing(rig):
    peers = start_call(rig)
    assert run_in_child(rig.state, rig.now, 5) == 0
    rig.now += 5 * lo.TICK_NS
    rig.engine.take_up()
    rig.tick(5)
    assert rig.state.ctl[lo.TORN_LEGS] == 0
    assert rig.state.ctl[lo.TAKE_UPS] == 2
    assert [p.seq for p in peers[0].got] == [(65530 + i) & 0xFFFF for i in range(20)]
    assert np.diff([p.ts for p in peers[0].got]).astype(np.uint32).tolist() == [160] * 19


def test_two_kills_in_a_row(rig):
    peers = start_call(rig)
    for phase in (7, 3, 7, 5):
        rig.state.ctl[lo.CRASH_PHASE] = phase
        assert os.WTERMSIG(run_in_child(rig.state, rig.now, 1)) == signal.SIGKILL
        rig.engine.take_up()
        rig.now += lo.TICK_NS
    rig.tick(5)
    numbers = [p.seq for p in peers[0].got]
    assert len(set(numbers)) == len(numbers)
    assert (
        len(numbers) == 10 + 1 + 4
    )  # the tick that was killed after sending is not sent again; four of the five are new
