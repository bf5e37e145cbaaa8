"""Bodies of INFO requests with keys."""

import pytest

from edge.core.sip import info

RELAY, DIGIT, FLASH = "application/dtmf-relay", "application/dtmf", "application/hook-flash"


@pytest.mark.parametrize(
    ("content_type", "body", "key", "duration_ms"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", "5", 160),
        (RELAY, b"signal = #\nDURATION= 250", "#", 250),
        (RELAY, b"Signal=10\r\nDuration=1\r\n", "*", 40),
        (RELAY, b"Signal=c\r\n", "C", 100),
        (RELAY, b"Duration=99999\r\nSignal=1\r\nX: y", "1", 10_000),
        (RELAY, b"Signal=16\r\n", "!", 100),
        (RELAY, b"Signal=!\r\n", "!", 100),
        (DIGIT, b"7", "7", 100),
        (DIGIT, b" 11 \r\n", "#", 100),
        (DIGIT, b"16", "!", 100),
        (FLASH, b"", "!", 100),
    ],
)
def test_a_key_is_read(content_type: str, body: bytes, key: str, duration_ms: int) -> None:
    assert info.read(content_type, body) == (key, duration_ms)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"5"),
        (RELAY, b""),
        (RELAY, b"Signal=17"),
        (RELAY, b"Signal=5x"),
        (RELAY, b"Duration=160"),
        (RELAY, b"Signal=5" + b" " * 260),
        (DIGIT, b""),
        (DIGIT, b"55"),
        (DIGIT, b"5\r\n5"),
        (DIGIT, b"\xff"),
    ],
)
def test_what_is_no_key(content_type: str, body: bytes) -> None:
    assert info.read(content_type, body) is None


def test_a_peer_gets_what_it_speaks() -> None:
    assert info.for_peer(info.Digit("5", 160), "") == (RELAY, b"Signal=5\r\nDuration=160\r\n")
    assert info.for_peer(info.Digit("5", 160), RELAY) == (RELAY, b"Signal=5\r\nDuration=160\r\n")
    assert info.for_peer(info.Digit("5", 160), DIGIT) == (DIGIT, b"5")
    assert info.for_peer(info.Digit("!", 160), DIGIT) == (RELAY, b"Signal=16\r\nDuration=160\r\n")


@pytest.mark.parametrize("key", "0123456789*#ABCD!")
def test_what_is_written_for_a_span_reads_as_the_same_key(key: str) -> None:
    assert info.read(*info.for_span(info.Digit(key, 123))) == (key, 123)
