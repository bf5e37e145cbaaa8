"""The read side of `delivery.db`, for who has to know what sinks have: forwarder alone writes it."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge.storage.turn import StorageError


class Deliveries:
    """The file may not exist yet, and may vanish: then nothing was taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def taken(self, sinks: Iterable[str]) -> int:
        """Return the sequence up to which each of the sinks has every event, and no replay still wants one.

        Raises `StorageError`.
        """
        try:
            places = {str(row[0]): int(row[1]) for row in self._rows("SELECT name, cursor FROM sinks")}
            wanted = self._rows("SELECT MIN(cursor) FROM replays WHERE ended IS NULL")
        except sqlite3.Error as error:
            self.close()
            if "no such table" in str(error):
                return 0
            raise StorageError(str(error)) from error
        found = [places.get(name, 0) for name in sinks]
        found += [int(row[0]) for row in wanted if row[0] is not None]
        return min(found, default=0)

    def place(self, sink: str) -> int | None:
        """Return the sequence of the last event that a sink has; None: it has no place. Raises `StorageError`."""
        try:
            return next((int(row[1]) for row in self._rows("SELECT name, cursor FROM sinks") if row[0] == sink), None)
        except sqlite3.Error as error:
            self.close()
            if "no such table" in str(error):
                return None
            raise StorageError(str(error)) from error

    def _rows(self, statement: str) -> list[Any]:
        if self._connection is None:
            if not self._path.exists():
                return []
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.05)
        return self._connection.execute(statement).fetchall()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
