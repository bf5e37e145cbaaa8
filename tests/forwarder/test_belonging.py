"""Sinks that want the events of some calls only: the real process, and a store as switch writes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.sink_settings import WebhookSettings
from edge.config.site import Paths, Site
from edge.storage.store import Store
from edge.storage.turn import EventRow, Turn
from tests.storage.writer import call_row
from tests.support.child import child
from tests.support.outbox import Backend
from tests.support.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


def write(store: Store, call: str, kinds: list[str], *, campaign: str = "", row: dict[str, Any] | None = None) -> None:
    rows = []
    for number, kind in enumerate(kinds, 1):
        data = {"type": kind, "campaign": campaign} if kind == "dialer.attempt_started" else {"type": kind}
        body = json.dumps({"id": f"{call}.{number}", "type": kind, "data": data}).encode()
        rows.append(EventRow(f"{call}.{number}", call, number, kind, "2026-11-21T19:00:00.000Z", body))
    calls = {} if row is None else {call: call_row(call, "open")._replace(**row)}
    store.write(Turn(events=rows, calls=calls))


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ({}, {"north", "south", "spring", "summer", "box"}),
        ({"trunks": ["north"]}, {"north", "spring"}),
        ({"trunks": ["north", "south"], "menus": ["night"]}, {"south"}),
        ({"campaigns": ["spring"]}, {"spring"}),
        ({"campaigns": ["spring"], "trunks": ["south"]}, set()),
    ],
)
def test_all_events_of_a_call_or_none(tmp_path: Path, backend: Backend, wanted: Any, got: set[str]) -> None:
    (tmp_path / "state").mkdir()
    store = Store(tmp_path / "state" / "state.db")
    kinds = ["call.started", "dtmf.received", "call.ended"]
    dialled = ["call.started", "dialer.attempt_started", "call.ended"]
    write(store, "north", kinds, row={"trunk": "north", "menu": "day"})
    write(store, "south", kinds, row={"trunk": "south", "menu": "night"})
    write(store, "spring", dialled, campaign="spring", row={"trunk": "north", "menu": ""})
    write(store, "summer", dialled, campaign="summer", row={"trunk": "south", "menu": ""})
    write(store, "box", ["trunk.up"])
    sink = WebhookSettings(name="a", url=backend.url, secret=SECRET, **wanted).sink()
    every = WebhookSettings(name="every", url=backend.url + "/every", secret=SECRET).sink()
    site = Site(name="box", paths=Paths(state=str(tmp_path / "state")), sinks=[sink, every])
    count = sum(1 if call == "box" else 3 for call in got)
    with child("forwarder", site, tmp_path):
        until(lambda: len(backend.received) == count + 13)
    mine = [request.id for request in backend.received if not request.path.endswith("/every")]
    assert {name.rpartition(".")[0] for name in mine} == got
    for call in got:
        assert [name for name in mine if name.startswith(f"{call}.")] == [
            f"{call}.{number}" for number in range(1, 2 if call == "box" else 4)
        ]
    store.close()
