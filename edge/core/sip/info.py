"""DTMF in INFO bodies: read, and made anew. No octet of a peer's body reaches a span.

`application/dtmf-relay` has lines `Signal=5` and `Duration=160` (milliseconds); `application/dtmf` is the digit alone.
"""

import re

RELAY_TYPE = "application/dtmf-relay"
DIGIT_TYPE = "application/dtmf"
BODY_LIMIT = 256
_SIGNAL = re.compile(rb"signal[ \t]*=[ \t]*([0-9A-Da-d*#]|1[0-6])[ \t]*", re.IGNORECASE)
_DURATION = re.compile(rb"duration[ \t]*=[ \t]*([0-9]{1,5})[ \t]*", re.IGNORECASE)
_DIGIT = re.compile(rb"[ \t]*([0-9A-Da-d*#])[ \t]*(?:\r?\n)?")
#: Numbers 10 to 15 stand for the keys that are no numerals, as in RFC 4733; 16 (flash) is no digit.
_NUMBERED = {b"10": "*", b"11": "#", b"12": "A", b"13": "B", b"14": "C", b"15": "D"}
DEFAULT_MS = 100


def remade(content_type: str, body: bytes) -> tuple[str, bytes] | None:
    """Return type and body of the same digit as a span gets it; None when it is no DTMF."""
    if len(body) > BODY_LIMIT:
        return None
    if content_type == DIGIT_TYPE:
        match = _DIGIT.fullmatch(body)
        return _made(match[1].decode().upper(), DEFAULT_MS) if match else None
    if content_type != RELAY_TYPE:
        return None
    digit, duration = "", DEFAULT_MS
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if match := _SIGNAL.fullmatch(line):
            digit = _NUMBERED.get(match[1]) or match[1].decode().upper()
        elif match := _DURATION.fullmatch(line):
            duration = min(10_000, max(40, int(match[1])))
    return _made(digit, duration) if len(digit) == 1 else None


def _made(digit: str, duration_ms: int) -> tuple[str, bytes]:
    return RELAY_TYPE, f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
