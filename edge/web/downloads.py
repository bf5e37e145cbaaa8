"""Recordings as files, whole or a range of them (RFC 9110 section 14)."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
from litestar import Response
from litestar.response import Stream

from edge.storage.reader import Reader
from edge.web.endpoint import Endpoint, RefusedError, Visit
from edge.web.outbox import Outbox
from edge.web.shown import FILES

#: Bytes read at once.
PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


class Range(NamedTuple):
    """From a byte to the one after the last."""

    begin: int
    end: int


def wanted_range(header: str | None, size: int) -> Range | None:
    """Read a `Range` header; None: the whole file, also when it asks for several, which nobody has to give.

    Raises `RefusedError` (416) when nothing of it is in a file of `size` bytes.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1]:
        begin, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
        if match[2] and int(match[2]) < int(match[1]):
            return None  # RFC 9110 section 14.1.1: no valid range, and so none at all
    else:
        begin, end = max(0, size - int(match[2])), size
    if begin >= end:
        raise RefusedError(416, "there is no such range", "Range", {"Content-Range": f"bytes */{size}"})
    return Range(begin, end)


class Downloads:
    """The endpoint that gives out recordings."""

    def __init__(self, outbox: Outbox, folders: list[Path]) -> None:
        self._outbox = outbox
        self._folders = folders

    def endpoints(self) -> list[Endpoint]:
        """List it."""
        return [
            Endpoint(
                "GET",
                "/recordings/{id}",
                "integrator",
                "getRecording",
                "A recording, or a message that a caller left",
                self._file,
                media="audio/wav",
                problems=(404, 416),
                text="WAV. `Range` is understood: 206 with that part of it.",
            )
        ]

    async def _file(self, visit: Visit) -> Response[Any]:
        path = await self._outbox.read(lambda reader: _path_of(reader, visit.names["id"]))
        file = _open(path, self._folders) if path is not None else None
        if file is None:
            raise RefusedError(404, "no such recording")
        size = os.fstat(file.fileno()).st_size
        try:
            part = wanted_range(visit.request.headers.get("range"), size)
        except RefusedError:
            file.close()
            raise
        begin, end = part or Range(0, size)
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - begin), "Cache-Control": "private, no-store"}
        if part is not None:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        pieces = _pieces(file, begin, end)
        return Stream(pieces, media_type="audio/wav", headers=headers, status_code=200 if part is None else 206)


def _path_of(reader: Reader, id_: str) -> str | None:
    """Return where the events of a recording's call say that it is."""
    for event in reader.events_of(id_.rpartition("-")[0]):
        if event.type in FILES:
            data = msgspec.json.decode(event.body)["data"]
            if data[FILES[event.type]] == id_:
                return str(data["path"])
    return None


def _open(path: str, folders: list[Path]) -> BinaryIO | None:
    """Open a file within the folders; None: it is not there any more, or leads out of them."""
    try:
        real = Path(path).resolve(strict=True)
        if real.suffix != ".wav" or not any(real.is_relative_to(folder.resolve()) for folder in folders):
            return None
        return os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0)
    except (OSError, ValueError):
        return None


async def _pieces(file: BinaryIO, begin: int, end: int) -> AsyncIterator[bytes]:
    with file:
        at = begin
        while at < end:
            piece = os.pread(file.fileno(), min(PIECE, end - at), at)
            if not piece:
                return  # shorter than it was: the connection ends before its length, and the peer sees it
            at += len(piece)
            yield piece
