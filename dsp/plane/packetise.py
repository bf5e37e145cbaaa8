"""Sending: frames of 20 ms become packets of the peer's packet time, by the leg's codec; digits go before audio.

Packets of 10 ms leave in pairs; those of 30 ms and more are put together from frames, and what is over waits in the
slot's row of `packing`. A telephone event keeps a packet a tick, whatever the packet time: more updates and closer
repeats of its end survive more loss, and the peer counts by the event's own timestamp and duration. Sequence numbers go
on over every change; so does the timestamp, in the clock of the codec in use.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane import codec, digits, learning, packets, srtp
from dsp.plane import layout as lo

_DEFAULT_PTIME_MS = 20
_MAX_PTIME_MS = 60


@kernel
def _unit(codec_: int) -> int:
    """Octets of 10 ms."""
    if codec_ in (lo.CODEC_L16, lo.CODEC_L16_WIDE):
        return lo.FRAME << codec.is_wide(codec_)
    return lo.FRAME // 2


@kernel
def _put(state: Any, work: Any, slot: int, payload_type: int, marker: int, timestamp: int, size: int) -> None:
    """Send the payload that is in `work.packet_out` behind the header's place."""
    leg, packet = state.legs[slot], work.packet_out
    sequence = leg.tx_seq
    # Written before the packet leaves: a crash in between loses a number and never uses one twice.
    leg.tx_seq = (sequence + 1) & 0xFFFF
    packets.build(packet, payload_type, marker, sequence, timestamp, leg.ssrc)
    length = srtp.protect(state, work, slot, packet, packets.HEADER + size)
    if length < 0:
        return
    if learning.send(leg, packet, length, 0) < 0:
        leg.send_errors += 1
        state.ctl[lo.SEND_ERRORS] += 1
        return
    leg.tx_packets += 1
    leg.tx_octets += size
    state.ctl[lo.PACKETS_OUT] += 1


@kernel
def _put_packed(state: Any, work: Any, slot: int, size: int) -> None:
    """Send the first `size` octets that wait."""
    leg, waiting, packet = state.legs[slot], state.packing[slot], work.packet_out
    for i in range(size):
        packet[packets.HEADER + i] = waiting[i]
    left = leg.pk_octets - size
    for i in range(left):
        waiting[i] = waiting[size + i]
    timestamp, marker = leg.pk_ts, leg.tx_marker
    leg.pk_ts = (timestamp + _duration(leg.pk_codec, size)) & 0xFFFFFFFF
    leg.pk_octets = left
    leg.tx_marker = 0
    _put(state, work, slot, leg.pk_payload_type, marker, timestamp, size)


@kernel
def _duration(codec_: int, octets: int) -> int:
    """RTP time of so many octets."""
    return octets // _unit(codec_) * (lo.FRAME // 2 << codec.rtp_is_wide(codec_))


@kernel
def _is_continued(leg: Any) -> bool:
    """Whether this tick's audio follows on what waits, in the same format."""
    return (
        leg.pk_codec == leg.codec
        and leg.pk_payload_type == leg.payload_type
        and (leg.pk_ts + _duration(leg.pk_codec, leg.pk_octets)) & 0xFFFFFFFF == leg.tx_ts
    )


@kernel
def _encode(state: Any, work: Any, slot: int, out: Any, offset: int) -> int:
    return codec.encode(state.codec[slot], state.legs[slot].codec, work.tx[slot], out, offset, work.codec)


@kernel
def _audio(state: Any, work: Any, slot: int, ptime_ms: int) -> None:
    leg = state.legs[slot]
    if ptime_ms == _DEFAULT_PTIME_MS and leg.pk_octets == 0:
        size = _encode(state, work, slot, work.packet_out, packets.HEADER)
        marker = leg.tx_marker
        leg.tx_marker = 0
        _put(state, work, slot, leg.payload_type, marker, leg.tx_ts, size)
        return
    if leg.pk_octets == 0:
        leg.pk_ts = leg.tx_ts
        leg.pk_codec = leg.codec
        leg.pk_payload_type = leg.payload_type
    leg.pk_octets += _encode(state, work, slot, state.packing[slot], leg.pk_octets)
    wanted = _unit(leg.codec) * (ptime_ms // 10)
    while leg.pk_octets >= wanted:
        _put_packed(state, work, slot, wanted)


@kernel
def send_leg(state: Any, work: Any, slot: int, tick: int) -> None:
    """Send what a leg is due in this tick, from `work.tx[slot]`."""
    leg = state.legs[slot]
    if leg.transmit == 0 or leg.connected == 0 or leg.rtp_fd < 0:
        leg.pk_octets = 0
        return
    if leg.tx_sent_tick > tick:
        return
    leg.tx_sent_tick = tick + 1
    is_event = work.kind[slot] == digits.EVENT
    if leg.pk_octets > 0 and (is_event or not _is_continued(leg)):
        _put_packed(state, work, slot, leg.pk_octets)  # a shorter packet; nothing is lost over a change
    if is_event:
        marker = digits.event_payload(leg, work.packet_out, packets.HEADER)
        leg.tx_marker = 1
        _put(state, work, slot, leg.te_payload_type, marker, leg.dg_ts, 4)
        return
    ptime_ms = leg.ptime_ms if leg.ptime_ms > 0 else _DEFAULT_PTIME_MS
    _audio(state, work, slot, min(max(ptime_ms // 10 * 10, 10), _MAX_PTIME_MS))
