"""What is counted of a leg's quality, against obvious counts of the same stream."""

import itertools
import random

import numpy as np
import pytest

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.plane import layout as lo
from dsp.plane import quality, source
from tests.dsp.rig import Rig


def leg():
    return np.zeros(1, lo.LEG).view(np.recarray)[0]


def gilbert(rng, count, to_bad, to_good):
    """Sequence numbers that arrive over a channel with bursts of loss."""
    bad, arrived = False, []
    for sequence in range(count):
        bad = rng.random() < (1 - to_good if bad else to_bad)
        if not bad:
            arrived.append(sequence)
    return arrived


def feed(record, arrived, start=0):
    for sequence in arrived:
        highest = record.rx_max_seq
        if source.admit(record, 7, (start + sequence) & 0xFFFF) == source.ACCEPT:
            quality.note_sequence(record, highest, (start + sequence) & 0xFFFF)


@pytest.mark.parametrize("seed", range(8))
def test_gaps_are_the_runs_of_missing_packets_over_the_wrap_too(seed):
    rng = random.Random(seed)
    arrived = [0, 1, *(n + 2 for n in gilbert(rng, 3000, 0.02, 0.3))]
    record = leg()
    feed(record, arrived, start=65000)
    holes = [b - a - 1 for a, b in itertools.pairwise(arrived) if b > a + 1]
    assert (record.ql_gaps, record.ql_gap_packets) == (len(holes), sum(holes))
    assert record.ql_gap_packets == source.lost(record)
    assert record.ql_reordered == 0


def test_reordered_packets_fill_their_gap():
    record = leg()
    feed(record, [0, 1, 2, 4, 3, 5, 9, 7, 6, 8, 10])
    assert (record.ql_gaps, record.ql_gap_packets, record.ql_reordered) == (0, 0, 4)


def test_duplicates_are_neither_gaps_nor_reordered():
    record = leg()
    feed(record, [0, 1, 2, 2, 2, 3])
    assert (record.ql_gaps, record.ql_gap_packets, record.ql_reordered) == (0, 0, 0)


def test_level_settles_on_the_mean_square():
    record = leg()
    for _ in range(100):
        quality.note_received(record, 1e6, 160)
        quality.note_sent(record, 4e6)
    assert record.ql_power_in == pytest.approx(1e6, rel=0.01)
    assert record.ql_power_out == pytest.approx(4e6, rel=0.01)
    for _ in range(200):
        quality.note_received(record, 0.0, 160)
    assert record.ql_power_in < 16


def test_waiting_time_is_in_microseconds_at_both_rates():
    record = leg()
    record.jb_play_ts = 1000
    for ts in (1480, 1640, 900):  # the last one is late
        quality.note_delay(record, ts)
    assert (record.ql_delays, record.ql_delay_sum_us, record.ql_delay_max_us) == (2, 60_000 + 80_000, 80_000)
    record.wide = 1
    quality.note_delay(record, 1000 + 960)
    assert record.ql_delay_sum_us == 200_000


@pytest.fixture
def rig():
    made = Rig(slots=2)
    yield made
    made.close()


def faults(rig, kind):
    return [e[1] for e in rig.told(kind)]


SINE = 8000 * np.sin(2 * np.pi * 400 * np.arange(160) / 8000)
QUIET = np.zeros(160)


def talk(rig, peer, ticks, samples):
    for _ in range(ticks):
        if samples is not None:
            peer.send(samples)
        rig.tick()


def test_packets_that_stop_and_come_again_are_told_once_each(rig):
    rig.state.ctl[lo.SILENCE_TICKS] = 50
    peer = rig.open(0)
    talk(rig, peer, 10, SINE)
    talk(rig, peer, 200, None)
    assert faults(rig, lo.EV_AUDIO_STOPPED) == [lo.FAULT_NO_PACKETS]
    assert faults(rig, lo.EV_AUDIO_RESUMED) == []
    talk(rig, peer, 10, SINE)
    assert faults(rig, lo.EV_AUDIO_RESUMED) == [lo.FAULT_NO_PACKETS]
    missing_ns = rig.told(lo.EV_AUDIO_RESUMED)[0][0]
    assert 150 * lo.TICK_NS <= missing_ns <= 155 * lo.TICK_NS
    talk(rig, peer, 60, None)
    assert faults(rig, lo.EV_AUDIO_STOPPED) == [lo.FAULT_NO_PACKETS] * 2


def test_a_stream_of_digital_silence_is_told_and_its_end(rig):
    rig.state.ctl[lo.QUIET_TICKS] = 50
    peer = rig.open(0)
    talk(rig, peer, 10, SINE)
    talk(rig, peer, 49, QUIET)
    assert faults(rig, lo.EV_AUDIO_STOPPED) == []
    talk(rig, peer, 30, QUIET)
    assert rig.told(lo.EV_AUDIO_STOPPED)[0][:2] == (50 * lo.TICK_NS, lo.FAULT_NO_SOUND)
    talk(rig, peer, 3, SINE)
    assert faults(rig, lo.EV_AUDIO_RESUMED) == [lo.FAULT_NO_SOUND]
    assert len(faults(rig, lo.EV_AUDIO_STOPPED)) == 1


def test_a_quiet_room_is_no_fault(rig):
    rig.state.ctl[lo.QUIET_TICKS] = 50
    peer = rig.open(0)
    rng = np.random.default_rng(1)
    rms = np.sqrt(POWER_0_DBM0 * 10**-5.5)
    for _ in range(100):
        talk(rig, peer, 1, rng.normal(0, rms, 160))
    assert faults(rig, lo.EV_AUDIO_STOPPED) == []


def test_a_peer_that_is_told_to_hold_is_not_watched(rig):
    rig.state.ctl[lo.QUIET_TICKS] = rig.state.ctl[lo.SILENCE_TICKS] = 50
    peer = rig.open(0)
    talk(rig, peer, 10, QUIET)
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 0, 0)
    talk(rig, peer, 100, QUIET)
    talk(rig, peer, 100, None)
    assert rig.told(lo.EV_AUDIO_STOPPED) == []
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1)
    talk(rig, peer, 49, QUIET)
    assert rig.told(lo.EV_AUDIO_STOPPED) == []  # its silence counts from now on
    talk(rig, peer, 5, QUIET)
    assert faults(rig, lo.EV_AUDIO_STOPPED) == [lo.FAULT_NO_SOUND]


def test_a_peer_that_reports_nothing_received_is_told(rig):
    peer = rig.open(0)
    empty = b"\x80\xc9\x00\x01" + (0xABC0).to_bytes(4, "big")
    for _ in range(3):
        talk(rig, peer, 110, SINE)
        peer.rtcp.send(empty)
    rig.tick(2)
    assert faults(rig, lo.EV_AUDIO_STOPPED) == [lo.FAULT_NOT_RECEIVED]
    leg = rig.leg()
    block = int(leg.ssrc).to_bytes(4, "big") + bytes(4) + (70000).to_bytes(4, "big") + bytes(12)
    peer.rtcp.send(b"\x81\xc9\x00\x07" + (0xABC0).to_bytes(4, "big") + block)
    rig.tick(2)
    assert faults(rig, lo.EV_AUDIO_RESUMED) == [lo.FAULT_NOT_RECEIVED]


def test_talk_and_jitter_are_summed_over_the_ticks_of_the_stream(rig):
    peer = rig.open(0)
    talk(rig, peer, 100, SINE)
    talk(rig, peer, 100, QUIET)
    leg = rig.leg()
    assert 195 <= leg.ql_ticks <= 200
    assert 95 <= leg.ql_talk_ticks <= 118  # the hang-over counts as sound
    assert leg.ql_jitter_max_us == 0
    assert leg.ql_delays == leg.rx_packets
    assert 20_000 <= leg.ql_delay_sum_us / leg.ql_delays <= 80_000


def test_with_mux_reports_go_over_the_rtp_socket_both_ways(rig):
    peer = rig.open(0)
    rig.command(lo.CMD_UPDATE_REMOTE, 0, 1, 0, 0, 101, 1, 1, 20, 0, 0, 0, 0, 1)
    heard = []
    for _ in range(300):
        peer.send(SINE)
        rig.engine.step(rig.now)
        rig.now += lo.TICK_NS
        while True:
            try:
                heard.append(peer.rtp.recv(2048))
            except BlockingIOError:
                break
    reports = [data for data in heard if data[1] in (200, 201)]
    assert reports
    with pytest.raises(BlockingIOError):
        peer.rtcp.recv(2048)
    packets, refused = rig.leg().rx_packets, rig.leg().rx_refused
    peer.rtp.send(b"\x80\xc8\x00\x06" + (0xABC0).to_bytes(4, "big") + bytes(20))
    rig.tick()
    assert rig.leg().rc_in == 1
    assert (rig.leg().rx_packets, rig.leg().rx_refused) == (packets, refused)


def test_without_mux_a_report_on_the_rtp_socket_is_refused(rig):
    peer = rig.open(0)
    talk(rig, peer, 5, SINE)
    refused = rig.leg().rx_refused
    peer.rtp.send(b"\x80\xc8\x00\x06" + (0xABC0).to_bytes(4, "big") + bytes(20))
    rig.tick()
    assert (rig.leg().rc_in, rig.leg().rx_refused) == (0, refused + 1)


def test_the_kernels_stamp_is_a_packets_arrival(rig):
    import time

    rig.state.ctl[lo.ARRIVAL_STAMPS] = 1
    peer = rig.open(0)
    talk(rig, peer, 5, SINE)
    peer.send(SINE)
    time.sleep(0.05)
    rig.tick()
    age = rig.now - lo.TICK_NS - rig.leg().rx_arrival_ns
    assert 50_000_000 <= age < 1_000_000_000
    assert rig.leg().rx_last_ns == rig.now - lo.TICK_NS


def test_stamped_reports_may_wait_in_their_socket_and_are_taken_in_by_turns(rig):
    from dsp.plane.tick import RTCP_TICKS

    rig.state.ctl[lo.ARRIVAL_STAMPS] = 1
    peer = rig.open(0)
    talk(rig, peer, 5, SINE)
    peer.rtcp.send(b"\x80\xc8\x00\x06" + (0xABC0).to_bytes(4, "big") + bytes(20))
    waited = 0
    while rig.leg().rc_in == 0 and waited < 2 * RTCP_TICKS:
        rig.tick()
        waited += 1
    assert rig.leg().rc_in == 1
    assert waited <= RTCP_TICKS
