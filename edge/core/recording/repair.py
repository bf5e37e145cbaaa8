"""What has to be done to a recording that a crash left behind."""

from typing import NamedTuple

from edge.core.recording import wav


class Repair(NamedTuple):
    """Make the file `length` bytes long, then write `patch` (None: the header is right)."""

    frames: int
    length: int
    patch: wav.Patch | None


def plan(head: bytes, file_bytes: int) -> Repair | None:
    """Decide from the first 44 bytes and the length of a file; None: not a recording of ours, leave it alone.

    A header that announces less than is there is raised to it; one that announces more (the samples never reached
    the disk before the power failed) is lowered. Part of a frame at the end is cut off. A file without a
    complete header (empty, or its first block was never written and reads as zeros) gets one.
    """
    frames = wav.frames_in(file_bytes)
    announced = wav.announced_frames(head)
    if announced is None:
        full = wav.header(frames)
        if not _may_become(head[: wav.HEADER_BYTES], file_bytes):
            return None
        return Repair(frames, wav.offset_of(frames), wav.Patch(0, full))
    length = wav.offset_of(frames)
    right = min(frames, wav.MAX_DATA_BYTES // wav.FRAME_BYTES)
    return Repair(frames, length, None if announced == right else wav.size_patch(frames))


def _may_become(head: bytes, file_bytes: int) -> bool:
    """Whether an incomplete header is one of ours: cut short, or all zeros."""
    if not any(head):
        return True
    return file_bytes < wav.HEADER_BYTES and wav.header(0).startswith(head)
