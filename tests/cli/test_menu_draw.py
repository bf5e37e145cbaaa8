import shutil
from pathlib import Path

import pytest

from edge.app.demo import SITE_FILE
from edge.cli import main
from tests.cli.ledger import Ledger


def enter(ledger: Ledger, call: str, version: str, *nodes: str) -> None:
    for node in nodes:
        ledger.event(call, "menu.node_entered", menu="main", menu_version=version + "ffffffff", node=node, kind="play")


def test_pictures_of_graphviz(tmp_path: Path) -> None:
    assert main(["menu", "draw", "main", "--demo", "-o", str(tmp_path / "menu.png")]) == 0
    assert (tmp_path / "menu.png").read_bytes().startswith(b"\x89PNG")
    assert (
        main(["menu", "draw", str(SITE_FILE.parent / "menus/main.yaml"), "--demo", "-o", str(tmp_path / "m.svg")]) == 0
    )
    assert "Welcome to the demo" in (tmp_path / "m.svg").read_text()


def test_stats_are_of_the_calls_on_one_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger(tmp_path / "state")
    enter(ledger, "c1", "aaaaaaaa", "welcome", "main", "about")
    ledger.event("c1", "call.ended", end={"ended_by": "caller"})
    enter(ledger, "c2", "aaaaaaaa", "welcome", "main")
    enter(ledger, "c3", "bbbbbbbb", "welcome")
    ledger.store.close()
    options = ["menu", "draw", "main", "--demo", "--state", str(ledger.folder), "--stats"]
    assert main([*options, "--version", "aaaa"]) == 0
    drawn = capsys.readouterr().out
    assert ": 2 calls" in drawn
    assert "about<br/>play<br/>" in drawn
    assert "1 entered, 1 hung up" in drawn
    assert main([*options, "--version", "aaaa", "--since", "2026-11-22"]) == 2, "no call since"
    assert main([*options, "--version", "aaaa", "--since", "36500d"]) == 0
    assert main([*options, "--since", "soon"]) == 2
    capsys.readouterr()
    assert main(options) == 0, "no call ran on the file's own version: drawn with zeros, and told"
    assert "aaaaaaaa (2 calls), bbbbbbbb (1 calls)" in capsys.readouterr().err


def test_what_can_not_be_drawn_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["menu", "draw", "mian", "--demo"]) == 2
    assert "did you mean 'main'" in capsys.readouterr().err
    assert main(["menu", "draw", "main", "--demo", "-o", str(tmp_path / "m.gif")]) == 2
    assert main(["menu", "draw", "main", "--demo", "--since", "7d"]) == 2
    broken = tmp_path / "broken.yaml"
    shutil.copy(SITE_FILE.parent / "menus/main.yaml", broken)
    broken.write_text(broken.read_text().replace("failed: no_answer", "failed: nowhere"))
    capsys.readouterr()
    assert main(["menu", "draw", str(broken), "--demo"]) == 78
    assert "there is no node 'nowhere'" in capsys.readouterr().err
    assert main(["menu", "draw", "main", "--demo", "-o", str(tmp_path / "no/such/m.mmd")]) == 1
    monkeypatch.setenv("PATH", str(tmp_path))
    capsys.readouterr()
    assert main(["menu", "draw", "main", "--demo", "-o", str(tmp_path / "m.svg")]) == 1
    assert "apt install graphviz" in capsys.readouterr().err
