"""The ring of SIP messages: what it keeps, what it must not keep, and a writer that is killed."""

import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.sip_trace import Traced, TraceWriter, blotted, messages_of
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address

ROOM = 64 * 1024


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("trace")
    os.ftruncate(fd, 4096 + ROOM)
    yield fd
    os.close(fd)


def message(number: int, leg: str = "c1.1", size: int = 100) -> Traced:
    ends = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
    return Traced(LegId(leg), number, True, "udp", *ends, b"%d " % number + b"x" * size)


def test_messages_of_a_calls_legs_in_order(memory: int) -> None:
    writer = TraceWriter(memory)
    for number, leg in ((2, "c1.1"), (1, "c1.1"), (3, "c10.1"), (5, "c1.2"), (4, "c1.1")):
        writer.write(message(number, leg))
    assert [(one.leg, one.at_ns) for one in messages_of(memory, "c1")] == [
        ("c1.1", 1),
        ("c1.1", 2),
        ("c1.1", 4),
        ("c1.2", 5),
    ]
    assert messages_of(memory, "c") == []


def test_the_oldest_give_way_and_the_rest_is_whole(memory: int) -> None:
    writer = TraceWriter(memory)
    for number in range(5000):
        writer.write(message(number, size=number % 300))
    kept = messages_of(memory, "c1")
    assert len(kept) > 200
    assert kept == [message(number, size=number % 300) for number in range(5000 - len(kept), 5000)]


def test_the_next_writer_goes_on(memory: int) -> None:
    TraceWriter(memory).write(message(1))
    TraceWriter(memory).write(message(2))
    assert [one.at_ns for one in messages_of(memory, "c1")] == [1, 2]


def test_a_writer_killed_before_the_end_is_noted(memory: int) -> None:
    writer = TraceWriter(memory)
    writer.write(message(1))
    half = os.pread(memory, 16, 0)
    writer.write(message(2))
    os.pwrite(memory, half, 0)
    assert [one.at_ns for one in messages_of(memory, "c1")] == [1]
    TraceWriter(memory).write(message(3))
    assert [one.at_ns for one in messages_of(memory, "c1")] == [1, 3]


def test_one_that_is_too_long_is_left_out(memory: int) -> None:
    writer = TraceWriter(memory)
    writer.write(message(1, size=ROOM))
    writer.write(message(2))
    assert [one.at_ns for one in messages_of(memory, "c1")] == [2]


def test_a_reader_beside_a_writer(memory: int) -> None:
    """Whatever a reader sees is whole, while the ring is written round and round."""
    done = threading.Event()

    def write() -> None:
        writer = TraceWriter(memory)
        number = 0
        while not done.is_set():
            number += 1
            writer.write(message(number, size=number % 700))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(200):
            for one in messages_of(memory, "c1"):
                assert one == message(one.at_ns, size=one.at_ns % 700)
    finally:
        done.set()
        thread.join()


def test_switched_off() -> None:
    fd = os.memfd_create("trace")
    os.ftruncate(fd, 4096)
    TraceWriter(fd).write(message(1))
    assert messages_of(fd, "c1") == []
    os.close(fd)


@given(st.lists(st.integers(0, 3000), max_size=120))
def test_sizes_of_all_kinds(sizes: list[int]) -> None:
    fd = os.memfd_create("trace")
    os.ftruncate(fd, 4096 + 16 * 1024)
    writer = TraceWriter(fd)
    for number, size in enumerate(sizes):
        writer.write(message(number, size=size))
    kept = messages_of(fd, "c1")
    assert kept == [message(number, size=size) for number, size in enumerate(sizes)][len(sizes) - len(kept) :]
    assert len(kept) > 3 or len(kept) == len(sizes)
    os.close(fd)


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:32\r\n",
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:...|2^20|1:32\r\n",
        ),
        (
            b'Authorization: Digest username="bob", response="0123"\r\nTo: <sip:x@y>\r\n',
            b"Authorization: Digest ...\r\nTo: <sip:x@y>\r\n",
        ),
        (b'proxy-authorization:Digest nonce="1"\r\n', b"proxy-authorization:Digest ...\r\n"),
        (b"AUTHORIZATION: Digest response=1\r\n", b"AUTHORIZATION: Digest ...\r\n"),
        (
            b"INFO sip:x SIP/2.0\r\nCall-ID: 7\r\n\r\nSIGNAL = 5\r\nDuration=160\r\n",
            b"INFO sip:x SIP/2.0\r\nCall-ID: 7\r\n\r\nSIGNAL =*\r\nDuration=160\r\n",
        ),
        (b"INFO sip:x SIP/2.0\r\n\r\nSignal=5\nDuration=160 7", b"INFO sip:x SIP/2.0\r\n\r\nSignal=*\n*"),
        (
            b"INFO sip:x SIP/2.0\r\nc: application/DTMF;x\r\n\r\n7",
            b"INFO sip:x SIP/2.0\r\nc: application/DTMF;x\r\n\r\n*",
        ),
        (b"INFO sip:x SIP/2.0\r\n\r\n<dtmf>7</dtmf>\r\n\r\n", b"INFO sip:x SIP/2.0\r\n\r\n*\r\n\r\n"),
        (b"WWW-Authenticate: Digest realm=x\r\n", b"WWW-Authenticate: Digest realm=x\r\n"),
    ],
)
def test_secrets_are_blotted_out(line: bytes, left: bytes) -> None:
    assert blotted(line) == left
