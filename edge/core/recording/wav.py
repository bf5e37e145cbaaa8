"""Layout of a recording: RIFF/WAVE, linear PCM 16 bit, stereo, 8 kHz, with the canonical header of 44 bytes.

The file is valid at every instant: samples are written first and the sizes in the header are raised afterwards, so
the header never promises more than is there, and whatever follows the promised samples is ignored by readers.
Unit here is the *frame*: one sample of each channel, 4 bytes, 125 microseconds.
"""

import struct
from typing import NamedTuple

RATE = 8000
CHANNELS = 2
FRAME_BYTES = 4
HEADER_BYTES = 44

#: Sizes are 32 bit (RIFF 1.0). The RIFF size counts 36 bytes of the header too; the largest data size is a whole number
#: of frames. A longer file (37 hours) keeps its samples on disk, and readers play up to here.
MAX_DATA_BYTES = (0xFFFFFFFF - 36) // FRAME_BYTES * FRAME_BYTES

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FORMAT = struct.Struct("<4sIHHIIHH")
_FORMAT_CHUNK = (b"fmt ", 16, 1, CHANNELS, RATE, RATE * FRAME_BYTES, FRAME_BYTES, 16)


class Patch(NamedTuple):
    """Bytes to be written at `offset`."""

    offset: int
    data: bytes


def header(frames: int) -> bytes:
    """Make the 44 bytes that announce `frames` frames (clamped to what 32 bits can say)."""
    data_bytes = min(frames * FRAME_BYTES, MAX_DATA_BYTES)
    return _HEADER.pack(b"RIFF", data_bytes + 36, b"WAVE", *_FORMAT_CHUNK, b"data", data_bytes)


def size_patch(frames: int) -> Patch:
    """Tell what to write, in one piece, so that the header announces `frames` frames."""
    return Patch(4, header(frames)[4:])


def offset_of(frame: int) -> int:
    """Byte offset of frame `frame` (absolute, from the start of the recording)."""
    return HEADER_BYTES + frame * FRAME_BYTES


def frames_in(file_bytes: int) -> int:
    """Whole frames in a file of `file_bytes` bytes."""
    return max(0, file_bytes - HEADER_BYTES) // FRAME_BYTES


def milliseconds(frames: int) -> int:
    """Duration of `frames` frames."""
    return frames * 1000 // RATE


def announced_frames(head: bytes) -> int | None:
    """Frames that the header announces; None when these are not the first bytes of one of our recordings."""
    if len(head) < HEADER_BYTES:
        return None
    riff, riff_bytes, wave, *form, data, data_bytes = _HEADER.unpack_from(head)
    if (
        (riff, wave, data) != (b"RIFF", b"WAVE", b"data")
        or tuple(form) != _FORMAT_CHUNK
        or riff_bytes != data_bytes + 36
    ):
        return None
    return int(data_bytes) // FRAME_BYTES
