"""Files of the recorder: making, writing and finishing them, and watching the room they need.

Everything here blocks as long as the disk does; it runs on the recorder's threads only.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from edge.core.recording import sidecar, wav

FOLDER_MODE = 0o750
FILE_MODE = 0o640
_MIB = 1024 * 1024


def make_folders(folder: Path) -> None:
    """Make `folder` and its missing parents with `FOLDER_MODE` (pathlib gives it to the last one only)."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def create(path: str, note: sidecar.OpenNote) -> int:
    """Make a new recording, valid and empty, and its note; return the descriptor. FileExistsError when it exists."""
    make_folders(Path(path).parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        # Before any sample: a recording whose call is not known would be of no use after a crash.
        _write_note(path, note)
        write_at(fd, [memoryview(wav.header(0, note.channels))], 0)
    except OSError:
        os.close(fd)
        with contextlib.suppress(OSError):
            Path(path).unlink()
        raise
    return fd


def reopen(path: str, note: sidecar.OpenNote) -> int:
    """Go on with a recording that another process had open; it is made when that one did not come so far."""
    if not Path(path).exists():
        return create(path, note)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not Path(sidecar.open_path(path)).exists():
            _write_note(path, note)
        if wav.announced_frames(os.pread(fd, wav.HEADER_BYTES, 0)) is None:
            write_at(fd, [memoryview(wav.header(0, note.channels))], 0)
    except OSError:
        os.close(fd)
        raise
    return fd


def sync_new(path: str, fd: int) -> None:
    """Make a recording that was just made durable, with its name and its note."""
    note = os.open(sidecar.open_path(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(note)
    finally:
        os.close(note)
    os.fsync(fd)
    sync_folder(path)


def write_whole(path: str, data: bytes) -> None:
    """Write a small file that is either there, complete and on disk, or not there (rename)."""
    temporary = f"{path}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        write_at(fd, [memoryview(data)], 0)
        os.fsync(fd)
    except OSError:
        os.close(fd)
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    os.close(fd)
    Path(temporary).replace(path)
    sync_folder(path)


def write_at(fd: int, parts: Sequence[memoryview], offset: int) -> None:
    """Write all bytes of `parts` at `offset`; raises OSError when the disk takes only some of them."""
    rest = [part.cast("B") for part in parts if part.nbytes]
    while rest:
        written = os.pwritev(fd, rest, offset)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        offset += written
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if rest:
            rest[0] = rest[0][written:]


def announce(fd: int, frames: int, channels: int = wav.CHANNELS) -> None:
    """Raise the header's sizes to `frames`; the samples must have been written before."""
    patch = wav.size_patch(frames, channels)
    write_at(fd, [memoryview(patch.data)], patch.offset)


def seal(fd: int, frames: int, channels: int = wav.CHANNELS) -> None:
    """Give a recording of `frames` frames its final length and header, and make it durable."""
    length = wav.offset_of(frames, channels)
    if os.fstat(fd).st_size != length:  # part of a write that failed, or a hole at the end
        os.ftruncate(fd, length)
    announce(fd, frames, channels)
    os.fsync(fd)


def publish(path: str) -> None:
    """Give a message its name, now that all of it is there and on disk; nothing when it has it."""
    part = Path(sidecar.part_path(path))
    if part.exists():
        part.replace(path)
        sync_folder(path)


def discard(path: str) -> None:
    """Delete a message with all that lies beside it."""
    beside = (sidecar.part_path, sidecar.sidecar_path, sidecar.open_path, sidecar.heard_path)
    for name in (path, *(name_of(path) for name_of in beside)):
        Path(name).unlink(missing_ok=True)


def sync_folder(path: str) -> None:
    """Make the name of `path` durable."""
    fd = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sha256_of(path: str) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return os.fstat(file.fileno()).st_size, digest.hexdigest()


def complete(path: str, made: sidecar.Sidecar) -> None:
    """Write the sidecar and take the note of the running recording away, in this order."""
    write_whole(sidecar.sidecar_path(path), sidecar.encode(made))
    Path(sidecar.open_path(path)).unlink(missing_ok=True)


def trouble(root: str, reserve_mb: int, *, probe: bool) -> str:
    """Tell why nothing should be recorded below `root`; empty: all is well.

    With `probe` a file is written to see whether the disk takes data again.
    """
    try:
        make_folders(Path(root))
        found = os.statvfs(root)
        free_mb = found.f_bavail * found.f_frsize // _MIB
        if found.f_flag & os.ST_RDONLY:
            return f"{root} is read-only"
        if free_mb < reserve_mb:
            return f"{free_mb} MiB free at {root}, {reserve_mb} MiB are reserved"
        if probe:
            name = str(Path(root) / ".probe")
            write_whole(name, bytes(4096))
            Path(name).unlink()
    except OSError as error:
        return f"{root}: {error.strerror or error}"
    return ""


def _write_note(path: str, note: sidecar.OpenNote) -> None:
    """Write the note, not yet durable: many recordings may start at once, and the disk must not hold them up."""
    fd = os.open(sidecar.open_path(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        write_at(fd, [memoryview(sidecar.encode(note))], 0)
    finally:
        os.close(fd)
