"""All calls together, without any process: routing, slots, order of commands, timers."""

from datetime import UTC, datetime

import msgspec
import pytest

from edge.config.compiled import CompiledSite
from edge.config.engines import slots_of
from edge.config.site import Media, Route
from edge.core.calls.inputs import Originate
from edge.core.calls.slots import QUARANTINE_MS
from edge.metrics.switch import SwitchMetrics
from edge.runtime.link import Peer
from edge.switch import census
from edge.switch.described import describe
from edge.switch.exchange import Exchange
from edge.switch.plan import Plan
from edge.switch.seats import Seats
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary import site_events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, Incarnation, LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import MENU
from tests.switch.world import ended, incoming, media_ended

SPAN = "span span-1"


class Office:
    """An exchange with a clock of its own."""

    def __init__(self, slots: int = 4, engines: int = 1) -> None:
        self.now = 5000
        media = Media(slots=slots, engines=engines)
        site = CompiledSite(name="test", media=media, routes=[Route(number="2*", menu="main")], menus={"main": MENU})
        self.metrics = SwitchMetrics()
        wall = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
        seats = Seats([slots_of(media, engine) for engine in range(engines)])
        self.exchange = Exchange(Plan(site), "boot", self.metrics, lambda: self.now, lambda: wall, seats)
        self.exchange.connected |= {"front", "media", SPAN}

    def report(self, process: str, body: r.AnyReport) -> None:
        self.exchange.report(process, Incarnation("span-1" if process == "span" else process), body)

    def sent(self, receiver: str) -> list[object]:
        commands = self.exchange.pending.take(receiver)
        for command in commands:
            self.report("span" if receiver == SPAN else receiver, r.CommandDone(command.id))
        return [command.body for command in commands]

    def answered(self, call: str = "c") -> None:
        self.report("front", incoming(call))
        self.sent("media")
        self.sent(SPAN)
        self.report("span", r.LegAnswered(LegId(f"{call}.1")))

    def refused(self) -> list[int]:
        return [body.code for body in self.sent(SPAN) if isinstance(body, c.Reject)]


@pytest.fixture
def office():
    return Office()


def test_seat_is_the_address_of_the_slot(office):
    office.answered()
    office.report("front", incoming("d"))
    office.sent("media")
    assert office.sent(SPAN)[-1].media == c.Address("127.0.0.1", 16384 + 2)


def test_the_answer_waits_for_an_engine_that_is_away_only(office):
    office.report("front", incoming("c"))
    assert [type(body) for body in office.sent(SPAN)] == [c.Answer]
    office.exchange.connected.discard("media")
    office.report("front", incoming("d"))
    assert office.sent(SPAN) == []
    office.exchange.connected.add("media")
    assert [body.leg for body in office.sent("media")] == ["c.1", "d.1"]
    assert [body.leg for body in office.sent(SPAN)] == ["d.1"]


def test_an_answer_told_before_its_call_counts(office):
    """After a kill of switch the span may be the first to tell the new life of what the old one had it do."""
    office.report("span", r.LegAnswered(LegId("c.1")))
    office.report("front", incoming("c"))
    assert office.exchange.calls["c"].phase == "running"


def test_all_slots_used_is_503(office):
    for name in "abcd":
        office.answered(name)
    office.report("front", incoming("e"))
    assert office.refused() == [503]
    assert office.exchange.seats.taken == 4


def test_a_call_that_front_tells_again_is_one_call(office):
    """Front, killed and back, can't know whether switch had heard of it."""
    office.report("front", incoming("c"))
    office.report("front", incoming("c"))
    assert [e.type for e in office.exchange.turn.events] == ["call.started"]
    office.sent("media")
    office.sent(SPAN)
    office.report("span", ended(LegId("c.1")))
    office.sent("media")
    office.report("media", media_ended(LegId("c.1")))
    assert "c" not in office.exchange.calls
    office.report("front", incoming("c"))
    assert "c" not in office.exchange.calls
    assert [e.type for e in office.exchange.turn.events].count("call.started") == 1
    assert office.sent(SPAN) == []


def test_a_refused_call_that_front_tells_again_stays_refused(office):
    office.report("front", incoming("c", called="999"))
    assert office.refused() == [404]
    office.report("span", ended(LegId("c.1"), "no_route", "appliance", 404))
    assert "c" not in office.exchange.calls
    office.report("front", incoming("c", called="999"))
    assert office.refused() == []
    assert [e.type for e in office.exchange.turn.events] == ["call.started", "call.ended"]


def test_slot_comes_back_after_its_rest():
    office = Office(slots=1)
    office.answered()
    office.report("span", ended(LegId("c.1")))
    office.sent("media")
    office.report("media", r.RecordingFailed(leg=LegId("c.1"), recording="c-1", path="/x", duration_ms=0, error="x"))
    office.report("media", media_ended(LegId("c.1")))
    assert office.exchange.calls == {}
    office.report("front", incoming("d"))
    assert office.refused() == [503]
    office.now += QUARANTINE_MS
    office.report("front", incoming("e"))
    assert office.refused() == []


def test_refused_while_storage_does_not_work_is_no_call(office):
    office.exchange.refusing = "storage"
    office.report("front", incoming("c"))
    assert office.refused() == [503]
    assert not office.exchange.turn
    assert office.metrics.refused.labels("storage")._value.get() == 1


def test_recording_lies_in_the_folder_of_the_day(office):
    office.answered()
    recording = next(b for b in office.sent("media") if isinstance(b, c.StartRecording))
    assert recording.path == "/var/spool/edge/recordings/2026/11/21/c-1.wav"


def test_end_that_comes_before_its_beginning(office):
    """The span's connection may be faster than front's."""
    office.report("span", ended(LegId("c.1"), "cancelled"))
    office.report("front", incoming("c"))
    office.sent("media")
    office.report("media", media_ended(LegId("c.1")))
    assert office.exchange.calls == {}
    assert [e.type for e in office.exchange.turn.events] == ["call.started", "leg.quality", "call.ended"]


def test_repeated_beginning_is_ignored(office):
    office.answered()
    before = len(office.exchange.turn.journal)
    office.report("front", incoming("c"))
    assert len(office.exchange.turn.journal) == before


def test_menu_is_stored_once(office):
    office.answered("a")
    office.answered("b")
    assert len(office.exchange.turn.menus) == 1
    office.exchange.take_turn()
    office.answered("d")
    assert office.exchange.turn.menus == {}


def test_sound_matters_to_menus_that_listen_only(office):
    office.answered()
    before = len(office.exchange.turn.journal)
    office.report("media", r.SoundHeard(LegId("c.1"), True, office.now))
    assert len(office.exchange.turn.journal) == before


def test_deadlines_fire_in_order_and_once(office):
    office.exchange.connected.discard("media")  # so that the answer waits for it, 10 s at most
    for name in "ab":
        office.report("front", incoming(name))
        office.now += 10
    assert office.exchange.next_deadline_ms == 5000 + 10_000
    office.now = 15_000
    office.exchange.fire()
    assert office.exchange.next_deadline_ms == 15_010
    assert [b.leg for b in office.sent(SPAN)] == ["a.1"]
    office.exchange.fire()
    assert office.sent(SPAN) == []


def test_calls_that_ended_leave_no_timer_behind(office):
    for number in range(50):
        name = f"c{number}"
        office.report("front", incoming(name))
        office.sent(SPAN)
        office.report("span", ended(LegId(f"{name}.1")))
        office.sent("media")
        office.report("media", media_ended(LegId(f"{name}.1")))
        office.now += QUARANTINE_MS
    assert office.exchange.calls == {}
    assert office.exchange.next_deadline_ms is None
    assert len(office.exchange.pending) == 0
    assert office.exchange.rows == {}


def test_private_values_are_in_the_store_and_nowhere_else(office):
    office.answered()
    assert b"100" in office.exchange.turn.events[0].body
    assert office.exchange.turn.calls["c"].caller == "100"
    assert "100" not in repr(office.exchange.calls["c"].begun)


def test_new_plan_is_for_new_calls(office):
    office.answered("a")
    other = msgspec.structs.replace(MENU, version="v2")
    site = msgspec.structs.replace(office.exchange.plan.site, menus={"main": other})
    office.exchange.plan = Plan(site)
    office.answered("b")
    assert [row.menu_version for row in office.exchange.turn.calls.values()] == ["v1", "v2"]


def test_unknown_reports_are_counted(office):
    office.report("media", r.DigitHeard(leg=LegId("x.1"), method="info", digit=Private("1"), start_ms=0, duration_ms=1))
    assert office.metrics.unknown._value.get() == 1


def test_all_commands_of_a_call_go_to_its_engine() -> None:
    office = Office(slots=8, engines=2)
    office.exchange.connected |= {"media0", "media1"}
    for call in ("a", "b"):
        office.report("front", incoming(call))
    (one,), (other,) = office.sent("media0"), office.sent("media1")
    assert isinstance(one, c.OpenLeg)
    assert isinstance(other, c.OpenLeg)
    assert (one.leg, other.leg) == ("a.1", "b.1")
    assert (one.slot, other.slot) == (0, 4)
    office.sent(SPAN)
    for call, engine in (("a", "media0"), ("b", "media1")):
        office.report("span", r.LegAnswered(LegId(f"{call}.1")))
        assert office.sent(engine), "the menu's commands"
    assert not office.sent("media")


def test_a_snapshot_of_one_engine_says_nothing_of_the_other_ones_legs() -> None:
    office = Office(slots=8, engines=2)
    office.exchange.connected |= {"media0", "media1"}
    for call in ("a", "b"):
        office.report("front", incoming(call))
    office.sent("media0")
    office.sent("media1")
    census.take_media(office.exchange, "media1", r.MediaSnapshot({}, {}))
    assert office.exchange.calls["a"].legs["a.1"].media == "open"
    assert office.exchange.calls["b"].phase == "ending"


def test_calls_are_refused_only_when_every_engine_is_overloaded() -> None:
    office = Office(slots=8, engines=2)
    office.exchange.connected |= {"media0", "media1"}
    office.report("media0", r.EngineOverload(on=True))
    office.report("front", incoming("a"))
    assert office.exchange.calls["a"].legs["a.1"].seat.slot == 4
    census.take_media(office.exchange, "media1", r.MediaSnapshot({LegId("a.1"): 4}, {}, overloaded=True))
    office.report("front", incoming("b"))
    assert "b" not in office.exchange.calls
    assert office.refused() == [503]
    assert office.exchange.refuses == "overload"
    assert office.exchange.calls["a"].phase == "setup", "calls in progress go on"
    office.report("media0", r.EngineOverload(on=False))
    office.report("front", incoming("c"))
    assert "c" in office.exchange.calls


def test_a_call_is_in_the_books_of_the_trunk_that_carried_it(office):
    exchange = office.exchange
    terms = exchange.plan.terms(MENU, datetime(2026, 11, 22, tzinfo=UTC), dialled=True)
    request = Originate(target=Private("555"), trunk="all", caller=Private("100"), terms=terms)
    exchange.originate(CallId("o"), request, MENU)
    leg = LegId("o.1")
    office.report("front", r.SpanReserved(leg, Incarnation("span-1"), "first", c.Address("127.0.0.7", 5060)))
    assert describe(exchange, exchange.calls[CallId("o")])["trunk"] == "first"
    end = EndReason(outcome="unreachable", ended_by="callee", sip_code=503)
    left = r.LeftAttempt(trunk="first", address=c.Address("127.0.0.7", 5060), end=end, why="refused", duration_ms=9)
    address = c.Address("127.0.0.8", 5060)
    office.report("front", r.LegRouted(leg=leg, attempt=1, trunk="second", address=address, left=left))
    shown = describe(exchange, exchange.calls[CallId("o")])
    (row,) = shown["legs"]
    assert (shown["trunk"], row["trunk"], row["address"]) == ("second", "second", "127.0.0.8:5060")
    office.sent("media")
    office.sent(SPAN)
    office.report("span", r.LegAnswered(leg))
    assert exchange.rows[CallId("o")].trunk == "second"


def test_a_leg_that_front_has_taken_over_is_fronts(office):
    office.answered()
    office.report("front", r.LegAdopted(LegId("c.1"), Incarnation("span-1")))
    office.report("span", ended(LegId("c.1")))
    assert not office.exchange.calls["c"].end, "its part in the call ended, not the call"
    office.exchange.connected.discard(SPAN)
    census.end_legs_of_absent_spans(office.exchange)
    assert not office.exchange.calls["c"].end
    office.report("front", ended(LegId("c.1")))
    assert office.exchange.calls["c"].end.outcome == "completed"


@pytest.mark.parametrize("again", [False, True])
def test_a_leg_of_a_call_that_is_over_must_not_live_on_in_front(office, again):
    office.answered()
    office.report("span", ended(LegId("c.1")))
    office.sent("media")
    office.report("media", media_ended(LegId("c.1")))
    office.now += 11_000
    office.exchange.fire()
    assert not office.exchange.calls
    for _ in range(1 + again):
        office.report("front", r.LegAdopted(LegId("c.1"), Incarnation("span-1")))
        office.report("front", r.LegAnswered(LegId("c.1")))
        assert [(type(b), b.leg) for b in office.sent("front")] == [(c.HangUp, "c.1")]
        office.report("front", ended(LegId("c.1")))
    assert len(office.exchange.pending) == 0
    office.report("front", incoming("c"))
    assert not office.exchange.calls, "and nothing of it waits for a call of that name"


def test_a_suspect_that_front_has_taken_over_lives(office):
    office.answered()
    office.report("front", r.LegAdopted(LegId("c.1"), Incarnation("span-1")))
    assert census.missing(office.exchange, Peer("span", Incarnation("span-1"), 0), r.SpanSnapshot({})) == []
    census.settle(
        office.exchange, Peer("span", Incarnation("span-1"), 0), r.SpanSnapshot({}), [LegId("c.1")], office.now
    )
    assert not office.exchange.calls["c"].end


def test_what_is_known_of_a_trunk_is_not_told_again(office):
    def notice(event: site_events.TrunkEvent) -> list[str]:
        before = len(office.exchange.turn.events)
        office.report("front", r.Noticed(event))
        return [row.type for row in office.exchange.turn.events[before:]]

    registered = site_events.TrunkRegistered(trunk="a", expires_s=600, unregistered_ms=5)
    lost = site_events.TrunkUnregistered(trunk="a", cause="expired", registered_ms=5)
    assert notice(registered) == ["trunk.registered"]
    # A front that was killed finds out anew.
    assert notice(registered) == []
    assert notice(site_events.TrunkUp(trunk="a", rtt_ms=1.0, down_ms=0)) == ["trunk.up"]
    assert notice(site_events.TrunkRegistered(trunk="b", expires_s=600, unregistered_ms=5)) == ["trunk.registered"]
    assert notice(lost) == ["trunk.unregistered"]
    assert notice(lost) == []
    assert notice(registered) == ["trunk.registered"]
    # Only trunks have a state.
    ban = site_events.SecurityUnbanned(source="192.0.2.1", by="cleared")
    assert notice(ban) + notice(ban) == ["security.unbanned"] * 2
    ids = [row.id for row in office.exchange.turn.events]
    assert len(set(ids)) == len(ids)
