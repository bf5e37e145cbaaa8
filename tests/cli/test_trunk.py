"""`edge trunk` and the trunks in `edge status`, with the test in the place of the appliance."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main

REGISTERED: dict[str, Any] = {
    "name": "provider",
    "address": "198.51.100.7:5060",
    "transport": "udp",
    "up": True,
    "why": "",
    "registered": True,
    "registration": "registered",
    "registrar": "provider.example:5060",
    "registration_age_s": 3700.0,
    "expires_in_s": 500.0,
    "registration_code": 200,
    "registration_failures": 0,
    "qualify": "up",
    "qualify_age_s": 12.0,
    "misses": 0,
    "rtt_ms": 23.4,
    "last_code": 200,
    "last_answer_s": 3.0,
    "answered_by": "198.51.100.7:5060",
    "shown_as": "10.0.0.2:5060",
    "seen_as": "203.0.113.9:1024",
    "rewritten": ["Via: 10.0.0.2:5060 -> 203.0.113.9:1024"],
}
DOWN = REGISTERED | {
    "name": "lost",
    "up": False,
    "why": "no answer to 3 OPTIONS, down for 42 s: no answer\x1b[31m",
    "registered": None,
    "registration": None,
    "qualify": "down",
    "rtt_ms": None,
    "last_code": None,
    "last_answer_s": None,
}
PLAIN = REGISTERED | {"name": "plain", "registration": None, "qualify": None, "rtt_ms": None, "last_answer_s": None}

Answers = Callable[[dict[str, Any]], Any]


class Appliance:
    """A control socket that answers as the test says, and keeps what was asked."""

    def __init__(self, folder: Path) -> None:
        self.state = folder
        (folder / "run").mkdir()
        self.asked: list[dict[str, Any]] = []
        self.trunks: list[dict[str, Any]] = [REGISTERED, DOWN, PLAIN]
        self.after_probe: dict[str, Any] | None = None
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(str(folder / "run" / "control.sock"))
        self.sock.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                request = json.loads(lines.readline())
                self.asked.append(request)
                client.sendall(json.dumps({"ok": True, "body": self.answer(request)}).encode())

    def answer(self, request: dict[str, Any]) -> Any:
        if request["what"] == "status":
            return {
                "name": "box", "configuration": {"refused": None, "rolled_back": []},
                "ready": True, "mode": "running", "uptime_s": 1.0, "pid": 1, "calls": 0,
                "sip": "127.0.0.1:5060", "http": "127.0.0.1:8080", "takes_calls": True, "conditions": [], "notes": [],
                "needs_restart": [], "processes": [], "spans": [], "spans_wanted": 1, "span_restarts": 0,
                "span_last_exit": None, "trunks": self.trunks,
            }  # fmt: skip
        wanted = request["body"].get("trunk", "")
        found = [trunk for trunk in self.trunks if wanted in ("", trunk["name"])]
        if request["request"] == "probe" and self.after_probe is not None:
            self.trunks = [one | self.after_probe for one in self.trunks]
        return found

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(5)


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    yield made
    made.close()


def edge(appliance: Appliance, *words: str) -> int:
    return main([*words, "--state", str(appliance.state)])


def test_list(appliance: Appliance, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge(appliance, "trunk", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [
        *("provider", "placed", "registered", "1h01m", "up", "12.0s", "23", "ms", "198.51.100.7:5060"),
    ]
    assert "refused" in lines[2]
    assert "down for 42 s: no answer\\x1b[31m" in lines[2]
    assert appliance.asked == [{"what": "request", "process": "front", "request": "trunks", "body": {}}]


def test_list_for_programs(appliance: Appliance, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge(appliance, "trunk", "list", "--json") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == appliance.trunks


def test_show_says_by_its_code_whether_calls_are_placed(
    appliance: Appliance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edge(appliance, "trunk", "show", "provider") == 0
    shown = capsys.readouterr().out
    assert "expires_in_s" in shown
    assert "500.0" in shown
    assert "Via: 10.0.0.2:5060 -> 203.0.113.9:1024\n" in shown
    assert edge(appliance, "trunk", "show", "lost", "--json") == 1
    assert json.loads(capsys.readouterr().out)["qualify"] == "down"
    assert edge(appliance, "trunk", "show", "nobody") == 1
    assert "there is no trunk 'nobody'" in capsys.readouterr().err


def test_test_waits_for_the_answer_to_its_own_question(
    appliance: Appliance, capsys: pytest.CaptureFixture[str]
) -> None:
    appliance.after_probe = {"last_answer_s": 0.0, "last_code": 404, "rtt_ms": 12.0}
    assert edge(appliance, "trunk", "test", "lost") == 0
    assert capsys.readouterr().out == "404 after 12 ms\n"
    assert appliance.asked[0]["request"] == "probe"


def test_no_answer_is_bad(
    appliance: Appliance, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.cli.trunk.TEST_S", 0.5)
    assert edge(appliance, "trunk", "test", "provider") == 1, "the answer of 3 s ago is none"
    assert "no answer" in capsys.readouterr().out


def test_without_an_address_there_is_nobody_to_ask(appliance: Appliance) -> None:
    appliance.trunks = [PLAIN | {"address": ""}]
    assert edge(appliance, "trunk", "test", "plain") == 2


def test_status_shows_the_trunks_of_which_something_is_known(
    appliance: Appliance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edge(appliance, "status") == 0
    shown = capsys.readouterr().out
    assert "provider" in shown
    assert "registered 1h01m" in shown
    assert "lost" in shown
    assert "plain" not in shown


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trunk", "list", "--state", str(tmp_path)]) == 1
    assert "does not run" in capsys.readouterr().err
