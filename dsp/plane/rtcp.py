"""RTCP (RFC 3550 section 6): compound SR or RR with SDES, BYE; the peer's reports about us.

NTP times are a 64-bit fixed point number held in an int64; only its middle 32 bits are ever compared.
"""

from typing import Any

from dsp.jit import i64, kernel
from dsp.plane import source
from dsp.plane.layout import SENT_SR
from dsp.plane.packets import put16, put32, u16, u32

SR = 200
RR = 201
SDES = 202
BYE = 203
#: Ticks between two reports (5 s), varied by half either way so that legs do not report in step (section 6.2).
INTERVAL = 250
_CNAME_BYTES = 16
#: A longer round trip is no figure (30 s, in units of 1/65536 s).
_LONGEST_TRIP = 30 << 16
#: Packets that must have left between two reports before "none of them arrived" means anything (2 s).
_ENOUGH_SENT = 100
_NTP_EPOCH = 2_208_988_800


@kernel
def ntp(wall_ns: int) -> int:
    """NTP timestamp of a wall clock time (ns since 1970), 32.32 bits; the sign bit is part of the seconds."""
    seconds = wall_ns // 1_000_000_000 + _NTP_EPOCH
    fraction = ((wall_ns % 1_000_000_000) << 32) // 1_000_000_000
    return (seconds << 32) | fraction


@kernel
def middle(ntp_time: int) -> int:
    """Middle 32 bits: units of 1/65536 s."""
    return (ntp_time >> 16) & 0xFFFFFFFF


@kernel
def next_interval(leg: Any, tick: int) -> int:
    """Ticks until the next report, between half and one and a half intervals."""
    mixed = ((leg.ssrc ^ tick) * 2654435761) & 0xFFFFFFFF
    return INTERVAL // 2 + (mixed >> 8) % INTERVAL


@kernel
def _report_block(leg: Any, data: Any, at: int, wall_ns: int) -> int:
    """Report on the peer's stream (section 6.4.1); starts a new interval of its loss figures."""
    expected = source.expected(leg)
    interval = expected - leg.rx_expected_prior
    lost = interval - (leg.rx_received - leg.rx_received_prior)
    leg.rx_expected_prior = expected
    leg.rx_received_prior = leg.rx_received
    fraction = min((lost << 8) // interval, 255) if interval > 0 and lost > 0 else 0
    cumulative = min(max(expected - leg.rx_received, -0x800000), 0x7FFFFF)
    put32(data, at, leg.rx_ssrc)
    put32(data, at + 4, (fraction << 24) | (cumulative & 0xFFFFFF))
    put32(data, at + 8, (leg.rx_cycles + leg.rx_max_seq) & 0xFFFFFFFF)
    put32(data, at + 12, leg.rx_jitter_q4 >> 4)
    put32(data, at + 16, leg.rc_last_sr)
    delay = (wall_ns - leg.rc_last_sr_ns) * 65536 // 1_000_000_000 if leg.rc_last_sr != 0 else 0
    put32(data, at + 20, min(max(delay, 0), 0xFFFFFFFF))
    return at + 24


@kernel
def build(leg: Any, data: Any, wall_ns: int, goodbye: int) -> int:
    """Write a compound packet to `data`: SR (RR when nothing was sent), SDES with CNAME, BYE; gives its length."""
    blocks = 1 if leg.rx_state == source.VALID else 0
    sender = leg.tx_packets > 0
    data[0] = 0x80 | blocks
    data[1] = SR if sender else RR
    put32(data, 4, leg.ssrc)
    at = 8
    if sender:
        now = ntp(wall_ns)
        leg.rc_sent_sr[leg.rc_sent % SENT_SR] = middle(now)
        leg.rc_sent += 1
        put32(data, 8, (now >> 32) & 0xFFFFFFFF)
        put32(data, 12, now & 0xFFFFFFFF)
        put32(data, 16, leg.tx_ts)
        put32(data, 20, leg.tx_packets & 0xFFFFFFFF)
        put32(data, 24, leg.tx_octets & 0xFFFFFFFF)
        at = 28
    if blocks:
        at = _report_block(leg, data, at, wall_ns)
    put16(data, 2, at // 4 - 1)
    data[at] = 0x81
    data[at + 1] = SDES
    put16(data, at + 2, 6)
    put32(data, at + 4, leg.ssrc)
    data[at + 8] = 1  # CNAME
    data[at + 9] = _CNAME_BYTES
    for i in range(_CNAME_BYTES):
        data[at + 10 + i] = leg.cname[i]
    data[at + 26] = 0
    data[at + 27] = 0
    at += 28
    if goodbye:
        data[at] = 0x81
        data[at + 1] = BYE
        put16(data, at + 2, 1)
        put32(data, at + 4, leg.ssrc)
        at += 8
    return at


@kernel
def is_rtcp(data: Any, length: int) -> bool:
    """Whether a datagram on a socket that carries both is RTCP: packet types 192 to 223 (RFC 5761 section 4)."""
    return length >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


@kernel
def _round_trip(leg: Any, last_sr: int, delay: int, wall_ns: int) -> None:
    """Take a round trip (section 6.4.1) if the peer names a report that we sent, and if the figure can be true."""
    ours = False
    for i in range(SENT_SR):
        ours = ours or (last_sr != 0 and leg.rc_sent_sr[i] == last_sr)
    trip = (middle(ntp(wall_ns)) - last_sr - delay) & 0xFFFFFFFF
    if not ours or trip >= _LONGEST_TRIP:
        return
    trip_us = trip * 1_000_000 >> 16
    leg.rc_round_trip_us = trip_us
    leg.rc_trip_min_us = min(leg.rc_trip_min_us, trip_us) if leg.rc_trips > 0 else trip_us
    leg.rc_trip_max_us = max(leg.rc_trip_max_us, trip_us)
    leg.rc_trip_sum_us += trip_us
    leg.rc_trips += 1


@kernel
def _take_block(leg: Any, data: Any, at: int, wall_ns: int) -> bool:
    """Take in what the peer says of our stream; whether more of it has arrived since its last report."""
    leg.rc_peer_fraction = i64(data[at + 4])
    lost = u32(data, at + 4) & 0xFFFFFF
    leg.rc_peer_lost = lost - 0x1000000 if lost & 0x800000 else lost
    highest = u32(data, at + 8)
    moved = highest != leg.rc_peer_highest
    leg.rc_peer_highest = highest
    leg.rc_peer_jitter = u32(data, at + 12)
    _round_trip(leg, u32(data, at + 16), u32(data, at + 20), wall_ns)
    return moved


@kernel
def _judge_reach(leg: Any, arrives: bool) -> None:
    """Count reports in a row by which nothing of ours arrives; one without a block on us says so, too."""
    sent = leg.tx_packets - leg.rc_peer_tx
    if arrives:
        leg.rc_deaf = 0
    elif sent >= _ENOUGH_SENT:
        leg.rc_deaf += 1
    else:
        return  # too early to tell; the packets go on to count for the next report
    leg.rc_peer_tx = leg.tx_packets


@kernel
def _well_formed(data: Any, length: int) -> bool:
    """Whether it is a compound packet that begins with a report, all lengths and counts of which fit (A.2)."""
    if length > data.shape[0] or length < 8 or (data[1] != SR and data[1] != RR):
        return False
    at = 0
    while at < length:
        if at + 4 > length or data[at] >> 6 != 2:
            return False
        size = 4 * (u16(data, at + 2) + 1)
        count = i64(data[at]) & 31
        kind = data[at + 1]
        if at + size > length or (data[at] & 0x20 and at + size != length):
            return False  # only the last packet may be padded
        if kind in (SR, RR) and size < (28 if kind == SR else 8) + 24 * count:
            return False
        if kind == BYE and size < 4 + 4 * count:
            return False
        at += size
    return True


@kernel
def _take_report(leg: Any, data: Any, at: int, wall_ns: int) -> None:
    count = i64(data[at]) & 31
    block = at + (28 if data[at + 1] == SR else 8)
    if data[at + 1] == SR:
        leg.rc_last_sr = u32(data, at + 10)
        leg.rc_last_sr_ns = wall_ns
    arrives = False
    for _ in range(count):
        if u32(data, block) == leg.ssrc:
            arrives = _take_block(leg, data, block, wall_ns)
        block += 24
    _judge_reach(leg, arrives)


@kernel
def _take_goodbye(leg: Any, data: Any, at: int) -> None:
    for i in range(i64(data[at]) & 31):
        if leg.rx_state == source.VALID and u32(data, at + 4 + 4 * i) == leg.rx_ssrc:
            leg.rc_bye = 1


@kernel
def take(leg: Any, data: Any, length: int, wall_ns: int) -> int:
    """Take in a compound packet that came at `wall_ns`; 0 when it is malformed (then nothing is taken), else 1."""
    if not _well_formed(data, length):
        return 0
    at = 0
    while at < length:
        kind = data[at + 1]
        if kind in (SR, RR):
            _take_report(leg, data, at, wall_ns)
        elif kind == BYE:
            _take_goodbye(leg, data, at)
        at += 4 * (u16(data, at + 2) + 1)
    return 1
