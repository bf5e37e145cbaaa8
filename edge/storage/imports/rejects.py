"""The file of refused lines: where, which field, why, and the line itself, to be mended and imported again."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

#: Of a line, so many characters are repeated.
_RAW = 2000
#: Refusals that are kept to be shown.
_SHOWN = 20
_HEADER = ("line", "field", "reason", "record")


class Reject(Struct, frozen=True):
    """A line that was not taken, for one reason."""

    line: int
    field: str
    reason: str
    raw: str

    @property
    def told(self) -> str:
        """Say why, without the line."""
        return f"{self.field}: {self.reason}" if self.field else self.reason


class Rejects:
    """CSV with a header (RFC 4180), for its owner alone: there are people's numbers in it."""

    def __init__(self, file: Path | None) -> None:
        """`file`: None keeps the first refusals to be shown, and no file."""
        self.file = file
        #: The first refusals of this run.
        self.shown: list[Reject] = []

    def cut(self, size: int) -> None:
        """Forget what is behind byte `size`: a batch that did not get into the store. Raises `OSError`."""
        if self.file is None or not self.file.exists():
            return
        if size == 0:
            self.file.unlink()
        elif self.file.stat().st_size > size:
            os.truncate(self.file, size)

    def append(self, size: int, rejects: Sequence[Reject]) -> int:
        """Write refusals at byte `size`; returns how long the file is. Raises `OSError`."""
        if not rejects:
            return size
        self.shown += rejects[: _SHOWN - len(self.shown)] if len(self.shown) < _SHOWN else []
        if self.file is None:
            return size
        with os.fdopen(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            size = min(size, file.seek(0, os.SEEK_END))  # who took the file away gets a new one
            file.truncate(size)
            file.seek(size)
            file.write(_lines(rejects, header=size == 0))
            file.flush()
            os.fsync(file.fileno())
            return file.tell()


def _lines(rejects: Sequence[Reject], *, header: bool) -> bytes:
    page = io.StringIO()
    writer = csv.writer(page)
    if header:
        writer.writerow(_HEADER)
    writer.writerows([(one.line, one.field, one.reason, one.raw[:_RAW]) for one in rejects])
    return page.getvalue().encode("utf-8", "backslashreplace")
