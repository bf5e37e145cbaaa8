"""`edge agents` over the control socket: what is asked, what is shown."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main

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
def daemon(tmp_path: Path) -> Iterator[tuple[Path, list[dict[str, object]]]]:
    """A state folder whose control socket answers for switch, and what it was asked."""
    (tmp_path / "run").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "run/control.sock"))
    listener.listen()
    asked: list[dict[str, object]] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                asked.append(json.loads(stream.readline()))
                what = asked[-1]["request"]
                if asked[-1].get("body") and asked[-1]["body"]["agent"] == "nobody":  # type: ignore[index]
                    answer: dict[str, object] = {"ok": False, "error": "there is no agent 'nobody'"}
                else:
                    answer = {"ok": True, "body": [ANNA, BOB] if what == "agents" else ANNA}
                stream.write(json.dumps(answer).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield tmp_path, asked
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_the_list_says_what_each_does_and_how_his_time_went(
    daemon: tuple[Path, list[dict[str, object]]], capsys: pytest.CaptureFixture[str]
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


def test_what_came_of_a_talk_is_passed_on(daemon: tuple[Path, list[dict[str, object]]]) -> None:
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
    daemon: tuple[Path, list[dict[str, object]]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    wish: dict[str, str],
) -> None:
    state, asked = daemon
    assert main(["agents", *words, "--state", str(state)]) == 0
    assert asked[-1]["body"] == {"agent": "anna", **wish}
    assert "paused" in capsys.readouterr().out


def test_why_not_is_told(daemon: tuple[Path, list[dict[str, object]]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "ready", "nobody", "--state", str(daemon[0])]) == 1
    assert "there is no agent 'nobody'" in capsys.readouterr().err
