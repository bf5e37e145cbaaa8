"""The store as the loop sees it: it takes every turn, on disk or, while the disk does not work, in memory."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import rfc3339, wall_time
from edge.storage.store import Store
from edge.storage.turn import StorageError, Turn

#: Memory that running calls may fill while the disk does not work; an hour of 400 busy legs is less.
MAX_BACKLOG = 64 * 1024 * 1024
#: How long the inputs of ended calls are kept, and how many rows one purge may change (it holds the loop up).
JOURNAL_DAYS = 7
PURGE_ROWS = 500
#: A sender that has reported nothing for this long is another life by now.
SENDER_DAYS = 30
#: What was done by the API under a key is remembered for a day; the rest is for clocks that differ.
ACT_HOURS = 26


class Ledger:
    """Writes turns; `committed` is called with each that is safe, and with the sequence of its last event (0: none)."""

    def __init__(self, store: Store, metrics: SwitchMetrics, committed: Callable[[Turn, int], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._committed = committed
        self._backlog = Turn()
        self._backlog_bytes = 0
        #: What is wrong with the disk; "" when it works.
        self.trouble = ""

    @property
    def too_much(self) -> bool:
        """Whether memory for unwritten turns is used up."""
        return self._backlog_bytes > MAX_BACKLOG

    def write(self, turn: Turn) -> None:
        """Write a turn; kept when the disk does not take it."""
        if not self.trouble:
            try:
                self._write(turn)
            except StorageError as error:
                self._fail(error)
            else:
                return
        self._backlog.extend(turn)
        self._backlog_bytes += turn.size
        self._metrics.backlog_bytes.set(self._backlog_bytes)

    def _write(self, turn: Turn) -> None:
        began = perf_counter()
        last = self._store.write(turn)
        self._metrics.commit_seconds.observe(perf_counter() - began)
        self._metrics.events.inc(len(turn.events))
        self._committed(turn, last)

    def _fail(self, error: StorageError) -> None:
        self._metrics.storage_errors.inc()
        self.trouble = str(error)[:200] or "error"

    def probe(self) -> None:
        """Try whether the disk works again, and write what has gathered."""
        try:
            self._store.reopen()
            self._store.probe()
            if self._backlog:
                self._write(self._backlog)
        except StorageError as error:
            self._fail(error)
            return
        self.trouble = ""
        self._backlog = Turn()
        self._backlog_bytes = 0
        self._metrics.backlog_bytes.set(0)

    def purge(self, callback_days: int) -> None:
        """Delete a bounded number of old journal lines, and what old requests to be called back say of people.

        `callback_days`: how long a closed one keeps that; 0: for ever.
        """
        if self.trouble:
            return
        now = wall_time()
        try:
            self._store.purge(rfc3339(now - timedelta(days=JOURNAL_DAYS)), PURGE_ROWS)
            if callback_days:
                self._store.blank_callbacks(rfc3339(now - timedelta(days=callback_days)), PURGE_ROWS)
            self._store.purge_acts(rfc3339(now - timedelta(hours=ACT_HOURS)))
            self._store.purge_senders(rfc3339(now - timedelta(days=SENDER_DAYS)))
        except StorageError as error:
            self._fail(error)

    def attempt(self, work: Callable[[], None]) -> None:
        """Do something with the store that nothing depends on; when it fails, the disk does not work."""
        try:
            work()
        except StorageError as error:
            self._fail(error)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def free_megabytes(path: Path) -> int | None:
    """Return the space left for us on the disk of `path` (or of its first parent that exists); None: not to be told."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        figures = os.statvfs(path)
    except OSError:
        return None
    return figures.f_bavail * figures.f_frsize // (1024 * 1024)
