"""In which encoding a file is. Strictly: each byte of it is read once before anything is imported.

UTF-8 and whatever has a byte order mark tell what they are. Else a file is taken for cp1252 or GB 18030 only when it
can't be the other: in Western text single letters stand between ASCII ones, in Chinese bytes come in pairs. What could
be both, or neither, has to be named: a wrong guess would be thousands of wrong names.
"""

import codecs
import hashlib
import re
from pathlib import Path

from msgspec import Struct

_CHUNK = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_RUNS = re.compile(rb"[\x80-\xff]+")
#: Of the runs of bytes above ASCII, so many have to speak for an encoding.
_SURE = 0.9


class SourceError(Exception):
    """A file can't be imported at all."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        where = f"{file}:{line}" if line else str(file)
        super().__init__(f"{where}: {reason}")
        self.line = line


class Text(Struct, frozen=True, kw_only=True):
    """A file whose encoding is known and right for all of it."""

    file: Path
    #: As Python names it.
    encoding: str
    #: Bytes before the first character.
    mark: int
    #: Line ends in it.
    lines: int
    #: Of all bytes, SHA-256.
    digest: str


class _NotTextError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


def text_of(file: Path, encoding: str = "auto") -> Text:
    """Read a file once and say in which encoding it is; `encoding`: which it is to be. Raises `SourceError`."""
    try:
        with file.open("rb") as source:
            head = source.read(1024)
        if encoding != "auto":
            return _asked(file, head, encoding)
        return _found(file, head)
    except OSError as error:
        raise SourceError(file, 0, error.strerror or str(error)) from error


def _asked(file: Path, head: bytes, encoding: str) -> Text:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except (LookupError, UnicodeError):
        raise SourceError(file, 0, f"there is no encoding '{encoding[:40]}'") from None
    if name == "utf-8-sig":
        name = "utf-8"
    if name in {"utf-16", "utf-32"}:
        name = next((marked for mark, marked in _MARKS[1:] if head.startswith(mark)), f"{name}-le")
    mark = next((len(mark) for mark, marked in _MARKS if marked == name and head.startswith(mark)), 0)
    try:
        return _read(file, name, mark)
    except _NotTextError as wrong:
        raise SourceError(file, wrong.line, f"this line is not {encoding}") from None


def _found(file: Path, head: bytes) -> Text:
    for mark, name in _MARKS:
        if head.startswith(mark):
            try:
                return _read(file, name, len(mark))
            except _NotTextError as wrong:
                raise SourceError(file, wrong.line, f"begins as {name}, but this line is not") from None
    if b"\0" in head:
        # Every second byte of ASCII in UTF-16; a text in another encoding has none at all.
        even, odd = head[::2].count(0), head[1::2].count(0)
        if not even or not odd:
            try:
                return _read(file, "utf-16-le" if odd else "utf-16-be", 0)
            except _NotTextError:
                pass
        raise SourceError(file, 1, "is no text: it has zero bytes")
    try:
        return _read(file, "utf-8", 0)
    except _NotTextError as wrong:
        return _guessed(file, wrong.line)


def _guessed(file: Path, line: int) -> Text:
    """Choose between the encodings that don't tell themselves; `line` is where it is not UTF-8."""
    fits: list[Text] = []
    for name in ("gb18030", "cp1252"):
        try:
            fits.append(_read(file, name, 0))
        except _NotTextError:
            continue
    runs = single = paired = 0
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            for run in _RUNS.findall(chunk):
                runs += 1
                single += len(run) == 1
                paired += len(run) % 2 == 0
    for text in fits:
        if (paired if text.encoding == "gb18030" else single) >= _SURE * runs:
            return text
    could = " or ".join(text.encoding for text in fits)
    hint = f"it could be {could}" if could else "it is neither gb18030 nor cp1252 either"
    raise SourceError(file, line, f"this line is not UTF-8; {hint}: name it with --encoding")


def _read(file: Path, encoding: str, mark: int) -> Text:
    """Read all of a file. Raises `_NotTextError` with the line."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    digest = hashlib.sha256()
    lines = carriage = 0
    with file.open("rb") as source:
        digest.update(source.read(mark))
        while True:
            chunk = source.read(_CHUNK)
            digest.update(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "ignore")
                raise _NotTextError(lines + before.count("\n") + 1) from None
            lines += text.count("\n")
            carriage += text.count("\r")
            if not chunk:
                return Text(file=file, encoding=encoding, mark=mark, lines=lines or carriage, digest=digest.hexdigest())
