import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from tests.cli.ledger import Ledger


@pytest.fixture
def state(tmp_path: Path) -> Iterator[str]:
    ledger = Ledger(tmp_path)
    ledger.call("c1", ended=True)
    ledger.call("c2", ended=False)
    ledger.call("c3", ended=True)
    yield str(tmp_path)
    ledger.store.close()


def ids(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    assert main(["calls", "--json", *options]) == 0
    return [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]


def test_calls_in_progress_or_all_of_them(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ids(capsys, "--state", state) == ["c2"]
    assert ids(capsys, "--state", state, "--all") == ["c1", "c2", "c3"]
    assert ids(capsys, "--state", state, "--all", "--limit", "2") == ["c2", "c3"]
    assert ids(capsys, "--state", state, "--all", "--limit", "0") == ["c1", "c2", "c3"]


def test_a_json_line_has_what_the_file_has(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--all", "--json", "--limit", "1", "--state", state]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["outcome"], line["sip_code"], line["recordings"]) == ("busy", 486, ["r-1"])
    assert "menu_key" not in line


def test_a_table_for_people(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--all", "--state", state]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[1].split() == [
        "2026-11-21T19:00:01.000Z",
        "c1",
        "in",
        "demo",
        "+4930123",
        "demo",
        "main",
        "busy",
        "(486)",
        "1.5s",
    ]


def test_no_state_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--state", str(tmp_path / "nowhere")]) == 1
    assert "is not there" in capsys.readouterr().err
