"""`delivery.db`: what is recorded is recorded whole, or not at all."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.core.delivery.model import Pending
from edge.forwarder.store import DeliveryStore, Letter

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def letter(sequence: int, size: int) -> Letter:
    return Letter(Pending(sequence, f"e{sequence}", "c1", "call.ended"), 3, "refused", b"x" * size)


@pytest.mark.parametrize("fault", ["no room", "no body"])
def test_progress_and_dead_letters_are_written_together_or_not_at_all(tmp_path: Path, fault: str) -> None:
    """The second letter can't be written: the cursor must not be beyond an event that nobody has.

    SQLite itself takes all back when there is no room, and nothing when only a statement fails.
    """
    store = DeliveryStore.open(tmp_path / "delivery.db")
    store.begin("crm", 4)
    store.record("crm", 5, [[7, 8]], [letter(5, 10)], NOW)
    used = store._connection.execute("PRAGMA page_count").fetchone()[0]
    if fault == "no room":
        store._connection.execute(f"PRAGMA max_page_count = {used + 4}")
        bad = letter(9, 1_000_000)
    else:
        bad = letter(9, 0)._replace(body=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.Error):
        store.record("crm", 9, [], [letter(6, 10), bad], NOW)
    store.close()
    again = DeliveryStore.open(tmp_path / "delivery.db")
    found = again.progress("crm")
    assert found is not None
    assert (found.cursor, found.ahead) == (5, [[7, 8]])
    assert again._connection.execute("SELECT sequence FROM dead_letters").fetchall() == [(5,)]
    again.record("crm", 9, [], [letter(6, 10)], NOW)
    assert again.places() == {"crm": 9}
    again.close()
