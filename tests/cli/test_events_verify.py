"""`edge events verify` against a state file as switch writes it: what is whole, and every way for it not to be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.core.calls.actions import Emit
from edge.storage.store import Store
from edge.storage.turn import CallRow, EventRow, Turn
from edge.switch.rows import event_row, site_event_row
from edge.vocabulary import events, site_events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from tests.storage.writer import call_row

SITE = "box"


def at(minute: int) -> str:
    return f"2026-11-21T19:{minute:02}:00.000Z"


def started() -> events.AnyEvent:
    number = Private("+4930123456")
    return events.CallStarted(
        direction="incoming", trunk="t", caller=number, caller_name=Private(""), called=number, sip_call_id="x"
    )


def ended() -> events.AnyEvent:
    return events.CallEnded(end=EndReason(outcome="completed", ended_by="caller"), duration_ms=1, answered_ms=1)


class State:
    """`state.db`, a transaction for each thing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.store = Store(folder / "state.db")

    def event(self, call: str, number: int, event: events.AnyEvent, minute: int = 0) -> EventRow:
        row = event_row(Emit(CallId(call), number, event), at(minute), SITE, "")
        self.store.write(Turn(events=[row]))
        return row

    def row(self, call: str, *, over: bool = True, minutes: tuple[int, int] = (0, 0)) -> CallRow:
        row = call_row(call, "ended" if over else "open")._replace(started=at(minutes[0]))
        row = row._replace(ended=at(minutes[1]) if over else None)
        self.store.write(Turn(calls={call: row}))
        return row

    def whole(self, call: str, minutes: tuple[int, int] = (0, 0)) -> None:
        self.event(call, 1, started(), minutes[0])
        self.event(call, 2, events.CallAnswered(after_ms=1), minutes[0])
        self.event(call, 3, ended(), minutes[1])
        self.row(call, minutes=minutes)

    def execute(self, statement: str) -> None:
        self.store._db().execute(statement)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / "state")
    yield made
    made.store.close()


def verified(state: State, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[list[Any], dict[str, Any]]:
    """Findings as (call, fault), and the summary; the exit code says whether there are any."""
    code = main(["events", "verify", "--json", "--state", str(state.folder), *options])
    *findings, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert code == bool(findings)
    assert summary["findings"] == len(findings)
    return [(one["call"], one["fault"]) for one in findings], summary


def test_what_is_whole_has_no_finding(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.whole("c1")
    state.event("c2", 1, started())
    state.row("c2", over=False)
    notice = site_events.TrunkUp(trunk="t", rtt_ms=1.0, down_ms=1)
    state.store.write(Turn(events=[site_event_row(notice, number, at(0), SITE) for number in (1, 2)]))
    found, summary = verified(state, capsys)
    assert found == []
    assert (summary["events"], summary["calls"]) == (6, 2)
    assert main(["events", "verify", "--state", str(state.folder)]) == 0
    assert "6 events of 2 calls, no findings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("DELETE FROM events WHERE id = 'c1.2'", "gap"),
        ("DELETE FROM events WHERE id = 'c1.1'", "gap"),
        ("DELETE FROM events", "gap"),
        ("DELETE FROM events WHERE id = 'c1.3'", "no_end"),
        ("UPDATE calls SET state = 'open'", "early_end"),
        ("DELETE FROM calls", "unknown_call"),
        ("UPDATE events SET body = 'x' WHERE callseq = 2", "not_an_event"),
        ('UPDATE events SET body = replace(body, \'"after_ms":1\', \'"after_ms":"soon"\')', "not_an_event"),
        ("UPDATE events SET body = replace(body, 'c1.2', 'c1.9')", "other_document"),
        ("UPDATE events SET time = '2026-11-21T19:59:00.000Z' WHERE callseq = 2", "other_document"),
    ],
)
def test_each_damage_is_found(state: State, capsys: pytest.CaptureFixture[str], damage: str, fault: str) -> None:
    state.whole("c1")
    state.whole("c2")
    state.execute(
        damage + (" AND" if "WHERE" in damage else " WHERE") + (" call = 'c1'" if "events" in damage else " id = 'c1'")
    )
    found, _ = verified(state, capsys)
    assert found == [("c1", fault)]
    assert verified(state, capsys, "--call", "c1")[0] == found
    assert verified(state, capsys, "--call", "c2")[0] == []


def test_after_the_end_nothing_comes(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.whole("c1")
    state.event("c1", 4, events.CallAnswered(after_ms=1))
    state.event("c1", 5, ended())
    assert verified(state, capsys)[0] == [("c1", "after_end"), ("c1", "second_end")]


def test_a_lower_number_is_a_repetition(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.whole("c1")
    row = state.event("c2", 2, events.CallAnswered(after_ms=1))
    state.event("c2", 1, started())
    state.row("c2", over=False)
    assert row.callseq == 2
    assert verified(state, capsys)[0] == [("c2", "repeated")]


def test_a_chosen_time_judges_what_happened_in_it(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.whole("c1", (1, 3))
    state.whole("c2", (5, 7))
    state.whole("c3", (6, 30))
    state.execute("DELETE FROM events WHERE id IN ('c1.2', 'c3.3')")
    assert verified(state, capsys)[0] == [("c1", "gap"), ("c3", "no_end")]
    assert verified(state, capsys, "--since", "2026-11-21 19:04")[0] == [("c3", "no_end")]
    assert verified(state, capsys, "--until", "2026-11-21 19:20")[0] == [("c1", "gap")]
    assert verified(state, capsys, "--since", "2026-11-21 19:06", "--until", "2026-11-21 19:20")[0] == []


def test_what_was_purged_or_shed_is_told_and_is_no_fault(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.whole("c1", (1, 2))
    state.whole("c2", (1, 40))
    state.whole("c3", (41, 42))
    assert state.store.purge_events(through=5, before=at(30), rows=100, site=SITE) == 5
    assert state.store.shed_events(after=5, window=100, types=["call.answered"]).counts == {"call.answered": 1}
    found, summary = verified(state, capsys)
    assert found == []
    assert (summary["purged"], summary["purged_until"], summary["shed"]) == (5, at(2), 1)
    assert verified(state, capsys, "--call", "c3")[0] == []
    state.execute("DELETE FROM events WHERE id = 'c3.1'")  # too young to have been purged
    assert verified(state, capsys)[0] == [("c3", "gap")]
