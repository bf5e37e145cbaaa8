"""What breaks below a store, and what it keeps to itself."""

import sqlite3
import stat
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select, select

from edge.storage.campaigns.database import Database
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.schema import ATTEMPTS, IS_HELD, IS_OPEN, METADATA, NUMBERS
from edge.storage.campaigns.store import opened
from edge.storage.turn import SchemaError, StorageError
from tests.storage.campaigns.filling import CAMPAIGN, LIST, contact, lease, rows
from tests.support.postgres import Postgres

NOW = 1_790_000_000_000


def test_a_file_is_for_its_owner_alone_and_its_writes_are_synced(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add(LIST, rows([contact(0)]), NOW)
    for name in ("campaigns.db", "campaigns.db-wal"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
    assert isinstance(store, Database)
    with store._read() as db:
        assert db.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    store.close()


def test_a_file_of_a_newer_release_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.db"
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE things (name TEXT)")
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    before = file.read_bytes()
    with pytest.raises(SchemaError, match="schema 99"):
        opened(tmp_path)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["campaigns.db"]


def test_a_schema_of_a_newer_release_is_refused(postgres: Postgres) -> None:
    DatabaseStore(postgres.url).close()
    postgres.execute("UPDATE edge_dialer.meta SET value = '99' WHERE name = 'schema'")
    try:
        with pytest.raises(SchemaError, match="schema 99"):
            DatabaseStore(postgres.url)
    finally:
        postgres.forget()


def test_a_schema_is_made_once(postgres: Postgres) -> None:
    postgres.forget()
    first = DatabaseStore(postgres.url)
    DatabaseStore(postgres.url).add(LIST, rows([contact(0)]), NOW)
    assert len(first.due([LIST], NOW, 10)) == 1
    with psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'edge_dialer'").fetchall()
    assert {name for (name,) in found} == set(METADATA.tables)


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "campaigns.db").write_bytes(b"no database at all, " * 200)
    with pytest.raises(StorageError, match="not a database"):
        opened(tmp_path)
    with pytest.raises(StorageError, match="neither a file nor"):
        opened(tmp_path, "mysql://root:geheim@127.0.0.1/x")
    with pytest.raises(StorageError) as told:
        opened(tmp_path, "postgresql://edge:geheim@127.0.0.1:port/x")
    assert "geheim" not in str(told.value)
    with pytest.raises(StorageError) as told:
        opened(tmp_path, f"postgresql://edge:geheim@/x?host={tmp_path}")
    assert "geheim" not in str(told.value)


def test_a_full_disk_is_an_error_and_then_it_goes_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert isinstance(store, Database)
    store.add(LIST, rows([contact(0)]), NOW)
    store.set_campaign(CAMPAIGN, "running", NOW)
    with store._read() as db:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
        db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"):
        store.add(LIST, rows([contact(index, attributes={"a": "x" * 900}) for index in range(1, 500)]), NOW)
    # The connection with its limit is gone with the error; nothing of the batch is there.
    assert [one.contact.id for one in store.contacts(LIST)] == ["c0"]
    assert store.lease(lease("one", 0), NOW) is None


def test_a_server_that_dies_is_an_error_and_what_it_took_is_there_when_it_is_back(postgres: Postgres) -> None:
    store = DatabaseStore(postgres.url)
    store.add(LIST, rows([contact(0), contact(1)]), NOW)
    store.set_campaign(CAMPAIGN, "running", NOW)
    assert store.lease(lease("one", 0), NOW) is None
    postgres.stop()
    try:
        for _ in range(2):
            with pytest.raises(StorageError):
                store.lease(lease("two", 1), NOW)
    finally:
        postgres.start()
    assert [one.id for one in store.open_attempts()] == ["one"]
    assert store.lease(lease("two", 1), NOW) is None
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'edge dialer'")
    with pytest.raises(StorageError):
        store.probe()
    store.probe()
    store.close()


def test_durability_is_never_less_than_a_commit_on_disk(postgres: Postgres) -> None:
    with psycopg.connect(f"{postgres.url}&options=-csynchronous_commit%3Doff") as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)
    postgres.execute("ALTER ROLE edge SET synchronous_commit = 'off'")
    try:
        store = DatabaseStore(postgres.url)
        with store._read() as db:
            assert db.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        store.close()
    finally:
        postgres.execute("ALTER ROLE edge RESET synchronous_commit")


def test_errors_have_no_numbers_in_them(store: DatabaseStore) -> None:
    twice = [contact(0), contact(0)]
    with pytest.raises(RuntimeError) as told, store._write() as db:
        store._insert_new(db, 1, [_plain(one) for one in twice], NOW)
    assert "4930" not in str(told.value)
    assert told.value.__suppress_context__


def _plain(one: object) -> dict[str, object]:
    from edge.storage.campaigns.contacts import _values
    from edge.storage.campaigns.words import Row

    return _values(Row(contact=one, line=1), "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (select(ATTEMPTS).where(IS_OPEN), "attempts_open"),
        (select(ATTEMPTS).where(IS_HELD).order_by(ATTEMPTS.c.leased_ms, ATTEMPTS.c.id), "attempts_held"),
        (select(ATTEMPTS).where(ATTEMPTS.c.number == "x", ATTEMPTS.c.leased_ms >= 0), "attempts_number"),
        (select(NUMBERS).where(NUMBERS.c.number == "x"), "numbers_number"),
    ],
)
def test_what_is_asked_often_is_asked_of_an_index(tmp_path: Path, statement: Select[Any], index: str) -> None:
    store = opened(tmp_path)
    assert isinstance(store, Database)
    with store._read() as db:
        plain = str(statement.compile(db.engine, compile_kwargs={"literal_binds": False}))
        plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {plain}", ("x", 0)[: plain.count("?")]).all()
    assert [index in row[-1] and "TEMP B-TREE" not in row[-1] for row in plan] == [True]
