import json
import wave
from hashlib import sha256
from pathlib import Path

import pytest

from edge.core.recording import sidecar, wav
from edge.media import disk
from edge.media.repair import repair_all
from edge.vocabulary.ids import LegId, RecordingId

NOTE = sidecar.OpenNote(recording=RecordingId("r"), leg=LegId("call.2"), started="2026-11-21T19:00:00.000Z")
SAMPLES = bytes(range(200)) * 4


def interrupted(folder: Path, content: bytes | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "r.wav"
    path.with_suffix(".open").write_bytes(sidecar.encode(NOTE))
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "frames"),
    [
        (wav.header(0) + SAMPLES, 200),
        (wav.header(150) + SAMPLES + b"xy", 200),
        (wav.header(100000) + SAMPLES, 200),
        (bytes(44) + SAMPLES, 200),
        (wav.header(0), 0),
        (wav.header(0)[:20], 0),
        (b"", 0),
        (None, 0),
    ],
)
def test_an_interrupted_recording_plays_to_its_last_frame(tmp_path: Path, content: bytes | None, frames: int) -> None:
    path = interrupted(tmp_path / "2026/11/21", content)
    [done] = repair_all(str(tmp_path))
    with wave.open(str(path)) as read:
        assert read.readframes(10**6) == SAMPLES[: frames * 4]
    assert (done.recording, done.call, done.leg, done.path) == ("r", "call", "call.2", str(path))
    assert (done.duration_ms, done.size_bytes, done.error) == (frames // 8, 44 + frames * 4, "")
    assert done.sha256 == sha256(path.read_bytes()).hexdigest()
    side = json.loads(path.with_suffix(".json").read_text())
    assert (side["repaired"], side["gap_ms_left"], side["sha256"]) == (True, None, done.sha256)
    assert repair_all(str(tmp_path)) == []


def test_a_recording_that_was_complete_is_reported_as_it_was(tmp_path: Path) -> None:
    path = interrupted(tmp_path, wav.header(200) + SAMPLES)
    made = sidecar.finished(NOTE, str(path), frames=200, gaps=(8, 0), size_bytes=844, sha256="ab")
    path.with_suffix(".json").write_bytes(sidecar.encode(made))
    [done] = repair_all(str(tmp_path))
    assert (done.duration_ms, done.sha256) == (25, "ab")
    assert sidecar.decode_sidecar(path.with_suffix(".json").read_bytes()) == made
    assert not path.with_suffix(".open").exists()


def test_what_is_no_recording_is_left_alone_and_told(tmp_path: Path) -> None:
    path = interrupted(tmp_path, b"somebody else's file, of more than 44 bytes in all")
    before = path.read_bytes()
    [done] = repair_all(str(tmp_path))
    assert "not a recording" in done.error
    assert path.read_bytes() == before
    assert not path.with_suffix(".json").exists()


def test_torn_notes_and_finished_recordings_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "torn.open").write_bytes(sidecar.encode(NOTE)[:20])
    (tmp_path / "done.wav").write_bytes(wav.header(0))
    (tmp_path / "done.json").write_bytes(b"{}")
    assert repair_all(str(tmp_path)) == []
    assert repair_all(str(tmp_path / "none")) == []


def test_one_that_cannot_be_repaired_does_not_stop_the_others(tmp_path: Path) -> None:
    interrupted(tmp_path / "a", None)
    (tmp_path / "a" / "r.wav").mkdir()
    interrupted(tmp_path / "b", wav.header(0) + SAMPLES)
    a, b = sorted(repair_all(str(tmp_path)), key=lambda done: done.path)
    assert "directory" in a.error
    assert (b.error, b.duration_ms) == ("", 25)


def test_the_recorders_own_files_are_what_is_repaired(tmp_path: Path) -> None:
    path = str(tmp_path / "r.wav")
    fd = disk.create(path, NOTE)
    disk.write_at(fd, [memoryview(SAMPLES)], 44)
    [done] = repair_all(str(tmp_path))
    assert done.duration_ms == 25
