import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from edge.cli import events, main
from edge.cli.event_selection import Selection
from edge.cli.events import newest, summary
from edge.storage.reader import Reader
from tests.cli.ledger import Ledger

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "state")
    yield ledger
    ledger.store.close()


def fill(ledger: Ledger) -> None:
    for call in ("c1", "c2"):
        ledger.event(call, "call.started", caller="+4930123")
        ledger.event(call, "dtmf.received", digit="5")
    ledger.event("c1", "call.ended", duration_ms=7, menu="", path=["a", "b"])


def listed(capsys: pytest.CaptureFixture[str], ledger: Ledger, *options: str) -> list[str]:
    assert main(["events", "list", "--json", "--state", str(ledger.folder), *options]) == 0
    return [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]


def test_json_lines_are_the_events_as_backends_get_them(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    fill(ledger)
    assert main(["events", "list", "--json", "--state", str(ledger.folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.encode() for line in lines] == [row.body for row in Reader(ledger.folder / "state.db").events_after(0)]


def test_filters(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    fill(ledger)
    assert listed(capsys, ledger) == ["c1.1", "c1.2", "c2.1", "c2.2", "c1.3"]
    assert listed(capsys, ledger, "--call", "c1") == ["c1.1", "c1.2", "c1.3"]
    assert listed(capsys, ledger, "--type", "call.*") == ["c1.1", "c2.1", "c1.3"]
    assert listed(capsys, ledger, "--type", "dtmf.received", "--call", "c2") == ["c2.2"]
    assert listed(capsys, ledger, "--limit", "2") == ["c2.2", "c1.3"]
    assert listed(capsys, ledger, "--limit", "1", "--type", "dtmf.received") == ["c2.2"]
    assert listed(capsys, ledger, "--call", "nobody") == []


def test_the_newest_are_found_over_pages(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_PAGE", 3)
    for _ in range(10):
        ledger.event("c1", "dtmf.received")
        ledger.event("c1", "menu.input")
    reader = Reader(ledger.folder / "state.db")
    chosen = Selection(kind="menu.input")
    assert [event.callseq for event in newest(reader, chosen, limit=4)] == [14, 16, 18, 20]
    assert len(newest(reader, Selection())) == 20
    assert len(newest(reader, Selection(), limit=100)) == 20


def test_a_span_of_time(ledger: Ledger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_PAGE", 2)
    for _ in range(9):
        ledger.event("c1", "dtmf.received")  # at 19:00:01 and each second after it
    span = ("--since", "2026-11-21 19:00:03", "--until", "2026-11-21T19:00:06")
    assert listed(capsys, ledger, *span) == ["c1.3", "c1.4", "c1.5"]
    assert listed(capsys, ledger, *span, "--limit", "1") == ["c1.5"]
    assert listed(capsys, ledger, *span, "--call", "c1") == ["c1.3", "c1.4", "c1.5"]
    assert listed(capsys, ledger, "--until", "2026-11-21 18:00") == []
    assert listed(capsys, ledger, "--since", "2030-01-01") == []
    assert (
        main(["events", "list", "--since", "2030-01-01", "--until", "2029-01-01", "--state", str(ledger.folder)]) == 2
    )
    assert "is not before" in capsys.readouterr().err


def test_a_table_for_people_has_the_numbers(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    fill(ledger)
    ledger.event("c3", "call.started", caller="\x1b[2Jevil\n")
    assert main(["events", "list", "--state", str(ledger.folder)]) == 0
    out = capsys.readouterr().out
    assert "caller=+4930123" in out
    assert "duration_ms=7 path=a,b" in out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 7


def test_a_type_that_does_not_exist_is_wrong_usage(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "list", "--type", "call.end", "--state", str(ledger.folder)]) == 2
    assert "did you mean 'call.ended'?" in capsys.readouterr().err


def test_no_state_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "list", "--state", str(tmp_path)]) == 1
    assert "state.db is not there" in capsys.readouterr().err


def test_a_state_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database" * 100)
    assert main(["events", "list", "--state", str(tmp_path)]) == 1
    assert "not a database" in capsys.readouterr().err


def test_a_broken_site_file_is_exit_78(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("time_zone = 5\n")
    assert main(["events", "list", "--config", str(tmp_path / "site.toml")]) == 78


def lines_of(stream: IO[str], count: int) -> list[str]:
    return [json.loads(stream.readline())["id"] for _ in range(count)]


def test_tail_follows_commits_and_ends_by_ctrl_c(ledger: Ledger) -> None:
    fill(ledger)
    command = [sys.executable, "-m", "edge", "events", "tail", "--json", "--limit", "2", "--type", "call.*"]
    process = subprocess.Popen(
        [*command, "--state", str(ledger.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert process.stdout is not None
        assert lines_of(process.stdout, 2) == ["c2.1", "c1.3"]
        ledger.event("c4", "call.started")
        ledger.event("c4", "dtmf.received")
        ledger.event("c4", "call.ended")
        assert lines_of(process.stdout, 2) == ["c4.1", "c4.3"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_summaries_leave_out_what_is_empty() -> None:
    data = {"type": "x", "a": 0, "b": "", "c": None, "d": {"outcome": "busy", "sip_code": 486}, "e": [{"f": 1}]}
    assert summary(data) == "a=0 d=(outcome=busy sip_code=486) e=(f=1)"
