"""A database below the campaigns' store: opened when it is needed, opened again after an error, one transaction a call.

SQLite: WAL with `synchronous=FULL`, so a lease survives a power cut before anything is dialled; no mmap, so an I/O
error is an error and not a signal. PostgreSQL: never less durable than `synchronous_commit = on`, and nothing waits
for longer than some seconds, since a dialer that waits calls nobody.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from edge.storage.campaigns.schema import META, STEPS, VERSION
from edge.storage.copies import keep_copy
from edge.storage.store import version_in_file
from edge.storage.turn import SchemaError, StorageError

#: Two appliances that start at once make one schema (pg_advisory_xact_lock; any number that nobody else takes).
_SCHEMA_LOCK = 7_300_451
_POSTGRES_SETTINGS = (
    "-c search_path=edge_dialer -c statement_timeout=10000 -c lock_timeout=3000"
    " -c idle_in_transaction_session_timeout=30000 -c random_page_cost=1.1"
)
_WRITES = "edge_writes"


class Database:
    """Transactions. `place` is a file for SQLite, or the URL of a PostgreSQL database."""

    def __init__(self, place: Path | str) -> None:
        """Open or make the database. Raises `StorageError`, and `SchemaError` for a newer one, which is not touched."""
        self.path = place if isinstance(place, Path) else None
        self._engine = _sqlite(place) if isinstance(place, Path) else _postgres(place)
        self._ready = False
        with self._read():
            pass

    def close(self) -> None:
        """Close the database; what was written is safe already."""
        self._engine.dispose()
        self._ready = False

    @property
    def shared(self) -> bool:
        """Whether other appliances may be in it, too."""
        return self.path is None

    def probe(self) -> None:
        """Write something small, to see whether the database takes it."""
        with self._write() as db:
            values = {"name": "probe", "value": "written"}
            db.execute(self._insert(META).values(values).on_conflict_do_update(index_elements=["name"], set_=values))

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._guarded(), self._engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._guarded(), self._engine.connect().execution_options(**{_WRITES: True}) as db, db.begin():
            yield db

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            if not self._ready:
                self._make_ready()
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            self.close()
            cause = error.orig if isinstance(error, DBAPIError) else error
            # `from None`: the databases' own messages have values in them, and values are people's numbers.
            raise _kind(error, cause)(_told(cause)) from None

    def _make_ready(self) -> None:
        if self.path is not None:
            version = version_in_file(self.path)
            _refuse_newer(version, str(self.path))
            _make_private(self.path)
            if 0 < version < VERSION:
                keep_copy(self.path, version)
        with self._engine.connect().execution_options(**{_WRITES: True}) as db, db.begin():
            version = self._version(db)
            _refuse_newer(version, self._engine.url.render_as_string(hide_password=True))
            for step in STEPS[version:]:
                step(db)
            if version < VERSION:
                self._set_version(db)
        self._ready = True

    def _version(self, db: Connection) -> int:
        if self.path is not None:
            return int(db.execute(text("PRAGMA user_version")).scalar_one())
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
        # Not IF NOT EXISTS alone: that needs the right to make schemas, which whoever made it for us may keep.
        if db.execute(text("SELECT to_regnamespace('edge_dialer')")).scalar_one() is None:
            db.execute(text("CREATE SCHEMA edge_dialer"))
        if db.execute(text("SELECT to_regclass('edge_dialer.meta')")).scalar_one() is None:
            return 0
        return int(db.execute(select(META.c.value).where(META.c.name == "schema")).scalar_one())

    def _set_version(self, db: Connection) -> None:
        if self.path is not None:
            db.execute(text(f"PRAGMA user_version = {VERSION}"))
            return
        values = {"name": "schema", "value": str(VERSION)}
        db.execute(self._insert(META).values(values).on_conflict_do_update(index_elements=["name"], set_=values))

    def _insert(self, table: Table) -> Any:
        """Return an INSERT that knows ON CONFLICT, in this database's dialect."""
        made: Insert = sqlite.insert(table) if self.path is not None else postgresql.insert(table)
        return made


def _sqlite(path: Path) -> Engine:
    # check_same_thread: a connection of the pool is used by one thread at a time, but not always by the same one.
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        hide_parameters=True,
        pool_size=2,
        max_overflow=0,
        pool_timeout=5,
        connect_args={"timeout": 5.0, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        for pragma in (
            "mmap_size = 0",
            "journal_mode = WAL",
            "synchronous = FULL",
            "journal_size_limit = 16777216",
            "cache_size = -16384",
            # Imports touch the same pages of indexes again and again: so a quarter less is written.
            "wal_autocheckpoint = 4000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes then would be refused when another wrote in between.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(place: str) -> Engine:
    try:
        url = make_url(place)
        if url.drivername.partition("+")[0] not in {"postgresql", "postgres"}:
            raise StorageError("the database is neither a file nor postgresql://...")
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_size=2,
            max_overflow=0,
            pool_timeout=5,
            connect_args={
                "connect_timeout": 5,
                "application_name": "edge dialer",
                "options": _POSTGRES_SETTINGS,
                # A plan that fits all values is a bad one for a thousand ids: each is compared with each.
                "prepare_threshold": None,
                # A peer that is gone without a word is noticed in half a minute.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
            },
        )
    except ImportError as error:
        raise StorageError("PostgreSQL needs psycopg: install edge-appliance[postgresql]") from error
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise StorageError("the URL of the database can't be read") from None  # it may have a password in it

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    return engine


def _make_private(path: Path) -> None:
    """Make the file, for its folder's owner alone: whoever makes it first may be root, and the daemon is not."""
    if path.exists():
        return
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def _refuse_newer(version: int, where: str) -> None:
    if version > VERSION:
        raise SchemaError(
            f"{where} has schema {version}, this version knows {VERSION}: it was written by a newer release"
        )


def _kind(error: Exception, cause: BaseException | None) -> type[Exception]:
    """Choose the error to raise: loud is our own mistake, which no other try makes good."""
    ours = isinstance(error, IntegrityError) or isinstance(cause, sqlite3.ProgrammingError)
    return RuntimeError if ours else StorageError


def _told(error: BaseException | None) -> str:
    """Say what is wrong, without the values that PostgreSQL adds as details."""
    diagnosis = getattr(error, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    return str(primary or error).strip().partition("\n")[0]
