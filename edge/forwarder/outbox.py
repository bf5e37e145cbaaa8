"""Reading the outbox that switch writes: the table `events` of `<state>/state.db`."""

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from edge.core.delivery.model import Pending


class Stored(NamedTuple):
    """What an attempt needs of an event."""

    body: bytes
    #: RFC 3339.
    time: str


class Outbox:
    """Short read transactions on `state.db`; the file may not exist yet, and is opened again after an error.

    Every method raises `sqlite3.Error` when the file can't be read. Only switch writes and checkpoints the file: this
    connection is read-only, and as long as it holds no transaction open it never keeps the WAL from being reset.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def after(self, sequence: int, limit: int) -> list[Pending]:
        """At most `limit` events above `sequence`, in order; none while switch has not made the file yet."""
        rows = self._rows(
            "SELECT sequence, id, call, type FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", sequence, limit
        )
        return [Pending(*row) for row in rows]

    def stored(self, sequence: int) -> Stored | None:
        """Return the event `sequence`, None when it is not there (any more)."""
        rows = self._rows("SELECT body, time FROM events WHERE sequence = ?", sequence)
        if not rows:
            return None
        body, time = rows[0]
        return Stored(body.encode() if isinstance(body, str) else body, time)

    def oldest(self) -> int | None:
        """Sequence of the oldest event kept, None when there is none."""
        rows = self._rows("SELECT MIN(sequence) FROM events")
        return rows[0][0] if rows else None

    def last(self) -> int:
        """Return the highest sequence ever given out, 0 before the first."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(rows[0][0]) if rows else 0

    def _rows(self, statement: str, *values: int) -> list[Any]:
        if self._connection is None:
            if not self._path.exists():
                return []
            # Autocommit: each SELECT is a transaction of its own, ended by fetchall.
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=0.2
            )
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []  # switch is just making it
            self.close()
            raise
        except sqlite3.Error:
            self.close()
            raise
