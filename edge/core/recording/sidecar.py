"""The JSON file beside a recording, and the note that ties a running recording to its call.

`<name>.wav` has `<name>.open` while it is written and `<name>.json` when it is complete. So a recording without
`.json` was interrupted, and its `.open` says whose it is. A message is `<name>.part` until it is complete: nobody who
looks for messages finds half of one.
"""

from pathlib import PurePath
from typing import Literal

import msgspec
from msgspec import Struct

from edge.core.recording import wav
from edge.vocabulary.ids import CallId, LegId, RecordingId, call_of
from edge.vocabulary.wire import json_reader, to_json


class OpenNote(Struct, frozen=True, kw_only=True):
    """What is known when a recording starts."""

    recording: RecordingId
    leg: LegId
    #: RFC 3339, UTC, milliseconds.
    started: str
    #: One: a message of a caller.
    channels: int = wav.CHANNELS


class Sidecar(Struct, frozen=True, kw_only=True):
    """A finished recording. The sum is of the whole file, header included."""

    version: Literal[1] = 1
    recording: RecordingId
    call: CallId
    leg: LegId
    #: File name of the recording, in the same folder.
    file: str
    #: RFC 3339, UTC, milliseconds.
    started: str
    duration_ms: int
    sample_rate: int = wav.RATE
    #: What the channels hold, left first; a message has the first one only.
    channels: tuple[str, ...] = ("leg", "other side")
    #: Missing time a channel, filled with silence; None: not known (repaired after a crash), or no such channel.
    gap_ms_left: int | None
    gap_ms_right: int | None
    size_bytes: int
    sha256: str
    #: It had to stop before its time; `error` says why.
    truncated: bool = False
    error: str = ""
    #: Its end was restored after the appliance was restarted.
    repaired: bool = False


def sidecar_path(recording: str) -> str:
    """`x.wav` -> `x.json`."""
    return str(PurePath(recording).with_suffix(".json"))


def part_path(recording: str) -> str:
    """`x.wav` -> `x.part`: a message that is not complete."""
    return str(PurePath(recording).with_suffix(".part"))


def heard_path(recording: str) -> str:
    """`x.wav` -> `x.heard`: it is there when somebody has listened to a message."""
    return str(PurePath(recording).with_suffix(".heard"))


def open_path(recording: str) -> str:
    """`x.wav` -> `x.open`."""
    return str(PurePath(recording).with_suffix(".open"))


def finished(
    note: OpenNote,
    path: str,
    *,
    frames: int,
    gaps: tuple[int | None, int | None],
    size_bytes: int,
    sha256: str,
    error: str = "",
    repaired: bool = False,
) -> Sidecar:
    """Describe a recording of `frames` frames; `gaps` in frames, left and right."""
    left, right = (None if gap is None else wav.milliseconds(gap) for gap in gaps)
    mono = note.channels == 1
    return Sidecar(
        recording=note.recording,
        call=call_of(note.leg),
        leg=note.leg,
        file=PurePath(path).name,
        started=note.started,
        duration_ms=wav.milliseconds(frames),
        gap_ms_left=left,
        gap_ms_right=None if mono else right,
        channels=("leg",) if mono else ("leg", "other side"),
        size_bytes=size_bytes,
        sha256=sha256,
        truncated=bool(error),
        error=error,
        repaired=repaired,
    )


def encode(value: Sidecar | OpenNote) -> bytes:
    """One line of JSON."""
    return to_json(value) + b"\n"


_read_note = json_reader(OpenNote)
_read_sidecar = json_reader(Sidecar)


def decode_note(data: bytes) -> OpenNote | None:
    """Read the note in `data`, None when it is not one (torn by a power cut)."""
    try:
        return _read_note.decode(data)
    except msgspec.MsgspecError:
        return None


def decode_sidecar(data: bytes) -> Sidecar | None:
    """Read the sidecar in `data`, None when it is not one."""
    try:
        return _read_sidecar.decode(data)
    except msgspec.MsgspecError:
        return None
