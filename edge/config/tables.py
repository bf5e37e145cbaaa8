"""Tables of callers: CSV or SQLite as written, made into one indexed file that switch asks.

The file is made when the configuration is loaded, beside the running one and named by its content, so a call is never
kept waiting by a large table, and memory does not grow with it.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge.config import kinds
from edge.config.errors import Findings, Place
from edge.config.located import Located, find, place_of
from edge.config.menu_tables import Table
from edge.core.menus.parts import LONGEST_VALUE

#: Rows of a table, and bytes of its file.
MOST_ROWS = 1_000_000
MOST_BYTES = 256 * 1024 * 1024
#: Faults of one table that are told; a wrong column would make a million.
MOST_FAULTS = 20
#: A file whose table has changed is kept so long: a switch that was not told of the reload yet may ask it.
KEPT_SECONDS = 24 * 3600
#: Part of the made file's name: change it when the making changes.
_RECIPE = "1"
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


class _Row(Struct, frozen=True):
    number: str
    blocked: bool
    attributes: dict[str, str]


def made_path(state: Path, data: bytes) -> Path:
    """Name the file that is made of a table."""
    return state / "tables" / f"{hashlib.sha256(_RECIPE.encode() + data).hexdigest()[:32]}.db"


def check_tables(tables: list[Table], state: Path, root: Located, findings: Findings) -> list[Table]:
    """Check all tables, each fault with its line; returns them with the names of the files to be made."""
    listed, checked = find(root, ("tables",)), list[Table]()
    for number, table in enumerate(tables):
        located = listed.items[number] if listed is not None and listed.items else root
        if any(other.name == table.name for other in checked):
            findings.error(place_of(located, ("name",)), f"there are two tables named '{table.name}'")
        data = _read(table, place_of(located, ("file",)), findings) if table.file else None
        if data is None:
            checked.append(table)
            continue
        made = made_path(state, data)
        if not made.is_file():  # else it was checked when it was made
            for _ in _rows(Path(table.file), data, findings):
                pass
        checked.append(Table(name=table.name, file=table.file, made=str(made)))
    return checked


def make_tables(tables: list[Table], findings: Findings) -> None:
    """Make the files that are not there yet; those of earlier tables go after `KEPT_SECONDS`."""
    for table in tables:
        place = Place(table.file)
        data = _read(table, place, findings) if not Path(table.made).is_file() else None
        if data is None:
            continue
        try:
            _write(Path(table.made), _rows(Path(table.file), data, findings))
        except (OSError, sqlite3.Error) as error:
            findings.error(place, f"the table cannot be written to {table.made}: {error}")
    for folder in {Path(table.made).parent for table in tables}:
        _tidy(folder, {table.made for table in tables})


def _tidy(folder: Path, used: set[str]) -> None:
    for path in folder.glob("*.db"):
        with contextlib.suppress(OSError):
            if str(path) not in used and time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()


def _read(table: Table, place: Place, findings: Findings) -> bytes | None:
    try:
        if Path(table.file).stat().st_size > MOST_BYTES:
            findings.error(place, f"{table.file} has more than {MOST_BYTES >> 20} MB")
            return None
        return Path(table.file).read_bytes()
    except OSError as error:
        findings.error(place, f"the table {table.file} cannot be read: {error.strerror}")
        return None


def _rows(path: Path, data: bytes, findings: Findings) -> Iterator[_Row]:
    sqlite = data.startswith(b"SQLite format 3\0")
    return _sqlite_rows(path, findings) if sqlite else _csv_rows(path, data, findings)


def _write(made: Path, rows: Iterator[_Row]) -> None:
    """Write rows into a file that is either whole or not there."""
    made.parent.mkdir(parents=True, exist_ok=True)
    part = made.with_name(f".{made.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(part)) as db:
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("CREATE TABLE callers (number TEXT PRIMARY KEY, blocked INTEGER, attributes TEXT) WITHOUT ROWID")
            db.executemany(
                "INSERT INTO callers VALUES (?, ?, ?)",
                ((row.number, int(row.blocked), json.dumps(row.attributes)) for row in rows),
            )
            db.commit()
        part.chmod(0o640)
        part.replace(made)
    finally:
        part.unlink(missing_ok=True)


class _Reader:
    """Reads rows from anywhere; `fault` says where each stands."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self._path = path
        self._findings = findings
        self._seen: dict[str, int] = {}
        self._faults = 0
        self.columns: list[str] = []

    def fault(self, line: int, message: str, advice: str = "") -> None:
        self._faults += 1
        if self._faults <= MOST_FAULTS:
            self._findings.error(Place(str(self._path), line, 1), message, advice)

    def head(self, columns: list[str]) -> bool:
        """Take the names of the columns; False when no row can be read by them."""
        self.columns = [name.strip() for name in columns]
        for name in self.columns:
            fault = kinds.attribute_fault(name)
            if fault:
                self.fault(1, f"column: {fault}")
        if len(set(self.columns)) != len(self.columns):
            self.fault(1, "two columns have the same name")
        if "number" not in self.columns:
            self.fault(1, "there is no column 'number'", "the first line names the columns")
        return not self._faults

    def row(self, line: int, cells: list[str]) -> _Row | None:
        """Read a row; None when it has a fault."""
        if len(cells) != len(self.columns):
            self.fault(line, f"{len(cells)} values for {len(self.columns)} columns", "quote values that have commas")
            return None
        values = dict(zip(self.columns, (cell.strip() for cell in cells), strict=True))
        number, blocked = values.pop("number"), values.pop("blocked", "").lower()
        if not (number.startswith("+") and number[1:].isascii() and number[1:].isdecimal() and 5 <= len(number) <= 16):
            self.fault(line, "the number is not in E.164", "such as +49301234567")
            return None
        if blocked not in _YES:
            self.fault(line, f"blocked is 'yes' or 'no', not '{blocked[:20]}'")
            return None
        wrong = next((name for name, value in values.items() if len(value) > LONGEST_VALUE or not _plain(value)), "")
        if wrong:
            self.fault(line, f"'{wrong}' is longer than {LONGEST_VALUE} characters, or cannot be printed")
            return None
        if number in self._seen:
            self.fault(line, f"the number stands in line {self._seen[number]}, too")
            return None
        self._seen[number] = line
        if len(self._seen) > MOST_ROWS:
            self.fault(line, f"more than {MOST_ROWS} rows")
            return None
        return _Row(number, _YES[blocked], {name: value for name, value in values.items() if value})

    @property
    def hopeless(self) -> bool:
        """There are too many faults to go on."""
        return self._faults > MOST_FAULTS or len(self._seen) > MOST_ROWS


def _plain(value: str) -> bool:
    return value.isprintable() and "${" not in value


def _csv_rows(path: Path, data: bytes, findings: Findings) -> Iterator[_Row]:
    reader = _Reader(path, findings)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reader.fault(line, "the table is not UTF-8", "save it as CSV UTF-8")
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        if not reader.head(next(rows, [])):
            return
        for cells in rows:
            row = reader.row(rows.line_num, cells) if cells else None
            if row is not None:
                yield row
            if reader.hopeless:
                return
    except csv.Error as error:
        reader.fault(rows.line_num, f"not CSV: {error}")


def _delimiter(text: str) -> str:
    """Tell commas from semicolons, as the spreadsheets of many countries write them, by the first line."""
    first = text.partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","


def _sqlite_rows(path: Path, findings: Findings) -> Iterator[_Row]:
    reader = _Reader(path, findings)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT * FROM callers LIMIT ?", (MOST_ROWS + 1,))
            if not reader.head([column[0] for column in found.description]):
                return
            for number, cells in enumerate(found, 1):
                row = reader.row(number, [_cell(cell) for cell in cells])
                if row is not None:
                    yield row
                if reader.hopeless:
                    return
    except sqlite3.Error as error:
        reader.fault(0, f"not a database with a table 'callers': {error}")


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
