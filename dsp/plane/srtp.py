"""SRTP and SRTCP in the pass (RFC 3711): packets are opened before anybody reads them, and sealed before they leave.

What a leg is bound to stands in its record and outlives the engine: the handle of its keys, and the packet indices that
were used and seen. The sessions of libsrtp are this process's own: the controller makes them and puts them into
`work.srtp`, a row for each set of keys, found by handle. A leg whose handle has no row says nothing and hears nothing;
it never falls back to plain RTP.

New keys (a re-INVITE) find packets of the old ones in flight. So the old ones still open packets for 5 s, and the
sender changes when the first packet came under the new keys (then the peer has our answer), or after a second.
"""

from typing import Any

from dsp.jit import (
    c_srtp_protect,
    c_srtp_protect_rtcp,
    c_srtp_set_stream_roc,
    c_srtp_unprotect,
    c_srtp_unprotect_rtcp,
    i64,
    kernel,
)
from dsp.libsrtp import INDEX_TOO_OLD, REPLAYED, RTCP_TAG, TOO_OLD
from dsp.plane import layout as lo
from dsp.plane.packets import BUFFER, HEADER, put16, put32, u16, u32

#: Sets of keys that a leg may have at a time: old, present, next, and one that waits for its end.
ROWS = 4
#: Words of a row. `KEPT` is a second receiving session for peers that go on with their roll-over counters under new
#: keys, as RFC 3711 section 3.3.1 has it, and for what an earlier engine knew; 0: all counters are 0, `RX` will do.
HANDLE, RX, KEPT, TX, TAG, AEAD = range(6)
#: Bit i: stream i of the leg's memory is to be given its roll-over counter in `KEPT`; it lives there.
DUE, SIDE = 6, 7
#: 1: the sending stream is to be given its roll-over counter.
TX_DUE = 8
#: Packets that `TX` has sealed for RTCP: its index.
RTCP_SEALED = 9
#: Indices that count as replayed up to here, for each stream in memory: the engine before us had seen them. -1: none.
FLOOR = 10
RTCP_FLOOR = FLOOR + lo.SRTP_STREAMS
WORDS = RTCP_FLOOR + 1

GRACE_TICKS = 250
SWITCH_TICKS = 50
#: Empty SRTCP packets that are sealed and thrown away in a tick to get past the indices of an earlier engine.
SKIPS = 16
#: SSRCs that a peer may bring in a call; each makes a stream in the session's memory.
MAX_STREAMS = 256
#: Room that sealing needs behind a packet: the longest tag and the SRTCP index.
TRAILER = 32
_RTCP_HEADER = 8
_REPLAY = -2
_BAD = -1


@kernel
def _row(work: Any, slot: int, handle: int) -> int:
    """Row of a handle in `work.srtp[slot]`; -1: the controller has not given it."""
    rows = work.srtp[slot]
    for i in range(ROWS):
        if rows[i, HANDLE] == handle:
            return i
    return -1


@kernel
def guess_index(highest: int, sequence: int) -> int:
    """Index of a packet (48 bits) by the highest one seen and its sequence number (RFC 3711 section 3.3.1)."""
    step = (sequence - highest) & 0xFFFF
    if step >= 0x8000 and highest + step - 0x10000 >= 0:
        step -= 0x10000
    return highest + step


@kernel
def secure(leg: Any, handle: int, ssrc: int, sequence: int, tick: int) -> None:
    """Bind a leg to the keys of `handle` (0: plain RTP); `ssrc` and `sequence` to send with under them (-1: go on)."""
    if leg.sr_handle == handle:
        return
    if handle != 0 and leg.sr_handle != 0:
        leg.sr_previous = leg.sr_handle
        leg.sr_until_tick = tick + GRACE_TICKS
        leg.sr_switch_tick = tick + SWITCH_TICKS
        leg.sr_next_ssrc = ssrc
        leg.sr_next_seq = sequence
    else:
        leg.sr_previous = 0
        leg.sr_tx_handle = handle
        leg.sr_tx_index = 0
    for i in range(lo.SRTP_STREAMS):
        leg.sr_fresh[i] = 1
    leg.sr_streams = 0
    leg.sr_handle = handle


@kernel
def _switch(leg: Any) -> None:
    """Send by the present keys from now on."""
    leg.sr_tx_handle = leg.sr_handle
    if leg.sr_next_ssrc >= 0:
        leg.ssrc = leg.sr_next_ssrc
        leg.tx_seq = leg.sr_next_seq
        leg.sr_tx_index = 0
        leg.sr_rtcp_tx = 0
        leg.tx_marker = 1


@kernel
def _skip_used(leg: Any, work: Any, slot: int) -> None:
    """Bring a session that knows nothing of it beyond the SRTCP indices that were used under its keys."""
    row = _row(work, slot, leg.sr_tx_handle)
    if row < 0:
        return
    words, packet = work.srtp[slot, row], work.srtp_packet
    for _ in range(SKIPS):
        if words[RTCP_SEALED] >= leg.sr_rtcp_tx:
            return
        packet[0] = 0x80
        packet[1] = 201
        put16(packet, 2, 1)
        put32(packet, 4, leg.ssrc)
        work.srtp_length[0] = _RTCP_HEADER
        words[RTCP_SEALED] += 1
        c_srtp_protect_rtcp(words[TX], packet.ctypes.data, work.srtp_length.ctypes.data)


@kernel
def _watch(leg: Any, work: Any, slot: int, tick: int) -> None:
    if leg.sr_tx_handle != leg.sr_handle and (
        tick >= leg.sr_switch_tick or _row(work, slot, leg.sr_tx_handle) < 0  # their record went with an earlier engine
    ):
        _switch(leg)
    if leg.sr_previous != 0 and tick >= leg.sr_until_tick:
        leg.sr_previous = 0
    _skip_used(leg, work, slot)


@kernel
def watch(leg: Any, work: Any, slot: int, tick: int) -> None:
    """Do what time decides; each tick, before packets are read."""
    if leg.sr_handle != 0:
        _watch(leg, work, slot, tick)


# --- RTP ------------------------------------------------------------------------------------------------------------


@kernel
def header_length(data: Any, length: int) -> int:
    """Octets before the payload of an RTP packet: fixed header, CSRCs, extension; -1: they do not fit."""
    if length < HEADER or length > data.shape[0] or data[0] >> 6 != 2:
        return -1
    end = HEADER + 4 * (i64(data[0]) & 15)
    if data[0] & 0x10:
        if end + 4 > length:
            return -1
        end += 4 + 4 * u16(data, end + 2)
    return end if end <= length else -1


@kernel
def _memory(leg: Any, ssrc: int) -> int:
    """Place of a peer's stream in the leg's memory; -1: it is not there."""
    for i in range(lo.SRTP_STREAMS):
        if leg.sr_rx_known[i] != 0 and leg.sr_rx_ssrc[i] == ssrc:
            return i
    return -1


@kernel
def _open(work: Any, session: int, length: int) -> int:
    """Open `work.packet[:length]`; gives the new length, or `_BAD`, `_REPLAY`."""
    work.srtp_length[0] = length
    status = c_srtp_unprotect(session, work.packet.ctypes.data, work.srtp_length.ctypes.data)
    if status == 0:
        return i64(work.srtp_length[0])
    return _REPLAY if status in (REPLAYED, TOO_OLD, INDEX_TOO_OLD) else _BAD


@kernel
def _copy(source: Any, target: Any, length: int) -> None:
    for i in range(length):
        target[i] = source[i]


@kernel
def _may_need_two(leg: Any, work: Any, slot: int, row: int, place: int) -> bool:
    """Whether two sessions of a row may have to try the packet (GCM decrypts it before it knows)."""
    return row >= 0 and place >= 0 and leg.sr_fresh[place] != 0 and work.srtp[slot, row, KEPT] != 0


@kernel
def _open_by(leg: Any, work: Any, slot: int, row: int, length: int, place: int, index: int) -> int:
    """Open the packet by the keys of a row. A failed attempt may have changed it."""
    words = work.srtp[slot, row]
    if length < header_length(work.packet, length) + words[TAG]:
        return _BAD
    if place < 0 or words[KEPT] == 0:
        return _REPLAY if place >= 0 and index <= words[FLOOR + place] else _open(work, words[RX], length)
    bit = 1 << place
    if words[DUE] & bit == 0:
        return _open(work, words[KEPT] if words[SIDE] & bit else words[RX], length)
    # Its first packet here. A counter that starts anew is believed under new keys only: under old ones it would open
    # whatever somebody kept since the counter was 0.
    found = _BAD
    if leg.sr_fresh[place] != 0:
        found = _open(work, words[RX], length)
        if found < 0:
            _copy(work.srtp_packet, work.packet, length)
    elif index <= words[FLOOR + place]:
        return _REPLAY
    if found < 0:
        c_srtp_set_stream_roc(words[KEPT], leg.sr_rx_ssrc[place], index >> 16)
        found = _open(work, words[KEPT], length)
        if found >= 0:
            words[SIDE] |= bit
    if found >= 0:
        words[DUE] &= ~bit
    return found


@kernel
def _remember(leg: Any, work: Any, slot: int, ssrc: int, sequence: int) -> None:
    """Take a stream into the leg's memory, in place of the oldest one."""
    place = leg.sr_rx_next
    leg.sr_rx_next = (place + 1) % lo.SRTP_STREAMS
    leg.sr_rx_known[place] = 1
    leg.sr_rx_ssrc[place] = ssrc
    leg.sr_rx_index[place] = sequence
    leg.sr_fresh[place] = 0
    leg.sr_streams += 1
    for row in range(ROWS):
        words = work.srtp[slot, row]
        words[DUE] &= ~(1 << place)
        words[SIDE] &= ~(1 << place)
        words[FLOOR + place] = -1


@kernel
def _note(leg: Any, words: Any, place: int, sequence: int, index: int) -> None:
    """Note a packet of a stream in memory that was authentic under the present keys."""
    if leg.sr_fresh[place] != 0:
        leg.sr_fresh[place] = 0
        # Its counter began anew, or it went on: the session that opened it says so.
        leg.sr_rx_index[place] = index if words[SIDE] >> place & 1 else sequence
    elif index > leg.sr_rx_index[place]:
        leg.sr_rx_index[place] = index


@kernel
def _refuse(state: Any, leg: Any, why: int) -> int:
    if why == _REPLAY:
        leg.rx_replayed += 1
        state.ctl[lo.PACKETS_REPLAYED] += 1
    else:
        leg.rx_bad_tag += 1
        state.ctl[lo.PACKETS_BAD_TAG] += 1
    return -1


@kernel
def _open_rtcp(leg: Any, work: Any, slot: int, row: int, length: int, ssrc: int) -> int:
    words = work.srtp[slot, row]
    behind = 4 if words[AEAD] != 0 else 4 + RTCP_TAG
    if length < _RTCP_HEADER + 4 + max(words[TAG], RTCP_TAG):
        return _BAD
    index = u32(work.packet, length - behind) & 0x7FFFFFFF
    if ssrc == leg.sr_rtcp_ssrc and index <= words[RTCP_FLOOR]:
        return _REPLAY
    work.srtp_length[0] = length
    status = c_srtp_unprotect_rtcp(words[RX], work.packet.ctypes.data, work.srtp_length.ctypes.data)
    if status != 0:
        return _REPLAY if status in (REPLAYED, TOO_OLD) else _BAD
    if ssrc != leg.sr_rtcp_ssrc or index > leg.sr_rtcp_rx:
        leg.sr_rtcp_ssrc = ssrc
        leg.sr_rtcp_rx = index
    return i64(work.srtp_length[0])


@kernel
def _try_row(
    leg: Any, work: Any, slot: int, row: int, length: int, ssrc: int, place: int, index: int, rtcp: int
) -> int:
    """Open the packet by the keys of a row, and note what that says of the peer's stream and keys."""
    if rtcp != 0:
        return _open_rtcp(leg, work, slot, row, length, ssrc)
    found = _open_by(leg, work, slot, row, length, place, index)
    if found >= 0 and work.srtp[slot, row, HANDLE] == leg.sr_handle:
        if leg.sr_tx_handle != leg.sr_handle:
            _switch(leg)
        if place >= 0:
            _note(leg, work.srtp[slot, row], place, index & 0xFFFF, index)
    return found


@kernel
def _open_leg(state: Any, work: Any, slot: int, length: int, ssrc: int, place: int, index: int, rtcp: int) -> int:
    """Open the packet by the leg's present keys, or by the previous ones if it is none of theirs.

    `rtcp` is 0 or 1; `place` and `index` are of RTP's streams only. Gives the length, -1 for what was refused.
    """
    leg = state.legs[slot]
    row = _row(work, slot, leg.sr_handle)
    previous = _row(work, slot, leg.sr_previous) if leg.sr_previous != 0 else -1
    if row < 0 and previous < 0:
        leg.sr_unkeyed += 1
        return -1
    _copy(work.packet, work.srtp_packet, length if previous >= 0 or _may_need_two(leg, work, slot, row, place) else 0)
    found = _BAD
    if row >= 0:
        found = _try_row(leg, work, slot, row, length, ssrc, place, index, rtcp)
    if found == _BAD and previous >= 0:
        if row >= 0:
            _copy(work.srtp_packet, work.packet, length)
        found = _try_row(leg, work, slot, previous, length, ssrc, place, index, rtcp)
    return found if found >= 0 else _refuse(state, leg, found)


@kernel
def _unprotect(state: Any, work: Any, slot: int, length: int) -> int:
    leg = state.legs[slot]
    if header_length(work.packet, length) < 0:
        return _refuse(state, leg, _BAD)
    ssrc = u32(work.packet, 8)
    place = _memory(leg, ssrc)
    if place < 0 and leg.sr_streams >= MAX_STREAMS:
        return _refuse(state, leg, _BAD)
    sequence = u16(work.packet, 2)
    index = guess_index(leg.sr_rx_index[place], sequence) if place >= 0 else sequence
    found = _open_leg(state, work, slot, length, ssrc, place, index, i64(0))
    if found >= 0 and place < 0:
        _remember(leg, work, slot, ssrc, sequence)
    return found


@kernel
def unprotect(state: Any, work: Any, slot: int, length: int) -> int:
    """Authenticate and decrypt `work.packet[:length]` in place; gives its length, -1 for what must be dropped.

    A leg without keys takes packets as they are. What is refused is counted here.
    """
    # Here, for a plain leg need not pay for a call that hands over all of the memory.
    return length if state.legs[slot].sr_handle == 0 else _unprotect(state, work, slot, length)


@kernel
def _protect(state: Any, work: Any, slot: int, packet: Any, length: int) -> int:
    leg = state.legs[slot]
    row = _row(work, slot, leg.sr_tx_handle)
    if row < 0 or length < HEADER or length + TRAILER > BUFFER:
        leg.sr_unkeyed += 1
        return -1
    words, ssrc = work.srtp[slot, row], u32(packet, 8)
    # Written before the packet leaves: an engine after us begins beyond it, so no index is ever used twice.
    leg.sr_tx_index = leg.sr_tx_index + ((u16(packet, 2) - leg.sr_tx_index) & 0xFFFF)
    roc = leg.sr_tx_index >> 16
    if words[TX_DUE] != 0 and c_srtp_set_stream_roc(words[TX], ssrc, roc) != 0 and roc != 0:
        state.ctl[lo.SRTP_ERRORS] += 1
        return -1
    work.srtp_length[0] = length
    if c_srtp_protect(words[TX], packet.ctypes.data, work.srtp_length.ctypes.data) != 0:
        state.ctl[lo.SRTP_ERRORS] += 1
        return -1
    words[TX_DUE] = 0
    return i64(work.srtp_length[0])


@kernel
def protect(state: Any, work: Any, slot: int, packet: Any, length: int) -> int:
    """Encrypt and authenticate the RTP packet `packet[:length]` in place; gives its length, -1: it must not be sent."""
    # Here, for a plain leg need not pay for a call that hands over all of the memory.
    return length if state.legs[slot].sr_handle == 0 else _protect(state, work, slot, packet, length)


# --- RTCP -----------------------------------------------------------------------------------------------------------


@kernel
def _unprotect_rtcp(state: Any, work: Any, slot: int, length: int) -> int:
    leg = state.legs[slot]
    if length < _RTCP_HEADER or length > work.packet.shape[0]:
        return _refuse(state, leg, _BAD)
    ssrc = u32(work.packet, 4)
    known = ssrc == leg.sr_rtcp_ssrc or _memory(leg, ssrc) >= 0
    if not known and leg.sr_streams >= MAX_STREAMS:
        return _refuse(state, leg, _BAD)
    found = _open_leg(state, work, slot, length, ssrc, i64(-1), i64(0), i64(1))
    if found >= 0 and not known:
        leg.sr_streams += 1
    return found


@kernel
def unprotect_rtcp(state: Any, work: Any, slot: int, length: int) -> int:
    """As `unprotect`, for the RTCP packet in `work.packet[:length]`."""
    # Here, for a plain leg need not pay for a call that hands over all of the memory.
    return length if state.legs[slot].sr_handle == 0 else _unprotect_rtcp(state, work, slot, length)


@kernel
def _protect_rtcp(state: Any, work: Any, slot: int, packet: Any, length: int) -> int:
    leg = state.legs[slot]
    row = _row(work, slot, leg.sr_tx_handle)
    if row < 0 or length < _RTCP_HEADER or length + TRAILER > BUFFER:
        leg.sr_unkeyed += 1
        return -1
    words = work.srtp[slot, row]
    if words[RTCP_SEALED] < leg.sr_rtcp_tx:
        return -1
    words[RTCP_SEALED] += 1
    leg.sr_rtcp_tx = words[RTCP_SEALED]  # before it leaves, as with RTP
    work.srtp_length[0] = length
    if c_srtp_protect_rtcp(words[TX], packet.ctypes.data, work.srtp_length.ctypes.data) != 0:
        state.ctl[lo.SRTP_ERRORS] += 1
        return -1
    return i64(work.srtp_length[0])


@kernel
def protect_rtcp(state: Any, work: Any, slot: int, packet: Any, length: int) -> int:
    """As `protect`, for a compound RTCP packet. -1 also while indices of an earlier engine are being passed over."""
    # Here, for a plain leg need not pay for a call that hands over all of the memory.
    return length if state.legs[slot].sr_handle == 0 else _protect_rtcp(state, work, slot, packet, length)
