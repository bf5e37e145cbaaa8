"""RTCP: what we build, what we take in, and what we do with anything else."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.plane import layout as lo
from dsp.plane import rtcp, source

NOW = 1_795_000_000 * 10**9


def leg():
    record = np.zeros(1, lo.LEG).view(np.recarray)[0]
    record.ssrc = 0x11223344
    record.cname[:] = np.frombuffer(b"abcdefghijklmnop", np.uint8)
    record.rc_round_trip_us = -1
    record.rc_peer_fraction = -1
    return record


def build(record, goodbye=0) -> bytes:
    data = np.zeros(2048, np.uint8)
    return data[: rtcp.build(record, data, NOW, goodbye)].tobytes()


def parts(data: bytes):
    out = []
    while data:
        assert data[0] >> 6 == 2
        size = 4 * (int.from_bytes(data[2:4], "big") + 1)
        out.append((data[1], data[0] & 31, data[4:size]))
        data = data[size:]
    return out


def take(record, data: bytes, now=NOW) -> int:
    array = np.zeros(2048, np.uint8)
    array[: len(data)] = np.frombuffer(data, np.uint8)
    return rtcp.take(record, array, len(data), now)


def test_a_receiver_that_never_sent_builds_rr_and_cname():
    (rr, sdes) = parts(build(leg()))
    assert rr == (rtcp.RR, 0, struct.pack(">I", 0x11223344))
    assert sdes == (rtcp.SDES, 1, struct.pack(">I", 0x11223344) + b"\x01\x10abcdefghijklmnop\0\0")


def test_a_sender_report_with_a_report_block_and_bye():
    record = leg()
    record.tx_packets, record.tx_octets, record.tx_ts = 50, 8000, 123456
    for sequence in [*range(1, 11), *range(15, 21)]:
        source.admit(record, 99, sequence)
    record.rx_jitter_q4 = 16 * 7
    sr, _, bye = parts(build(record, goodbye=1))
    words = struct.unpack(">IIIIIIIIIIII", sr[2])
    assert sr[:2] == (rtcp.SR, 1)
    assert words[0] == 0x11223344
    assert words[1] == 1_795_000_000 + 2_208_988_800
    assert words[3:6] == (123456, 50, 8000)
    assert words[6] == 99
    assert words[7] & 0xFFFFFF == 4
    assert words[7] >> 24 == 4 * 256 // 19  # the first packet only proves the source
    assert words[8] == 20
    assert words[9] == 7
    assert bye == (rtcp.BYE, 1, struct.pack(">I", 0x11223344))


def report_on(record, *, last_sr=0, delay=0, highest=1000, lost=0x20000005, jitter=80) -> bytes:
    block = struct.pack(">IIIIII", int(record.ssrc), lost, highest, jitter, last_sr & 0xFFFFFFFF, delay)
    return struct.pack(">BBHI", 0x81, 201, 7, 1) + block


def sending(packets=50):
    record = leg()
    record.tx_packets = packets
    return record


def test_round_trip_and_loss_from_the_peers_report():
    record = sending()
    build(record)  # at NOW
    last_sr = rtcp.middle(rtcp.ntp(NOW))
    for trip_ms, held_ms in ((100, 50), (40, 2000), (160, 0)):
        now = NOW + (trip_ms + held_ms) * 1_000_000
        assert take(record, report_on(record, last_sr=last_sr, delay=held_ms * 65536 // 1000), now) == 1
        assert record.rc_round_trip_us == pytest.approx(trip_ms * 1000, abs=40)
    assert (record.rc_peer_fraction, record.rc_peer_lost, record.rc_peer_jitter) == (0x20, 5, 80)
    assert record.rc_trips == 3
    assert [record.rc_trip_min_us, record.rc_trip_sum_us, record.rc_trip_max_us] == pytest.approx(
        [40_000, 300_000, 160_000], abs=120
    )


@pytest.mark.parametrize(
    ("last_sr", "delay"),
    [
        (0, 0),  # the peer has had no report of ours
        (12345, 0),  # one that we never sent
        (-1, 0),  # a future one
        (None, 65536 * 3600),  # says it held it for an hour: the round trip is negative
    ],
)
def test_a_round_trip_that_cannot_be_is_no_figure(last_sr, delay):
    record = sending()
    build(record)
    last_sr = rtcp.middle(rtcp.ntp(NOW)) if last_sr is None else last_sr
    assert take(record, report_on(record, last_sr=last_sr, delay=delay), NOW + 100_000_000) == 1
    assert (record.rc_round_trip_us, record.rc_trips) == (-1, 0)


def test_the_last_four_sender_reports_are_known_and_no_older_ones():
    record, data = sending(), np.zeros(2048, np.uint8)
    sent = []
    for second in range(6):
        rtcp.build(record, data, NOW + second * 10**9, 0)
        sent.append(rtcp.middle(rtcp.ntp(NOW + second * 10**9)))
    for last_sr in sent:
        take(record, report_on(record, last_sr=last_sr), NOW + 6 * 10**9)
    assert record.rc_trips == 4


def test_what_the_peer_says_of_us_tells_whether_anything_arrives():
    record = sending(100)
    take(record, report_on(record, highest=100))
    assert record.rc_deaf == 0
    record.tx_packets += 99
    take(record, report_on(record, highest=100))
    assert record.rc_deaf == 0, "too few have left since"
    record.tx_packets += 1
    take(record, report_on(record, highest=100))
    assert record.rc_deaf == 1
    record.tx_packets += 100
    take(record, struct.pack(">BBHI", 0x80, 201, 1, 1))  # without a block, as of one who hears nobody
    assert record.rc_deaf == 2
    record.tx_packets += 1
    take(record, report_on(record, highest=101))
    assert record.rc_deaf == 0


def test_a_held_peer_is_not_deaf():
    record = sending(250)
    for _ in range(10):
        take(record, report_on(record, highest=250))
    assert record.rc_deaf == 0


def test_the_peers_goodbye_is_noted_for_its_own_source_only():
    record = leg()
    for sequence in range(1, 4):
        source.admit(record, 0x55, sequence)
    head = struct.pack(">BBHI", 0x80, 201, 1, 0x55)
    assert take(record, head + struct.pack(">BBHI", 0x81, 203, 1, 0x56)) == 1
    assert record.rc_bye == 0
    assert take(record, head + struct.pack(">BBHIIBxxx", 0x82, 203, 3, 0x56, 0x55, 0)) == 1
    assert record.rc_bye == 1


def test_a_malformed_packet_leaves_nothing_behind():
    record = sending(100)
    before = record.tobytes()
    assert take(record, report_on(record) + b"\x81\xcb\x00\x00") == 0  # a BYE that counts one source and has none
    assert record.tobytes() == before


TYPES = st.sampled_from([0, 192, 200, 201, 202, 203, 204, 223])


@given(st.integers(0, 255), st.lists(st.tuples(st.integers(0, 31), TYPES, st.binary(max_size=120))))
def test_any_compound_is_survived_and_figures_stay_sane(tail, packets):
    record = sending(1000)
    build(record)
    data = b""
    for count, kind, body in packets:
        padded = body + bytes(-len(body) % 4)
        data += struct.pack(">BBH", 0x80 | count, kind, len(padded) // 4) + padded
    take(record, data[:2048], NOW + 10**8)
    take(record, data[: max(0, min(len(data), 2048) - tail)], NOW + 10**8)
    assert -1 <= record.rc_round_trip_us < 30_000_000
    assert -0x800000 <= record.rc_peer_lost < 0x800000
    assert -1 <= record.rc_peer_fraction <= 255
    assert 0 <= record.rc_peer_jitter < 1 << 32


@pytest.mark.parametrize(
    ("second", "rtcp_packet"),
    [(0, False), (128, False), (191, False), (192, True), (200, True), (207, True), (223, True), (224, False)],
)
def test_rtp_and_rtcp_are_told_apart_by_the_packet_type(second, rtcp_packet):
    data = np.zeros(2048, np.uint8)
    data[:2] = 0x80, second
    assert rtcp.is_rtcp(data, 12) == rtcp_packet
    assert not rtcp.is_rtcp(data, 7)
    data[0] = 0x40
    assert not rtcp.is_rtcp(data, 12)


def test_a_report_about_another_source_is_not_ours():
    record = leg()
    block = struct.pack(">IIIIII", 0x999, 0x20000005, 1000, 80, 5, 5)
    assert take(record, struct.pack(">BBHI", 0x81, 201, 7, 1) + block) == 1
    assert record.rc_peer_fraction == -1


def test_our_report_names_the_peers_last_sr_and_its_age():
    record, peer = leg(), leg()
    peer.ssrc, peer.tx_packets = 0x55, 1
    assert take(record, build(peer), NOW) == 1
    for sequence in range(1, 4):
        source.admit(record, 0x55, sequence)
    data = np.zeros(2048, np.uint8)
    length = rtcp.build(record, data, NOW + 500_000_000, 0)
    (rr, _) = parts(data[:length].tobytes())
    last_sr, delay = struct.unpack(">II", rr[2][20:28])
    assert last_sr == rtcp.middle(rtcp.ntp(NOW))
    assert delay == 32768  # half a second


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda b: b"\x81\xc9\x00\x07" + b)))
def test_any_bytes_are_survived_and_short_reports_refused(data):
    record = leg()
    answer = take(record, data)
    if len(data) < 8:
        assert answer == 0
    assert record.rc_peer_fraction == -1 or record.ssrc.to_bytes(4, "big") in data


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xc9\x00\x01" + bytes(4),  # says one block, has none
        b"\x80\xc8\x00\x01" + bytes(4),  # SR without sender info
        b"\x80\xc9\x00\x09" + bytes(4),  # longer than the datagram
        b"\x40\xc9\x00\x01" + bytes(4),  # version 1
        b"\x80\xca\x00\x01" + bytes(4),  # a compound must begin with a report
        b"\x80\xc9\x00\x01" + bytes(4) + b"\x80",  # trailing byte
        b"\xa0\xc9\x00\x01" + bytes(4) + b"\x80\xc9\x00\x01" + bytes(4),  # padding in front of a further packet
    ],
)
def test_malformed_reports_are_refused(data):
    assert take(leg(), data) == 0


def test_intervals_vary_round_five_seconds():
    record = leg()
    found = []
    for i in range(2000):
        record.ssrc = i * 7919
        found.append(rtcp.next_interval(record, i * 13))
    assert min(found) >= 125
    assert max(found) < 375
    assert abs(np.mean(found) - 250) < 10
