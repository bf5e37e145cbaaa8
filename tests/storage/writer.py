"""Writes turns for ever; the test kills it at any moment. Prints the number of each turn that `write` returned from."""

import os
import sys
from pathlib import Path

from edge.storage.store import Store
from edge.storage.turn import CallRow, EventRow, JournalRow, Turn


def call_row(name: str, state: str) -> CallRow:
    return CallRow(
        id=name,
        state=state,
        boot="b",
        direction="incoming",
        trunk="t",
        caller="1",
        called="2",
        menu="m",
        menu_version="v",
        menu_key="k",
        started="2026-11-21T19:00:00.000Z",
        answered=None,
        ended="2026-11-21T19:00:01.000Z" if state == "ended" else None,
        outcome="completed" if state == "ended" else None,
        ended_by=None,
        sip_code=None,
        duration_ms=None,
        answered_ms=None,
        recordings="[]",
    )


def event(name: str, callseq: int, type_: str) -> EventRow:
    return EventRow(
        f"{name}.{callseq}", name, callseq, type_, "2026-11-21T19:00:00.000Z", b'{"x":"' + b"y" * 300 + b'"}'
    )


def turn(number: int) -> Turn:
    """Turn 2n begins call n, turn 2n + 1 ends it; each says so in all tables."""
    name, ends = f"c{number // 2}", number % 2 == 1
    first = 3 if ends else 1
    types = ["dtmf.received", "call.ended"] if ends else ["call.started", "call.answered"]
    return Turn(
        journal=[JournalRow(name, first + n, number, b"z" * 200) for n in range(2)],
        events=[event(name, first + n, type_) for n, type_ in enumerate(types)],
        calls={name: call_row(name, "ended" if ends else "open")},
        senders={("front", "f"): number + 1},
    )


def main(folder: str) -> None:
    store = Store(Path(folder) / "state.db")
    number = store.senders().get(("front", "f"), 0)
    while True:
        store.write(turn(number))
        os.write(1, b"%d\n" % number)
        number += 1


if __name__ == "__main__":
    main(sys.argv[1])
