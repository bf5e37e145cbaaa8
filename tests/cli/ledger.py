"""A state file as switch writes it."""

from pathlib import Path

from edge.storage.store import Store
from edge.storage.turn import CallRow, EventRow, Turn
from edge.vocabulary.wire import to_json


class Ledger:
    """Writes calls and events, a transaction each."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.store = Store(folder / "state.db")
        self._numbers: dict[str, int] = {}

    def event(self, call: str, kind: str, /, **data: object) -> None:
        number = self._numbers[call] = self._numbers.get(call, 0) + 1
        body = to_json({"specversion": "1.0", "id": f"{call}.{number}", "type": kind, "data": {"type": kind, **data}})
        row = EventRow(f"{call}.{number}", call, number, kind, f"2026-11-21T19:00:{number:02}.000Z", body)
        self.store.write(Turn(events=[row]))

    def call(self, id_: str, *, ended: bool, version: str = "v") -> None:
        row = CallRow(
            id=id_,
            state="ended" if ended else "open",
            boot="b",
            direction="incoming",
            trunk="demo",
            caller="+4930123",
            called="demo",
            menu="main",
            menu_version=version,
            menu_key="main@v",
            started=f"2026-11-21T19:00:0{id_[-1]}.000Z",
            answered=None,
            ended=None,
            outcome="busy" if ended else None,
            ended_by="callee" if ended else None,
            sip_code=486 if ended else None,
            duration_ms=1500 if ended else None,
            answered_ms=None,
            recordings='["r-1"]',
        )
        self.store.write(Turn(calls={id_: row}))
