"""`edge callbacks` over a state file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli import main
from edge.runtime.clock import rfc3339
from edge.storage.store import Store
from edge.storage.turn import CallbackRow, EventRow, Turn


def row(id_: str, number: str, age_h: float, late_h: float, **more: object) -> CallbackRow:
    now = datetime.now(UTC)
    asked = rfc3339(now - timedelta(hours=age_h))
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
        "latest": rfc3339(now + timedelta(hours=late_h)),
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


def test_what_was_tried_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "state.db")
    again = rfc3339(datetime.now(UTC) + timedelta(minutes=15))
    rows = [
        row("c1.7", "+4930123456", 1, 3, attempts=2, last="no_answer", next=again),
        row("c2.7", "+4930999999", 1, 4, state="held", last="held", attempts=1, held_why="nobody knows"),
        row("c3.7", "+4930888888", 1, 5, state="calling", attempts=1, attempt="o1"),
    ]
    store.write(Turn(callbacks={one.id: one for one in rows}))
    store.close()
    assert main(["callbacks", "list", "--state", str(tmp_path)]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert "2 no_answer" in lines[0]
    assert lines[0].rstrip().endswith(f"open, again {again}")
    assert lines[1].split()[-3:] == ["1", "held", "held"]
    assert lines[2].split()[-2:] == ["1", "calling"]
    for command in ("call", "hold", "release"):
        assert main(["callbacks", command, "c1.7", "--state", str(tmp_path)]) == 1
        assert "does not run" in capsys.readouterr().err


def test_a_report_of_nothing_and_of_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "state.db")
    told = [
        callback_event(1, "callback.requested", reason="lost", number="+4930", node="n", menu="m", menu_version="v"),
        callback_event(
            2, "callback.attempt_started", call="o1", attempt=1, number="+4930", order="caller_first", after_ms=90_000
        ),
        callback_event(
            3,
            "callback.attempt_ended",
            call="o1",
            attempt=1,
            disposition="no_answer",
            left=True,
            answered=False,
            rang_ms=22_500,
            in_standard=True,
        ),
        callback_event(4, "callback.closed", by="not_reached", attempts=1),
    ]
    assert main(["callbacks", "report", "--json", "--state", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 0
    store.write(Turn(events=told))
    store.close()
    assert main(["callbacks", "report", "--json", "--state", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["requests"], found["fates"]["not_reached"], found["reached"]["value"]) == (1, 1, 0.0)
    assert (found["first_call_median_ms"], found["rang_in_standard"], found["ring_standard"]["value"]) == (
        90_000,
        1,
        1.0,
    )
    assert main(["callbacks", "report", "--since", "7d", "--state", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "in standard" in shown
    assert "90 s" in shown
    assert "+4930" not in shown


def callback_event(at: int, kind: str, **data: object) -> EventRow:
    body = {"type": kind, "data": {"type": kind, "callback": "c1.7", **data}}
    return EventRow(f"c1.{at}", "c1", at, kind, rfc3339(datetime.now(UTC)), json.dumps(body).encode())
