"""A state.db of version 2: its requests to be called back go on, as ones that nobody has called yet."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from edge.storage.store import Store
from edge.storage.turn import CallbackRow

#: Columns that version 2 had.
BEFORE = CallbackRow._fields[:24]


def test_requests_of_version_2_go_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    folder = files("edge.storage")
    values = {
        **dict.fromkeys(BEFORE, "x"),
        "id": "c1.4",
        "number": "+4930123456",
        "state": "open",
        "times": 2,
        "waited_ms": 0,
    }
    with sqlite3.connect(path) as db:
        for version in (1, 2):
            script = folder.joinpath("schema.sql" if version == 1 else "schema_2.sql").read_text()
            db.executescript(f"{script} PRAGMA user_version = {version};")
        db.execute(f"INSERT INTO callbacks VALUES ({', '.join('?' * len(BEFORE))})", [values[name] for name in BEFORE])
    store = Store(path)
    (row,) = store.open_callbacks()
    assert (row.id, row.state, row.times) == ("c1.4", "open", 2)
    assert row[24:] == (0, "", "", "", "", 0, "")
    store.close()
