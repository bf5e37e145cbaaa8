"""Records of CSV (RFC 4180, and what programs make of it) and JSON lines, with the lines that they begin in.

One bad line costs one line: a quote that is never closed does not take the rest of the file along.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from edge.storage.imports.text import SourceError, Text

Format = Literal["csv", "jsonl"]

#: Characters of a line, and lines of a record with line ends in quoted cells.
_MAX_LINE = 1 << 17
_MAX_RECORD_LINES = 200
_MAX_COLUMNS = 200
_DELIMITERS = ",;\t|"
DELIMITER_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class Record(Struct, frozen=True):
    """A record: its cells by column, or why it is none."""

    #: Line that it begins in, from 1, and the last one of it.
    line: int
    last: int
    cells: dict[str, str]
    fault: str
    raw: str


class _Lines:
    """Lines of a file, with their numbers; those of a broken record can be put back."""

    def __init__(self, text: Text) -> None:
        self._file = text.file.open("rb")
        self._file.seek(text.mark)
        self._text = io.TextIOWrapper(self._file, encoding=text.encoding, errors="strict", newline="")
        self._again: deque[tuple[str, bool]] = deque()
        self.number = 0
        #: What the record under way has taken; the second one: the line is too long, and this is its beginning.
        self.taken: list[tuple[str, bool]] = []

    def close(self) -> None:
        self._text.close()

    def next(self) -> tuple[str, bool] | None:
        line = self._again.popleft() if self._again else self._read()
        if line is not None:
            self.number += 1
            self.taken.append(line)
        return line

    def put_back(self) -> None:
        """Put all that was taken back, but for the first line."""
        rest = self.taken[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        del self.taken[1:]

    def put_back_all(self) -> None:
        """Put all that was taken back."""
        self._again.extendleft(reversed(self.taken))
        self.number -= len(self.taken)
        self.taken.clear()

    def _read(self) -> tuple[str, bool] | None:
        line = self._text.readline(_MAX_LINE)
        if not line:
            return None
        if len(line) < _MAX_LINE or line.endswith(("\n", "\r")):
            return line, False
        while (more := self._text.readline(_MAX_LINE)) and not more.endswith(("\n", "\r")):
            pass
        return line[:1000], True

    def skip(self, lines: int) -> None:
        """Go on behind line `lines`."""
        while self.number < lines and self.next() is not None:
            self.taken.clear()


class _BrokenError(Exception):
    pass


class Records:
    """The records of a file. Iterating raises `SourceError` when it is not what it was when it was looked at."""

    def __init__(self, text: Text, form: Format, *, delimiter: str = "auto", header: bool = True) -> None:
        """Open the file and read its header. Raises `SourceError`."""
        self._file = text.file
        self._form = form
        #: All records have the same columns.
        self.whole = form == "csv"
        self.delimiter = ""
        try:
            self._lines = _Lines(text)
            #: Names of columns; for JSON lines those of the first one.
            self.names: tuple[str, ...] = ()
            if form == "csv":
                self._begin_csv(DELIMITER_NAMES.get(delimiter, delimiter), header=header)
            else:
                self._peek()
        except _BrokenError as error:
            raise SourceError(text.file, 1, str(error)) from None
        except (OSError, UnicodeError) as error:
            raise SourceError(text.file, 0, str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def records(self, after: int = 0) -> Iterator[Record]:
        """Give the records that begin behind line `after`."""
        try:
            self._lines.skip(after)
            while (record := self._next()) is not None:
                if record.cells or record.fault:
                    yield record
        except (OSError, UnicodeError) as error:
            raise SourceError(self._file, self._lines.number, f"has changed while it was read: {error}") from error

    # --- CSV

    def _begin_csv(self, delimiter: str, *, header: bool) -> None:
        if delimiter != "auto" and (len(delimiter) != 1 or delimiter in '"\r\n'):
            names = ", ".join(DELIMITER_NAMES)
            raise SourceError(self._file, 0, f"a delimiter is one character, or one of {names}")
        first = self._lines.next()
        if first is None:
            raise SourceError(self._file, 0, "is empty")
        line = first[0]
        if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == 5:  # a spreadsheet's own first line
            delimiter = line[4] if delimiter == "auto" else delimiter
            first = self._lines.next()
            self._lines.taken.pop(0)
            line = first[0] if first is not None else ""
        self.delimiter = delimiter if delimiter != "auto" else _delimiter_of(line)
        begin = self._lines.number - 1
        self._lines.put_back_all()
        cells = self._cells()
        if cells is None or not any(cells):
            raise SourceError(self._file, begin + 1, "has no names of columns")
        if len(cells) > _MAX_COLUMNS:
            raise SourceError(self._file, begin + 1, f"has more than {_MAX_COLUMNS} columns")
        if not header:
            self.names = tuple(str(index) for index in range(1, len(cells) + 1))
            self._lines.put_back_all()
            return
        if any(_looks_like_data(cell) for cell in cells):
            raise SourceError(
                self._file,
                begin + 1,
                "this line has numbers instead of names of columns; say --no-header, and name columns 1, 2, ...",
            )
        self.names = _named(cells)
        self._lines.taken.clear()

    def _cells(self) -> list[str] | None:
        """Read the cells of a record; None at the end. Raises `_BrokenError`."""
        self._lines.taken.clear()
        try:
            return next(csv.reader(self._feed(), delimiter=self.delimiter, strict=True), None)
        except csv.Error as error:
            unclosed = "unexpected end" in str(error)
            raise _BrokenError("has a quote that is not closed" if unclosed else f"is no CSV: {error}") from None

    def _feed(self) -> Iterator[str]:
        while (line := self._lines.next()) is not None:
            if line[1]:
                raise _BrokenError(f"is longer than {_MAX_LINE} characters")
            if len(self._lines.taken) > _MAX_RECORD_LINES:
                raise _BrokenError("has a quote that is not closed")
            yield line[0]

    def _next(self) -> Record | None:
        begin = self._lines.number + 1
        if self._form == "jsonl":
            return self._next_json(begin)
        try:
            cells = self._cells()
        except _BrokenError as error:
            self._lines.put_back()
            return self._record(begin, fault=str(error))
        if cells is None:
            return None
        if not any(cells):  # empty lines, and those that have delimiters only
            return self._record(begin)
        count = len(self.names)
        if len(cells) < count or any(cells[count:]):
            return self._record(begin, fault=f"has {len(cells)} cells, where {count} columns are named")
        return self._record(begin, dict(zip(self.names, cells, strict=False)))

    def _record(self, begin: int, cells: dict[str, str] | None = None, fault: str = "") -> Record:
        raw = "".join([line for line, _ in self._lines.taken]).rstrip("\r\n")
        return Record(begin, self._lines.number, cells or {}, fault, raw)

    # --- JSON lines

    def _peek(self) -> None:
        first = self._next_json(1)
        if first is None:
            raise SourceError(self._file, 0, "is empty")
        self.names = tuple(first.cells)
        self._lines.put_back_all()

    def _next_json(self, begin: int) -> Record | None:
        self._lines.taken.clear()
        line = self._lines.next()
        if line is None:
            return None
        if line[1]:
            return self._record(begin, fault=f"is longer than {_MAX_LINE} characters")
        if not line[0].strip():
            return self._record(begin)
        try:
            found = msgspec.json.decode(line[0])
        except (msgspec.DecodeError, UnicodeError) as error:
            return self._record(begin, fault=f"is no JSON: {error}")
        if not isinstance(found, dict) or not found:
            return self._record(begin, fault="is no JSON object with something in it")
        try:
            return self._record(begin, _flat(found))
        except ValueError as error:
            return self._record(begin, fault=str(error))


def _delimiter_of(line: str) -> str:
    """Choose what divides most cells of a header, outside of quotes."""
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _looks_like_data(cell: str) -> bool:
    digits = cell.strip().removeprefix("+").translate(str.maketrans("", "", " -/().'"))
    return digits.isdigit() and len(digits) >= 6


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    """Name columns; one without a name is called by its place, and is no cell that anybody asks for."""
    return tuple(cell.strip() or f"column {index}" for index, cell in enumerate(cells, 1))


def _flat(found: dict[str, object]) -> dict[str, str]:
    """Make texts of the values of an object; `numbers` is a list of numbers or of objects with `number` and `label`."""
    cells: dict[str, str] = {}
    for name, value in found.items():
        if name == "numbers" and isinstance(value, list):
            cells |= _numbers(value)
        else:
            cells[name] = _plain(name, value)
    return cells


def _numbers(values: list[object]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for index, value in enumerate(values, 1):
        label = str(index)
        if isinstance(value, dict):
            label = _plain("label", value.get("label")) or label
            value = value.get("number")  # noqa: PLW2901 - the number is what the object is about
        name = "number" if index == 1 and label == "1" else f"number_{label}"
        if name in cells:
            raise ValueError(f"numbers: two have the label '{label[:40]}'")
        cells[name] = _plain("numbers", value)
    return cells


def _plain(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"{name[:40]}: is neither a text nor a number")
