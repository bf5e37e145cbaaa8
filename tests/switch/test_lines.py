"""Nobody is called who has a call with us, or may be ringing: callbacks, campaigns and callers know of each other."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.campaigns import Campaign
from edge.core.dialer.ruleset import GapRule
from edge.dialer.neighbours import Neighbours
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Candidate
from edge.storage.reader import Reader
from edge.switch.lines import PATIENCE_MS
from edge.vocabulary import reports as r
from edge.vocabulary.commands import AttemptTold
from edge.vocabulary.dialing import CALLBACKS
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.private import Private
from tests.core.calls.test_attempt import ORDER
from tests.dialer.world import RULES, contact, permissions_by, settings
from tests.switch.callback_house import NUMBER, CallingHouse

DIALER = Incarnation("dialer-1")


class SharedHouse(CallingHouse):
    """A house that calls back, and that has a campaign."""

    def restart(self) -> None:
        campaign = Campaign(
            name="spring", lists=["customers"], rules="de", trunk="loop", menu="main", caller_id="+4930555"
        )
        self.site = replace(self.site, campaigns=[campaign])
        super().restart()
        self.exchange.attempts.arrived(DIALER)

    def dialer_says(self, *locked: str) -> None:
        self.exchange.report("dialer", DIALER, r.NumbersLocked([Private(number) for number in locked]))
        self.commit()

    def order(self, digit: int, number: str = NUMBER) -> AttemptTold:
        """Order an attempt; returns what the dialer is told at once."""
        order = replace(ORDER, attempt=f"d{digit:024x}", number=Private(number), trunk="loop")
        self.exchange.report("dialer", DIALER, r.AttemptAsked(order))
        told = [one for one in self.exchange.attempts.take_news() if isinstance(one, AttemptTold)]
        self.obey()
        return told[-1]


@pytest.fixture
def house(tmp_path: Path) -> SharedHouse:
    house = SharedHouse(tmp_path)
    house.dialer_says()
    return house


def test_who_calls_us_is_not_called_by_a_campaign(tmp_path: Path) -> None:
    house = SharedHouse(tmp_path, dial=False)
    house.report("front", house.came("c1"))
    house.obey()
    told = house.order(1)
    assert (told.state, told.why) == ("refused", "busy_number")
    assert house.order(2, "+4930999999").state == "dialled"
    house.report("span", r.LegAnswered(LegId("c1.1")))
    house.hang_up("c1.1")
    assert house.order(3).state == "dialled"


def test_who_is_called_back_is_not_called_by_a_campaign_and_the_other_way_round(house: SharedHouse) -> None:
    house.lose()
    house.run(1)
    assert house.row().state == "calling"
    assert house.order(1).why == "busy_number"
    house.ring(house.leg())
    house.run(25)
    assert house.row().state == "open"
    assert house.order(2).state == "dialled"
    attempt = LegId(f"d{2:024x}.1")
    house.ring(attempt)
    house.run(16 * 60)
    assert [leg for leg in house.left if leg != attempt] == [leg for leg in house.left if leg.startswith("o")]
    assert house.row().attempts == 2, "as soon as the line is free, it is called back"
    ends = house.told("dialer.attempt_ended")
    assert house.told("callback.attempt_started")[1]["time"] >= ends[0]["time"]


def test_a_callback_that_is_held_keeps_campaigns_away(house: SharedHouse) -> None:
    house.lose()
    house.run(1)
    house.exchange.calling._hold(house.exchange.callbacks.rows()[0], "nobody knows")
    house.hang_up(house.leg())
    assert house.row().state == "held"
    assert house.order(1).why == "busy_number"


def test_what_a_campaign_holds_is_not_called_back(house: SharedHouse) -> None:
    house.dialer_says(NUMBER)
    house.lose()
    house.run(30 * 60)
    assert (house.row().attempts, house.left) == (0, {})
    house.dialer_says()
    house.run(1)
    assert house.row().attempts == 1


def test_a_new_life_waits_for_the_dialers_word_as_long_as_something_may_ring(house: SharedHouse) -> None:
    house.dialer_says(NUMBER)
    house.lose()
    house.store.close()
    house.restart()
    house.run(60)
    assert house.row().attempts == 0
    house.dialer_says()
    house.run(2)
    assert house.row().attempts == 1


def test_callbacks_go_on_without_a_dialer(tmp_path: Path) -> None:
    house = SharedHouse(tmp_path)
    house.lose()
    house.run(PATIENCE_MS / 1000 - 10)
    assert house.row().attempts == 0
    house.run(10)
    assert house.row().attempts == 1


def test_who_rings_by_himself_while_he_is_dialled_is_not_rung(house: SharedHouse) -> None:
    house.order(1)
    house.report("front", house.came("c1"))
    house.obey()
    (end,) = (one["data"] for one in house.told("dialer.attempt_ended"))
    assert (end["disposition"], "rang" in end["evidence"]) == ("cancelled", False)
    house.order(2, "+4930999999")
    house.ring(LegId(f"d{2:024x}.1"))
    house.report("front", house.came("c2", "030999999"))
    house.obey()
    assert len(house.told("dialer.attempt_ended")) == 1, "what rings, rings: he would have two calls to ask about"


def test_a_served_callback_is_an_attempt_that_rules_see(house: SharedHouse, tmp_path: Path) -> None:
    house.lose()
    house.run(1)
    store, told = DatabaseStore(tmp_path / "campaigns.db"), list[list[Private]]()

    def neighbours() -> Neighbours:
        return Neighbours(store, "edge-1", Reader(house.path), told.append)

    one = neighbours()
    one.read()
    assert store.history(Private(NUMBER), 0) == []
    leg = house.leg()
    house.ring(leg)
    one = neighbours()  # another life, which begins in the middle
    one.read()
    house.answer(leg)
    house.run(60)
    house.hang_up(leg)
    one.read()
    neighbours().read()
    (past,) = store.history(Private(NUMBER), 0)
    assert (past.attempt, past.campaign, past.answered) == (leg.partition(".")[0], CALLBACKS, True)
    wall_ms = round(house.wall.timestamp() * 1000)
    permissions = permissions_by(store, replace(RULES, gap=GapRule(least_ms=3_600_000)))
    candidate = Candidate(
        contact=replace(contact(0), numbers=[replace(contact(0).numbers[0], number=Private(NUMBER))]),
        position=0,
        attempts=0,
        due_ms=0,
    )
    refused = permissions.ask(settings(), candidate, wall_ms)
    assert refused is not None
    assert (refused.reasons, refused.again_ms) == (["gap"], past.started_ms + 3_600_000)
    house.store.close()
    house.path.unlink()
    one.read()
    assert len(store.history(Private(NUMBER), 0)) == 1
    one.look()
    one.look()
    assert told == [[]]
    store.close()


def test_a_stop_lets_what_rings_ring_for_a_while_and_cancels_it_then(house: SharedHouse) -> None:
    legs = [LegId(f"d{digit:024x}.1") for digit in (1, 2, 3)]
    for digit in (1, 2, 3):
        house.order(digit, f"+493099999{digit}")
    house.ring(legs[0])
    house.ring(legs[1])
    house.exchange.draining = True
    house.exchange.attempts.drain()
    assert house.order(4, "+4930999994").why == "draining"
    house.run(10)
    house.answer(legs[0])
    house.run(4)
    assert house.told("dialer.attempt_ended") == []
    house.run(2)
    ends = {one["data"]["attempt"]: one["data"] for one in house.told("dialer.attempt_ended")}
    assert {f"{attempt}.1": (end["disposition"], end["rang_ms"]) for attempt, end in ends.items()} == {
        legs[1]: ("cancelled", 15_000),
        legs[2]: ("cancelled", None),
    }
    assert [call.id for call in house.exchange.calls.values()] == [legs[0].partition(".")[0]], "who answered talks on"
