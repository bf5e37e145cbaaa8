"""RTP packets (RFC 3550 section 5.1). Every length is checked before it is used."""

from typing import Any

from dsp.jit import i64, kernel

HEADER = 12
#: Longest payload that is taken: 240 ms of G.711 and G.722, 60 ms of wide L16.
MAX_PAYLOAD = 1920
#: Bytes a packet of ours may have.
BUFFER = 2048

REFUSED = (-1, 0, 0, 0, 0, 0, 0)


@kernel
def u16(data: Any, at: int) -> int:
    """Unsigned 16 bits, network order."""
    return (i64(data[at]) << 8) | i64(data[at + 1])


@kernel
def u32(data: Any, at: int) -> int:
    """Unsigned 32 bits, network order."""
    return (u16(data, at) << 16) | u16(data, at + 2)


@kernel
def put16(data: Any, at: int, value: int) -> None:
    """Write 16 bits, network order."""
    data[at] = (value >> 8) & 0xFF
    data[at + 1] = value & 0xFF


@kernel
def put32(data: Any, at: int, value: int) -> None:
    """Write 32 bits, network order."""
    put16(data, at, (value >> 16) & 0xFFFF)
    put16(data, at + 2, value & 0xFFFF)


@kernel
def parse(data: Any, length: int) -> tuple[int, int, int, int, int, int, int]:
    """Take a received packet apart: (offset, size of the payload, payload type, marker, sequence, timestamp, SSRC).

    `data` is uint8 with at least `length` bytes. The offset is -1 for what is not a usable RTP packet: another version,
    a length that does not fit CSRC list, extension or padding, an empty or an oversized payload.
    """
    if length < HEADER or length > data.shape[0] or data[0] >> 6 != 2:
        return REFUSED
    offset = HEADER + 4 * (i64(data[0]) & 15)
    end = length
    if data[0] & 0x10:
        if offset + 4 > length:
            return REFUSED
        offset += 4 + 4 * u16(data, offset + 2)
    if data[0] & 0x20:
        padding = i64(data[length - 1])
        if padding == 0:
            return REFUSED
        end -= padding
    size = end - offset
    if size <= 0 or size > MAX_PAYLOAD:
        return REFUSED
    return offset, size, i64(data[1]) & 0x7F, i64(data[1]) >> 7, u16(data, 2), u32(data, 4), u32(data, 8)


@kernel
def build(data: Any, payload_type: int, marker: int, sequence: int, timestamp: int, ssrc: int) -> None:
    """Write a header without CSRCs to `data[:12]`."""
    data[0] = 0x80
    data[1] = (marker << 7) | payload_type
    put16(data, 2, sequence)
    put32(data, 4, timestamp)
    put32(data, 8, ssrc)
