"""A copy of a file of the state before its schema becomes another: what going back to the version before begins with.

It lies beside the file as `<name>.schema-<number>`, and is whole or not there. `edge-rollback` puts it in.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

#: How many copies of a file are kept, the newest first.
KEEP = 2


def keep_copy(path: Path, version: int) -> Path:
    """Copy the SQLite file `path`, whose schema is `version`, and return where the copy is.

    Raises `sqlite3.Error`, above all when there is no room: then nothing must be changed in the file. Others may read
    and write it meanwhile.
    """
    place = path.with_name(f"{path.name}.schema-{version}")
    part = place.with_name(place.name + ".part")
    try:
        part.unlink(missing_ok=True)
        _copy(path, part)
        part.replace(place)
        _sync(place.parent)
        for old in copies(path)[KEEP:]:
            old.unlink(missing_ok=True)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | OSError):
            raise sqlite3.OperationalError(f"{path} could not be copied before its schema changes: {error}") from error
        raise
    return place


def copies(path: Path) -> list[Path]:
    """List the copies of a file, that of the newest schema first."""
    found = [one for one in path.parent.glob(f"{path.name}.schema-*") if one.name.rpartition("-")[2].isdecimal()]
    return sorted(found, key=lambda one: int(one.name.rpartition("-")[2]), reverse=True)


def _copy(path: Path, part: Path) -> None:
    like = path.stat()
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, like.st_mode & 0o777))
    if os.geteuid() == 0:
        os.chown(part, like.st_uid, like.st_gid)
    with contextlib.closing(sqlite3.connect(path, timeout=5.0)) as source:
        source.execute("PRAGMA mmap_size = 0")
        with contextlib.closing(sqlite3.connect(part)) as target:
            source.backup(target)
            # One file, and nothing beside it that somebody could forget to copy.
            target.execute("PRAGMA journal_mode = DELETE")
    _sync(part)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
