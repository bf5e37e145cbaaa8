"""What leaves the outbox: the oldest by age, the least valuable for want of room; and how much it takes is counted."""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from edge.storage.outbox import ROW_BYTES
from edge.storage.reader import Reader
from edge.storage.store import Store
from edge.storage.turn import EventRow, Turn

SITE = "box"


def row(call: str, number: int, kind: str = "menu.input", second: int = 0) -> EventRow:
    return EventRow(f"{call}.{number}", call, number, kind, f"2026-11-21T19:00:{second:02}.000Z", b"x" * 100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state.db")
    yield made
    made.close()


def ids(store: Store) -> list[str]:
    return [event.id for event in Reader(store.path).every_event()]


def held(store: Store) -> int:
    return int(store._db().execute("SELECT COALESCE(SUM(LENGTH(body) + 200), 0) FROM events").fetchone()[0])


def test_the_oldest_go_first_and_no_more_than_asked(store: Store) -> None:
    store.write(Turn(events=[row("a", number, second=number) for number in range(1, 10)]))
    assert store.purge_events(through=9, before="2026-11-21T19:00:05.000Z", rows=3, site=SITE) == 3
    assert store.purge_events(through=9, before="2026-11-21T19:00:05.000Z", rows=3, site=SITE) == 1
    assert store.purge_events(through=9, before="2026-11-21T19:00:05.000Z", rows=3, site=SITE) == 0
    assert ids(store) == [f"a.{number}" for number in range(5, 10)]
    assert store.purge_events(through=7, before="", rows=100, site=SITE) == 3
    assert ids(store) == ["a.8", "a.9"]
    assert store.outbox_size() == held(store) == 2 * (100 + ROW_BYTES)
    known = Reader(store.path).purged()
    assert (known.events, known.sequence, known.time) == (7, 7, "2026-11-21T19:00:07.000Z")


def test_numbers_of_the_appliance_go_on_after_a_purge(store: Store) -> None:
    store.write(Turn(events=[row(SITE, 1), row(SITE, 2), row("a", 1)]))
    assert store.purge_events(through=3, before="", rows=10, site=SITE) == 2
    assert ids(store) == [f"{SITE}.2"]
    assert store.last_callseq(SITE) == 2
    assert store.purge_events(through=3, before="", rows=10, site=SITE) == 0
    store.write(Turn(events=[row(SITE, 3), row("b", 1)]))
    assert store.purge_events(through=5, before="", rows=1, site=SITE) == 1
    assert ids(store) == [f"{SITE}.3", "b.1"]


def test_what_is_shed_is_noted_until_it_would_be_purged(store: Store) -> None:
    kinds = ["call.started", "dtmf.received", "menu.input", "dtmf.received", "call.ended"]
    store.write(Turn(events=[row("a", number, kind) for number, kind in enumerate(kinds, 1)]))
    assert store.shed_events(after=0, window=2, types=["dtmf.received", "dtmf.flash"]) == ({"dtmf.received": 1}, 2)
    assert store.shed_events(after=2, window=9, types=["dtmf.received"]) == ({"dtmf.received": 1}, 11)
    assert store.shed_events(after=0, window=9, types=["dtmf.received"]).counts == {}
    assert ids(store) == ["a.1", "a.3", "a.5"]
    reader = Reader(store.path)
    assert (reader.numbers_of("a", 1, 5), reader.shed_events()) == (5, 2)
    assert store.meta("outbox.untold") == {"": '{"dtmf.received":2}'}
    assert store.outbox_size() == held(store)
    assert store.purge_events(through=3, before="", rows=10, site=SITE) == 2
    assert (reader.numbers_of("a", 1, 5), reader.shed_events()) == (2, 1)


def test_what_could_not_be_written_is_not_counted(store: Store) -> None:
    store.write(Turn(events=[row("a", 1)]))
    with pytest.raises(sqlite3.IntegrityError):
        store.write(Turn(events=[row("a", 2), row("a", 1)]))
    assert store.outbox_size() == held(store) == 100 + ROW_BYTES


def test_a_file_of_version_4_is_counted_once(tmp_path: Path) -> None:
    folder = files("edge.storage")
    with sqlite3.connect(tmp_path / "state.db") as db:
        for version in range(1, 5):
            script = folder.joinpath("schema.sql" if version == 1 else f"schema_{version}.sql").read_text()
            db.executescript(f"{script} PRAGMA user_version = {version};")
        statement = "INSERT INTO events (id, call, callseq, type, time, body) VALUES (?, ?, ?, ?, ?, ?)"
        db.executemany(statement, [row("a", 1), row("a", 2)])
    store = Store(tmp_path / "state.db")
    assert store.outbox_size() == 2 * (100 + ROW_BYTES)
    store.close()


def test_a_moment_is_found_among_the_sequences(store: Store) -> None:
    store.write(Turn(events=[row("a", number, second=number) for number in range(1, 40)]))
    store.purge_events(through=10, before="", rows=10, site=SITE)
    reader = Reader(store.path)
    for second in range(60):
        expected = min(max(second - 1, 10), 39)
        assert reader.sequence_before(f"2026-11-21T19:00:{second:02}.000Z") == expected, second
