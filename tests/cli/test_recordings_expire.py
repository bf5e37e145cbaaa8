"""What is old goes, whole, and nothing else does."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli import main
from edge.core.recording import sidecar
from edge.vocabulary.ids import LegId, RecordingId


@pytest.fixture
def site(tmp_path: Path) -> Path:
    menus = tmp_path / "menus"
    menus.mkdir()
    (menus / "main.yaml").write_text("version: 1\nstart: bye\nnodes:\n  bye:\n    hang_up:\n")
    file = tmp_path / "site.toml"
    file.write_text(
        f"""
name = "box"
[paths]
state = "{tmp_path}/state"
recordings = "{tmp_path}/recordings"
menus = "{menus}"
[sip]
address = "127.0.0.1"
[recording]
keep_days = 30
"""
    )
    return file


def recorded(site: Path, name: str, days_ago: float, *, length: timedelta = timedelta(seconds=1)) -> Path:
    began = datetime.now(UTC) - timedelta(days=days_ago) - length
    folder = site.parent / "recordings" / began.strftime("%Y/%m/%d")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav"
    path.write_bytes(b"x" * 1000)
    stamp = began.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    note = sidecar.OpenNote(recording=RecordingId(name), leg=LegId("c1.1"), started=stamp)
    frames = int(length.total_seconds() * 8000)
    done = sidecar.finished(note, str(path), frames=frames, gaps=(0, 0), size_bytes=1000, sha256="0" * 64)
    path.with_suffix(".json").write_bytes(sidecar.encode(done))
    return path


def run(site: Path, *more: str) -> int:
    return main(["recordings", "expire", "--config", str(site), *more])


def test_what_is_older_goes_with_all_its_files(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = recorded(site, "c1.r1", 31), recorded(site, "c2.r1", 29)
    # A name that begins alike is another recording's.
    alike = old.with_name("c1.wav")
    alike.write_bytes(b"an orphan, or one that is being written")
    assert run(site, "--json") == 0
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["recording"], line["path"], line["size_bytes"]) == ("c1.r1", str(old), 1000)
    assert not old.exists()
    assert not old.with_suffix(".json").exists()
    assert new.exists()
    assert new.with_suffix(".json").exists()
    assert alike.exists()


def test_the_end_counts(site: Path) -> None:
    long = recorded(site, "long", 29.9, length=timedelta(days=1))
    assert run(site) == 0
    assert long.exists()


def test_a_dry_run_deletes_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = recorded(site, "old", 31)
    assert run(site, "--dry-run") == 0
    assert old.exists()
    assert "1 would be deleted" in capsys.readouterr().out


def test_what_a_kill_left_goes_the_next_time(site: Path) -> None:
    old = recorded(site, "old", 31)
    old.unlink()
    assert run(site) == 0
    assert not old.with_suffix(".json").exists()


def test_messages_of_mailboxes_have_rules_of_their_own(site: Path) -> None:
    old = recorded(site, "old", 31)
    box = site.parent / "recordings/voicemail/desk/2026/01/01"
    box.parent.mkdir(parents=True)
    shutil.copytree(old.parent, box)
    assert run(site) == 0
    assert not old.exists()
    assert (box / "old.wav").exists()


def test_empty_folders_go_and_todays_stays(site: Path) -> None:
    old = recorded(site, "old", 400)
    today = site.parent / "recordings" / datetime.now(UTC).strftime("%Y/%m/%d")
    today.mkdir(parents=True)
    assert run(site) == 0
    assert not old.parent.parent.parent.exists()
    assert today.exists()


def test_without_a_limit_everything_stays(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = recorded(site, "old", 4000)
    assert run(site, "--keep-days", "0") == 0
    assert old.exists()
    assert "kept for ever" in capsys.readouterr().out
    assert run(site, "--keep-days", "-1") == 2


def test_what_cannot_be_deleted_is_told(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = recorded(site, "old", 31)
    old.unlink()
    old.mkdir()  # a folder is no file, not even for root
    assert run(site) == 1
    assert str(old.with_suffix(".json")) in capsys.readouterr().err
    assert old.with_suffix(".json").exists()
