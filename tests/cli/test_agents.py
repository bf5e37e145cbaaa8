"""`edge agents` over the control socket: what is asked, what is shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.support.daemon import answering

ANNA = {
    "name": "anna", "state": "paused", "reason": "lunch", "for_s": 75, "queues": ["sales", "night"], "call": "",
    "elsewhere": True, "line": "up", "line_call": "p", "talks": 3, "handling_s": 184, "occupancy": 0.726, "spent_s": {},
    "talk_s": 160, "wrap_up_s": 24, "paused_s": {"lunch": 700, "": 5},
}  # fmt: skip
BOB = ANNA | {
    "name": "bob",
    "state": "logged_out",
    "reason": "",
    "elsewhere": False,
    "line": "",
    "handling_s": None,
    "talk_s": None,
    "wrap_up_s": None,
    "paused_s": {},
    "occupancy": None,
}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """A state folder whose control socket answers for switch, and what it was asked."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("body") and asked["body"]["agent"] == "nobody":
            return {"ok": False, "error": "there is no agent 'nobody'"}
        return {"ok": True, "body": [ANNA, BOB] if asked["request"] == "agents" else ANNA}

    with answering(tmp_path, answer) as asked:
        yield tmp_path, asked


def test_the_list_says_what_each_does_and_how_his_time_went(
    daemon: tuple[Path, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(daemon[0])
    assert main(["agents", "list", "--state", state]) == 0
    _, anna, bob = capsys.readouterr().out.splitlines()
    assert anna.split() == [
        "anna",
        "paused",
        "(elsewhere)",
        "lunch",
        "up",
        "1m15s",
        "sales,",
        "night",
        "3",
        "2m40s",
        "24.0s",
        "3m04s",
        "73%",
        "5.0s,",
        "lunch",
        "11m40s",
    ]
    assert bob.split() == ["bob", "logged", "out", "1m15s", "sales,", "night", "3"]
    assert main(["agents", "list", "--state", state, "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [ANNA, BOB]


def test_what_came_of_a_talk_is_passed_on(daemon: tuple[Path, list[dict[str, Any]]]) -> None:
    state, asked = daemon
    said = ["agents", "disposition", "anna", "sold", "--note", "two", "--state", str(state)]
    assert main(said) == 0
    assert (asked[-1]["process"], asked[-1]["request"]) == ("switch", "agent_result")
    assert asked[-1]["body"] == {"agent": "anna", "code": "sold", "note": "two"}


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        (["login", "anna"], {"wish": "log_in", "target": "", "trunk": ""}),
        (["login", "anna", "--at", "4711", "--trunk", "pstn"], {"wish": "log_in", "target": "4711", "trunk": "pstn"}),
        (["logout", "anna"], {"wish": "log_out"}),
        (["pause", "anna", "--reason", "lunch"], {"wish": "pause", "reason": "lunch"}),
        (["ready", "anna"], {"wish": "ready"}),
    ],
)
def test_a_wish_is_passed_on(
    daemon: tuple[Path, list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    wish: dict[str, str],
) -> None:
    state, asked = daemon
    assert main(["agents", *words, "--state", str(state)]) == 0
    assert asked[-1]["body"] == {"agent": "anna", **wish}
    assert "paused" in capsys.readouterr().out


def test_why_not_is_told(daemon: tuple[Path, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "ready", "nobody", "--state", str(daemon[0])]) == 1
    assert "there is no agent 'nobody'" in capsys.readouterr().err
