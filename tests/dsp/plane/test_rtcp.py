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


def test_round_trip_and_loss_from_the_peers_report():
    record = leg()
    middle = rtcp.middle(rtcp.ntp(NOW))
    block = struct.pack(">IIIIII", 0x11223344, 0x20000005, 1000, 80, (middle - 6554 - 3277) & 0xFFFFFFFF, 3277)
    assert take(record, struct.pack(">BBHI", 0x81, 201, 7, 1) + block) == 1
    assert record.rc_round_trip_us == pytest.approx(100_000, abs=20)
    assert (record.rc_peer_fraction, record.rc_peer_lost, record.rc_peer_jitter) == (0x20, 5, 80)


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
