"""The read side of `state.db`, for everybody but switch.

Each call is one short read transaction on a read-only connection: it neither holds the log nor checkpoints. The file
may not exist yet, and may vanish: both read as empty.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from edge.storage.outbox import PURGED, Purged, read_purged
from edge.storage.turn import ActRow, CallbackRow, CallRow, StorageError

#: Events that `every_event` reads at once.
_PAGE = 2000
#: What SQLite takes for no limit.
_ALL = -1


class StoredEvent(NamedTuple):
    """A line of the outbox; `body` is CloudEvents JSON."""

    sequence: int
    id: str
    call: str
    callseq: int
    type: str
    time: str
    body: bytes


class VersionCalls(NamedTuple):
    """How many calls ran on a version of a menu, and how many do."""

    menu: str
    version: str
    calls: int
    open: int
    last: str


class CallEnd(NamedTuple):
    """Whether a call is over, and when it was; times RFC 3339."""

    id: str
    state: str
    started: str
    ended: str | None


class Belongs(NamedTuple):
    """What a call belongs to; empty: none."""

    trunk: str
    menu: str
    campaign: str


class _Attempt(Struct, frozen=True):
    campaign: str = ""


class _AttemptEvent(Struct, frozen=True):
    data: _Attempt = _Attempt()


class EventHead(NamedTuple):
    """What is needed of an event to put it in order; `call` is None for one that belongs to no call."""

    sequence: int
    id: str
    call: str | None
    type: str
    #: Bytes of its body.
    size: int = 0


class Choice(Protocol):
    """Which events are meant; empty: no limit. Times are RFC 3339, `until` is not in it."""

    @property
    def call(self) -> str:
        """Of this call."""

    @property
    def types(self) -> Sequence[str]:
        """Of these types; `call.*` is a group."""

    @property
    def since(self) -> str:
        """Of then or later."""

    @property
    def until(self) -> str:
        """Of before."""


class Reader:
    """Every method raises `StorageError` when the file is there and can't be read."""

    #: All events are in it, in order: a sequence that is missing has left it.
    whole = True

    def __init__(self, path: Path, busy_s: float = 1.0) -> None:
        """`busy_s`: how long a read may wait for a lock, as while the log is recovered."""
        self._path = path
        self._busy_s = busy_s
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def events_after(
        self, sequence: int, limit: int = 500, types: Sequence[str] = (), call: str = ""
    ) -> list[StoredEvent]:
        """Return at most `limit` events above `sequence`, in order; with `types` (`call.*`: a group) only those."""
        where, values = _fitting(types, call)
        statement = f"SELECT * FROM events WHERE sequence > ? {where} ORDER BY sequence LIMIT ?"  # noqa: S608
        return [StoredEvent(*row) for row in self._rows(statement, sequence, *values, limit)]

    def events_before(
        self, sequence: int, limit: int = 500, types: Sequence[str] = (), call: str = ""
    ) -> list[StoredEvent]:
        """Return the newest `limit` events below `sequence` that fit, the newest first."""
        where, values = _fitting(types, call)
        statement = f"SELECT * FROM events WHERE sequence < ? {where} ORDER BY sequence DESC LIMIT ?"  # noqa: S608
        return [StoredEvent(*row) for row in self._rows(statement, sequence, *values, limit)]

    def every_event(self, types: Sequence[str] = (), after: int = 0) -> Iterator[StoredEvent]:
        """Give all events above sequence `after`, in order, with `types` only those; a page of them is in memory."""
        sequence = after
        while page := self.events_after(sequence, _PAGE, types):
            yield from page
            sequence = page[-1].sequence

    def heads_after(self, sequence: int, limit: int) -> list[EventHead]:
        """Return at most `limit` events above `sequence`, in order, without their bodies."""
        rows = self._rows(
            "SELECT sequence, id, call, type, length(body) FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
            sequence,
            limit,
        )
        return [EventHead(*row) for row in rows]

    def chosen_heads(self, choice: Choice, *, after: int, through: int, limit: int) -> list[EventHead]:
        """Return the next of the chosen events above sequence `after`, up to `through`, without their bodies."""
        where, values = _where(choice)
        statement = (
            "SELECT sequence, id, call, type, length(body) FROM events"  # noqa: S608 - placeholders only
            f" WHERE sequence > ? AND sequence <= ?{where} ORDER BY sequence LIMIT ?"
        )
        return [EventHead(*row) for row in self._rows(statement, after, through, *values, limit)]

    def count_chosen(self, choice: Choice) -> tuple[int, int, int]:
        """Count the chosen events: how many, the first sequence and the last; zeros when there are none."""
        where, values = _where(choice)
        after = self.sequence_before(choice.since) if choice.since else 0
        through = self.sequence_before(choice.until) if choice.until else self.last_sequence()
        statement = (
            "SELECT COUNT(*), COALESCE(MIN(sequence), 0), COALESCE(MAX(sequence), 0) FROM events"  # noqa: S608
            f" WHERE sequence > ? AND sequence <= ?{where}"
        )
        rows = self._rows(statement, after, through, *values)
        return (int(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else (0, 0, 0)

    def event(self, sequence: int) -> StoredEvent | None:
        """Return one event, None when it is not there (any more)."""
        rows = self._rows("SELECT * FROM events WHERE sequence = ?", sequence)
        return StoredEvent(*rows[0]) if rows else None

    def events_at(self, sequences: Sequence[int]) -> dict[int, StoredEvent]:
        """Return those of some events that are there, by sequence."""
        places = ",".join("?" * len(sequences))
        statement = f"SELECT * FROM events WHERE sequence IN ({places})"  # noqa: S608 - placeholders only
        return {row[0]: StoredEvent(*row) for row in self._rows(statement, *sequences)}

    def numbers_of(self, call: str, first: int, last: int) -> int:
        """Count of how many numbers of a call, `first` to `last`, it is known where they are: here, or shed."""
        where = "WHERE call = ? AND callseq BETWEEN ? AND ?"
        there = self._rows(f"SELECT COUNT(*) FROM events {where}", call, first, last)  # noqa: S608
        shed = self._rows(f"SELECT COUNT(*) FROM shed {where}", call, first, last)  # noqa: S608
        return sum(int(rows[0][0]) for rows in (there, shed) if rows)

    def shed_events(self) -> int:
        """Count the events that were shed and are still noted."""
        rows = self._rows("SELECT COUNT(*) FROM shed")
        return int(rows[0][0]) if rows else 0

    def purged(self) -> Purged:
        """Return what left the outbox by age."""
        return read_purged(self.meta(PURGED).get(""))

    def sequence_before(self, time: str) -> int:
        """Return the highest sequence below the first event of `time` (RFC 3339) or later; without such the last."""
        # The index of the primary key is all there is: times mostly rise with it, and a clock that was set back costs
        # the reader of a span at most events that he did not ask for.
        low, high = (self.oldest_sequence() or 1) - 1, self.last_sequence()
        while low < high:
            middle = (low + high) // 2
            found = self._rows("SELECT sequence, time FROM events WHERE sequence > ? ORDER BY sequence LIMIT 1", middle)
            if not found or found[0][1] >= time:
                high = middle
            else:
                low = found[0][0]
        return low

    def call_ends(self) -> Iterator[CallEnd]:
        """Give id, state, begin and end of every call; a page of them is in memory."""
        last = ""
        while page := self._rows(
            "SELECT id, state, started, ended FROM calls WHERE id > ? ORDER BY id LIMIT ?", last, _PAGE
        ):
            yield from (CallEnd(*row) for row in page)
            last = page[-1][0]

    def oldest_sequence(self) -> int | None:
        """Return the sequence of the oldest event kept, None when there is none."""
        rows = self._rows("SELECT MIN(sequence) FROM events")
        return rows[0][0] if rows else None

    def last_sequence(self) -> int:
        """Return the highest sequence ever given out, 0 before the first."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(rows[0][0]) if rows else 0

    def meta(self, prefix: str) -> dict[str, str]:
        """Return what is remembered under keys that begin with `prefix`, by the rest of the key."""
        statement = "SELECT substr(key, ?), value FROM meta WHERE substr(key, 1, ?) = ?"
        return dict(self._rows(statement, len(prefix) + 1, len(prefix), prefix))

    def events_of(self, call: str) -> list[StoredEvent]:
        """Return the events of a call, in order."""
        return [StoredEvent(*row) for row in self._rows("SELECT * FROM events WHERE call = ? ORDER BY callseq", call)]

    def calls(
        self, open_only: bool = False, limit: int = 100, before: str = "", among: Sequence[str] | None = None
    ) -> list[CallRow]:
        """Return the latest `limit` (0: all) calls, the newest first.

        `before`: those that began before this call; `among`: of these ids.
        """
        which = ["state = 'open'"] if open_only else []
        which += ["(started, id) < (SELECT started, id FROM calls WHERE id = ?)"] if before else []
        which += ["id IN (SELECT value FROM json_each(?))"] if among is not None else []
        where = f"WHERE {' AND '.join(which)}" if which else ""
        statement = f"SELECT * FROM calls {where} ORDER BY started DESC, id DESC LIMIT ?"  # noqa: S608
        given = [*([before] if before else []), *([msgspec.json.encode(among).decode()] if among is not None else [])]
        rows = self._rows(statement, *given, limit if limit > 0 else _ALL)
        return [CallRow(*row) for row in rows]

    def call(self, id: str) -> CallRow | None:  # noqa: A002
        """Return one call."""
        rows = self._rows("SELECT * FROM calls WHERE id = ?", id)
        return CallRow(*rows[0]) if rows else None

    def belongs(self, call: str) -> Belongs | None:
        """Return what a call belongs to, None when there is no such call."""
        rows = self._rows("SELECT trunk, menu FROM calls WHERE id = ?", call)
        if not rows:
            return None
        attempt = self._rows("SELECT body FROM events WHERE call = ? AND type = 'dialer.attempt_started'", call)
        campaign = msgspec.json.decode(attempt[0][0], type=_AttemptEvent).data.campaign if attempt else ""
        return Belongs(rows[0][0], rows[0][1], campaign)

    def calls_by_version(self) -> list[VersionCalls]:
        """Count the calls that are remembered, by menu and version; `last` is when the last of them began."""
        rows = self._rows(
            "SELECT menu, menu_version, COUNT(*), SUM(state = 'open'), MAX(started) FROM calls"
            " WHERE menu != '' GROUP BY menu, menu_version"
        )
        return [VersionCalls(*row) for row in rows]

    def versions_in_use(self) -> set[str]:
        """Return the versions of menus that calls in progress are on."""
        return {row[0] for row in self._rows("SELECT DISTINCT menu_version FROM calls WHERE state = 'open'")}

    def callbacks(self, open_only: bool = True, limit: int = 100) -> list[CallbackRow]:
        """Return requests to be called back, of the newest `limit` (0: all) the one that is late first comes first."""
        which = "WHERE state != 'closed'" if open_only else ""
        statement = f"SELECT * FROM callbacks {which} ORDER BY requested DESC LIMIT ?"  # noqa: S608
        rows = self._rows(statement, limit if limit > 0 else _ALL)
        return sorted((CallbackRow(*row) for row in rows), key=lambda row: (row.latest, row.id))

    def callback(self, id: str) -> CallbackRow | None:  # noqa: A002
        """Return one request to be called back."""
        rows = self._rows("SELECT * FROM callbacks WHERE id = ?", id)
        return CallbackRow(*rows[0]) if rows else None

    def act(self, token: str, key: str) -> ActRow | None:
        """Return what was done by the API under a key."""
        rows = self._rows("SELECT * FROM acts WHERE token = ? AND key = ?", token, key)
        return ActRow(*rows[0]) if rows else None

    def _rows(self, statement: str, *values: str | int) -> list[Any]:
        try:
            if self._connection is None:
                if not self._path.exists():
                    return []
                uri = f"{self._path.absolute().as_uri()}?mode=ro"
                self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=self._busy_s)
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self.close()
            if "no such table" in str(error):
                return []  # switch is just making it
            raise StorageError(str(error)) from error


def _fitting(types: Sequence[str], call: str) -> tuple[str, list[str]]:
    """Return what a statement about events asks for besides their place, and its values."""
    where = ""
    values: list[str] = []
    if types:
        tests = ("type GLOB ?" if "*" in one else "type = ?" for one in types)
        where += f" AND ({' OR '.join(tests)})"
        values += types
    if call:
        where += " AND call = ?"
        values.append(call)
    return where, values


def _where(choice: Choice) -> tuple[str, list[str]]:
    """Conditions of a choice, as SQL to be added, and their values."""
    where, values = _fitting(choice.types, choice.call)
    for test, value in (("time >= ?", choice.since), ("time < ?", choice.until)):
        if value:
            where += f" AND {test}"
            values.append(value)
    return where, values
