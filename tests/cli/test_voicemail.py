import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.cli import main
from edge.core.recording import sidecar, wav
from edge.vocabulary.ids import LegId, RecordingId


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "menus").mkdir()
    file = tmp_path / "site.toml"
    file.write_text(
        'name = "s"\n[paths]\nstate = "state"\nrecordings = "rec"\nmenus = "menus"\n'
        '[[mailboxes]]\nname = "sales"\n[[mailboxes]]\nname = "desk"\nfolder = "desk"\n'
    )
    return file


def left(folder: Path, name: str, frames: int = 8000, *, started: str = "2026-11-22T10:00:00.000Z") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav"
    path.write_bytes(wav.header(frames, 1) + bytes(2 * frames))
    call = name.rpartition("-")[0]
    note = sidecar.OpenNote(recording=RecordingId(name), leg=LegId(f"{call}.1"), started=started, channels=1)
    data = path.read_bytes()
    made = sidecar.finished(
        note,
        str(path),
        frames=frames,
        gaps=(0, 0),
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    Path(sidecar.sidecar_path(str(path))).write_bytes(sidecar.encode(made))
    return path


def listed(site: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["voicemail", "list", *arguments, "--json", "--config", str(site)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_messages_of_all_mailboxes_the_oldest_first(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = left(site.parent / "rec/voicemail/sales", "c2-m1", started="2026-11-22T11:00:00.000Z")
    left(site.parent / "desk", "c1-m1")
    late.with_name("c3-m1.part").write_bytes(wav.header(0, 1))
    lines = listed(site, capsys)
    assert [(one["message"], one["mailbox"], one["duration_ms"]) for one in lines] == [
        ("c1-m1", "desk", 1000),
        ("c2-m1", "sales", 1000),
    ]
    assert [one["message"] for one in listed(site, capsys, "sales")] == ["c2-m1"]
    assert main(["voicemail", "list", "sails", "--config", str(site)]) == 2
    assert "did you mean 'sales'" in capsys.readouterr().err
    assert main(["recordings", "verify", "--config", str(site)]) == 0


def test_who_left_it_is_known_while_the_call_is(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left(site.parent / "desk", "c1-m1")
    (site.parent / "state").mkdir()
    with closing(sqlite3.connect(site.parent / "state/state.db")) as db:
        columns = (
            "id state boot direction trunk caller called menu menu_version menu_key started answered ended outcome"
        )
        columns += " ended_by sip_code duration_ms answered_ms recordings"
        names = columns.split()
        db.execute(f"CREATE TABLE calls ({', '.join(names)})")
        values = {"id": "c1", "caller": "+15550100"}
        db.execute(f"INSERT INTO calls VALUES ({', '.join('?' * len(names))})", [values.get(name) for name in names])
        db.commit()
    assert [one["caller"] for one in listed(site, capsys)] == ["+15550100"]


def test_played_is_heard(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = left(site.parent / "desk", "c1-m1")
    player = tmp_path / "player"
    player.write_text(f'#!/bin/sh\necho "$1" >{tmp_path}/played\nexit $(cat {tmp_path}/code)\n')
    player.chmod(0o755)
    play = ["voicemail", "play", "c1-m1", "--with", str(player), "--config", str(site)]
    (tmp_path / "code").write_text("3")
    assert main(play) == 1
    assert [one["heard"] for one in listed(site, capsys, "--new")] == [False]
    (tmp_path / "code").write_text("0")
    assert main(play) == 0
    assert (tmp_path / "played").read_text().strip() == str(path)
    assert listed(site, capsys, "--new") == []
    assert [one["heard"] for one in listed(site, capsys)] == [True]
    assert main(["voicemail", "play", "c1-m1", "--with", str(tmp_path / "none"), "--config", str(site)]) == 1


def test_shown_and_deleted(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = left(site.parent / "desk", "c1-m1")
    Path(sidecar.heard_path(str(path))).touch()
    assert main(["voicemail", "show", "c1-m1", "--json", "--config", str(site)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["path"], shown["heard"], shown["channels"]) == (str(path), True, ["leg"])
    assert main(["voicemail", "delete", "c1-m1", "c9-m1", "--config", str(site)]) == 1
    assert list(path.parent.iterdir()) == []
    assert main(["voicemail", "show", "c1-m1", "--config", str(site)]) == 1


def test_how_full_mailboxes_are(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = site.read_text().replace('name = "desk"', 'name = "desk"\nmax_messages = 2\nmax_minutes = 3')
    site.write_text(text.replace('name = "sales"', 'name = "sales"\nmax_minutes = 10'))
    left(site.parent / "rec/voicemail/sales", "c2-m1", frames=8000 * 90)

    def shown() -> list[dict[str, object]]:
        assert main(["voicemail", "mailboxes", "--json", "--config", str(site)]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    left(site.parent / "desk", "c1-m1")
    sales, desk = shown()
    assert sales == {
        "mailbox": "sales", "messages": 1, "max_messages": 0, "minutes": 1.5, "max_minutes": 10, "filled": 0.15,
        "full": False,
    }  # fmt: skip
    assert (desk["filled"], desk["full"]) == (0.5, False)
    left(site.parent / "desk", "c3-m1")
    assert [one["full"] for one in shown()] == [False, True]
    assert main(["voicemail", "mailboxes", "--config", str(site)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["sales", "1", "1.5", "of", "10", "15%"], ["desk", "2", "of", "2", "0.0", "of", "3", "FULL"]]
    assert main(["voicemail", "delete", "c3-m1", "--config", str(site)]) == 0
    assert [one["full"] for one in shown()] == [False, False]
