"""The playout ring on traces, in virtual time: one call of `play` is 20 ms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.plane import jitter
from dsp.plane import layout as lo
from tests.dsp.naive.playout import Playout

TARGET = 480


class Buffer:
    def __init__(self, target: int = TARGET) -> None:
        self.leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
        self.ring = np.zeros(lo.JITTER_SAMPLES, np.int16)
        jitter.reset(self.leg, self.ring, target)
        self.out = np.zeros(160, np.int16)

    def put(self, samples, ts: int) -> int:
        return jitter.put(self.leg, self.ring, samples, len(samples), jitter.unwrap(self.leg, ts))

    def play(self):
        hole = jitter.play(self.leg, self.ring, self.out)
        return self.out.copy(), hole


def frame(n: int, size: int = 160):
    """Samples that say where they belong: the sample's own time, never silent."""
    return (np.arange(n * size, (n + 1) * size) % 20_000 + 100).astype(np.int16)


def run(trace, frames: int, ts_of=lambda n: 160 * n):
    """Play `frames` ticks; `trace` maps tick -> packets (numbers) that arrive in it."""
    b = Buffer()
    out, holes = [], []
    for tick in range(frames):
        for n in trace.get(tick, ()):
            b.put(frame(n), ts_of(n))
        samples, hole = b.play()
        out.append(samples)
        holes.append(hole)
    return b, np.concatenate(out), holes


def test_a_steady_stream_comes_out_after_the_target_delay():
    b, out, holes = run({t: [t] for t in range(100)}, 100)
    want = np.concatenate([frame(n) for n in range(97)])
    assert not out[: 3 * 160].any()
    assert np.array_equal(out[3 * 160 + 40 :], want[40:])  # 5 ms of fade-in
    assert sum(holes) == 0
    assert b.leg.jb_dropped == b.leg.jb_late == b.leg.jb_concealed == 0


@pytest.mark.parametrize("start", [0xFFFFFFFF - 800, 0, 0x7FFFFF00, 0xFFFFFFFF])
def test_timestamps_wrap(start):
    _, out, holes = run({t: [t] for t in range(60)}, 60, lambda n: (start + 160 * n) & 0xFFFFFFFF)
    assert np.array_equal(out[3 * 160 + 40 :], np.concatenate([frame(n) for n in range(57)])[40:])
    assert sum(holes) == 0


def test_reordered_within_the_delay_is_played_in_order():
    trace = {t: [t] for t in range(60)}
    for t in (20, 30, 40):
        trace[t], trace[t + 1], trace[t + 2] = [], [t + 1], [t + 2, t]
    _, out, holes = run(trace, 60)
    assert np.array_equal(out[3 * 160 + 40 :], np.concatenate([frame(n) for n in range(57)])[40:])
    assert sum(holes) == 0


def test_duplicates_are_counted_and_change_nothing():
    b, out, _ = run({t: [t, t, t - 1] if t else [0] for t in range(60)}, 60)
    assert b.leg.jb_duplicate == 2 * 59
    assert np.array_equal(out[3 * 160 + 40 :], np.concatenate([frame(n) for n in range(57)])[40:])


def test_a_late_packet_is_counted_and_its_hole_concealed():
    trace = {t: [t] for t in range(60)}
    trace[20], trace[25] = [], [25, 20]
    b, _, holes = run(trace, 60)
    assert b.leg.jb_late == 1
    assert sum(holes) == 160
    assert b.leg.jb_concealed == 160


@pytest.mark.parametrize("missing", [1, 2, 3, 6])
def test_concealment_fades_and_does_not_click(missing):
    n = np.arange(160 * 80)
    tone = (8000 * np.sin(2 * np.pi * 200 * n / 8000)).astype(np.int16)
    b, out = Buffer(), []
    for tick in range(80):
        if not 30 <= tick < 30 + missing:
            b.put(tone[160 * tick : 160 * tick + 160], 160 * tick)
        out.append(b.play()[0])
    out = np.concatenate(out).astype(float)
    steepest = np.abs(np.diff(tone.astype(float))).max()
    # a hard edge would step by up to 16,000
    assert np.abs(np.diff(out[160 * 20 :])).max() < 2.5 * steepest
    hole = out[160 * 33 : 160 * (33 + missing)]
    assert np.abs(hole[:80]).max() > 4000
    if missing >= 4:
        assert not hole[480:].any()
    assert np.array_equal(out[160 * (34 + missing) :], tone[160 * (31 + missing) : 160 * 77])


def test_a_pause_of_the_sender_is_not_loss():
    trace = {t: [t] for t in [*range(30), *range(80, 120)]}
    b, out, holes = run(trace, 120)
    assert sum(holes) == 0
    assert b.leg.jb_concealed == 0
    assert np.array_equal(out[160 * 90 : 160 * 115], np.concatenate([frame(n) for n in range(87, 112)]))


def test_a_start_up_backlog_is_not_latency():
    """Twenty packets waited in the socket: the newest decide the delay."""
    trace = {0: list(range(20)), **{t: [t + 19] for t in range(1, 60)}}
    b, out, _ = run(trace, 60)
    delay = 160 * (59 + 19 + 1) - int(b.leg.jb_play_ts)
    assert delay <= TARGET
    assert np.array_equal(out[160 * 10 : 160 * 50], np.concatenate([frame(n) for n in range(26, 66)]))


def test_a_stall_and_burst_leave_no_latency():
    trace = {t: [t] for t in range(50)}
    trace |= {70: list(range(50, 71)), **{t: [t] for t in range(71, 200)}}
    b, out, _ = run(trace, 200)
    assert 160 * 200 - int(b.leg.jb_play_ts) <= TARGET + 160
    assert np.array_equal(out[160 * 100 : 160 * 190], np.concatenate([frame(n) for n in range(97, 187)]))


def test_a_delay_that_has_grown_comes_down_slowly():
    """The path becomes 200 ms shorter at once: the store grows, and is brought back frame by frame."""
    trace = {t: [t] for t in range(50)}
    trace |= {50: list(range(50, 61)), **{t: [t + 10] for t in range(51, 600)}}
    b, _, holes = run(trace, 600)
    assert sum(holes) == 0
    assert b.leg.jb_dropped >= 160 * 8
    assert 160 * (600 + 10) - int(b.leg.jb_play_ts) <= TARGET + 2 * 160
    assert b.leg.jb_resyncs == 0


def test_a_delay_that_has_shrunk_is_set_anew():
    """The path becomes 200 ms longer at once: after three late packets the delay is right again."""
    trace = {t: [t] for t in range(50)} | {t: [t - 10] for t in range(60, 200)}
    _, out, _ = run(trace, 200)
    assert np.array_equal(out[160 * 100 : 160 * 190], np.concatenate([frame(n) for n in range(87, 177)]))


def test_a_timestamp_jump_needs_two_witnesses():
    b = Buffer()
    for n in range(20):
        b.put(frame(n), 160 * n)
        b.play()
    assert b.put(frame(0), 50_000_000) == jitter.JUMPED  # one damaged packet
    assert b.put(frame(20), 160 * 20) == jitter.PLACED
    b.play()
    assert b.put(frame(0), 50_000_000) == jitter.JUMPED
    assert b.put(frame(1), 50_000_160) == jitter.PLACED
    assert b.leg.jb_resyncs == 1
    out = []
    for n in range(2, 20):
        out.append(b.play()[0])
        b.put(frame(n), 50_000_000 + 160 * n)
    assert np.array_equal(out[5], frame(3))


def test_a_sender_whose_clock_is_fast_does_not_pile_up():
    """0.5 % fast for five minutes: 1.5 s would pile up."""
    b = Buffer()
    sent, depth = 0, []
    for tick in range(15_000):
        while sent * 160 <= tick * 160 * 1.005:
            b.put(frame(sent), 160 * sent)
            sent += 1
        b.play()
        depth.append(160 * sent - int(b.leg.jb_play_ts))
    assert max(depth) <= TARGET + 5 * 160
    assert b.leg.jb_resyncs == 0


@pytest.mark.parametrize("size", [80, 240, 320, 100, 1])
def test_packets_of_any_length(size):
    total = 160 * 60
    stream = frame(0, total)
    b, out, sent = Buffer(), [], 0
    for tick in range(60):
        while sent + size <= total and sent <= 160 * tick + 160:
            b.put(stream[sent : sent + size], sent)
            sent += size
        out.append(b.play()[0])
    assert _aligned(np.concatenate(out), stream)


def _aligned(out, stream) -> bool:
    """The stream comes out unchanged at some constant delay of at most 100 ms."""
    tail = out[160 * 20 : 160 * 50]
    return any(np.array_equal(tail, stream[160 * 20 - d : 160 * 50 - d]) for d in range(0, 801, 1))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.integers(-8, 12), max_size=3)),
        min_size=1,
        max_size=60,
    )
)
def test_any_trace_matches_the_twin(steps):
    """The twin keeps every sample in a dictionary; both must agree on what is played as real audio."""
    b, twin = Buffer(), Playout(TARGET)
    now = 0
    for advance, packets in steps:
        now += advance
        for offset in packets:
            n = now + offset
            if n >= 0:
                assert b.put(frame(n), 160 * n + 1000) == twin.put(frame(n), 160 * n + 1000)
        out, _ = b.play()
        want = twin.play()
        if want is not None:
            assert np.array_equal(out, want)
        assert b.leg.jb_late == twin.late
        assert b.leg.jb_duplicate == twin.duplicates
