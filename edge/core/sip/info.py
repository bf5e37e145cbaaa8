"""DTMF in INFO bodies: read, and made anew. No octet of a peer's body reaches a span, nor the other way round.

`application/dtmf-relay` has lines `Signal=5` and `Duration=160` (milliseconds); `application/dtmf` is the digit alone;
`application/hook-flash` says all by its type. Numbers 10 to 16 are the events of RFC 4733; 16 is hook flash, which we
call `!` on our own side.
"""

import re
from typing import NamedTuple

from msgspec import Struct

from edge.vocabulary.ids import CommandId
from edge.vocabulary.media import FLASH

RELAY_TYPE = "application/dtmf-relay"
DIGIT_TYPE = "application/dtmf"
FLASH_TYPE = "application/hook-flash"
ACCEPTED = f"{RELAY_TYPE}, {DIGIT_TYPE}, {FLASH_TYPE}"
BODY_LIMIT = 256
_SIGNAL = re.compile(rb"signal[ \t]*=[ \t]*([0-9A-Da-d*#!]|1[0-6])[ \t]*", re.IGNORECASE)
_DURATION = re.compile(rb"duration[ \t]*=[ \t]*([0-9]{1,5})[ \t]*", re.IGNORECASE)
_DIGIT = re.compile(rb"[ \t]*([0-9A-Da-d*#!]|1[0-6])[ \t]*(?:\r?\n)?")
_NUMBERED = {b"10": "*", b"11": "#", b"12": "A", b"13": "B", b"14": "C", b"15": "D", b"16": FLASH}
DEFAULT_MS = 100
#: The least time from one INFO with a digit to the next, and from the end of its key to the next.
PACE_MS = 250
GAP_MS = 60


def pace_ms(duration_ms: int) -> int:
    """Return the time from an INFO with a key of that length to the next one."""
    return max(PACE_MS, duration_ms + GAP_MS)


class Digit(NamedTuple):
    """A key as an INFO tells it."""

    key: str
    duration_ms: int = DEFAULT_MS


class Job(Struct):
    """The keys that are left of a command. Not in the table: they may be a PIN, and switch sends the command again."""

    command: CommandId
    keys: list[str]
    duration_ms: int
    next_ms: int


def read(content_type: str, body: bytes) -> Digit | None:
    """Return the key of an INFO; None when it is no DTMF."""
    if len(body) > BODY_LIMIT:
        return None
    if content_type == FLASH_TYPE:
        return Digit(FLASH)
    if content_type == DIGIT_TYPE:
        match = _DIGIT.fullmatch(body)
        return Digit(_key(match[1])) if match else None
    return _relay(body) if content_type == RELAY_TYPE else None


def _relay(body: bytes) -> Digit | None:
    key, duration = "", DEFAULT_MS
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if match := _SIGNAL.fullmatch(line):
            key = _key(match[1])
        elif match := _DURATION.fullmatch(line):
            duration = min(10_000, max(40, int(match[1])))
    return Digit(key, duration) if key else None


def _key(text: bytes) -> str:
    return _NUMBERED.get(text) or text.decode().upper()


def for_span(digit: Digit) -> tuple[str, bytes]:
    """Write type and body for a span."""
    return RELAY_TYPE, f"Signal={digit.key}\r\nDuration={digit.duration_ms}\r\n".encode()


def for_peer(digit: Digit, spoken: str) -> tuple[str, bytes]:
    """Write type and body for a peer: `application/dtmf` where that is what it sends itself (`spoken`)."""
    if digit.key == FLASH:
        return RELAY_TYPE, f"Signal=16\r\nDuration={digit.duration_ms}\r\n".encode()
    return (DIGIT_TYPE, digit.key.encode()) if spoken == DIGIT_TYPE else for_span(digit)
