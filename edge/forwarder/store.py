"""`delivery.db`: how far each sink is, and dead letters. Forwarder is its only writer."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.core.delivery.model import Pending
from edge.core.delivery.progress import Progress
from edge.runtime.clock import rfc3339
from edge.storage.copies import keep_copy
from edge.storage.turn import StorageError

SCHEMA_VERSION = 2
#: Wait for a lock at most this long: the loop, and every sink with it, stands still meanwhile.
BUSY_S = 0.2
#: What reading the outbox and writing here may raise, when the disk does not give or take it now.
STORAGE_ERRORS = (StorageError, sqlite3.Error)
#: How long the place of a removed sink is remembered.
KEEP_REMOVED = timedelta(days=7)


class NewerSchemaError(Exception):
    """The file was written by a newer version; it is left untouched."""


class Letter(NamedTuple):
    """A dead letter to be kept."""

    event: Pending
    attempts: int
    result: str
    body: bytes


class DeliveryStore:
    """Opened by `open`; every method may raise `sqlite3.Error` (disk full, I/O error) and has then changed nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> "DeliveryStore":
        """Open or make the file. Raises NewerSchemaError, sqlite3.Error."""
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            connection.close()
            raise NewerSchemaError(f"{path} has schema {version}; this version knows up to {SCHEMA_VERSION}")
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: an acceptance that was recorded survives a power cut, so it is not sent again.
        connection.execute("PRAGMA synchronous=FULL")
        if 0 < version < SCHEMA_VERSION:
            keep_copy(path, version)
        if version < SCHEMA_VERSION:
            steps = "".join(map(_script, range(version + 1, SCHEMA_VERSION + 1)))
            connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        return cls(connection)

    @property
    def connection(self) -> sqlite3.Connection:
        """What `replay_store` works on."""
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or nothing."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def progress(self, sink: str) -> Progress | None:
        """How far `sink` is; None for a new one."""
        row = self._connection.execute("SELECT cursor, ahead FROM sinks WHERE name = ?", (sink,)).fetchone()
        return None if row is None else Progress(row[0], msgspec.json.decode(row[1], type=list[list[int]]))

    def begin(self, sink: str, cursor: int) -> None:
        """Note that `sink` is in the configuration; a new one begins after `cursor`."""
        self._connection.execute(
            "INSERT INTO sinks (name, cursor, ahead) VALUES (?, ?, '[]')"
            " ON CONFLICT (name) DO UPDATE SET removed = NULL",
            (sink, cursor),
        )

    def restart(self, sink: str, cursor: int) -> None:
        """Put `sink` to `cursor`, forgetting what was taken beyond it."""
        self._connection.execute("UPDATE sinks SET cursor = ?, ahead = '[]' WHERE name = ?", (cursor, sink))

    def record(self, sink: str, cursor: int, ahead: list[list[int]], letters: Iterable[Letter], now: datetime) -> None:
        """Write progress and dead letters in one transaction."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE sinks SET cursor = ?, ahead = ? WHERE name = ?",
                (cursor, msgspec.json.encode(ahead).decode(), sink),
            )
            self.put_aside(sink, letters, now)

    def put_aside(self, sink: str, letters: Iterable[Letter], now: datetime) -> None:
        """Keep dead letters, within a transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO dead_letters (sink, sequence, id, call, type, time, attempts, result, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (sink, e.sequence, e.id, e.call, e.type, rfc3339(now), attempts, result, body)
                for e, attempts, result, body in letters
            ],
        )

    def configured(self, sinks: Iterable[str], now: datetime) -> None:
        """Date the sinks that are no longer in the configuration, and forget those removed long ago."""
        names = set(sinks)
        known = [row[0] for row in self._connection.execute("SELECT name FROM sinks WHERE removed IS NULL")]
        for name in known:
            if name not in names:
                self._connection.execute("UPDATE sinks SET removed = ? WHERE name = ?", (rfc3339(now), name))
        self._connection.execute("DELETE FROM sinks WHERE removed < ?", (rfc3339(now - KEEP_REMOVED),))

    def letters(self) -> dict[str, int]:
        """Dead letters by sink."""
        return dict(self._connection.execute("SELECT sink, COUNT(*) FROM dead_letters GROUP BY sink").fetchall())

    def places(self) -> dict[str, int]:
        """Cursor by sink, removed ones included."""
        return dict(self._connection.execute("SELECT name, cursor FROM sinks").fetchall())


def _script(version: int) -> str:
    """Return what makes the schema of a version from the one before."""
    name = "schema.sql" if version == 1 else f"schema_{version}.sql"
    return resources.files("edge.forwarder").joinpath(name).read_text("utf-8")
