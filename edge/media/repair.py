"""Recordings that the end of the appliance interrupted: made valid to their last frame, and accounted for.

Runs at the appliance's start, before anything records, from a process that has no engine: files only.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.core.recording import repair, sidecar, wav
from edge.media import disk
from edge.vocabulary.ids import CallId, LegId, RecordingId, call_of


class Repaired(NamedTuple):
    """A recording that was interrupted and is complete now; with `error` it could not be repaired and is as it was."""

    recording: RecordingId
    call: CallId
    leg: LegId
    path: str
    duration_ms: int
    size_bytes: int
    sha256: str
    error: str = ""


def repair_all(root: str) -> list[Repaired]:
    """Repair every recording below `root` that has a note of a running recording, and write its sidecar.

    Each is repaired once: its note is taken away at the end. Raises nothing for a single file; its `error` says why.
    """
    return [done for note_path in _notes(root) if (done := _repair_one(note_path)) is not None]


def _notes(root: str) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            if name.endswith(".open"):
                yield Path(folder, name)


def _repair_one(note_path: Path) -> Repaired | None:
    path = note_path.with_suffix(".wav")
    try:
        note = sidecar.decode_note(note_path.read_bytes())
    except OSError:
        return None
    if note is None:  # torn by a power cut before the recording began
        return None
    nothing = Repaired(note.recording, call_of(note.leg), note.leg, str(path), 0, 0, "")
    try:
        if note.channels == 1 and not _said(path):
            disk.discard(str(path))  # a message that nobody got to say
            return None
        made = _finished_already(path) or _restore(path, note)
        disk.complete(str(path), made)
    except OSError as error:
        return nothing._replace(error=error.strerror or str(error))
    return nothing._replace(duration_ms=made.duration_ms, size_bytes=made.size_bytes, sha256=made.sha256)


def _said(path: Path) -> bool:
    """Whether there is anything in a message."""
    files = [file for file in (Path(sidecar.part_path(str(path))), path) if file.exists()]
    return any(wav.frames_in(file.stat().st_size, 1) for file in files)


def _finished_already(path: Path) -> sidecar.Sidecar | None:
    try:
        return sidecar.decode_sidecar(path.with_suffix(".json").read_bytes())
    except FileNotFoundError:
        return None


def _restore(path: Path, note: sidecar.OpenNote) -> sidecar.Sidecar:
    """Bring the file in order and describe it; OSError when that is not possible."""
    # It may be missing: the end came between note and file. Then the recording is empty, and complete.
    part = Path(sidecar.part_path(str(path)))
    fd = os.open(part if part.exists() else path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE)
    try:
        plan = repair.plan(os.pread(fd, wav.HEADER_BYTES, 0), os.fstat(fd).st_size, note.channels)
        if plan is None:
            raise OSError("the file is not a recording of ours")
        os.ftruncate(fd, plan.length)
        if plan.patch:
            disk.write_at(fd, [memoryview(plan.patch.data)], plan.patch.offset)
        os.fsync(fd)
    finally:
        os.close(fd)
    disk.publish(str(path))
    size, digest = disk.sha256_of(str(path))
    return sidecar.finished(
        note, str(path), frames=plan.frames, gaps=(None, None), size_bytes=size, sha256=digest, repaired=True
    )
