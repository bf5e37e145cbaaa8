"""The wanted playout delay, beside a twin that keeps every packet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.plane import delay
from dsp.plane import layout as lo
from tests.dsp.naive.delay import Path
from tests.support import traces


class Kernel:
    def __init__(self, clock: int, ts: int, start: int = 480, least: int = 160, most: int = 2400) -> None:
        self.leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
        self.leg.jb_start, self.leg.jb_least, self.leg.jb_most, self.leg.jb_clock = start, least, most, clock
        delay.begin(self.leg, ts)

    def note(self, clock: int, ts: int, length: int, waited: int) -> None:
        self.leg.jb_clock = clock
        delay.note(self.leg, ts, length, waited)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.integers(-900, 4000), st.sampled_from([40, 160, 480]), st.integers(0, 159),
            st.integers(0, 2),
        ),
        max_size=80,
    ),
    st.sampled_from([0, 160, 480, 700, 2400]),
)  # fmt: skip
def test_any_packets_give_the_same_delay_as_the_twin(packets, start):
    clock, kernel, twin = 0, Kernel(0, 0, start), Path(0, 0, start, 160, 2400)
    for ticks, needed, length, waited, missing in packets:
        clock += 160 * ticks
        for _ in range(missing):
            delay.lost(kernel.leg)
            twin.lost()
        kernel.note(clock, clock - needed, length, waited)
        twin.note(clock, needed, length, waited)
        assert int(kernel.leg.jd_want) == twin.want
        assert int(kernel.leg.jb_target) == twin.target


@pytest.mark.parametrize("kind", ["wifi", "lte", "dsl", "one-burst", "drift"])
def test_traces_give_the_same_delay_as_the_twin(kind):
    trace = traces.KINDS[kind](60, 9)
    kernel = twin = None
    for tick, batch in enumerate(trace.ticks(11.0)):
        for index, waited_ms in batch:
            ts, waited, clock = int(trace.timestamp[index]), int(waited_ms * 8), 160 * tick
            if kernel is None:
                kernel, twin = Kernel(clock, ts), Path(clock - ts, clock, 480, 160, 2400)
            kernel.note(clock, ts, 160, waited)
            twin.note(clock, clock - ts, 160, waited)
            assert int(kernel.leg.jd_want) == twin.want


def _settled(needed, seconds: int = 60) -> int:
    """The delay after a minute of packets that are late by `needed(n)` samples."""
    kernel = Kernel(0, 0)
    for n in range(50 * seconds):
        kernel.note(160 * n, 160 * n - needed(n), 160, 100)
    return int(kernel.leg.jb_target)


def test_a_calm_path_gets_the_least_delay():
    assert _settled(lambda n: 0) == 160


def test_what_happens_often_is_waited_for_and_what_is_rare_is_not():
    assert _settled(lambda n: 800 if n % 20 == 0 else 0) == 800
    assert _settled(lambda n: 800 if n == 1500 else 0) == 160


def _kept(ppm: float, wait: int, seconds: int = 60) -> list[int]:
    """The delay by the second, for packets that wait `wait` samples for their tick at first and drift by `ppm`."""
    kernel, targets = Kernel(0, 0, start=0, least=0), []
    for n in range(50 * seconds):
        arrival = 160 * n - wait + round(160 * n * ppm * 1e-6)  # of a packet of time 160 n
        clock = -(-arrival // 160) * 160
        kernel.note(clock, 160 * n, 160, clock - arrival)
        if n % 50 == 49:
            targets.append(int(kernel.leg.jb_target))
    return targets


def test_who_comes_just_in_time_for_the_tick_costs_no_tick_unless_clocks_drift():
    """1 ms before the tick. What is kept at first goes once no drift was seen; with some, a tick is kept in time."""
    assert _kept(0, 8)[15:] == 45 * [0]
    assert _kept(0, 2)[15:] == 45 * [160], "too near for any clock"
    drifting = _kept(300, 120)  # the wait is over after 50 s
    assert drifting[30] == 0
    assert drifting[45] == 160


def test_one_damaged_timestamp_changes_nothing():
    assert _settled(lambda n: -7000 if n == 2990 else 0) == 160


def test_a_path_that_has_become_faster_is_believed_when_two_packets_say_so():
    kernel = Kernel(0, 0)
    for n in range(500):
        kernel.note(160 * n, 160 * n, 160, 100)
    for n in (500, 501):
        kernel.note(160 * n, 160 * n + 800, 160, 100)
    assert delay.base(kernel.leg) == -800
