"""RTP packets against the slow twin."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsp.plane import packets
from tests.dsp.naive import rtp as naive


def parse(data: bytes):
    array = np.full(packets.BUFFER, 0xAA, np.uint8)
    array[: len(data)] = np.frombuffer(data, np.uint8)
    offset, size, *rest = packets.parse(array, len(data))
    return None if offset < 0 else (data[offset : offset + size], *rest)


header = st.builds(
    lambda cc, x, p, rest: bytes([0x80 | p << 5 | x << 4 | cc]) + rest,
    st.integers(0, 15), st.integers(0, 1), st.integers(0, 1), st.binary(min_size=11, max_size=11),
)  # fmt: skip
near_packets = st.builds(
    lambda h, csrc, extension, body: h + csrc + extension + body,
    header, st.binary(max_size=64),
    st.builds(lambda n, b: b"\xbe\xde" + n.to_bytes(2, "big") + b, st.integers(0, 8), st.binary(max_size=32)),
    st.binary(max_size=200),
)  # fmt: skip


@settings(deadline=None)  # the first one compiles
@given(st.one_of(st.binary(max_size=400), near_packets))
@example(b"")
@example(bytes([0x80]) + bytes(11))
@example(bytes([0x80]) + bytes(12))
@example(bytes([0xA0]) + bytes(11) + b"\x01")
@example(bytes([0xA0]) + bytes(11) + b"abc\x03")
@example(bytes([0x80]) + bytes(11 + packets.MAX_PAYLOAD + 1))
def test_any_bytes_parse_as_the_twin_says(data):
    assert parse(data) == naive.parse(data, packets.MAX_PAYLOAD)


def test_a_length_beyond_the_buffer_is_refused():
    array = np.full(packets.BUFFER, 0x80, np.uint8)
    assert packets.parse(array, packets.BUFFER + 1)[0] == -1


@given(
    st.integers(0, 127), st.integers(0, 1), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
)  # fmt: skip
def test_what_is_built_parses(payload_type, marker, sequence, timestamp, ssrc):
    array = np.zeros(packets.BUFFER, np.uint8)
    packets.build(array, payload_type, marker, sequence, timestamp, ssrc)
    assert packets.parse(array, 13) == (12, 1, payload_type, marker, sequence, timestamp, ssrc)
