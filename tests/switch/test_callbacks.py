"""Requests to be called back, as the exchange keeps them: one a number, in the transaction of their event."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.callback_settings import Callbacks
from edge.config.compiled import CompiledSite
from edge.config.engines import slots_of
from edge.config.site import Media, Route
from edge.config.trunk_settings import Trunk
from edge.core.callbacks.rules import Rules
from edge.core.callbacks.window import WindowRule
from edge.core.menus.calendar import UTC_ZONE, Calendar
from edge.core.menus.model import Callback, Gather, HangUp, Menu, Transfer
from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import rfc3339
from edge.storage.reader import Reader
from edge.storage.store import Store
from edge.switch.exchange import Exchange
from edge.switch.plan import Plan
from edge.switch.recovery import recover
from edge.switch.requests import RequestError, Requests
from edge.switch.seats import Seats
from edge.vocabulary import reports as r
from edge.vocabulary.ids import CallbackId, Incarnation, LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import REMOTE, heard, sound
from tests.switch.world import ended, incoming, media_ended, recording_done

MENU = Menu(
    name="main",
    version="v1",
    start="choose",
    nodes={
        "choose": Gather(prompt=[sound("press")], choices={"1": "desk", "2": "back"}, failed="bye"),
        "desk": Transfer(target="sip:desk@127.0.0.1", failed="bye"),
        "back": Callback(
            offer=Gather(prompt=[sound("offer")], failed=""),
            ask=None,
            confirm=None,
            rules=Rules(),
            window=WindowRule(within_ms=3_600_000),
            zone=UTC_ZONE,
            next="bye",
            declined="bye",
            failed="bye",
            refused="bye",
        ),
        "bye": HangUp("goodbye"),
    },
)


class House:
    """An exchange over a real store, with a clock of its own. `restart` is a kill of the process."""

    def __init__(self, folder: Path, trunk_country: str = "DE", **callbacks) -> None:
        media = Media(slots=20, engines=1)
        self.site = CompiledSite(
            name="test",
            media=media,
            trunks=[Trunk(name="loop", sources=["127.0.0.0/8"], country=trunk_country)],
            routes=[Route(number="2*", menu="main")],
            menus={"main": MENU},
            calendars={"office": Calendar(week=[[(480, 1020)]] * 7)},
            callbacks=Callbacks(lost=True, **callbacks),
        )
        self.now = 5000
        self.wall = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
        self.path = folder / "state.db"
        self.boot = "boot"
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is on disk: turns that were not written are lost."""
        self.store = Store(self.path)
        self.metrics = SwitchMetrics()
        seats = Seats([slots_of(self.site.media, 0)])
        self.exchange = Exchange(Plan(self.site), self.boot, self.metrics, lambda: self.now, lambda: self.wall, seats)
        self.exchange.connected |= {"front", "media", "span span-1"}
        recover(self.store, self.exchange)
        self.commit()

    def commit(self) -> None:
        self.store.write(self.exchange.take_turn())

    def report(self, process: str, body: r.AnyReport) -> None:
        self.exchange.report(process, Incarnation("span-1" if process == "span" else process), body)

    def pass_time(self, **much) -> None:
        self.wall += timedelta(**much)
        self.now += round(timedelta(**much).total_seconds() * 1000)

    def call(self, name: str, keys: str = "", caller: str = "030123456") -> "House":
        self.report("front", self.came(name, caller))
        self.report("span", r.LegAnswered(LegId(f"{name}.1")))
        for key in keys:
            self.press(name, key)
        return self

    def came(self, name: str, caller: str = "030123456") -> r.LegIncoming:
        return replace(incoming(name), caller=Private(caller), trunk="loop")

    def press(self, name: str, key: str) -> None:
        self.now += 1000
        self.report("media", heard(key, self.now - 200, leg=LegId(f"{name}.1")))

    def talk(self, name: str) -> None:
        leg = LegId(f"{name}.2")
        self.report("front", r.SpanReserved(leg, Incarnation("span-2")))
        for command in self.exchange.pending.take("media"):
            self.report("media", r.CommandDone(command.id))
        self.report("span", r.LegMedia(leg, REMOTE))
        self.report("span", r.LegAnswered(leg))

    def hang_up(self, name: str) -> None:
        self.report("span", ended(LegId(f"{name}.1")))

    def told(self, kind: str) -> list[dict]:
        """Events of a type that are on disk, in order."""
        rows = self.store._db().execute("SELECT body FROM events WHERE type = ? ORDER BY sequence", (kind,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def rows(self) -> list:
        return self.store._db().execute("SELECT * FROM callbacks ORDER BY requested, id").fetchall()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_request_is_on_disk_with_its_event_or_neither_is(house: House) -> None:
    house.call("c1", "2")
    house.commit()
    house.press("c1", "1")
    house.store.close()
    house.restart()  # killed between the key and the transaction: the report comes again
    assert house.rows() == house.told("callback.requested") == []
    house.press("c1", "1")
    house.commit()
    house.restart()
    (event,), (row,) = house.told("callback.requested"), house.store.open_callbacks()
    assert event["data"]["callback"] == event["id"] == row.id
    assert (row.number, row.reason, row.state, row.times) == ("+4930123456", "asked", "open", 1)
    assert (row.call, row.trunk, row.called, row.node, row.menu_version) == ("c1", "loop", "200", "back", "v1")
    assert (row.not_before, row.latest) == (event["data"]["not_before"], event["data"]["latest"])
    assert len(house.exchange.callbacks) == 1


def test_a_second_request_renews_the_first(house: House) -> None:
    house.call("c1", "21")
    house.commit()
    house.pass_time(minutes=10)
    house.restart()
    house.call("c2", "21")
    house.commit()
    first, second = (one["data"] for one in house.told("callback.requested"))
    assert (first["renewed"], second["renewed"], second["times"]) == (False, True, 2)
    assert first["callback"] == second["callback"]
    (row,) = house.store.open_callbacks()
    assert (row.call, row.times) == ("c2", 2)
    assert row.requested < row.renewed
    assert row.latest == second["latest"] > first["latest"]
    # Another number is another request.
    house.call("c3", "21", caller="030999999")
    house.commit()
    assert len(house.store.open_callbacks()) == 2
    assert house.exchange.callbacks.figures(house.wall) == (2, 600.0, 0)


def test_a_lost_call_is_called_back_in_the_hours_of_the_site(tmp_path: Path) -> None:
    house = House(tmp_path, hours="office", within_ms=3_600_000)
    house.call("c1", "1")
    house.pass_time(seconds=30)
    house.hang_up("c1")
    house.commit()
    (event,) = house.told("callback.requested")
    data = event["data"]
    assert (data["reason"], data["not_before"], data["latest"]) == (
        "lost",
        "2026-11-24T08:00:00.000Z",
        "2026-11-24T09:00:00.000Z",
    )
    house.pass_time(hours=15)
    assert house.exchange.callbacks.figures(house.wall)[2] == 1, "it is late"
    # He asks in words, too: that is more than having been lost. And being lost again is no less.
    house.call("c2", "21")
    house.call("c3", "1")
    house.pass_time(seconds=30)
    house.hang_up("c3")
    house.commit()
    (row,) = house.store.open_callbacks()
    assert (row.reason, row.times, row.call) == ("asked", 3, "c3")


def test_who_rings_again_and_is_served_needs_no_callback(house: House) -> None:
    house.call("c1", "21")
    house.commit()
    house.pass_time(minutes=5)
    house.call("c2", "1")
    assert house.told("callback.superseded") == []
    house.talk("c2")
    house.commit()
    (event,) = house.told("callback.superseded")
    assert event["subject"] == "c2"
    assert event["data"]["after_ms"] >= 300_000
    assert house.store.open_callbacks() == []
    (row,) = house.rows()
    assert row[3] == "closed"
    assert row[22:24] == ("superseded", "c2")
    types = [e["callseq"] for kind in ("call.started", "callback.superseded") for e in house.told(kind)]
    assert len(types) == 3
    # From now on a request is a new one.
    house.call("c4", "21")
    house.commit()
    assert [one["data"]["renewed"] for one in house.told("callback.requested")] == [False, False]
    house.restart()
    assert len(house.exchange.callbacks) == 1


def test_a_hidden_caller_closes_nothing(house: House) -> None:
    house.call("c1", "21")
    came = incoming("c2")
    hidden = replace(came.identity, withheld=True)
    house.report("front", replace(came, caller=Private("030123456"), trunk="loop", identity=hidden))
    house.report("span", r.LegAnswered(LegId("c2.1")))
    house.press("c2", "1")
    house.talk("c2")
    house.commit()
    assert house.told("callback.superseded") == []
    assert len(house.store.open_callbacks()) == 1


def test_a_person_closes_a_request(house: House) -> None:
    house.call("c1", "21")
    house.commit()
    (row,) = house.store.open_callbacks()
    callbacks = house.exchange.callbacks
    assert callbacks.close_by_hand(house.exchange, CallbackId(row.id), "he wrote", house.wall)
    assert not callbacks.close_by_hand(house.exchange, CallbackId(row.id), "", house.wall)
    house.commit()
    (event,) = house.told("callback.closed")
    assert (event["subject"], event["data"]["why"]) == ("test", "he wrote")
    assert house.rows()[0][21:24] == (rfc3339(house.wall), "operator", "he wrote")


def test_no_more_than_the_site_takes(tmp_path: Path) -> None:
    house = House(tmp_path, max_open=1)
    house.call("c1", "21")
    house.call("c2", "21", caller="030999999")
    house.commit()
    assert len(house.told("callback.requested")) == 1
    assert house.metrics.callbacks_requested.labels("asked")._value.get() == 1


def test_calls_that_are_over_leave_nothing_in_memory(house: House) -> None:
    house.call("c1", "1")
    house.talk("c1")
    house.hang_up("c1")
    for leg in ("c1.1", "c1.2"):
        house.report("span", ended(LegId(leg)))
        house.report("media", media_ended(LegId(leg)))
    call = house.exchange.calls.get("c1")
    for recording in list(call.recordings if call is not None else ()):
        house.report("media", recording_done(LegId("c1.1"), recording))
    assert house.exchange.callbacks._look == set()


def test_what_operators_ask_switch(house: House) -> None:
    house.call("c1", "21")
    house.commit()
    (row,) = house.store.open_callbacks()
    requests = Requests(lambda: house.exchange, Reader(house.path))
    body = json.dumps({"id": row.id, "why": "he wrote"}).encode()
    assert json.loads(requests.answer("close_callback", body)) == {"callback": row.id}
    with pytest.raises(RequestError, match="no such callback is open"):
        requests.answer("close_callback", body)
    with pytest.raises(RequestError):
        requests.answer("close_callback", b'{"id": "x", "why": 5}')
    house.commit()
    assert house.store.open_callbacks() == []


def test_a_call_of_ours_has_its_trunks_country_and_counts_what_is_open(house: House) -> None:
    plan = Plan(replace(house.site, callbacks=replace(house.site.callbacks, max_open=2)))
    for open_now, full in ((1, False), (2, True)):
        terms = plan.terms(MENU, house.wall, dialled=True, trunk="loop", callbacks=open_now)
        assert terms.country == "DE"
        assert terms.callbacks is not None
        assert terms.callbacks.full == full
    other = Plan(replace(house.site, callbacks=Callbacks(lost=True, lost_menus=["other"])))
    terms = other.terms(MENU, house.wall, trunk="away")
    assert terms.country == ""
    assert terms.callbacks is not None, "the menu asks for callbacks"
    assert terms.callbacks.lost_after_ms is None


def test_callers_of_a_trunk_without_a_country_are_read_by_that_of_the_site(tmp_path: Path) -> None:
    house = House(tmp_path, trunk_country="", country="DE")
    house.call("c1", "1")
    house.pass_time(seconds=30)
    house.hang_up("c1")
    house.commit()
    assert [row.number for row in house.store.open_callbacks()] == ["+4930123456"]
    house.call("c2", "1")
    house.talk("c2")
    house.commit()
    assert house.store.open_callbacks() == []
