"""Layout of a recording: RIFF/WAVE, linear PCM 16 bit, 8 kHz, with the canonical header of 44 bytes.

Recordings of calls are stereo, messages of callers mono. The file is valid at every instant: samples are written first
and the sizes in the header are raised afterwards, so the header never promises more than is there, and whatever follows
the promised samples is ignored by readers. Unit here is the *frame*: one sample of each channel, 125 microseconds.
"""

import struct
from typing import NamedTuple

RATE = 8000
#: Of a call's recording; a message has one.
CHANNELS = 2
SAMPLE_BYTES = 2
#: Of a call's recording.
FRAME_BYTES = CHANNELS * SAMPLE_BYTES
HEADER_BYTES = 44

#: Sizes are 32 bit (RIFF 1.0). The RIFF size counts 36 bytes of the header too; the largest data size is a whole number
#: of frames, of either kind. A longer file (37 hours) keeps its samples on disk, and readers play up to here.
MAX_DATA_BYTES = (0xFFFFFFFF - 36) // FRAME_BYTES * FRAME_BYTES

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class Patch(NamedTuple):
    """Bytes to be written at `offset`."""

    offset: int
    data: bytes


def _format(channels: int) -> tuple[bytes, int, int, int, int, int, int, int]:
    width = channels * SAMPLE_BYTES
    return b"fmt ", 16, 1, channels, RATE, RATE * width, width, 8 * SAMPLE_BYTES


def header(frames: int, channels: int = CHANNELS) -> bytes:
    """Make the 44 bytes that announce `frames` frames (clamped to what 32 bits can say)."""
    data_bytes = min(frames * channels * SAMPLE_BYTES, MAX_DATA_BYTES)
    return _HEADER.pack(b"RIFF", data_bytes + 36, b"WAVE", *_format(channels), b"data", data_bytes)


def size_patch(frames: int, channels: int = CHANNELS) -> Patch:
    """Tell what to write, in one piece, so that the header announces `frames` frames."""
    return Patch(4, header(frames, channels)[4:])


def offset_of(frame: int, channels: int = CHANNELS) -> int:
    """Byte offset of frame `frame` (absolute, from the start of the recording)."""
    return HEADER_BYTES + frame * channels * SAMPLE_BYTES


def frames_in(file_bytes: int, channels: int = CHANNELS) -> int:
    """Whole frames in a file of `file_bytes` bytes."""
    return max(0, file_bytes - HEADER_BYTES) // (channels * SAMPLE_BYTES)


def milliseconds(frames: int) -> int:
    """Duration of `frames` frames."""
    return frames * 1000 // RATE


class Announced(NamedTuple):
    """What a header says."""

    frames: int
    channels: int


def announced(head: bytes) -> Announced | None:
    """Read a header; None when these are not the first bytes of one of our recordings."""
    if len(head) < HEADER_BYTES:
        return None
    riff, riff_bytes, wave, *form, data, data_bytes = _HEADER.unpack_from(head)
    channels = form[3]
    if (
        (riff, wave, data) != (b"RIFF", b"WAVE", b"data")
        or channels not in {1, CHANNELS}
        or tuple(form) != _format(channels)
        or riff_bytes != data_bytes + 36
    ):
        return None
    return Announced(int(data_bytes) // (channels * SAMPLE_BYTES), channels)


def announced_frames(head: bytes) -> int | None:
    """Frames that the header announces; None when these are not the first bytes of one of our recordings."""
    found = announced(head)
    return found.frames if found is not None else None
