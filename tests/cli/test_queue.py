"""`edge queue`, with the test in the place of the appliance."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main

SALES: dict[str, Any] = {
    "name": "sales",
    "strategy": "longest_idle",
    "callers": [
        {
            "call": "c7", "position": 1, "state": "ringing", "waited_s": 75, "estimate_min": 1, "priority": 5,
            "wants": ["billing", "de"], "agent": "anna",
        },
        {
            "call": "c8", "position": 2, "state": "waiting", "waited_s": 12, "estimate_min": 4, "priority": 0,
            "wants": [], "agent": "",
        },
    ],
    "agents": [
        {"name": "anna", "tier": 1, "state": "ringing", "for_s": 3, "call": "c7", "skills": ["billing", "de"]},
        {"name": "bob", "tier": 2, "state": "wrap_up", "for_s": 9, "call": "", "skills": []},
    ],
    "handling_s": 180,
    "max_waiting": 100,
    "service_level_s": 20,
}  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "run").mkdir()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "run" / "control.sock"))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                asked = json.loads(peer.makefile().readline())
                assert (asked["process"], asked["request"]) == ("switch", "queues")
                peer.sendall(json.dumps({"ok": True, "body": [SALES]}).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield tmp_path
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_the_list_counts_callers_and_agents(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "list", "--state", str(state)]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["queue", "waiting", "longest", "ready", "ringing", "talking", "wrap_up", "resting"]
    assert row.split() == ["sales", "2", "1m15s", "0", "1", "0", "1", "0"]
    assert main(["queue", "list", "--state", str(state), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SALES


def test_one_queue_is_shown_with_everybody_in_it(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "show", "sales", "--state", str(state)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["1", "c7", "1m15s", "1", "min", "5", "billing,", "de", "anna"]
    assert lines[2].split() == ["2", "c8", "12.0s", "4", "min"]
    assert lines[4].split() == ["anna", "1", "ringing", "3.0s", "c7", "billing,", "de"]
    assert main(["queue", "show", "nobody", "--state", str(state)]) == 1
    assert "there is no queue 'nobody'" in capsys.readouterr().err
