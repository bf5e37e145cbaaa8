"""Cuts a TCP byte stream into SIP messages (RFC 3261 section 18.3), with limits."""

import re

from msgspec import Struct

from edge.core.sip.parser import MESSAGE_LIMIT

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,6})[ \t]*(?=\r\n)", re.IGNORECASE)


class Frame(Struct, frozen=True):
    """One message, complete with its body."""

    data: bytes


class Ping(Struct, frozen=True):
    """Double CRLF: the peer waits for a CRLF (RFC 5626 section 4.4.1)."""


class Lost(Struct, frozen=True):
    """Where the next message begins can't be known any more: answer `data` (what there is of it), then close."""

    data: bytes


Piece = Frame | Ping | Lost


class StreamReader:
    """Fed with octets as they come; gives messages as they complete. After `Lost` it takes nothing more."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lost = False

    @property
    def incomplete(self) -> bool:
        """Whether part of a message is waiting for its rest (a slow sender must not hold it for ever)."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Piece]:
        """Add octets; returns what became complete."""
        if self._lost:
            return []
        self._buffer += data
        pieces: list[Piece] = []
        while self._buffer and (piece := self._next()) is not None:
            pieces.append(piece)
            if isinstance(piece, Lost):
                self._lost = True
                self._buffer.clear()
        return pieces

    def _next(self) -> Piece | None:
        buffer = self._buffer
        if buffer[0] in b"\r\n":
            return self._between()
        end = buffer.find(b"\r\n\r\n", 0, MESSAGE_LIMIT + 4)
        if end < 0:
            return Lost(bytes(buffer[:MESSAGE_LIMIT])) if len(buffer) > MESSAGE_LIMIT else None
        head = bytes(buffer[: end + 4])
        lengths = _LENGTH.findall(head)
        # One length, or the boundary of the next message is a guess: that is how requests are smuggled.
        if len(lengths) != 1 or end + 4 + int(lengths[0]) > MESSAGE_LIMIT:
            return Lost(head)
        size = end + 4 + int(lengths[0])
        if len(buffer) < size:
            return None
        frame = bytes(buffer[:size])
        del buffer[:size]
        return Frame(frame)

    def _between(self) -> Piece | None:
        buffer = self._buffer
        if buffer.startswith(b"\r\n\r\n"):
            del buffer[:4]
            return Ping()
        if len(buffer) < 4 and bytes(buffer) in (b"\r", b"\r\n", b"\r\n\r"):
            return None
        # A lone CRLF before a start line is to be ignored (section 7.5).
        skipped = len(buffer) - len(buffer.lstrip(b"\r\n"))
        del buffer[:skipped]
        return self._next() if buffer else None
