"""`edge callbacks` over a state file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli import main
from edge.runtime.clock import rfc3339
from edge.storage.store import Store
from edge.storage.turn import CallbackRow, Turn

NOW = datetime.now(UTC)


def row(id_: str, number: str, age_h: float, late_h: float, **more: object) -> CallbackRow:
    asked = rfc3339(NOW - timedelta(hours=age_h))
    values = {
        "id": id_,
        "purpose": "callback",
        "number": number,
        "state": "open",
        "reason": "asked",
        "requested": asked,
        "renewed": asked,
        "times": 1,
        "not_before": asked,
        "latest": rfc3339(NOW + timedelta(hours=late_h)),
        "call": id_.partition(".")[0],
        "trunk": "loop",
        "called": "200",
        "menu": "main",
        "menu_version": "v1",
        "node": "back",
        "runs": "",
        "waited_ms": 0,
        "target": "",
        "language": "de",
        "attributes": '{"skill": "sales"}',
        "closed": None,
        "closed_by": None,
        "closed_why": None,
    }
    return CallbackRow(**{**values, **more})  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path) -> str:
    store = Store(tmp_path / "state.db")
    rows = [
        row("c1.7", "+4930123456", 1, 3),
        row("c2.7", "+4930999999", 26, -1, reason="lost", times=3),
        row("c3.9", "+4930777777", 72, -70, state="closed", closed_by="superseded", closed_why="c9"),
    ]
    store.write(Turn(callbacks={one.id: one for one in rows}))
    store.close()
    return str(tmp_path)


def test_open_ones_that_are_late_come_first(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["callbacks", "list", "--json", "--state", state]) == 0
    late, open_ = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (late["id"], late["overdue"], late["times"], late["reason"]) == ("c2.7", True, 3, "lost")
    assert (open_["id"], open_["overdue"], open_["attributes"]) == ("c1.7", False, {"skill": "sales"})
    assert 3500 < open_["age_seconds"] < 7000
    assert main(["callbacks", "list", "--all", "--json", "--state", state]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_table_for_people(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["callbacks", "list", "--all", "--state", state]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "closed (superseded)" in lines[1]
    assert "LATE" not in lines[1]
    assert lines[2].split()[1:4] == ["LATE", "c2.7", "+4930999999"]
    assert "26h0" in lines[2]


def test_one_with_all_that_is_known(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["callbacks", "show", "c1.7", "--state", state]) == 0
    shown = capsys.readouterr().out
    assert "skill=sales" in shown
    assert "closed_by" not in shown
    assert main(["callbacks", "show", "c3.9", "--json", "--state", state]) == 0
    assert json.loads(capsys.readouterr().out)["closed_why"] == "c9"
    assert main(["callbacks", "show", "none", "--state", state]) == 1
    assert "there is no callback 'none'" in capsys.readouterr().err


def test_closing_needs_the_daemon(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["callbacks", "close", "c1.7", "--state", state]) == 1
    assert "does not run" in capsys.readouterr().err
