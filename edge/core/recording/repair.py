"""What has to be done to a recording that a crash left behind."""

from typing import NamedTuple

from edge.core.recording import wav


class Repair(NamedTuple):
    """Make the file `length` bytes long, then write `patch` (None: the header is right)."""

    frames: int
    length: int
    patch: wav.Patch | None


def plan(head: bytes, file_bytes: int, channels: int = wav.CHANNELS) -> Repair | None:
    """Decide from the first 44 bytes and the length of a file; None: not a recording of ours, leave it alone.

    A header that announces less than is there is raised to it; one that announces more (the samples never reached
    the disk before the power failed) is lowered. Part of a frame at the end is cut off. A file without a
    complete header (empty, or its first block was never written and reads as zeros) gets one of `channels`.
    """
    announced = wav.announced(head)
    if announced is None:
        if not _may_become(head[: wav.HEADER_BYTES], file_bytes, channels):
            return None
        frames = wav.frames_in(file_bytes, channels)
        return Repair(frames, wav.offset_of(frames, channels), wav.Patch(0, wav.header(frames, channels)))
    channels = announced.channels
    frames = wav.frames_in(file_bytes, channels)
    length = wav.offset_of(frames, channels)
    right = min(frames, wav.MAX_DATA_BYTES // (channels * wav.SAMPLE_BYTES))
    return Repair(frames, length, None if announced.frames == right else wav.size_patch(frames, channels))


def _may_become(head: bytes, file_bytes: int, channels: int) -> bool:
    """Whether an incomplete header is one of ours: cut short, or all zeros."""
    if not any(head):
        return True
    return file_bytes < wav.HEADER_BYTES and wav.header(0, channels).startswith(head)
