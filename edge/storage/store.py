"""The write side of `state.db`: one connection, one transaction a turn.

WAL with `synchronous=FULL`: what `write` returned from survives a power cut. No mmap: an I/O error must be an error and
not a signal. Only this connection checkpoints; readers open the file read-only.
"""

import sqlite3
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, TypeVar

from edge.storage import outbox
from edge.storage.copies import keep_copy
from edge.storage.turn import CallbackRow, CallRow, JournalRow, SchemaError, StorageError, Turn

T = TypeVar("T")

VERSION = 6
#: Where SQLite keeps user_version in the first page: https://sqlite.org/fileformat.html, section 1.3.
_USER_VERSION_AT = 60
#: In `meta`: made with the file, so whoever has another one does not know what this one does.
IDENTITY = "identity"

_JOURNAL = "INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?)"
_CALLS = f"INSERT OR REPLACE INTO calls VALUES ({', '.join('?' * len(CallRow._fields))})"  # noqa: S608 - no input in it
_SENDERS = "INSERT OR REPLACE INTO senders VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ'))"
_MENUS = "INSERT OR IGNORE INTO menus VALUES (?, ?)"
# Not REPLACE: that would take away another open row of the same number, and it is an error to have one.
_CALLBACKS = (
    f"INSERT INTO callbacks VALUES ({', '.join('?' * len(CallbackRow._fields))}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in CallbackRow._fields[1:])}"
)
_ACTS = "INSERT OR REPLACE INTO acts VALUES (?, ?, ?, ?, ?)"
_META = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


class OpenCall(NamedTuple):
    """An open call with its whole journal."""

    row: CallRow
    journal: list[JournalRow]


class Store:
    """Every method raises `StorageError` when the disk does not take or give it; then `reopen` may help later."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises `SchemaError` when a newer version wrote it, and then has not touched it."""
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self.reopen()

    def reopen(self) -> None:
        """Open the file again, as after an I/O error."""
        self.close()
        self._refuse_newer(version_in_file(self.path))
        self._connection = self._guarded(self._open)

    def close(self) -> None:
        """Close the file; what was written is safe already."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except sqlite3.Error:
                return  # a failing disk: the next open reads the log again

    def _refuse_newer(self, version: int) -> None:
        if version > VERSION:
            raise SchemaError(
                f"{self.path} has schema {version}, this version knows {VERSION}: it was written by a newer release"
            )

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=2.0)
        try:
            connection.execute("PRAGMA mmap_size = 0")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            self._refuse_newer(version)
            if 0 < version < VERSION:
                keep_copy(self.path, version)
            if version < VERSION:
                # A file of any earlier version becomes a new one in the same steps that a new file is made in, and in
                # one transaction: what is killed on the way has changed nothing.
                steps = "".join(map(_script, range(version + 1, VERSION + 1)))
                connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")
            if connection.execute("SELECT 1 FROM meta WHERE key = ?", (IDENTITY,)).fetchone() is None:
                connection.execute("INSERT OR IGNORE INTO meta VALUES (?, lower(hex(randomblob(16))))", (IDENTITY,))
        except BaseException:
            connection.close()
            raise
        return connection

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            connection = self._connection
            if connection is not None and connection.in_transaction:
                try:
                    connection.execute("ROLLBACK")
                except sqlite3.Error:
                    self.close()  # closing rolls back
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise  # our own mistake, not the disk's: loud
            raise StorageError(str(error)) from error

    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageError("the file is not open")
        return self._connection

    # --- writing

    def write(self, turn: Turn) -> int:
        """Write a turn in one transaction, all of it or nothing. Returns the sequence of the last event, 0: none."""
        return self._guarded(lambda: self._write(turn))

    def _write(self, turn: Turn) -> int:
        db = self._db()
        db.execute("BEGIN IMMEDIATE")
        if turn.menus:
            db.executemany(_MENUS, turn.menus.items())
        db.executemany(_JOURNAL, turn.journal)
        if turn.calls:
            db.executemany(_CALLS, turn.calls.values())
        if turn.callbacks:
            db.executemany(_CALLBACKS, turn.callbacks.values())
        if turn.senders:
            db.executemany(_SENDERS, ((*key, number) for key, number in turn.senders.items()))
        if turn.acts:
            db.executemany(_ACTS, turn.acts.values())
        if turn.meta:
            db.executemany(_META, turn.meta.items())
        last = 0
        if turn.events:
            last = outbox.append(db, turn.events)
        db.execute("COMMIT")
        return last

    def probe(self) -> None:
        """Write something small, to see whether the disk takes it."""

        def work() -> None:
            db = self._db()
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('probe', strftime('%Y-%m-%dT%H:%M:%fZ'))")
            db.execute("COMMIT")

        self._guarded(work)

    def purge(self, before: str, rows: int) -> int:
        """Delete at most `rows` journal lines of calls that ended before `before` (RFC 3339); returns how many."""

        def work() -> int:
            cursor = self._db().execute(
                "DELETE FROM journal WHERE (call, number) IN (SELECT journal.call, number FROM calls"
                " JOIN journal ON journal.call = calls.id WHERE state = 'ended' AND ended < ? LIMIT ?)",
                (before, rows),
            )
            return cursor.rowcount

        return self._guarded(work)

    def outbox_size(self) -> int:
        """How many bytes the outbox takes, as counted."""
        return self._guarded(lambda: outbox.size(self._db()))

    def purge_events(self, *, through: int, before: str, rows: int, site: str) -> int:
        """Delete old events, see `outbox.purge`; returns how many."""
        return self._in_transaction(lambda db: outbox.purge(db, through=through, before=before, rows=rows, site=site))

    def shed_events(self, *, after: int, window: int, types: Sequence[str]) -> outbox.Shed:
        """Delete events that not every sink has, see `outbox.shed`."""
        return self._in_transaction(lambda db: outbox.shed(db, after=after, window=window, types=types))

    def last_event(self) -> int:
        """Return the highest sequence ever given out, 0 before the first."""
        statement = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
        return int(self._guarded(lambda: self._db().execute(statement).fetchone())[0])

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def whole() -> T:
            db = self._db()
            db.execute("BEGIN IMMEDIATE")
            found = work(db)
            db.execute("COMMIT")
            return found

        return self._guarded(whole)

    def blank_callbacks(self, before: str, rows: int) -> int:
        """Forget whom at most `rows` requests were about that were closed before `before` (RFC 3339); returns how many.

        The rest of them stays: how many there were, and what came of them.
        """

        def work() -> int:
            cursor = self._db().execute(
                "UPDATE callbacks SET number = '', attributes = '{}', target = '',"
                " closed_why = CASE closed_by WHEN 'operator' THEN NULL ELSE closed_why END WHERE id IN"
                " (SELECT id FROM callbacks WHERE state = 'closed' AND number != '' AND closed < ? LIMIT ?)",
                (before, rows),
            )
            return cursor.rowcount

        return self._guarded(work)

    def purge_senders(self, before: str) -> None:
        """Forget senders that reported nothing since `before` (RFC 3339): lives of processes are not reused."""
        self._guarded(lambda: self._db().execute("DELETE FROM senders WHERE updated < ?", (before,)))

    def purge_acts(self, before: str) -> None:
        """Forget what was done by the API under a key before `before` (RFC 3339)."""
        self._guarded(lambda: self._db().execute("DELETE FROM acts WHERE at < ?", (before,)))

    def forget_menus(self) -> None:
        """Delete the menus that no open call runs on; who starts stores anew what new calls run on."""
        statement = "DELETE FROM menus WHERE key NOT IN (SELECT menu_key FROM calls WHERE state = 'open')"
        self._guarded(lambda: self._db().execute(statement))

    # --- reading at start

    def senders(self) -> dict[tuple[str, str], int]:
        """Return the highest report number taken from each sender."""
        rows = self._guarded(lambda: self._db().execute("SELECT process, incarnation, number FROM senders").fetchall())
        return {(process, incarnation): number for process, incarnation, number in rows}

    def open_callbacks(self) -> list[CallbackRow]:
        """Return the requests to be called back that are not closed."""
        statement = "SELECT * FROM callbacks WHERE state != 'closed'"
        return [CallbackRow(*row) for row in self._guarded(lambda: self._db().execute(statement).fetchall())]

    def menu(self, key: str) -> bytes | None:
        """Return a stored menu."""
        row = self._guarded(lambda: self._db().execute("SELECT body FROM menus WHERE key = ?", (key,)).fetchone())
        return None if row is None else bytes(row[0])

    def meta(self, prefix: str) -> dict[str, str]:
        """Return what is remembered under keys that begin with `prefix`, by the rest of the key."""
        statement = "SELECT substr(key, ?), value FROM meta WHERE substr(key, 1, ?) = ?"
        values = (len(prefix) + 1, len(prefix), prefix)
        return dict(self._guarded(lambda: self._db().execute(statement, values).fetchall()))

    def last_callseq(self, call: str) -> int:
        """Return the number of the last event of a call, 0 when there is none."""
        statement = "SELECT COALESCE(MAX(callseq), 0) FROM events WHERE call = ?"
        return int(self._guarded(lambda: self._db().execute(statement, (call,)).fetchone())[0])

    def last_ended(self, count: int) -> list[str]:
        """Return the ids of the calls that ended, of the last `count` that began, the oldest first."""
        statement = "SELECT id, state FROM calls ORDER BY started DESC LIMIT ?"
        rows = self._guarded(lambda: self._db().execute(statement, (count,)).fetchall())
        return [str(call) for call, state in reversed(rows) if state == "ended"]

    def open_calls(self) -> list[OpenCall]:
        """Return the calls that have not ended, with their journals in order."""

        def work() -> list[OpenCall]:
            db = self._db()
            found = []
            for values in db.execute("SELECT * FROM calls WHERE state = 'open'").fetchall():
                row = CallRow(*values)
                lines = db.execute("SELECT * FROM journal WHERE call = ? ORDER BY number", (row.id,)).fetchall()
                found.append(OpenCall(row, [JournalRow(*line) for line in lines]))
            return found

        return self._guarded(work)


def _script(version: int) -> str:
    """Return what makes the schema of a version from the one before."""
    name = "schema.sql" if version == 1 else f"schema_{version}.sql"
    return files("edge.storage").joinpath(name).read_text()


def version_in_file(path: Path) -> int:
    """Read user_version without SQLite, which would make files beside it."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageError(str(error)) from error
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return 0
    return int.from_bytes(head[_USER_VERSION_AT : _USER_VERSION_AT + 4], "big")
