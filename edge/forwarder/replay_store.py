"""What of `delivery.db` is about sending again: dead letters, and replays with how far they are.

Functions on a connection: forwarder's own, or a reading one of a command while the daemon runs or is down.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from edge.core.delivery.progress import Progress
from edge.runtime.clock import rfc3339
from edge.storage.reader import EventHead, StoredEvent

#: Ended replays that are remembered, with what became of them.
KEEP_ENDED = 100
_LETTER = "sink, sequence, id, call, type, time, attempts, result, LENGTH(body), replay"


class Chosen(Struct, frozen=True, kw_only=True):
    """Which events are sent again; empty: no limit."""

    call: str = ""
    #: Names of types, or `call.*` for a group.
    types: list[str] = []
    #: RFC 3339; `until` is not in it.
    since: str = ""
    until: str = ""
    #: Dead letters of the sink and not events of the outbox.
    letters: bool = False


class Replay(NamedTuple):
    """A request to send again."""

    id: int
    sink: str
    asked: str
    chosen: Chosen
    total: int
    through: int
    progress: Progress
    #: How many are done: up to the cursor, and in all.
    below: int
    done: int
    ended: str | None
    how: str


class LetterHead(NamedTuple):
    """A dead letter without its body."""

    sink: str
    sequence: int
    id: str
    call: str | None
    type: str
    #: When it was put aside, RFC 3339.
    time: str
    attempts: int
    result: str
    size: int
    #: The replay that sends it again; None: none does.
    replay: int | None


class _Stamp(Struct):
    time: str = ""
    callseq: int = 0


# --- replays ------------------------------------------------------------------------------------------------------


def add(db: sqlite3.Connection, sink: str, chosen: Chosen, found: tuple[int, int, int], now: datetime) -> int:
    """Note a request for events of the outbox: how many, the first and the last sequence. Returns its id."""
    total, first, last = found
    statement = (
        "INSERT INTO replays (sink, asked, chosen, total, through, cursor, ahead) VALUES (?, ?, ?, ?, ?, ?, '[]')"
    )
    text = msgspec.json.encode(chosen).decode()
    return int(db.execute(statement, (sink, rfc3339(now), text, total, last, max(0, first - 1))).lastrowid or 0)


def add_letters(db: sqlite3.Connection, sink: str, ids: Sequence[str], chosen: Chosen, now: datetime) -> int:
    """Note a request for dead letters (`ids`; none: all of the sink). Returns its id; 0: there are none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        rows = [row for row in letters(db, sink) if row.replay is None and (not ids or row.id in ids)]
        number = 0
        if rows:
            sequences = [row.sequence for row in rows]
            number = add(db, sink, chosen, (len(rows), min(sequences), max(sequences)), now)
            statement = "UPDATE dead_letters SET replay = ? WHERE sink = ? AND sequence = ?"
            db.executemany(statement, ((number, sink, sequence) for sequence in sequences))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return number


def replays(db: sqlite3.Connection, *, open_only: bool = False) -> list[Replay]:
    """Return the requests, the newest first."""
    where = "WHERE ended IS NULL" if open_only else ""
    statement = f"SELECT * FROM replays {where} ORDER BY id DESC"  # noqa: S608 - no input in it
    return [_replay(row) for row in db.execute(statement)]


def _replay(row: Sequence[Any]) -> Replay:
    number, sink, asked, chosen, total, through, cursor, ahead, below, done, ended, how = row
    return Replay(
        number,
        sink,
        asked,
        msgspec.json.decode(chosen, type=Chosen),
        total,
        through,
        Progress(cursor, msgspec.json.decode(ahead, type=list[list[int]])),
        below,
        done,
        ended,
        how,
    )


def record(db: sqlite3.Connection, id_: int, cursor: int, ahead: list[list[int]], counts: tuple[int, int]) -> None:
    """Write how far a replay is; letters that it has brought to the sink are letters no more.

    `counts`: how many are done, up to the cursor and in all.
    """
    text = msgspec.json.encode(ahead).decode()
    db.execute(
        "UPDATE replays SET cursor = ?, ahead = ?, below = ?, done = ? WHERE id = ?", (cursor, text, *counts, id_)
    )
    db.execute("DELETE FROM dead_letters WHERE replay = ? AND sequence <= ?", (id_, cursor))
    for first, last in ahead:
        db.execute("DELETE FROM dead_letters WHERE replay = ? AND sequence BETWEEN ? AND ?", (id_, first, last))


def end(db: sqlite3.Connection, id_: int, how: str, now: datetime) -> bool:
    """End a replay; False: there is none that goes on. What it has not sent of the letters stays a letter."""
    statement = "UPDATE replays SET ended = ?, how = ? WHERE id = ? AND ended IS NULL"
    ended = db.execute(statement, (rfc3339(now), how, id_)).rowcount
    db.execute("UPDATE dead_letters SET replay = NULL WHERE replay = ?", (id_,))
    db.execute(
        "DELETE FROM replays WHERE ended IS NOT NULL AND id NOT IN (SELECT id FROM replays ORDER BY id DESC LIMIT ?)",
        (KEEP_ENDED,),
    )
    return ended > 0


# --- dead letters -------------------------------------------------------------------------------------------------


def letters(db: sqlite3.Connection, sink: str = "") -> list[LetterHead]:
    """Return the dead letters, of one sink or of all, in the order of their events."""
    where, values = ("WHERE sink = ?", (sink,)) if sink else ("", ())
    statement = f"SELECT {_LETTER} FROM dead_letters {where} ORDER BY sink, sequence"  # noqa: S608
    return [LetterHead(*row) for row in db.execute(statement, values)]


def letter_bodies(db: sqlite3.Connection, id_: str, sink: str = "") -> list[tuple[str, bytes]]:
    """Return sink and body of the letters that hold an event."""
    rows = db.execute("SELECT sink, body FROM dead_letters WHERE id = ? AND (? = '' OR sink = ?)", (id_, sink, sink))
    return [(str(row[0]), bytes(row[1])) for row in rows]


def drop(db: sqlite3.Connection, sink: str, ids: Iterable[str]) -> int:
    """Delete letters of a sink (`ids`; none: all of them) that are not just sent again; returns how many."""
    chosen = list(ids)
    if not chosen:
        return db.execute("DELETE FROM dead_letters WHERE sink = ? AND replay IS NULL", (sink,)).rowcount
    statement = "DELETE FROM dead_letters WHERE sink = ? AND id = ? AND replay IS NULL"
    return sum(db.execute(statement, (sink, one)).rowcount for one in chosen)


def letter_heads(db: sqlite3.Connection, replay: int, after: int, limit: int) -> list[EventHead]:
    """Return the next letters of a replay, as the outbox gives its events."""
    rows = db.execute(
        "SELECT sequence, id, call, type, LENGTH(body) FROM dead_letters WHERE replay = ? AND sequence > ?"
        " ORDER BY sequence LIMIT ?",
        (replay, after, limit),
    )
    return [EventHead(*row) for row in rows]


def letter(db: sqlite3.Connection, replay: int, sequence: int) -> StoredEvent | None:
    """Return a letter of a replay as the event that it was."""
    row = db.execute(
        "SELECT id, call, type, body FROM dead_letters WHERE replay = ? AND sequence = ?", (replay, sequence)
    ).fetchone()
    if row is None:
        return None
    try:
        stamp = msgspec.json.decode(row[3], type=_Stamp)
    except msgspec.MsgspecError:
        stamp = _Stamp()
    return StoredEvent(sequence, row[0], row[1], stamp.callseq, row[2], stamp.time, row[3])
