"""`edge survey report` over stored events."""

import json
from pathlib import Path

import pytest

from edge.cli import main
from tests.cli.ledger import Ledger

WHERE = {"node": "rate", "menu": "main", "menu_version": "v1"}


@pytest.fixture
def state(tmp_path: Path) -> str:
    ledger = Ledger(tmp_path)
    for call, target, reason, answers in (
        ("c1", "sip:a@x", "bill", {"polite": 5, "waited": 1}),
        ("c2", "sip:a@x", "bill", {"polite": 4}),
        ("c3", "sip:b@x", "move", {"polite": 2, "waited": 3}),
        ("c4", None, "", {}),
    ):
        about = {**WHERE, "target": target, "attributes": {"reason_code": reason} if reason else {}}
        for question, value in answers.items():
            scale = {"least": 1, "most": 5, "reverse": question == "waited", "label": "well" if value == 5 else ""}
            ledger.event(call, "survey.answered", **about, question=question, value=value, **scale)
        asked = ["polite", "waited"] if len(answers) != 1 else ["polite"]
        done = {"complete": len(asked) == 2, "asked": asked, "answered": list(answers)}
        ledger.event(call, "survey.completed", **about, **done)
    ledger.store.close()
    return str(tmp_path)


def report(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict]:
    assert main(["survey", "report", "--json", *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_shares_means_and_how_they_are_spread(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = report(capsys, "--state", state)
    assert (found["menu"], found["surveys"], found["completed"]) == ("main", 4, 3)
    polite, waited = found["questions"]
    assert (polite["asked"], polite["answered"], polite["response"]["value"]) == (4, 3, 0.75)
    assert polite["mean"]["value"] == pytest.approx(11 / 3, abs=1e-4)
    assert polite["mean"]["low"] == 1.0, "the interval stays on the scale"
    assert polite["values"] == {"1": 0, "2": 1, "3": 0, "4": 1, "5": 1}
    assert polite["labels"] == {"5": "well"}
    assert (waited["asked"], waited["answered"], waited["mean"]["value"]) == (3, 2, 4.0), "turned round"


def test_divided_by_whom_callers_talked_with_and_why(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    by_target = {one["target"]: one for one in report(capsys, "--by", "target", "--state", state)}
    assert set(by_target) == {"sip:a@x", "sip:b@x", ""}
    assert by_target["sip:a@x"]["questions"][0]["mean"]["value"] == 4.5
    assert by_target[""]["unanswered"] == ["polite", "waited"]
    by_reason = report(capsys, "--by", "reason_code", "--state", state)
    assert [one["reason_code"] for one in by_reason] == ["", "bill", "move"]
    assert report(capsys, "--since", "2027-01-01", "--state", state) == []


def test_a_table_for_people(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["survey", "report", "--by", "node", "--state", state]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("main/rate  polite")
    assert "75% (30% to 95%)" in lines[1]
    assert "5 well:1" in lines[1]
    assert "1-5, turned round" in lines[2]
    assert "(whole surveys)" in lines[3]
