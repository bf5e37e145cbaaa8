"""A tiny quota with calls running: the real switch, its store, and what forwarder would write."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.config.sink_settings import WebhookSettings
from edge.config.site import Events
from edge.core.calls.actions import Emit
from edge.forwarder.store import DeliveryStore
from edge.storage.reader import Reader
from edge.storage.store import Store
from edge.storage.turn import Turn
from edge.switch.rows import event_row
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, LegId
from edge.vocabulary.private import Private
from edge.vocabulary.supervision import Health, Scrape, Scraped
from tests.storage.writer import call_row
from tests.switch.test_process import Cast, up_to
from tests.switch.world import World, incoming

SINK = WebhookSettings(name="crm", url="http://127.0.0.1:9/", secret="whsec_" + "QUJD" * 8).sink()
DIGITS = 1500


def fill(state: Path) -> int:
    """Leave a call of a megabyte behind, a quarter of it what is never shed; returns its last sequence."""
    store = Store(state / "state.db")
    number = Private("+4930123456")
    end = e.CallEnded(end=EndReason(outcome="completed", ended_by="caller"), duration_ms=1, answered_ms=1)
    made: list[e.AnyEvent] = [
        e.CallStarted(
            direction="incoming",
            trunk="t",
            caller=number,
            caller_name=Private(""),
            called=number,
            sip_call_id="x" * 250,
        )
    ]
    for _ in range(DIGITS):
        made += [
            e.DtmfReceived(leg=LegId("old.1"), digit=number, method="rfc4733", duration_ms=80),
            e.TransferRefused(leg=LegId("old.1"), by="refer", target=number),
        ]
    made.append(end)
    stamp = "2026-11-21T19:00:00.000Z"
    rows = [event_row(Emit(CallId("old"), at, event), stamp, "test", "") for at, event in enumerate(made, 1)]
    row = call_row("old", "ended")._replace(started=stamp, ended=stamp)
    last = store.write(Turn(events=rows, calls={"old": row}))
    assert store.outbox_size() > 1_000_000
    store.close()
    return last


@contextmanager
def crowded(folder: Path, **events: Any) -> Iterator[tuple[Cast, int]]:
    (folder / "state").mkdir()
    last = fill(folder / "state")
    world = World(folder, sinks=[SINK], events=Events(quota_mb=1, **events))
    try:
        cast = Cast(world)
        world.start()
        yield cast, last
    finally:
        world.close()


def metric(cast: Cast, name: str) -> float:
    cast.world.messages = [m for m in cast.world.messages if not isinstance(m, Scraped)]
    cast.world.tell(Scrape(7))
    cast.until(lambda: any(isinstance(m, Scraped) for m in cast.world.messages))
    text = next(m.text for m in cast.world.messages if isinstance(m, Scraped))
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(name + " ")))


def whole(cast: Cast, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["events", "verify", "--json", "--state", str(cast.world.state)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_calls_are_refused_until_the_sink_has_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with crowded(tmp_path) as (cast, last):
        cast.world.until(lambda: "more than 1 MB" in cast.world.condition("outbox"))
        cast.front.link.report(incoming("call2"))
        cast.until(lambda: bool(cast.span.bodies(c.Reject)))
        assert metric(cast, 'edge_switch_calls_refused_total{reason="outbox"}') == 1
        assert metric(cast, "edge_switch_outbox_bytes") > metric(cast, "edge_switch_outbox_quota_bytes")
        assert whole(cast, capsys)["events"] == last  # nothing was lost
        deliveries = DeliveryStore.open(cast.world.state / "delivery.db")
        deliveries.begin("crm", 0)
        deliveries.record("crm", last, [], [], datetime.now(UTC))
        cast.until(lambda: cast.world.condition("outbox") == "")
        deliveries.close()
        up_to(cast, "prompt")
        cast.caller_hangs_up()
        cast.wait_end()
        found = whole(cast, capsys)
        assert found["purged"] > 100
        assert metric(cast, "edge_switch_events_purged_total") == found["purged"]
        assert found["shed"] == 0


def test_the_least_valuable_go_and_it_is_told_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with crowded(tmp_path, when_full="shed", shed=["dtmf.*"]) as (cast, _last):
        reader = Reader(cast.world.state / "state.db")
        cast.until(lambda: reader.shed_events() > 0)
        cast.until(lambda: bool(_conditions(cast, "outbox_shedding")))
        assert all(one.note for one in _conditions(cast, "outbox_shedding")), "events are shed so that calls are taken"
        cast.world.kill()
        cast.world.start()
        up_to(cast, "gather")
        cast.press("9")
        cast.wait_end()
        cast.until(lambda: sum(one["events"] for one in _told(reader)) == reader.shed_events())
        cast.until(lambda: metric(cast, "edge_switch_outbox_bytes") <= 1_000_000)
        cast.until(lambda: cast.world.condition("outbox_shedding") == "")
        cast.until(lambda: sum(one["events"] for one in _told(reader)) == reader.shed_events())
        assert {kind for one in _told(reader) for kind in one["counts"]} == {"dtmf.received"}
        assert cast.world.condition("outbox") == ""
        assert whole(cast, capsys)["shed"] == reader.shed_events()
        # Of the old call's numbers each is there, or known to be shed; all others of its events are there.
        kinds = [row.type for row in reader.events_of("old")]
        assert kinds.count("transfer.refused") == DIGITS
        assert kinds.count("dtmf.received") + reader.shed_events() >= DIGITS
        assert reader.numbers_of("old", 1, 2 * DIGITS + 2) == 2 * DIGITS + 2


def _conditions(cast: Cast, name: str) -> list[Health]:
    return [one for one in cast.world.messages if isinstance(one, Health) and one.condition == name]


def _told(reader: Reader) -> list[dict[str, Any]]:
    return [json.loads(row.body)["data"] for row in reader.every_event(["events.shed"])]
