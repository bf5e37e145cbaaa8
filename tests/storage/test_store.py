"""state.db: all of a turn or nothing of it, whatever happens to the process or the disk."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import edge.storage
from edge.storage.reader import Reader
from edge.storage.store import VERSION, Store
from edge.storage.turn import CallbackRow, JournalRow, SchemaError, StorageError, Turn
from tests.storage.writer import call_row, event, turn

KILLS = 12


def check(path: Path, done: int) -> None:
    """No event without its state and no state without its events; every turn that was told done is there."""
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        number = db.execute("SELECT number FROM senders").fetchone()
        written = number[0] if number else 0
        assert written >= done
        for table, a_turn in (("journal", 2), ("events", 2)):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == written * a_turn
        assert db.execute("SELECT count(*) FROM calls").fetchone()[0] == (written + 1) // 2
        assert db.execute("SELECT count(*) FROM calls WHERE state = 'ended'").fetchone()[0] == written // 2
        assert db.execute("SELECT count(*) FROM events WHERE type = 'call.ended'").fetchone()[0] == written // 2
        gaps = db.execute("SELECT call FROM events GROUP BY call HAVING max(callseq) != count(*)").fetchall()
        assert gaps == []


def test_killed_at_any_moment(tmp_path):
    dice = random.Random(20261121)
    done = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.writer", str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        assert process.stdout is not None
        for _ in range(dice.randint(1, 60)):
            line = process.stdout.readline()
            assert line, "the writer ended by itself"
            done = int(line) + 1
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        assert process.wait() == -signal.SIGKILL
        done = int(rest[-1]) + 1 if rest else done
        check(tmp_path / "state.db", done)
    assert done > KILLS


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "state.db")
    yield store
    store.close()


def test_what_is_read_back(store, tmp_path):
    assert store.write(turn(0)) == 2
    assert store.write(turn(1)) == 4
    assert store.write(turn(2)) == 6
    assert store.write(Turn(senders={("span", "s"): 4})) == 0
    assert store.senders() == {("front", "f"): 3, ("span", "s"): 4}
    (left,) = store.open_calls()
    assert left.row == call_row("c1", "open")
    assert [line.number for line in left.journal] == [1, 2]
    assert store.last_callseq("c0") == 4
    reader = Reader(tmp_path / "state.db")
    assert [e.sequence for e in reader.events_after(2, 3)] == [3, 4, 5]
    (first,) = reader.events_after(2, 1)
    assert reader.event(3) == first
    assert [*reader.heads_after(2, 1)[0]] == [3, first.id, first.call, first.type, len(first.body)]
    assert (reader.event(7), reader.oldest_sequence(), reader.last_sequence()) == (None, 1, 6)
    assert [c.id for c in reader.calls()] == ["c1", "c0"]
    assert [c.id for c in reader.calls(open_only=True)] == ["c1"]
    assert [e.callseq for e in reader.events_of("c0")] == [1, 2, 3, 4]
    assert reader.call("c0").outcome == "completed"
    assert reader.call("none") is None
    reader.close()


def test_reader_of_nothing(tmp_path):
    reader = Reader(tmp_path / "state.db")
    assert (reader.events_after(0), reader.last_sequence(), reader.calls(), reader.call("x")) == ([], 0, [], None)
    assert (reader.heads_after(0, 9), reader.event(1), reader.oldest_sequence()) == ([], None, None)
    assert list(tmp_path.iterdir()) == []


def test_reader_works_without_a_writer_and_never_writes(tmp_path):
    store = Store(tmp_path / "state.db")
    store.write(turn(0))
    store.close()
    before = (tmp_path / "state.db").read_bytes()
    reader = Reader(tmp_path / "state.db")
    assert reader.last_sequence() == 2
    reader.close()
    assert (tmp_path / "state.db").read_bytes() == before


def test_reader_of_something_else(tmp_path):
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(StorageError):
        Reader(path).calls()


def test_a_reader_does_not_stop_the_writer(store, tmp_path):
    store.write(turn(0))
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM events").fetchone() == (2,)
    store.write(turn(1))
    assert other.execute("SELECT count(*) FROM events").fetchone() == (2,)
    other.close()


def test_settings_of_the_connection(store):
    db = store._connection
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA mmap_size").fetchone() == (0,)
    assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_an_error_in_the_middle_leaves_nothing(store):
    store.write(turn(0))
    bad = turn(1)
    bad.events.append(event("c0", 1, "call.started"))  # its id is there already: our own mistake, and loud
    with pytest.raises(sqlite3.IntegrityError):
        store.write(bad)
    assert store.senders() == {("front", "f"): 1}
    store.write(turn(1))
    assert store.senders() == {("front", "f"): 2}


def test_newer_schema_is_refused_untouched(tmp_path):
    path = tmp_path / "state.db"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    before = path.read_bytes()
    names = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(SchemaError, match="newer release"):
        Store(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_newer_schema_that_is_only_in_the_log_is_refused(tmp_path):
    path = tmp_path / "state.db"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.commit()
    try:
        with pytest.raises(SchemaError):
            Store(path)
    finally:
        db.close()


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError):
        Store(tmp_path / "none" / "state.db")


def test_purge_takes_only_old_ended_calls_and_no_more_than_asked(store):
    for number in range(9):  # calls c0 to c3 ended, c4 open
        store.write(turn(number))
    assert store.purge("2026-11-21T19:00:00.500Z", 100) == 0
    assert store.purge("2026-12-01T00:00:00.000Z", 5) == 5
    assert store.purge("2026-12-01T00:00:00.000Z", 100) == 11
    assert [line.call for line in store.open_calls()[0].journal] == ["c4", "c4"]


def closed_callback(number, day, state="closed"):
    row = CallbackRow._make("" for _ in CallbackRow._fields)
    return row._replace(
        id=f"c{number}.4", purpose="callback", number=f"+49301234{number}", state=state, times=1, waited_ms=0,
        attempts=1, urgent=0, attributes='{"customer": "4711"}', target="sip:anna@x", closed_by="operator",
        closed=None if state == "open" else f"2026-11-{day:02d}T12:00:00.000Z", closed_why="told me +4930", call="c",
    )  # fmt: skip


def test_closed_callbacks_forget_whom_they_were_about_and_no_more_than_asked_at_once(store):
    rows = [closed_callback(number, number + 1) for number in range(5)]
    rows[1] = rows[1]._replace(closed_by="superseded", closed_why="c77")
    rows += [closed_callback(8, 0, "open"), closed_callback(9, 0, "open")._replace(state="held")]
    store.write(Turn(callbacks={row.id: row for row in rows}))
    assert store.blank_callbacks("2026-11-01T00:00:00.000Z", 100) == 0
    assert store.blank_callbacks("2026-11-04T00:00:00.000Z", 2) == 2
    assert store.blank_callbacks("2026-11-04T00:00:00.000Z", 2) == 1
    assert store.blank_callbacks("2026-11-04T00:00:00.000Z", 2) == 0
    found = {CallbackRow(*row).id: CallbackRow(*row) for row in store._db().execute("SELECT * FROM callbacks")}
    for row in rows[:3]:
        why = row.closed_why if row.closed_by == "superseded" else None  # what a person wrote may name somebody
        assert found[row.id] == row._replace(number="", attributes="{}", target="", closed_why=why)
        assert "4930" not in str(found[row.id])
    assert [found[row.id] for row in rows[3:]] == rows[3:], "those that are younger, open or held keep it"
    plan = store._db().execute(
        "EXPLAIN QUERY PLAN SELECT id FROM callbacks WHERE state = 'closed' AND number != '' AND closed < ? LIMIT ?",
        ("x", 1),
    )
    assert "callbacks_to_blank" in plan.fetchone()[3], "nothing is read but what is to be changed"


def test_senders_are_forgotten_late(store):
    store.write(turn(0))
    store.purge_senders("2020-01-01T00:00:00.000Z")
    assert store.senders() == {("front", "f"): 1}
    store.purge_senders("2100-01-01T00:00:00.000Z")
    assert store.senders() == {}


def test_turns_add_up():
    one = turn(0)
    one.extend(turn(1))
    assert [row.number for row in one.journal] == [1, 2, 3, 4]
    assert one.calls["c0"].state == "ended"
    assert one.senders == {("front", "f"): 2}
    assert one.size > 1000
    assert not Turn()
    assert one


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_and_back(small_disk):
    store = Store(small_disk / "state.db")
    with pytest.raises(StorageError, match="full"):  # noqa: PT012 - it is not known which write is the last
        for number in range(10_000):
            store.write(Turn(journal=[JournalRow("c", number, 0, b"x" * 4000)]))
    written = number
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    store.reopen()
    store.probe()
    store.write(Turn(journal=[JournalRow("c", number, 0, b"x" * 4000)]))
    store.close()
    with sqlite3.connect(small_disk / "state.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM journal").fetchone()[0] == written + 1
    db.close()


def test_read_only_disk_and_back(small_disk):
    store = Store(small_disk / "state.db")
    store.write(turn(0))
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError):
        store.write(turn(1))
    try:
        store.reopen()
        with pytest.raises(StorageError):
            store.probe()
    except StorageError:
        pass  # refused at once: as good
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    store.reopen()
    store.probe()
    store.write(turn(1))
    assert store.senders() == {("front", "f"): 2}
    store.close()


def test_a_file_of_an_earlier_version_becomes_one_of_this(tmp_path):
    """As the first release made it, with a call in it."""
    path = tmp_path / "state.db"
    first = Path(edge.storage.__file__).with_name("schema.sql").read_text()
    with sqlite3.connect(path) as db:
        db.executescript(f"{first} PRAGMA user_version = 1;")
        db.execute(f"INSERT INTO calls VALUES ({', '.join('?' * 19)})", call_row("c0", "open"))
    db.close()
    for _ in range(2):  # the second time there is nothing to do
        store = Store(path)
        assert store._db().execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert [call.row.id for call in store.open_calls()] == ["c0"]
        assert store.open_callbacks() == []
        store.close()


def callback_row(id_: str, number: str, state: str = "open") -> CallbackRow:
    texts = dict.fromkeys(CallbackRow._fields, "x")
    return CallbackRow(**{**texts, "id": id_, "number": number, "state": state, "times": 1, "waited_ms": 0})


def test_one_open_callback_a_number(store, tmp_path):
    store.write(Turn(callbacks={"a": callback_row("a", "+491")}))
    with pytest.raises(sqlite3.IntegrityError):  # switch sees to it; if it does not, that is no row to lose silently
        store.write(Turn(callbacks={"b": callback_row("b", "+491")}))
    store.write(Turn(callbacks={"a": callback_row("a", "+491", "closed"), "b": callback_row("b", "+491")}))
    assert [row.id for row in store.open_callbacks()] == ["b"]
    reader = Reader(tmp_path / "state.db")
    assert [row.id for row in reader.callbacks()] == ["b"]
    assert len(reader.callbacks(open_only=False)) == 2
    assert reader.callback("a").state == "closed"
    assert reader.callback("c") is None
    reader.close()
