"""`edge recordings list | verify | expire`: what there is, whether it is what was written, what may go."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from cyclopts import App
from msgspec import Struct

from edge.cli.output import BAD, FINE, print_json, print_table, seconds
from edge.cli.recordings_expire import expire
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    LimitOption,
    StateOption,
    UsageError,
    failed,
    folders,
)
from edge.core.recording import sidecar, wav

State = Literal["complete", "truncated", "running", "orphan"]


class Recording(Struct, kw_only=True):
    """A WAV file and what is noted about it."""

    path: str
    state: State
    size_bytes: int
    note: sidecar.Sidecar | None


def register(app: App) -> None:
    """Add the commands."""
    recordings = App(name="recordings", help="Recordings: list them, verify them, delete what is old.")
    recordings.command(list_recordings, name="list")
    recordings.command(verify, name="verify")
    recordings.command(expire, name="expire")
    app.command(recordings)


def find(root: Path) -> Iterator[Recording]:
    """Walk through the recordings, oldest day first."""
    for path in sorted(root.rglob("*.wav")):
        try:
            size = path.stat().st_size
            data = Path(sidecar.sidecar_path(str(path))).read_bytes()
        except FileNotFoundError:
            if not path.exists():
                continue
            running = Path(sidecar.open_path(str(path))).exists()
            yield Recording(path=str(path), state="running" if running else "orphan", size_bytes=size, note=None)
            continue
        note = sidecar.decode_sidecar(data)
        state: State = "orphan" if note is None else "truncated" if note.truncated or note.repaired else "complete"
        yield Recording(path=str(path), state=state, size_bytes=size, note=note)


def faults(recording: Recording) -> list[str]:
    """Compare a finished recording with its sidecar, bit by bit; empty: it is what was written."""
    note = recording.note
    if recording.state == "running":
        return []
    if note is None:
        return ["has no readable sidecar"]
    path = Path(recording.path)
    found: list[str] = []
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            head = file.read(wav.HEADER_BYTES)
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    if recording.size_bytes != note.size_bytes:
        found.append(f"has {recording.size_bytes} bytes, the sidecar says {note.size_bytes}")
    if digest != note.sha256:
        found.append("its SHA-256 is not that of the sidecar")
    said = wav.announced(head)
    if said is None:
        found.append("its header is not that of our recordings")
    elif wav.milliseconds(said.frames) != note.duration_ms:
        found.append(f"its header says {wav.milliseconds(said.frames)} ms, the sidecar {note.duration_ms} ms")
    elif recording.size_bytes < wav.offset_of(*said):
        found.append("is shorter than its header says")
    return found


def _select(config: Path | None, state: Path | None, limit: int, *, demo: bool) -> list[Recording]:
    _, root = folders(config, demo=demo, state=state)
    every = list(find(root))
    return every[-limit:] if limit > 0 else every


def list_recordings(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    limit: LimitOption = 0,
    json: JsonOption = False,
) -> int:
    """List recordings with what their sidecars say."""
    try:
        recordings = _select(config, state, limit, demo=demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    if json:
        for one in recordings:
            print_json(one_line(one))
    else:
        rows = [
            (
                one.note.started if one.note else "",
                one.note.call if one.note else "",
                seconds(one.note.duration_ms) if one.note else "",
                one.size_bytes,
                one.state,
                one.path,
            )
            for one in recordings
        ]
        print_table(("started", "call", "length", "bytes", "state", "file"), rows, right=("length", "bytes"))
    return FINE


def one_line(recording: Recording) -> dict[str, object]:
    """Put a recording in one JSON object: the sidecar's fields, the path and the state."""
    from msgspec import structs

    note = structs.asdict(recording.note) if recording.note else {}
    return {**note, "path": recording.path, "state": recording.state, "size_bytes": recording.size_bytes}


def verify(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    limit: LimitOption = 0,
    json: JsonOption = False,
) -> int:
    """Check each recording against its sidecar: size, SHA-256, header. Exit code 1: at least one differs."""
    try:
        recordings = _select(config, state, limit, demo=demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    results = [(one, faults(one)) for one in recordings]
    if json:
        for one, wrong in results:
            print_json({"path": one.path, "state": one.state, "ok": not wrong, "faults": wrong})
    else:
        rows = [
            (
                "ok" if not wrong else "BAD",
                seconds(one.note.duration_ms) if one.note else "",
                one.path,
                "; ".join(wrong),
            )
            for one, wrong in results
        ]
        print_table(("", "length", "file", "fault"), rows, right=("length",))
        bad = sum(1 for _, wrong in results if wrong)
        print(f"{len(results)} verified, {bad} bad")
    return BAD if any(wrong for _, wrong in results) else FINE
