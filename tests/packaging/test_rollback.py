"""edge-rollback: the version before comes back with a state that it can read, and nothing is lost silently."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.storage.store import VERSION, Store, version_in_file
from tests.storage.writer import event, turn

ROOT = Path(__file__).parents[2]
DUMP = ROOT / "tests/storage/released/state-5.sql"


class Box:
    """Versions 1.0 (knows state.db up to 5) and 2.0 (in force, knows today's), and a state that 2.0 has worked on."""

    def __init__(self, folder: Path) -> None:
        self.prefix, self.state = folder / "opt", folder / "state"
        self.site = folder / "site.toml"
        self.site.write_text('[paths]\nstate = "state"\n')
        for name, known in (("1.0", 5), ("2.0", VERSION)):
            place = self.prefix / "versions" / name
            place.mkdir(parents=True)
            (place / "SCHEMAS").write_text(f"state.db {known}\ndelivery.db 2\n")
        (self.prefix / "current").symlink_to("versions/2.0")
        (self.prefix / "former").symlink_to("versions/1.0")
        self.state.mkdir()
        self.file = self.state / "state.db"
        with closing(sqlite3.connect(self.file)) as db:
            db.executescript(DUMP.read_text())

    def upgrade(self) -> None:
        """Version 2.0 starts, the call that was open ends, another one comes and goes, a third one comes."""
        store = Store(self.file)
        for number in range(5, 9):
            store.write(turn(number))
        store.close()

    def rollback(self, *options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-I", str(ROOT / "packaging/rollback.py"), "--prefix", str(self.prefix)]
        return subprocess.run(
            [*command, "--config", str(self.site), *options], capture_output=True, text=True, check=False, timeout=60
        )

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as db:
            return db.execute(statement).fetchall()

    @property
    def in_force(self) -> str:
        return (self.prefix / "current").readlink().name


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_former_version_gets_a_state_that_it_knows_and_what_was_since(box: Box) -> None:
    before = box.rows("SELECT id FROM events ORDER BY sequence")
    box.upgrade()
    events, calls = box.rows("SELECT * FROM events"), box.rows("SELECT * FROM calls WHERE state = 'ended'")
    (last,) = box.rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    assert len(events) > len(before)
    done = box.rollback()
    assert done.returncode == 0, done.stderr
    assert version_in_file(box.file) == 5
    assert box.rows("SELECT * FROM events") == events
    assert box.rows("SELECT * FROM calls WHERE state = 'ended'") == calls
    assert box.rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'") == [last]
    assert f"{len(events) - len(before)} events taken over" in done.stdout
    assert box.rows("SELECT value FROM meta WHERE key = 'outbox.bytes'") == [
        (str(sum(len(row[6]) + 200 for row in events)),)  # type: ignore[arg-type]
    ]
    # What 2.0 wrote is there, whole, and 2.0 can be brought back with what 1.0 does now.
    aside = box.state / f"state.db.schema-{VERSION}.aside"
    assert version_in_file(aside) == VERSION
    assert (box.in_force, (box.prefix / "former").readlink().name) == ("1.0", "2.0")
    with closing(sqlite3.connect(box.file)) as db:
        row = event("later", 1, "call.started")
        db.execute(f"INSERT INTO events VALUES (NULL, {', '.join('?' * 6)})", row)
        db.commit()
    assert box.rows("SELECT max(sequence) FROM events") == [(int(str(last[0])) + 1,)]
    assert box.rollback().returncode == 0
    assert box.in_force == "2.0"
    Store(box.file).close()
    assert version_in_file(box.file) == VERSION
    assert ("later.1",) in box.rows("SELECT id FROM events")


def test_numbers_of_events_are_not_given_out_again_when_all_were_purged(box: Box) -> None:
    box.upgrade()
    store = Store(box.file)
    last = store.last_event()
    store.purge_events(through=last, before="9999", rows=100, site="s")
    store.close()
    assert box.rollback().returncode == 0
    assert box.rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")[0][0] >= last  # type: ignore[operator]


def test_a_dry_run_changes_nothing(box: Box) -> None:
    box.upgrade()
    files = {path.name: path.read_bytes() for path in box.state.iterdir()}
    done = box.rollback("--dry-run")
    assert (done.returncode, box.in_force) == (0, "2.0")
    assert f"has schema {VERSION}, too new for 1.0" in done.stdout
    assert {path.name: path.read_bytes() for path in box.state.iterdir()} == files


def test_without_a_copy_of_before_all_stays(box: Box) -> None:
    box.upgrade()
    (box.state / "state.db.schema-5").unlink()
    done = box.rollback()
    assert (done.returncode, box.in_force) == (1, "2.0")
    assert "there is no copy of before" in done.stderr
    assert version_in_file(box.file) == VERSION


def test_where_the_schema_is_the_same_only_the_version_changes(box: Box) -> None:
    content = box.file.read_bytes()
    done = box.rollback()
    assert (done.returncode, box.in_force) == (0, "1.0")
    assert box.file.read_bytes() == content


@pytest.mark.parametrize(
    ("says", "force", "told"),
    [
        ("echo '{\"calls\": 3}'", (), "3 calls are up"),
        ("exit 1", (), "does not say how many calls are up"),
        ("echo '{\"calls\": 0}'", (), "a daemon still has"),
        ("echo '{\"calls\": 3}'", ("--force",), "a daemon still has"),
    ],
)
def test_while_a_daemon_has_the_state_nothing_is_done(box: Box, says: str, force: tuple[str, ...], told: str) -> None:
    program = box.prefix / "versions/2.0/venv/bin/edge"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    held = os.open(box.state, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        done = box.rollback("--patience", "1", *force)
    finally:
        os.close(held)
    assert (done.returncode, box.in_force) == (1, "2.0")
    assert told in done.stderr


@pytest.mark.parametrize(("options", "told"), [(("--to", "3.0"), "no version 3.0"), (("--to", "2.0"), "is in force")])
def test_a_version_that_can_not_come_back(box: Box, options: tuple[str, ...], told: str) -> None:
    box.upgrade()
    done = box.rollback(*options)
    assert told in done.stderr
    assert box.in_force == "2.0"


def test_a_site_file_that_can_not_be_read(box: Box) -> None:
    box.site.write_text("[paths\n")
    done = box.rollback()
    assert (done.returncode, box.in_force) == (1, "2.0")
    assert "--state" in done.stderr
    assert "Traceback" not in done.stderr
