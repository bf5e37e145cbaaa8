import os
from pathlib import Path

import pytest

from edge.core.recording import sidecar, wav
from edge.core.recording.sidecar import OpenNote
from edge.media import disk
from edge.vocabulary.ids import LegId, RecordingId

NOTE = OpenNote(recording=RecordingId("r"), leg=LegId("call.2"), started="2026-11-21T19:00:00.000Z")


def test_a_new_recording_is_valid_at_once_and_has_its_note(tmp_path: Path) -> None:
    path = tmp_path / "a/b/r.wav"
    os.close(disk.create(str(path), NOTE))
    assert path.read_bytes() == wav.header(0)
    assert path.with_suffix(".open").exists()
    with pytest.raises(FileExistsError):
        disk.create(str(path), NOTE)


def test_parts_are_written_one_behind_the_other(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    disk.write_at(fd, [memoryview(b"abc"), memoryview(b"def")], 2)
    assert os.pread(fd, 100, 0) == b"\0\0abcdef"
    os.close(fd)


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals and full disks make short writes; the kernel's own are not to be had at will."""
    real = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda fd, parts, offset: real(fd, [parts[0][:1]], offset))
    fd = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    disk.write_at(fd, [memoryview(b"abc"), memoryview(b""), memoryview(b"def")], 0)
    assert os.pread(fd, 100, 0) == b"abcdef"
    os.close(fd)


def test_a_full_disk_is_an_error() -> None:
    fd = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(OSError, match="No space left"):
        disk.write_at(fd, [memoryview(b"abc")], 0)
    os.close(fd)


def test_a_small_file_is_whole_or_not_there(tmp_path: Path) -> None:
    disk.write_whole(str(tmp_path / "x"), b"abc")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    (tmp_path / "y").mkdir()
    with pytest.raises(OSError, match="directory"):
        disk.write_whole(str(tmp_path / "y"), b"abc")


@pytest.mark.parametrize("there", [0, 3, 10, 13])
def test_sealing_gives_the_final_length(tmp_path: Path, there: int) -> None:
    path = str(tmp_path / "r.wav")
    fd = disk.create(path, NOTE)
    disk.write_at(fd, [memoryview(bytes(range(1, there + 1)))], 44)
    disk.seal(fd, 2)
    os.close(fd)
    assert Path(path).read_bytes() == wav.header(2) + bytes(range(1, there + 1))[:8].ljust(8, b"\0")


def test_trouble_names_the_place(tmp_path: Path) -> None:
    assert disk.trouble(str(tmp_path / "new/folder"), 0, probe=True) == ""
    assert (tmp_path / "new/folder").is_dir()
    assert "reserved" in disk.trouble(str(tmp_path), 10**9, probe=False)
    (tmp_path / "file").write_bytes(b"")
    assert str(tmp_path / "file") in disk.trouble(str(tmp_path / "file/below"), 0, probe=True)
    assert list((tmp_path / "new/folder").iterdir()) == []


def test_the_note_of_a_recording_stays_until_its_sidecar_is_there(tmp_path: Path) -> None:
    """Else a kill between the two leaves a recording that nobody knows to be unfinished."""
    path = tmp_path / "r.wav"
    os.close(disk.create(str(path), NOTE))
    made = sidecar.finished(NOTE, str(path), frames=0, gaps=(0, 0), size_bytes=44, sha256="", error="")
    path.with_suffix(".json").mkdir()
    with pytest.raises(OSError, match="directory"):
        disk.complete(str(path), made)
    assert path.with_suffix(".open").exists()
    path.with_suffix(".json").rmdir()
    disk.complete(str(path), made)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.json", "r.wav"]
