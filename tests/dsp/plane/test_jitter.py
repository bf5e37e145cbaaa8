"""The playout buffer packet by packet, in virtual time: one call of `play` is 20 ms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.plane import jitter
from dsp.plane import layout as lo
from tests.dsp.interpreted import fewer
from tests.support.playing import Buffer

TARGET = 480


def frame(n: int, size: int = 160):
    """Samples that say where they belong: the sample's own time, never silent."""
    return (np.arange(n * size, (n + 1) * size) % 20_000 + 100).astype(np.int16)


def run(trace, frames: int, ts_of=lambda n: 160 * n, spurts=(), start_ms=60, least_ms=20, most_ms=300, waited=0):
    """Play `frames` ticks; `trace` maps tick -> packets (numbers) that arrive in it, `spurts` come after a pause."""
    b = Buffer(start_ms, least_ms, most_ms)
    out, holes = [], []
    for tick in range(frames):
        for n in trace.get(tick, ()):
            b.put(frame(n), ts_of(n), int(n in spurts), waited)
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
    assert b.leg.jb_compressed == b.leg.jb_stretched == b.leg.jb_late == b.leg.jb_concealed == 0


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
    if missing >= 5:
        assert not hole[720:].any()
    assert np.array_equal(out[160 * (34 + missing) :], tone[160 * (31 + missing) : 160 * 77])


def test_a_pause_of_the_sender_is_not_loss():
    trace = {t: [t] for t in [*range(30), *range(80, 120)]}
    b, out, holes = run(trace, 120, spurts=[80])
    assert sum(holes) == 0
    assert b.leg.jb_concealed == b.leg.jb_underruns == b.leg.jb_resyncs == 0
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


def test_a_delay_that_has_grown_comes_down_without_a_hole():
    """The path becomes 200 ms shorter at once: the store grows, and is brought back a pitch period at a time."""
    trace = {t: [t] for t in range(50)}
    trace |= {50: list(range(50, 61)), **{t: [t + 10] for t in range(51, 1600)}}
    b, _, holes = run(trace, 1600)
    assert sum(holes) == b.leg.jb_underruns == b.leg.jb_resyncs == 0
    assert b.leg.jb_compressed >= 160 * 9
    assert 160 * (1600 + 10) - int(b.leg.jb_play_ts) <= 320


def test_what_was_bridged_is_not_played_where_the_delay_it_needs_is_not_wanted():
    """Two packets come 40 ms late, and 20 ms are the most: what was made up stands for one of them."""
    trace = {t: [t] for t in range(1000)}
    trace[800], trace[801], trace[802] = [], [], [800, 801, 802]
    b, out, holes = run(trace, 990, start_ms=0, least_ms=0, most_ms=20, waited=100)
    assert b.leg.jb_underruns == 1
    assert sum(holes) == b.leg.jb_delay == 160
    assert b.leg.jb_concealed == 320
    assert b.leg.jb_compressed == b.leg.jb_stretched == b.leg.jb_waited == b.leg.jb_late == 0
    assert np.array_equal(out[160 * 803 :], np.concatenate([frame(n) for n in range(802, 989)]))


def test_what_is_made_up_is_short_where_pauses_are_likelier_than_losses():
    """A sender with DTX says with its third pause what the end of its packets means; a loss takes that back."""
    on = [t for k in range(5) for t in range(100 * k, 100 * k + 80)]
    b, out, _ = run({t: [t] for t in on}, 500, spurts=range(100, 500, 100), start_ms=0, least_ms=0, waited=100)
    tails = [int(np.flatnonzero(out[160 * end : 160 * (end + 20)])[-1]) + 1 for end in range(80, 500, 100)]
    assert [round(t / 8) for t in tails] == [90, 90, 20, 20, 20]
    assert b.leg.jb_concealed == b.leg.jb_underruns == 0
    lossy = {t: [t] for t in on if not 320 <= t < 340}
    _, out, _ = run(lossy, 500, spurts=range(100, 500, 100), start_ms=0, least_ms=0, waited=100)
    tail = np.flatnonzero(out[160 * 380 : 160 * 400])[-1] + 1
    assert round(tail / 8) == 90


def test_what_comes_after_a_step_in_delay_is_played_and_not_lost():
    """The path becomes 200 ms longer at once: the play clock waits for what is on its way."""
    trace = {t: [t] for t in range(50)} | {t: [t - 10] for t in range(60, 200)}
    b, out, holes = run(trace, 200)
    assert sum(holes) == b.leg.jb_late == b.leg.jb_resyncs == 0
    assert b.leg.jb_underruns == 1
    assert 160 * 10 <= 160 * 199 - int(b.leg.jb_play_ts) + 160 <= 160 * 14
    start = int(np.flatnonzero(out == frame(52)[0])[-1])
    assert np.array_equal(out[start : start + 800], np.concatenate([frame(n) for n in range(52, 57)]))


def test_a_stall_shorter_than_the_delay_is_not_heard():
    trace = {t: [t] for t in range(50)} | {52: [50, 51, 52]} | {t: [t] for t in range(53, 100)}
    _, out, holes = run(trace, 100)
    assert np.array_equal(out[160 * 4 :], np.concatenate([frame(n) for n in range(1, 97)]))
    assert sum(holes) == 0


def test_a_pause_inside_the_store_takes_up_a_change_of_delay():
    """A short pause ends before the store has run empty: it is made shorter or longer, and is no loss."""
    trace = {t: [t] for t in [*range(400), *range(402, 1000)]}
    b, _, holes = run(trace, 1000, spurts=[402])
    assert sum(holes) == b.leg.jb_concealed == 0


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


def test_a_sender_whose_clock_is_far_too_fast_does_not_pile_up():
    """0.1 % fast for five minutes: 300 ms would pile up."""
    b = Buffer()
    sent, depth = 0, []
    for tick in range(15_000):
        while sent * 160 <= tick * 160 * 1.001:
            b.put(frame(sent), 160 * sent)
            sent += 1
        b.play()
        depth.append(160 * sent - int(b.leg.jb_play_ts))
    assert max(depth) <= TARGET + 2 * 160
    assert b.leg.jb_resyncs == b.leg.jb_concealed == 0
    assert b.leg.jb_compressed == pytest.approx(0.34 * 8000, rel=0.1)


def test_a_clock_that_stands_still_in_pauses_is_no_delay():
    """The sender's timestamps do not go on while it is on hold: 3 s, then 400 ms."""
    b, n = Buffer(), 0
    for tick in range(400):
        if tick < 100 or 250 <= tick < 300 or tick >= 320:
            b.put(frame(n), 160 * n)
            n += 1
        b.play()
    assert 160 * n - int(b.leg.jb_play_ts) <= TARGET + 160
    assert b.leg.jb_late == 0


def test_nothing_for_a_minute():
    """After the minute the delay is what it was, to the sample."""
    trace = {t: [t] for t in [*range(100), *range(3100, 3300)]}
    b, out, holes = run(trace, 3300, spurts=[3100], least_ms=60)
    assert not out[160 * 110 : 160 * 3100].any()
    assert sum(holes) == b.leg.jb_resyncs == b.leg.jb_underruns == b.leg.jb_late == 0
    want = np.concatenate([frame(n) for n in range(3100, 3297)])
    assert np.array_equal(out[160 * 3103 + 40 :], want[40:])


def test_a_minute_of_loss_is_counted():
    trace = {t: [t] for t in [*range(100), *range(3100, 3300)]}
    _, _, holes = run(trace, 3300, least_ms=60)
    assert sum(holes) == 3000 * 160


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


def test_a_source_that_starts_anew_is_heard_after_the_delay_at_the_start():
    b = Buffer()
    for n in range(50):
        b.put(frame(n), 160 * n)
        b.play()
    jitter.reset(b.leg, b.ring, TARGET, 160, 2400)
    out = []
    for n in range(20):
        b.put(frame(n), 3_000_000_000 + 160 * n)
        out.append(b.play()[0])
    assert np.array_equal(np.concatenate(out[4:]), np.concatenate([frame(n) for n in range(1, 17)]))


def test_a_wide_leg_has_the_same_delay():
    b, out = Buffer(wide=1), []
    stream = frame(0, 320 * 100)
    for n in range(100):
        b.put(stream[320 * n : 320 * n + 320], 320 * n)
        out.append(b.play()[0])
    assert np.array_equal(np.concatenate(out[4:]), stream[320 : 320 * 97])
    assert b.leg.jb_delay == b.leg.jb_delay_max == 480


@settings(max_examples=fewer(100), deadline=None)
@given(st.data())
def test_whatever_is_put_what_is_played_is_sound(data):
    """Any times, lengths, marks and waits: no mark of an absent sample gets out, and figures stay sane."""
    b = Buffer(
        start_ms=data.draw(st.sampled_from([0, 20, 60, 500])), least_ms=data.draw(st.sampled_from([0, 20, 900])),
        most_ms=data.draw(st.sampled_from([0, 20, 300, 500, 5000])), wide=data.draw(st.integers(0, 1)),
    )  # fmt: skip
    now = data.draw(st.sampled_from([0, 0xFFFFF000, 0x7FFFF000]))
    for _ in range(data.draw(st.integers(1, 40))):
        for _ in range(data.draw(st.integers(0, 4))):
            off = data.draw(st.one_of(st.integers(-2000, 2000), st.integers(-40_000, 40_000), st.integers(0, 1 << 32)))
            samples = np.full(data.draw(st.integers(1, 1280)), 1000, np.int16)
            b.put(samples, now + off, data.draw(st.integers(0, 1)), data.draw(st.integers(0, 400)))
        for _ in range(data.draw(st.sampled_from([1, 1, 1, 5, 70]))):
            out, hole = b.play()
            now += len(out)
            assert (np.abs(out.astype(int)) <= 32767).all()
            assert hole >= 0
            leg = b.leg
            assert leg.jb_least <= leg.jb_target <= leg.jb_most or leg.jb_started == jitter.PRIMING
            assert 0 <= leg.jd_total == leg.jd_counts.sum() or leg.jb_started == jitter.STOPPED
            assert leg.jb_newest_ts - leg.jb_play_ts <= lo.JITTER_SAMPLES
