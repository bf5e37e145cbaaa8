"""The SIP messages of the last calls, in a ring in shared memory that front writes and web reads.

It outlives both. Keys of SRTP, credentials and digits never get into it: they are blotted out before a message is
written. A reader copies the ring while it is written to, and leaves out what was overwritten meanwhile.
"""

import mmap
import os
import re
import struct
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from edge.config.site import Site
from edge.vocabulary.ids import LegId, call_of
from edge.vocabulary.media import Address

_HEADER: Final = struct.Struct("<QQ")  # octets ever written; where the oldest record begins (of them)
_LENGTH: Final = struct.Struct("<I")
_PAGE: Final = 4096

_SECRETS: Final = (
    (b"crypto", re.compile(rb"(inline:)[^|\s;]+"), rb"\1..."),
    (b"uthori", re.compile(rb"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*\S+).*?(\r?)$"), rb"\1 ...\2"),
)
#: Lines of an INFO's body that say no key.
_DURATION: Final = re.compile(rb"duration[ \t]*=[ \t]*[0-9]{1,5}[ \t]*", re.IGNORECASE)
_SIGNAL: Final = re.compile(rb"(signal[ \t]*=).*", re.IGNORECASE | re.DOTALL)


class Traced(Struct, frozen=True, array_like=True):
    """A message as it was received or sent."""

    leg: LegId
    #: Wall clock, nanoseconds since 1970.
    at_ns: int
    incoming: bool
    transport: str
    peer: Address
    own: Address
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Traced).decode


def trace_size(site: Site) -> int:
    """Bytes of the memfd for `site`; a page is there even when nothing is kept."""
    return _PAGE + site.sip.trace_mb * 1024 * 1024


def blotted(data: bytes) -> bytes:
    """Return a message without keys, credentials and digits."""
    plain = data.lower()
    for hint, pattern, instead in _SECRETS:
        if hint in plain:
            data = pattern.sub(instead, data)
    if data.startswith(b"INFO "):
        head, gap, body = data.partition(b"\r\n\r\n")
        # Whatever the type: there are more ways to say a key than those that we understand.
        data = head + gap + b"\n".join(_blotted_line(line) for line in body.split(b"\n"))
    return data


def _blotted_line(line: bytes) -> bytes:
    text = line.removesuffix(b"\r")
    if not text or _DURATION.fullmatch(text):
        return line
    signal = _SIGNAL.fullmatch(text)
    return (signal[1] if signal else b"") + b"*" + line[len(text) :]


class TraceWriter:
    """Front's side. One writer at a time; the next one goes on where the last one stopped."""

    def __init__(self, fd: int) -> None:
        self._size = os.fstat(fd).st_size - _PAGE
        self._map = mmap.mmap(fd, _PAGE + self._size) if self._size > 0 else None
        self._end, self._start = _HEADER.unpack_from(self._map, 0) if self._map is not None else (0, 0)

    def write(self, message: Traced) -> None:
        """Append a message, over the oldest ones."""
        memory = self._map
        if memory is None:
            return
        body = _encode(message)
        entry = _LENGTH.pack(len(body)) + body
        if len(entry) > self._size // 4:
            return
        start = self._start
        while self._end + len(entry) - start > self._size:
            (length,) = _LENGTH.unpack(self._read(start, _LENGTH.size))
            start += _LENGTH.size + length
        if start != self._start:
            # Before the octets: who reads meanwhile must see that what he has is gone.
            self._start = start
            _HEADER.pack_into(memory, 0, self._end, start)
        at = self._end % self._size
        first = entry[: self._size - at]
        memory[_PAGE + at : _PAGE + at + len(first)] = first
        if len(first) < len(entry):
            memory[_PAGE : _PAGE + len(entry) - len(first)] = entry[len(first) :]
        self._end += len(entry)
        _HEADER.pack_into(memory, 0, self._end, self._start)

    def _read(self, at: int, length: int) -> bytes:
        assert self._map is not None  # noqa: S101 - callers have looked
        return _piece(self._map, _PAGE, self._size, at, length)


def _piece(memory: mmap.mmap | bytes, base: int, size: int, at: int, length: int) -> bytes:
    begin = at % size
    first = memory[base + begin : base + min(begin + length, size)]
    return first + memory[base : base + length - len(first)]


def messages_of(fd: int, call: str) -> list[Traced]:
    """Return what was said on the legs of a call, in order; empty when nothing is known of it (any more)."""
    # What a message led to is written before the message itself.
    return sorted([one for one in _messages(fd) if call_of(one.leg) == call], key=lambda one: one.at_ns)


def _messages(fd: int) -> Iterator[Traced]:
    size = os.fstat(fd).st_size - _PAGE
    if size <= 0:
        return
    end, start = _HEADER.unpack(os.pread(fd, _HEADER.size, 0))
    if end == start:
        return
    copy = os.pread(fd, size, _PAGE)
    _, oldest = _HEADER.unpack(os.pread(fd, _HEADER.size, 0))
    while start < end:
        (length,) = _LENGTH.unpack(_piece(copy, 0, size, start, _LENGTH.size))
        if start >= oldest:
            yield _decode(_piece(copy, 0, size, start + _LENGTH.size, length))
        elif length > size:
            start = oldest  # overwritten while it was copied, so its length says nothing
            continue
        start += _LENGTH.size + length
