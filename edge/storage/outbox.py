"""The outbox in `state.db`: events come with their turn, and leave it by age or because it is full.

Every function works on switch's connection, within a transaction that its caller has begun. How much the outbox takes
is counted along, for to measure it would be to read it all; SQLite's file does not shrink, but its room is used again.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from edge.storage.turn import EventRow

#: What a row takes beside its body: its other columns and its place in two indices.
ROW_BYTES = 200
_BYTES = "outbox.bytes"
#: What left by age, or because every sink had it: JSON of `Purged`.
PURGED = "outbox.purged"
#: What was shed and is not told of yet: JSON object, counts by type.
UNTOLD = "outbox.untold"

_INSERT = "INSERT INTO events (id, call, callseq, type, time, body) VALUES (?, ?, ?, ?, ?, ?)"
_COUNT = "UPDATE meta SET value = CAST(value AS INTEGER) + ? WHERE key = ?"


class Purged(msgspec.Struct, frozen=True):
    """All that was purged so far; every event up to `sequence` that is not there was."""

    events: int = 0
    sequence: int = 0
    #: The latest time among them, RFC 3339.
    time: str = ""


class Shed(NamedTuple):
    """What one step of shedding did."""

    #: How many, by type.
    counts: dict[str, int]
    #: Everything up to here was looked at.
    through: int


def append(db: sqlite3.Connection, rows: Sequence[EventRow]) -> int:
    """Add events; returns the sequence of the last one."""
    db.executemany(_INSERT, rows)
    last = int(db.execute("SELECT last_insert_rowid()").fetchone()[0])
    db.execute(_COUNT, (sum(len(row.body) + ROW_BYTES for row in rows), _BYTES))
    return last


def size(db: sqlite3.Connection) -> int:
    """Return how many bytes the outbox takes."""
    return int(_meta(db, _BYTES) or 0)


def purged(db: sqlite3.Connection) -> Purged:
    """Return what was purged so far."""
    return read_purged(_meta(db, PURGED))


def read_purged(text: str | None) -> Purged:
    """Read the value of `PURGED`; a new one when there is none."""
    return msgspec.json.decode(text, type=Purged) if text else Purged()


def purge(db: sqlite3.Connection, *, through: int, before: str, rows: int, site: str) -> int:
    """Delete the oldest events, at most `rows`: up to sequence `through`, older than `before` (RFC 3339; empty: any).

    The newest event about the appliance itself (`site`) stays: those that follow are numbered on from it. Returns how
    many rows were looked at and gone; 0: there is nothing (more) to purge.
    """
    oldest = db.execute(
        "SELECT sequence, time, call, LENGTH(body) FROM events WHERE sequence <= ? ORDER BY sequence LIMIT ?",
        (through, rows + 1),
    ).fetchall()
    newest = db.execute("SELECT MAX(callseq), sequence FROM events WHERE call = ?", (site,)).fetchone()[1]
    going = []
    for sequence, time, _call, length in oldest:
        if before and time >= before:
            break
        if sequence != newest:
            going.append((sequence, time, length))
    going = going[:rows]
    if not going:
        return 0
    _delete(db, [row[0] for row in going], sum(row[2] + ROW_BYTES for row in going))
    last = going[-1][0]
    db.execute("DELETE FROM shed WHERE sequence <= ?", (last,))
    known = purged(db)
    latest = max(known.time, *(row[1] for row in going))
    _put(db, PURGED, Purged(known.events + len(going), max(known.sequence, last), latest))
    return len(going)


def shed(db: sqlite3.Connection, *, after: int, window: int, types: Iterable[str]) -> Shed:
    """Delete the events of `types` among the `window` sequences above `after`, and note of each that it was there."""
    names = list(types)
    found = db.execute(
        "SELECT sequence, call, callseq, type, LENGTH(body) FROM events"  # noqa: S608 - placeholders only
        f" WHERE sequence > ? AND sequence <= ? AND type IN ({', '.join('?' * len(names))})",
        (after, after + window, *names),
    ).fetchall()
    counts: dict[str, int] = {}
    if found:
        db.executemany("INSERT OR REPLACE INTO shed VALUES (?, ?, ?)", ((row[1], row[2], row[0]) for row in found))
        _delete(db, [row[0] for row in found], sum(row[4] + ROW_BYTES for row in found))
        for row in found:
            counts[row[3]] = counts.get(row[3], 0) + 1
        untold = msgspec.json.decode(_meta(db, UNTOLD) or "{}", type=dict[str, int])
        for name, count in counts.items():
            untold[name] = untold.get(name, 0) + count
        _put(db, UNTOLD, untold)
    return Shed(counts, after + window)


def _delete(db: sqlite3.Connection, sequences: list[int], freed: int) -> None:
    db.executemany("DELETE FROM events WHERE sequence = ?", ((sequence,) for sequence in sequences))
    db.execute(_COUNT, (-freed, _BYTES))


def _meta(db: sqlite3.Connection, key: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _put(db: sqlite3.Connection, key: str, value: Any) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, msgspec.json.encode(value).decode()))
