"""`python -m edge.cli.doctor.disk_probe FOLDER`: prints what a folder's file system is and does, as JSON."""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WRITES = 50
_BLOCK = b"\0" * 4096
_PIECE = b"\xa5" * 1_000_000
_PIECES = 16
#: Short of room nothing is measured: the calls need it.
_ROOM = 256_000_000


def kind_of(folder: Path) -> str:
    """Return the type of the file system that a folder lies on."""
    best, kind = "", "unknown"
    real = os.path.realpath(folder)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        at = before.split()[4].encode().decode("unicode_escape")
        if (real == at or real.startswith(at.rstrip("/") + "/")) and len(at) >= len(best):
            best, kind = at, after.split()[0]
    return kind


def _existing(folder: Path) -> Path:
    """Return the folder, or that which it will be made in."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _measured(folder: Path) -> dict[str, Any]:
    times: list[float] = []
    # A file without a name: nothing stays, whoever kills us.
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(WRITES):
            began = time.perf_counter()
            file.write(_BLOCK)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        for _ in range(_PIECES):
            file.write(_PIECE)
        file.flush()
        os.fsync(file.fileno())
        speed = _PIECES / (time.perf_counter() - began)
    times.sort()
    return {"fsync_p50_ms": times[WRITES // 2], "fsync_p99_ms": times[-1 - WRITES // 100], "mb_s": speed}


def look(folder: Path) -> dict[str, Any]:
    """Look at a folder; one that is not there yet is judged by where it will be made. Raises OSError."""
    there = _existing(folder)
    room = os.statvfs(there)
    found: dict[str, Any] = {
        "exists": folder.exists(),
        "kind": kind_of(there),
        "read_only": bool(room.f_flag & os.ST_RDONLY),
        "free": room.f_bavail * room.f_frsize,
        "whole": room.f_blocks * room.f_frsize,
        "inodes": room.f_files,
        "free_inodes": room.f_favail,
        "writable": os.access(there, os.W_OK | os.X_OK),
        "write_error": "",
    }
    if found["writable"] and found["free"] > _ROOM:
        try:
            found |= _measured(there)
        except OSError as error:
            found |= {"writable": False, "write_error": str(error.strerror)}
    return found


def main() -> int:
    """Print it."""
    try:
        found = look(Path(sys.argv[1]))
    except OSError as error:
        found = {"error": f"{error.strerror}"}
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
