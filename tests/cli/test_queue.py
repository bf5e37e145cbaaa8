"""`edge queue`, with the test in the place of the appliance."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.support.daemon import answering

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
    with answering(tmp_path, lambda _asked: {"ok": True, "body": [SALES]}) as asked:
        yield tmp_path
    assert {(one["process"], one["request"]) for one in asked} == {("switch", "queues")}


def test_the_list_counts_callers_and_agents(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "list", "--state", str(state)]) == 0
    head, row = capsys.readouterr().out.splitlines()
    states = ["ready", "previewing", "ringing", "talking", "wrap_up", "resting", "paused", "logged_out"]
    assert head.split() == ["queue", "waiting", "longest", *states]
    assert row.split() == ["sales", "2", "1m15s", "0", "0", "1", "0", "1", "0", "0", "0"]
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


SITE = """
name = "queues"
[paths]
state = "state"
menus = "menus"
[[agents]]
name = "anna"
target = "sip:anna@192.0.2.20"
[[queues]]
name = "sales"
agents = ["anna"]
max_wait = "5m"
"""
MENU = """
version: 1
start: sales
nodes:
  sales:
    queue:
      name: sales
      music: {say: Music.}
      position: {say: "You are number ${queue_position}."}
      wait: {say: "About ${queue_minutes} minutes."}
      callback_offer: {say: "For a callback, press 1."}
    call_back: called
    timed_out: late
    failed: end
  called: {say: We call you., next: end}
  late: {say: Sorry., next: end}
  end: {hang_up: done}
"""
TESTS = """
version: 1
tests:
  - name: Usually somebody has time after ten seconds
    steps: [{queue: sales}, {hear: You are number}, {transfer: "sip:anna@192.0.2.20"}, {end: true}]
  - name: Nobody answers, and the caller is called back
    queues: {sales: {ahead: 2, moves: 30s, estimate: 2m, free: {anna: 20s}}}
    targets: {"sip:anna@192.0.2.20": no_answer}
    steps:
      - transfer: sip:anna@192.0.2.20
      - hear: For a callback
      - press: 1
      - at: called
  - name: Nobody has time
    queues: {sales: {}}
    steps: [{wait: 5m}, {at: late}]
  - name: Too many
    queues: {sales: {refuses: full}}
    steps: [{at: end}]
"""


def test_queues_in_tests_and_drawings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "menus").mkdir()
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "menus/main.yaml").write_text(MENU)
    (tmp_path / "menus/main.test.yaml").write_text(TESTS)
    site = str(tmp_path / "site.toml")
    assert main(["menu", "test", "--config", site]) == 0
    assert "4 passed, 0 failed; 4 of 4 nodes" in capsys.readouterr().out
    drawn = tmp_path / "main.mmd"
    assert main(["menu", "draw", "main", "--config", site, "-o", str(drawn)]) == 0
    assert '["sales<br/>queue<br/>sales"]' in drawn.read_text()
    assert "call back" in drawn.read_text()
    (tmp_path / "menus/main.test.yaml").write_text(TESTS.replace("ahead: 2", "behind: 2"))
    assert main(["menu", "test", "--config", site]) != 0
