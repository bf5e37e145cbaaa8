"""`edge menu versions | diff` on a state folder, and `rollback`, `release` where no appliance runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.cli.ledger import Ledger
from tests.config.box import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Two versions, and calls on both."""
    box = Box(tmp_path)
    box.load("start")
    one = box.menu.version
    box.write("two")
    box.record(2)
    box.load("watch")
    ledger = Ledger(box.state)
    for number, (version, ended) in enumerate([(one, True), (one, False), (box.menu.version, True)]):
        ledger.call(f"c{number}", ended=ended, version=version)
    ledger.store.close()
    return box


def lines(box: Box, capsys: pytest.CaptureFixture[str], *names: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["menu", "versions", *names, "--json", "--state", str(box.state)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_versions_are_listed_with_the_calls_on_them(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    two, one = lines(box, capsys, "main")
    assert (two["version"], two["current"], two["file"], two["pinned"]) == (box.menu.version, True, True, False)
    assert (two["since_by"], two["calls_now"], two["calls"]) == ("watch", 0, 1)
    assert (one["since_by"], one["calls_now"], one["calls"]) == ("start", 1, 2)
    assert one["since"] < two["since"]
    versions = box.versions()
    versions.pin(box.site, "main", one["version"])
    versions.write()
    assert main(["menu", "versions", "--state", str(box.state)]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["menu", "version", "state", "since", "by", "calls", "now", "calls"]
    assert first.split()[:5] == ["main", one["version"], "current,", "rolled", "back"]
    assert second.split()[:3] == ["main", two["version"], "file"]


def test_without_calls_and_without_versions(box: Box, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (box.state / "state.db").unlink()
    assert [line["calls"] for line in lines(box, capsys)] == [0, 0]
    assert main(["menu", "versions", "mian", "--state", str(box.state)]) == 2
    assert "no version of a menu 'mian' is kept" in capsys.readouterr().err
    assert main(["menu", "versions", "--state", str(tmp_path / "nothing")]) == 0


def test_a_diff_is_of_sources_and_of_sounds(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    two, one = (line["version"] for line in lines(box, capsys))
    assert main(["menu", "diff", "main", one[:6], "--state", str(box.state)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == [f"--- main.yaml {one}", f"+++ main.yaml {two}"]
    assert [line for line in out if line[:1] in "+-"][2:] == ['-    hang_up: "one"', '+    hang_up: "two"']
    assert out[-1] == "sounds: 1 that were not there, 1 that are gone"
    assert main(["menu", "diff", "main", one, one, "--state", str(box.state)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["menu", "diff", "main", "zz", "--state", str(box.state)]) == 1
    assert "begin with 'zz'" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["rollback", "main"], ["release", "main"]])
def test_only_a_running_appliance_changes_what_calls_get(
    box: Box, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["menu", *command, "--state", str(box.state)]) == 1
    assert "does not run" in capsys.readouterr().err
