"""Files of every schema that was ever in use, as the code of their time has written them (`released/`), go on.

Whoever raises a schema adds a file: made by a store of the last version before, dumped (`iterdump`, then user_version).
"""

import os
import re
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.app.schemas import SCHEMAS
from edge.forwarder.store import DeliveryStore, NewerSchemaError
from edge.storage import copies
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.copies import keep_copy
from edge.storage.store import Store, version_in_file
from edge.storage.turn import SchemaError, StorageError

DUMPS = sorted(Path(__file__).with_name("released").glob("*.sql"))
OPEN: dict[str, Callable[[Path], Store | DeliveryStore | DatabaseStore]] = {
    "state": Store,
    "delivery": DeliveryStore.open,
    "campaigns": DatabaseStore,
}


def restored(dump: Path, folder: Path) -> Path:
    """Make the file that `dump` is of."""
    path = folder / f"{dump.stem.partition('-')[0]}.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(dump.read_text())
    return path


def contents(path: Path) -> dict[str, list[dict[str, object]]]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        assert [tuple(row) for row in db.execute("PRAGMA integrity_check")] == [("ok",)]
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in db.execute(f'SELECT * FROM "{name}"')] for name in sorted(names)}


def shape(path: Path) -> dict[str, object]:
    """Tables by columns, and indexes by their text, whatever way they came about."""
    with closing(sqlite3.connect(path)) as db:
        found: dict[str, object] = {}
        for kind, name, text in db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"):
            columns = [row[1:4] for row in db.execute(f'PRAGMA table_info("{name}")')]
            found[name] = sorted(columns) if kind == "table" else re.sub(r"\s+", " ", text)
        return found


def test_each_schema_that_was_in_use_is_here() -> None:
    expected = {f"{Path(name).stem}-{number}" for name, last in SCHEMAS.items() for number in range(1, last + 1)}
    assert {dump.stem for dump in DUMPS} == expected


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_a_file_of_each_goes_on_with_all_that_it_had(dump: Path, tmp_path: Path) -> None:
    path = restored(dump, tmp_path)
    kind, _, number = dump.stem.partition("-")
    before = contents(path)
    OPEN[kind](path).close()
    after = contents(path)
    assert version_in_file(path) == SCHEMAS[path.name]
    for table, rows in before.items():
        for row in rows:
            assert any(row.items() <= new.items() for new in after[table]), (table, row)
    fresh = tmp_path / "fresh" / path.name
    fresh.parent.mkdir()
    OPEN[kind](fresh).close()
    assert shape(path) == shape(fresh)
    # And what it was before lies beside it.
    made = [one.name for one in copies.copies(path)]
    if int(number) == SCHEMAS[path.name]:
        assert made == []
    else:
        assert made == [f"{path.name}.schema-{number}"]
        assert contents(path.with_name(made[0])) == before
        assert version_in_file(path.with_name(made[0])) == int(number)


@pytest.mark.parametrize("kind", OPEN)
def test_killed_at_any_statement_it_is_one_or_the_other(kind: str, tmp_path: Path) -> None:
    dump = next(one for one in DUMPS if one.stem == f"{kind}-1")
    seen = set()
    for statement in range(1, 400):
        folder = tmp_path / str(statement)
        folder.mkdir()
        path = restored(dump, folder)
        before = contents(path)
        status = _killed_at(statement, kind, path)
        version = version_in_file(path)
        with closing(sqlite3.connect(path)) as db:  # what is in the log counts, too
            version = db.execute("PRAGMA user_version").fetchone()[0]
        assert version in {1, SCHEMAS[path.name]}
        seen.add(version)
        if version == 1:
            assert contents(path) == before
        for copy in copies.copies(path):
            assert contents(copy) == before
        OPEN[kind](path).close()
        assert version_in_file(path) == SCHEMAS[path.name]
        if status == 0:
            break
    assert seen == {1, SCHEMAS[path.name]}
    assert status == 0, "never came to its end"


def _killed_at(statement: int, kind: str, path: Path) -> int:
    """Open the file in a child that kills itself as the statement of that number begins; returns how it ended."""
    child = os.fork()
    if child == 0:
        left = [statement]

        def count(_text: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connect = sqlite3.connect

        def traced(*arguments: object, **more: object) -> sqlite3.Connection:
            made: sqlite3.Connection = connect(*arguments, **more)  # type: ignore[call-overload]
            made.set_trace_callback(count)
            return made

        try:
            sqlite3.connect = traced  # type: ignore[assignment]
            sqlite3.dbapi2.connect = traced  # type: ignore[assignment]
            OPEN[kind](path)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return status


@pytest.mark.parametrize("kind", OPEN)
def test_a_newer_file_is_refused_untouched(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.db"
    OPEN[kind](path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMAS[path.name] + 1}")
    content, files = path.read_bytes(), sorted(tmp_path.iterdir())
    with pytest.raises((SchemaError, NewerSchemaError), match="newer"):
        OPEN[kind](path)
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == (content, files)


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = restored(next(one for one in DUMPS if one.stem == "state-5"), tmp_path)
    before = contents(path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        Store(path)
    assert contents(path) == before
    assert version_in_file(path) == 5
    assert not list(tmp_path.glob("*schema*"))


def test_of_copies_the_newest_are_kept(tmp_path: Path) -> None:
    path = restored(next(one for one in DUMPS if one.stem == "state-6"), tmp_path)
    path.chmod(0o600)
    for number in (9, 10, 11):
        keep_copy(path, number)
    assert [one.name for one in copies.copies(path)] == ["state.db.schema-11", "state.db.schema-10"]
    assert {one.stat().st_mode & 0o777 for one in copies.copies(path)} == {0o600}
