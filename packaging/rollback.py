#!/usr/bin/python3.11 -I
"""Bring the version before back into force, from what lies on this machine: `edge-rollback`.

It needs nothing of the appliance's own code, which may be what is broken. Files of the state whose schema is too new
for the version that comes back are set aside, and the copies that were made before the upgrade are put in; calls that
ended and events since then are taken over into them, the rest is told. Nothing is deleted.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import NamedTuple, NoReturn

PREFIX = Path("/opt/edge")
#: Tables whose rows mean the same in every version: they are taken over where the columns are the same.
LASTING = {"calls": "{}.state = 'ended'", "events": "1"}
_GIVEN_OUT = "SELECT seq FROM newer.sqlite_sequence WHERE name = 'events'"
_NUMBERS_GO_ON = (
    f"UPDATE main.sqlite_sequence SET seq = max(seq, COALESCE(({_GIVEN_OUT}), 0)) WHERE name = 'events'",  # noqa: S608
    f"INSERT INTO main.sqlite_sequence SELECT 'events', seq FROM ({_GIVEN_OUT})"  # noqa: S608, ISC004
    " WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = 'events')",
    "UPDATE main.meta SET value = (SELECT COALESCE(sum(length(body) + 200), 0) FROM events) WHERE key = 'outbox.bytes'",
)


class File(NamedTuple):
    """A file of the state that is too new, and the copy that takes its place."""

    path: Path
    schema: int
    copy: Path


def give_up(text: str, code: int = 1) -> NoReturn:
    """Say why nothing was done."""
    print(f"edge-rollback: {text}", file=sys.stderr)
    raise SystemExit(code)


def schema_of(path: Path) -> int:
    """Read user_version (0: there is no file), with what the write-ahead log has."""
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def state_folder(site: Path) -> Path:
    """Find the folder of the state as the site file has it; that of the service if it doesn't say."""
    found = "/var/lib/edge"
    try:
        for file in (site, *sorted((site.parent / "conf.d").glob("*.toml"))):
            document = tomllib.loads(file.read_text(encoding="utf-8"))
            found = document.get("paths", {}).get("state", found)
    except (OSError, tomllib.TOMLDecodeError) as error:
        give_up(f"{site} can't be read ({error}): say where the state is, with --state")
    return site.parent / Path(found).expanduser()


def too_new(state: Path, release: Path) -> list[File]:
    """List the files that `release` would refuse, with what takes their place."""
    found = []
    for line in (release / "SCHEMAS").read_text().splitlines():
        name, known = line.split()
        path, schema = state / name, schema_of(state / name)
        if schema <= int(known):
            continue
        copies = [
            (int(one.name.rpartition("-")[2]), one)
            for one in state.glob(f"{name}.schema-*")
            if one.name[-1].isdecimal()
        ]
        fitting = [one for one in sorted(copies) if one[0] <= int(known)]
        if not fitting:
            give_up(
                f"{path} has schema {schema}, {release.name} knows {known}, and there is no copy of before: "
                "all stays as it is"
            )
        found.append(File(path, schema, fitting[-1][1]))
    return found


def take_over(newer: Path, older: Path) -> dict[str, int]:
    """Bring rows of lasting tables that only `newer` has into `older`; how many, by table. Negative: they could not be.

    Numbers of events go on above the highest that was ever given out, for sinks know how far they are by them.
    """
    done = {}
    with contextlib.closing(sqlite3.connect(older, isolation_level=None)) as db:
        db.execute("ATTACH ? AS newer", (str(newer),))
        db.execute("BEGIN IMMEDIATE")
        for table, which in LASTING.items():
            ours, theirs = (_columns(db, side, table) for side in ("main", "newer"))
            if not ours or not theirs:
                continue
            if not set(ours) <= set(theirs):
                missing = f"SELECT count(*) FROM newer.{table} WHERE id NOT IN (SELECT id FROM main.{table})"  # noqa: S608
                done[table] = -db.execute(missing).fetchone()[0]
                continue
            names = ", ".join(ours)
            # A call that was open when the copy was made has ended since.
            has_it = f"SELECT 1 FROM main.{table} AS here WHERE here.id = there.id AND {which.format('here')}"  # noqa: S608
            done[table] = db.execute(
                f"INSERT OR REPLACE INTO main.{table} ({names}) SELECT {names} FROM newer.{table} AS there"  # noqa: S608
                f" WHERE {which.format('there')} AND NOT EXISTS ({has_it})"
            ).rowcount
        if "events" in done:
            for statement in _NUMBERS_GO_ON:
                db.execute(statement)
        db.execute("COMMIT")
    return done


def _columns(db: sqlite3.Connection, side: str, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA {side}.table_info({table})")]


def put_in(file: File) -> str:
    """Put the copy in the place of a file that is too new, which stays beside it; what became of it, for people."""
    aside = file.path.with_name(f"{file.path.name}.schema-{file.schema}.aside")
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{file.path.name}.schema-{file.schema}.aside-{number}")
    with contextlib.closing(sqlite3.connect(file.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    part = file.path.with_name(f"{file.path.name}.part")
    shutil.copy2(file.copy, part)
    like = file.path.stat()
    if os.geteuid() == 0:
        os.chown(part, like.st_uid, like.st_gid)
    moved = take_over(file.path, part)
    with part.open("rb") as opened:
        os.fsync(opened.fileno())
    os.link(file.path, aside)
    part.replace(file.path)  # at once: there is no moment without the file
    told = ", ".join(
        f"{count} {table} taken over" if count >= 0 else f"{-count} {table} not" for table, count in moved.items()
    )
    told = f"; {told}" if told else ""
    return f"{file.path}: as of {file.copy.name}{told}; what else was written since is in {aside.name}"


def is_free(state: Path) -> bool:
    """Whether no daemon has the state."""
    try:
        descriptor = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def calls_up(program: Path, site: Path) -> int | None:
    """Ask the daemon how many calls are up; None: it does not say."""
    done = subprocess.run([program, "status", "--json", "--config", site], capture_output=True, check=False, timeout=30)
    try:
        return int(json.loads(done.stdout)["calls"])
    except (ValueError, KeyError, TypeError):
        return None


def stop(state: Path, program: Path, site: Path, *, force: bool, managed: bool, patience_s: float) -> None:
    """Stop the daemon, if there is one and nobody is talking."""
    if is_free(state):
        return
    calls = calls_up(program, site)
    if calls != 0 and not force:
        what = "it does not say how many calls are up" if calls is None else f"{calls} calls are up"
        give_up(f"{what}: --force ends them; `edge stop` (or systemctl stop edge) lets them end first")
    subprocess.run([program, "stop", "--now", "--config", site], capture_output=True, check=False, timeout=30)
    if managed:
        subprocess.run(["systemctl", "stop", "edge.service"], check=True)
    limit = time.monotonic() + patience_s
    while not is_free(state):
        if time.monotonic() > limit:
            give_up(f"a daemon still has {state}: stop it")
        time.sleep(0.1)


def link(place: Path, target: str) -> None:
    """Set a link, at once."""
    new = place.with_name(place.name + ".new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(place)


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Bring the version before back into force.")
    parser.add_argument("--to", metavar="VERSION", help="the version that comes back; the one before when not given")
    parser.add_argument("--force", action="store_true", help="also while calls are up: they end")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--config", type=Path, default=Path("/etc/edge/site.toml"), help="site file")
    parser.add_argument("--state", type=Path, help="folder of the state, instead of the site file's")
    parser.add_argument("--patience", type=float, default=20.0, metavar="SECONDS", help="how long the stop may take")
    parser.add_argument("--prefix", type=Path, default=PREFIX, help=argparse.SUPPRESS)
    given = parser.parse_args()
    prefix, current = given.prefix, given.prefix / "current"
    there = sorted(one.name for one in (prefix / "versions").glob("*") if (one / "SCHEMAS").exists())
    in_force = current.readlink().name if current.is_symlink() else ""
    former = prefix / "former"
    wanted = given.to or (former.readlink().name if former.is_symlink() else "")
    if wanted not in there:
        which = f"version {wanted}" if wanted else "version before this one"
        give_up(f"there is no {which} (there are: {', '.join(there) or 'none'})")
    release, state = prefix / "versions" / wanted, given.state or state_folder(given.config)
    files = too_new(state, release)
    if in_force == wanted and not files:
        give_up(f"{wanted} is in force, and the state is of its schema", 0)
    for file in files:
        print(f"{file.path} has schema {file.schema}, too new for {wanted}: {file.copy.name} takes its place")
    if given.dry_run:
        return 0
    managed = Path("/run/systemd/system").is_dir() and prefix == PREFIX
    stop(state, current / "venv/bin/edge", given.config, force=given.force, managed=managed, patience_s=given.patience)
    for file in files:
        print(put_in(file))
    if in_force != wanted:
        link(current, f"versions/{wanted}")
        if in_force:
            link(former, f"versions/{in_force}")
    print(f"{wanted} is in force{', ' + in_force + ' is kept' if in_force != wanted else ''}")
    if managed:
        return subprocess.run(["systemctl", "start", "edge.service"], check=False).returncode
    print("start it: edge run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
