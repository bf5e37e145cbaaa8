"""Symmetric RTP: finding a peer whose packets come from another address than its description named (RFC 4961, NAT).

Only for legs of trunks that ask for it; all others have sockets that are connected to the negotiated address before the
peer hears of them. In a short window the sockets are open to all and nothing that comes is taken in. The negotiated
address wins by two packets in sequence. Another one has to send audio in sequence, of one SSRC and the negotiated
payload type, for 600 ms in which nothing comes from the negotiated address and no third one competes; when the window
ends without a winner, the negotiated address has it. The winner is connected, and what strangers had queued until then
is thrown away, so after the window nothing foreign gets in. Our packets go to the negotiated address until then.

A header proves nothing. On a leg with keys (SRTP) the pass opens a packet between `is_candidate` and `wins`: what is
not authentic or was seen before is counted there, and for no address. So only packets of one who has the keys win or
compete, from the negotiated address as from others. RFC 3711 authenticates no addresses: who sees the peer's packets
and has copies here before them, for as long as above, still wins. On a leg without keys, who finds its port can win
while the peer is silent.

All of it lies in the leg's record: a successor of a killed engine goes on in the window where it was. The order of the
writes makes each step repeatable: the winner's address is complete before it counts.
"""

from typing import Any

from dsp.jit import MSG_DONTWAIT, c_connect, c_recvfrom, c_send, c_sendto, i64, kernel
from dsp.plane import layout as lo
from dsp.plane import packets
from dsp.plane.rtcp import is_rtcp

#: Sockets are connected, or nobody is to be learned.
OFF = 0
LEARNING = 1
#: There is a winner; what was queued before its connect() may be anybody's.
SETTLING = 2

#: Bits of `ln_connected`.
RTP_CONNECTED = 1
RTCP_CONNECTED = 2

WINDOW_NS = 3_000_000_000
#: Packets in sequence that the negotiated address needs, and any other one.
OWN_PACKETS = 2
FOREIGN_PACKETS = 10
#: So long another address has to have sent: the rightful peer may begin later than a stranger who sprays our ports.
HOLD_NS = 600_000_000
#: A source that pauses longer has gone.
ALIVE_NS = 200_000_000
#: After a second foreign source was seen, none wins for so long.
CONTEST_NS = 500_000_000

_INET = 2
_INET6 = 10
_UNSPECIFIED_LENGTH = 16


@kernel
def _size(address: Any) -> int:
    """Length of a struct sockaddr."""
    return 28 if address[0] == _INET6 else 16


@kernel
def same(one: Any, other: Any) -> bool:
    """Whether two struct sockaddr name the same family, port and host; flow label and scope do not count."""
    start, end = (8, 24) if one[0] == _INET6 else (4, 8)
    different = 0
    for i in range(4):
        different |= one[i] ^ other[i]
    for i in range(start, end):
        different |= one[i] ^ other[i]
    return different == 0


@kernel
def _copy(source: Any, to: Any) -> None:
    for i in range(lo.SOCKADDR):
        to[i] = source[i]


@kernel
def _unpack(entry: Any, at: int, to: Any) -> None:
    """Read an address from words of a command."""
    for i in range(lo.SOCKADDR):
        to[i] = (entry[at + i // 8] >> (8 * (i % 8))) & 0xFF


@kernel
def begin(leg: Any, work: Any, entry: Any, now_ns: int) -> None:
    """Open the window: words 3 to 11 of `entry` are its number and the negotiated RTP and RTCP address."""
    if leg.ln_number == entry[3]:
        return
    _unpack(entry, 4, leg.ln_rtp)
    _unpack(entry, 8, leg.ln_rtcp)
    leg.ln_until_ns = now_ns + WINDOW_NS
    leg.ln_own_count = 0
    leg.ln_count = 0
    leg.ln_seen_ns = now_ns - ALIVE_NS
    leg.ln_contest_ns = now_ns - CONTEST_NS
    leg.ln_own_ns = now_ns - ALIVE_NS
    leg.ln_learned = 0
    leg.ln_connected = 0
    leg.ln_rtcp_dirty = 1
    leg.ln_state = LEARNING  # from here on strangers are judged, so the sockets may be opened to them
    for i in range(lo.SOCKADDR):
        work.sender[i] = 0
    for fd in (leg.rtp_fd, leg.rtcp_fd):
        c_connect(fd, work.sender.ctypes.data, _UNSPECIFIED_LENGTH)
    leg.ln_number = entry[3]


@kernel
def _settle(leg: Any, learned: int) -> None:
    """Make the negotiated address or the candidate (`learned`) the peer."""
    if learned:
        # By mux on the same port, else on the next one, as RFC 3550 section 11 has it: NATs mostly keep the pair.
        _copy(leg.ln_from, leg.ln_from_rtcp)
        if leg.rc_mux == 0:
            packets.put16(leg.ln_from_rtcp, 2, packets.u16(leg.ln_from, 2) + 1)
    leg.ln_learned = learned
    leg.ln_state = SETTLING
    _connect(leg)


@kernel
def _connect(leg: Any) -> None:
    """Connect both sockets to the winner; tried again each tick while the kernel has no route there."""
    rtp = leg.ln_from if leg.ln_learned else leg.ln_rtp
    rtcp = leg.ln_from_rtcp if leg.ln_learned else leg.ln_rtcp
    done = RTP_CONNECTED if c_connect(leg.rtp_fd, rtp.ctypes.data, _size(rtp)) == 0 else 0
    if c_connect(leg.rtcp_fd, rtcp.ctypes.data, _size(rtcp)) == 0:
        done |= RTCP_CONNECTED
    leg.ln_connected = done


@kernel
def _judge_own(leg: Any, sequence: int, ssrc: int, now_ns: int) -> bool:
    """Judge a packet of the negotiated address; true when that has won."""
    follows = leg.ln_own_count > 0 and ssrc == leg.ln_own_ssrc and sequence == (leg.ln_own_seq + 1) & 0xFFFF
    leg.ln_own_count = leg.ln_own_count + 1 if follows else 1
    leg.ln_own_ssrc = ssrc
    leg.ln_own_seq = sequence
    leg.ln_own_ns = now_ns
    if leg.ln_own_count < OWN_PACKETS:
        return False
    _settle(leg, 0)
    return True


@kernel
def _judge_foreign(leg: Any, sender: Any, sequence: int, ssrc: int, now_ns: int) -> bool:
    """Judge a packet of another address; true when that has won."""
    alive = leg.ln_count > 0 and now_ns - leg.ln_seen_ns < ALIVE_NS
    if alive and not same(sender, leg.ln_from):
        leg.ln_contest_ns = now_ns
        leg.ln_count = 1  # neither gets ahead
        leg.ln_first_ns = now_ns
        return False
    follows = alive and ssrc == leg.ln_ssrc and sequence == (leg.ln_seq + 1) & 0xFFFF
    if not alive:
        _copy(sender, leg.ln_from)
    if not follows:
        leg.ln_first_ns = now_ns
    leg.ln_count = leg.ln_count + 1 if follows else 1
    leg.ln_ssrc = ssrc
    leg.ln_seq = sequence
    leg.ln_seen_ns = now_ns
    alone = now_ns - leg.ln_contest_ns >= CONTEST_NS and now_ns - leg.ln_own_ns >= ALIVE_NS
    if leg.ln_count < FOREIGN_PACKETS or now_ns - leg.ln_first_ns < HOLD_NS or not alone:
        return False
    _settle(leg, 1)
    return True


@kernel
def is_candidate(leg: Any, packet: Any, length: int, sender: Any) -> bool:
    """Whether the datagram `packet[:length]` is the winner's or may make `sender` one; asked while not `OFF`.

    It may still be encrypted: this takes what SRTP leaves in the clear, and spares the opening of what can't win.
    """
    if leg.ln_state == SETTLING:
        return same(sender, leg.ln_from if leg.ln_learned else leg.ln_rtp)
    if length < packets.HEADER or packet[0] >> 6 != 2 or leg.connected == 0:
        return False
    if leg.rc_mux and is_rtcp(packet, length):
        return False
    payload_type = i64(packet[1]) & 0x7F
    return payload_type == leg.payload_type or (payload_type == leg.te_payload_type and same(sender, leg.ln_rtp))


@kernel
def wins(leg: Any, packet: Any, length: int, sender: Any, now_ns: int) -> bool:
    """Judge the candidate's datagram, opened, while `LEARNING`: whether it makes `sender` the peer.

    If not, it was for learning only, and nothing of it may be taken in.
    """
    offset, _octets, _payload_type, _marker, sequence, _timestamp, ssrc = packets.parse(packet, length)
    if offset < 0:
        return False
    if same(sender, leg.ln_rtp):
        return _judge_own(leg, sequence, ssrc, now_ns)
    return _judge_foreign(leg, sender, sequence, ssrc, now_ns)


@kernel
def receive(work: Any, fd: int) -> int:
    """Read a datagram and its sender, as recv() does."""
    work.sender_length[0] = lo.SOCKADDR
    return c_recvfrom(
        fd, work.packet.ctypes.data, packets.BUFFER, MSG_DONTWAIT, work.sender.ctypes.data,
        work.sender_length.ctypes.data,
    )  # fmt: skip


@kernel
def emptied(leg: Any) -> None:
    """Note that the RTP socket was found empty: once it is connected, no more of a stranger can be in it."""
    if leg.ln_state == SETTLING and leg.ln_connected & RTP_CONNECTED:
        leg.ln_state = OFF


@kernel
def rtcp_emptied(leg: Any) -> None:
    """Note the same of the RTCP socket, whose packets are thrown away until then."""
    if leg.ln_state != LEARNING and leg.ln_connected & RTCP_CONNECTED:
        leg.ln_rtcp_dirty = 0


@kernel
def watch(leg: Any, now_ns: int) -> None:
    """End the window in time, and connect where that could not be done."""
    if leg.ln_state == LEARNING and now_ns >= leg.ln_until_ns:
        _settle(leg, 0)
    elif leg.ln_state == SETTLING and leg.ln_connected & RTP_CONNECTED == 0:
        _connect(leg)


@kernel
def send(leg: Any, data: Any, length: int, rtcp: int) -> int:
    """Send `data[:length]` to the peer: RTP, or RTCP (`rtcp` 1) by the socket that it goes by."""
    fd = leg.rtp_fd if rtcp == 0 or leg.rc_mux else leg.rtcp_fd
    if leg.ln_state == OFF:
        return c_send(fd, data.ctypes.data, length, MSG_DONTWAIT)
    rtp_to = leg.ln_from if leg.ln_learned else leg.ln_rtp
    rtcp_to = leg.ln_from_rtcp if leg.ln_learned else leg.ln_rtcp
    to = rtp_to if rtcp == 0 or leg.rc_mux else rtcp_to
    return c_sendto(fd, data.ctypes.data, length, MSG_DONTWAIT, to.ctypes.data, _size(to))
