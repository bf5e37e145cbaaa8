"""Folders: room, kind of file system, and how long the disk takes to have something for sure.

Looked at by a child (`disk_probe`): a disk that hangs holds the child, and a child can be left behind.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from edge.app.preparing import module_environment
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient

#: Seconds for all that is asked of one folder.
PROBE_S = 40.0
#: An answer waits for its journal line: from here on callers notice, and above all dialled ones.
SLOW_P99_MS, STALLED_P99_MS = 100.0, 1000.0
#: A recorded call is 32 kB/s; a hundred of them with room.
SLOW_MB_S = 10.0
_LOW_SHARE = 0.1
_MB = 1_000_000
#: File systems that a power cut empties.
FLEETING = ("tmpfs", "ramfs")


def examine(patient: Patient, notes: Notes) -> None:
    """Look at the folders of state, recordings and sockets."""
    site = patient.site
    state, recordings = Path(site.paths.state), Path(site.paths.recordings)
    for what, folder, lasting in (("state", state, True), ("recordings", recordings, site.recording.enabled)):
        found = probe(folder)
        name = f"{what}: {folder}"
        if "error" in found:
            notes.bad(name, found["error"], "see whether the disk answers (dmesg, mount), and whose the folder is")
            continue
        _look_at_kind(name, found, notes, lasting=lasting)
        _look_at_room(name, found, notes, site.recording.reserve_mb)
        _look_at_speed(name, found, notes)
    quota = site.events.quota_mb
    free = probe_room(state)
    if quota and free is not None and quota > free:
        text = f"events.quota is {quota} MB, but {free} MB are free beside what is there"
        notes.advice("quota", text, "lower events.quota, or give state a larger disk")


def probe(folder: Path) -> dict[str, Any]:
    """Ask a child about a folder; `error` says why nothing is known."""
    child = subprocess.Popen(
        [sys.executable, "-m", "edge.cli.doctor.disk_probe", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=module_environment(),
    )
    try:
        output, _ = child.communicate(timeout=PROBE_S)
        found: dict[str, Any] = json.loads(output)
    except subprocess.TimeoutExpired:
        child.kill()  # and not waited for: it may not end before the disk does
        return {"error": f"the disk did not answer within {PROBE_S:g} s"}
    except ValueError:
        return {"error": f"it could not be looked at: the probe ended with {child.returncode}"}
    return found


def probe_room(folder: Path) -> int | None:
    """Megabytes that are free for the events, those of the state folder included; None: not known."""
    try:
        room = os.statvfs(folder)
        used = sum(path.stat().st_size for path in folder.glob("state.db*"))
    except OSError:
        return None
    return (room.f_bavail * room.f_frsize + used) // _MB


def _look_at_kind(name: str, found: dict[str, Any], notes: Notes, *, lasting: bool) -> None:
    if found["read_only"]:
        notes.bad(name, f"the file system ({found['kind']}) is read-only", "look at dmesg, and check the disk")
    elif not found["writable"]:
        notes.bad(name, "it cannot be written to", f"chown it to the user of the service; {found['write_error']}")
    elif lasting and found["kind"] in FLEETING:
        notes.bad(name, f"it lies in memory ({found['kind']}): a restart empties it", "set [paths] to a disk")
    else:
        notes.ok(name, f"{found['kind']}, writable")


def _look_at_room(name: str, found: dict[str, Any], notes: Notes, reserve_mb: int) -> None:
    free, whole = found["free"] // _MB, max(1, found["whole"] // _MB)
    text = f"{free} of {whole} MB free, {found['free_inodes']} inodes"
    if free <= reserve_mb:
        notes.bad(name, f"{text}; calls are refused below {reserve_mb} MB", "make room: edge recordings, old logs")
    elif found["inodes"] and found["free_inodes"] < found["inodes"] / 100:
        notes.bad(name, text, "delete old files: there are too many")
    elif free < 4 * reserve_mb or free < whole * _LOW_SHARE:
        notes.advice(name, text, "make room soon, or shorten how long things are kept")
    else:
        notes.ok(name, text)


def _look_at_speed(name: str, found: dict[str, Any], notes: Notes) -> None:
    if "fsync_p99_ms" not in found:
        return
    p50, p99, speed = found["fsync_p50_ms"], found["fsync_p99_ms"], found["mb_s"]
    text = f"fsync of 4 kB: p50 {p50:.1f} ms, p99 {p99:.1f} ms; {speed:.0f} MB/s"
    if p99 >= STALLED_P99_MS:
        notes.bad(name, text, "take another disk, or see what else writes: it stalls, and answers wait for it")
    elif p99 >= SLOW_P99_MS or speed < SLOW_MB_S:
        notes.advice(name, text, "take an SSD with a power-loss-safe cache: answers come sooner")
    else:
        notes.ok(name, text)
