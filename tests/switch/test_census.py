"""What a snapshot proves, and what it does not."""

from edge.core.calls.inputs import Stopped
from edge.runtime.link import Peer
from edge.switch import census
from edge.vocabulary import reports as r
from edge.vocabulary.ids import Incarnation, LegId, SlotIndex
from tests.switch.test_exchange import Office
from tests.switch.world import incoming

FIRST = LegId("c.1")


class Listener(Peer):
    """A peer that notes what it is told to discard."""

    def __init__(self) -> None:
        super().__init__("span", Incarnation("span-1"), 0)
        self.discarded: list[LegId] = []

    def discard(self, legs: list[LegId]) -> None:
        self.discarded += legs


def settle(office: Office, peer: Peer, snapshot: r.AnyReport, suspects: list[LegId]) -> None:
    census.settle(office.exchange, peer, snapshot, suspects, office.now)
    office.sent("media")


def test_leg_that_its_span_forgot():
    office, peer = Office(), Listener()
    office.answered()
    suspects = census.missing(office.exchange, peer, r.SpanSnapshot({}))
    assert suspects == [FIRST]
    settle(office, peer, r.SpanSnapshot({}), suspects)
    assert office.exchange.calls["c"].end.outcome == "span_lost"


def test_leg_that_has_not_reached_a_span_that_just_started():
    office, peer = Office(), Listener()
    office.report("front", incoming("c"))
    assert census.missing(office.exchange, peer, r.SpanSnapshot({})) == []


def test_leg_whose_end_follows_the_snapshot():
    office, peer = Office(), Listener()
    office.answered()
    suspects = census.missing(office.exchange, peer, r.SpanSnapshot({}))
    office.exchange.feed(office.exchange.calls["c"], Stopped("by hand"))
    office.sent("span span-1")
    office.report("span", r.LegEnded(FIRST, office.exchange.calls["c"].end))
    settle(office, peer, r.SpanSnapshot({}), suspects)
    assert office.exchange.calls["c"].end.outcome == "stopped"


def test_legs_of_another_life_are_not_judged():
    office, peer = Office(), Listener()
    office.answered()
    peer.incarnation = Incarnation("span-2")
    assert census.missing(office.exchange, peer, r.SpanSnapshot({})) == []


def test_unknown_legs_are_discarded_and_their_slots_rest():
    office, peer = Office(slots=1), Listener()
    snapshot = r.MediaSnapshot({LegId("ghost.1"): SlotIndex(0)}, {})
    census.take_media(office.exchange, "media", snapshot)
    office.report("front", incoming("c"))
    assert office.refused() == [503], "the slot is held by a leg that nobody knows"
    settle(office, peer, snapshot, [])
    assert peer.discarded == ["ghost.1"]
    office.now += 1000
    office.report("front", incoming("d"))
    assert office.refused() == []


def test_a_leg_of_a_snapshot_that_is_told_behind_it_is_kept():
    office, peer = Office(), Listener()
    snapshot = r.FrontSnapshot([FIRST])
    suspects = census.missing(office.exchange, peer, snapshot)
    office.report("front", incoming("c"))
    settle(office, peer, snapshot, suspects)
    assert peer.discarded == []
    assert office.exchange.calls["c"].end is None


def test_media_that_lost_an_open_leg():
    office = Office()
    office.answered()
    census.take_media(office.exchange, "media", r.MediaSnapshot({}, {}))
    assert office.exchange.calls["c"].end.outcome == "media_lost"


def test_media_that_has_yet_to_open_a_leg_lost_nothing():
    office = Office()
    office.report("front", incoming("c"))
    census.take_media(office.exchange, "media", r.MediaSnapshot({}, {}))
    assert office.exchange.calls["c"].end is None


def test_spans_that_did_not_come_back():
    office = Office()
    office.answered()
    census.end_legs_of_absent_spans(office.exchange)
    assert office.exchange.calls["c"].end is None
    office.exchange.connected.clear()
    census.end_legs_of_absent_spans(office.exchange)
    assert office.exchange.calls["c"].end.outcome == "span_lost"
