"""Slow twin of the RTP parser, by slicing (RFC 3550 section 5.1)."""

import struct


def parse(data: bytes, longest: int):
    """(payload, payload type, marker, sequence, timestamp, SSRC), None for what is no usable packet."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    sequence, timestamp, ssrc = struct.unpack(">HII", data[2:12])
    rest = data[12:]
    for _ in range(data[0] & 15):
        if len(rest) < 4:
            return None
        rest = rest[4:]
    if data[0] & 16:
        if len(rest) < 4:
            return None
        words = int.from_bytes(rest[2:4], "big")
        if len(rest) < 4 + 4 * words:
            return None
        rest = rest[4 + 4 * words :]
    if data[0] & 32:
        if not rest or rest[-1] == 0 or rest[-1] > len(rest):
            return None
        rest = rest[: len(rest) - rest[-1]]
    if not 0 < len(rest) <= longest:
        return None
    return rest, data[1] & 127, data[1] >> 7, sequence, timestamp, ssrc
