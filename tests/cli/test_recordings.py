import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli import main
from edge.core.recording import sidecar, wav
from edge.vocabulary.ids import LegId, RecordingId


def record(state: Path, name: str, frames: int = 800, *, repaired: bool = False) -> Path:
    folder = state / "recordings/2026/11/21"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav"
    size = frames * wav.FRAME_BYTES
    path.write_bytes(wav.header(frames) + (bytes(range(256)) * (size // 256 + 1))[:size])
    note = sidecar.OpenNote(recording=RecordingId(name), leg=LegId("c1.1"), started="2026-11-21T19:00:00.000Z")
    data = path.read_bytes()
    finished = sidecar.finished(
        note,
        str(path),
        frames=frames,
        gaps=(0, 0),
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        repaired=repaired,
    )
    Path(sidecar.sidecar_path(str(path))).write_bytes(sidecar.encode(finished))
    return path


def verified(state: Path, capsys: pytest.CaptureFixture[str], code: int) -> list[dict[str, object]]:
    assert main(["recordings", "verify", "--json", "--state", str(state)]) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_recordings_that_are_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, "a")
    record(tmp_path, "b", repaired=True)
    lines = verified(tmp_path, capsys, 0)
    assert [(line["ok"], line["state"]) for line in lines] == [(True, "complete"), (True, "truncated")]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def no_header(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def no_sidecar(path: Path) -> None:
    Path(sidecar.sidecar_path(str(path))).unlink()


def torn_sidecar(path: Path) -> None:
    note = Path(sidecar.sidecar_path(str(path)))
    note.write_bytes(note.read_bytes()[:40])


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (flip, "SHA-256"),
        (cut, "the sidecar says"),
        (no_header, "header is not that"),
        (no_sidecar, "no readable sidecar"),
        (torn_sidecar, "no readable sidecar"),
    ],
)
def test_each_harm_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None], fault: str
) -> None:
    record(tmp_path, "good")
    harm(record(tmp_path, "harmed"))
    good, harmed = verified(tmp_path, capsys, 1)
    assert good["ok"] is True
    assert harmed["ok"] is False
    assert fault in str(harmed["faults"])


def test_a_running_recording_is_not_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record(tmp_path, "a")
    no_sidecar(path)
    Path(sidecar.open_path(str(path))).write_text("{}")
    assert [(line["ok"], line["state"]) for line in verified(tmp_path, capsys, 0)] == [(True, "running")]


def test_a_list_for_people_and_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, "a")
    path = record(tmp_path, "b", 1600)
    assert main(["recordings", "list", "--json", "--limit", "1", "--state", str(tmp_path)]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["path"], line["call"], line["duration_ms"], line["state"]) == (str(path), "c1", 200, "complete")
    assert main(["recordings", "list", "--state", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].split() == ["2026-11-21T19:00:00.000Z", "c1", "0.2s", "6444", "complete", str(path)]


def test_no_recordings_are_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(tmp_path, capsys, 0) == []
