"""Events of the stage's appliance, as they are stored, told to the calls that they are about."""

import threading
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from edge.app.menu_part import Part, written
from edge.core.menus.rehearsed_world import What
from edge.storage.reader import Reader
from edge.storage.turn import StorageError

_POLL_S = 0.03

Told = Callable[[dict[str, Any]], None]


class Happened(Struct, frozen=True):
    """What an event tells, in the words of a rehearsal."""

    what: What
    text: str
    values: dict[str, str] = {}
    #: It was so long before the event.
    before_ms: int = 0


def told_by(event: dict[str, Any], part: Part) -> Happened | None:
    """Translate an event; None: a rehearsal knows no such thing."""
    data = event["data"]
    match event["type"]:
        case "menu.node_entered":
            return Happened("enter", data["kind"])
        case "menu.input":
            return Happened("input", f"{data['result']} {data['digits']}".strip())
        case "menu.attributes_set":
            text = " ".join(f"{name}={value}" for name, value in data["attributes"].items())
            return Happened("set", text, data["attributes"])
        case "menu.asked":
            return Happened("ask", written(data["endpoint"]), before_ms=data["after_ms"])
        case "leg.started" | "transfer.sent":
            return Happened("transfer", part.target(data["target"], data.get("trunk", "")))
        case _:
            return _told_aside(event["type"], data)


def _told_aside(kind: str, data: dict[str, Any]) -> Happened | None:
    """Translate what is not the way through the menu."""
    match kind:
        case "queue.entered":
            return Happened("queue", written(data["queue"]))
        case "queue.left" if not data["position"]:  # he was not taken in
            return Happened("queue", written(data["queue"]))
        case "callback.requested":
            return Happened("callback", data["number"])
        case "survey.answered":
            return Happened("survey", f"{data['question']}={data['value']}")
        case "survey.completed":
            return Happened("survey", "complete" if data["complete"] else "broken off")
        case "message.recorded" | "voicemail.left":
            return Happened("message", "urgent" if data.get("urgent") else "kept")
        case "voicemail.full":
            return Happened("message", "full")
        case "message.discarded":
            return Happened("message", data["why"])
        case "call.ended":
            return Happened("end", data["end"]["text"])
        case _:
            return None


class EventFeed:
    """A thread that reads `state.db`. A call is known by the trunk that it came from. Use as a context manager."""

    def __init__(self, state: Path) -> None:
        self._reader = Reader(state / "state.db")
        self._by_trunk: dict[str, Told] = {}
        self._by_call: dict[str, Told] = {}
        self._down: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def __enter__(self) -> "EventFeed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(5)

    def follow(self, trunk: str, told: Told) -> None:
        """Have events of the calls of a trunk told, on the thread."""
        self._by_trunk[trunk] = told

    def down(self, trunks: Set[str], limit_s: float) -> bool:
        """Wait until it was told of all these trunks that they are down; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: trunks <= self._down, limit_s)

    def _run(self) -> None:
        sequence = 0
        while not self._stopping.wait(_POLL_S):
            try:
                found = self._reader.events_after(sequence)
            except StorageError:  # it is being made
                continue
            for stored in found:
                sequence = stored.sequence
                event = msgspec.json.decode(stored.body)
                if event["type"] == "trunk.down":
                    with self._changed:
                        self._down.add(event["data"]["trunk"])
                        self._changed.notify_all()
                elif stored.call is not None:
                    self._tell(stored.call, event)
        self._reader.close()

    def _tell(self, call: str, event: dict[str, Any]) -> None:
        if event["type"] == "call.started":
            told = self._by_trunk.get(event["data"]["trunk"])
            if told is not None:
                self._by_call[call] = told
        known = self._by_call.get(call)
        if known is not None:
            known(event)
        if event["type"] == "call.ended":
            self._by_call.pop(call, None)
