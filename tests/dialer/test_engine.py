"""The dialer's engine in virtual time: whom it calls, when it does not, and that nobody is called twice."""

import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.core.dialer.campaign import DEFAULT_RETRIES, Retry, Settings
from edge.core.dialer.ruleset import AttemptsRule
from edge.core.menus.calendar import Calendar
from edge.dialer.engine import QUERY_MS, TALKING_MS
from edge.storage.campaigns.words import Lease, Outcome
from edge.storage.turn import StorageError
from edge.vocabulary.dialing import Contact, ContactNumber, Disposition
from tests.dialer.world import CAMPAIGN, LIST, OWNER, RULES, House, contact, permissions_by, settings

SEED = 20261122


def test_nothing_is_dialled_before_somebody_starts_it(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.turn()
    assert house.switch.dialled == {}
    house.begin()
    house.turn()
    assert sum(house.switch.dialled.values()) == 3
    assert house.states == ["running"]


def test_as_many_calls_as_there_are_channels_and_each_contact_once(tmp_path: Path) -> None:
    house = House(tmp_path, 10)
    house.begin()
    house.turn()
    assert len(house.lasting) == 4
    for _ in range(8):
        for attempt in house.lasting[:2]:
            house.hang_up(attempt)
        house.turn()
        assert len(house.lasting) <= 4
    assert set(house.switch.dialled.values()) == {1}
    assert len(house.switch.dialled) == 10
    house.turn()
    assert house.states == ["running", "done"]
    assert house.engine.desk.describe()[0]["outcomes"] == {"connected": 10}
    assert house.engine.open == {}


def test_what_a_busy_line_leads_to(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add([contact(0, numbers=2)])
    house.begin()
    house.turn()
    first, second = (one.number.reveal() for one in contact(0, numbers=2).numbers)
    for count in range(1, 6):
        assert house.switch.dialled[first] == count
        house.hang_up(house.lasting[0], "busy")
        house.turn()
        assert house.lasting == []
        house.turn(9 * 60_000)
        assert house.lasting == []
        house.turn(2 * 60_000)
    assert house.switch.dialled == {first: 5, second: 1}
    house.hang_up(house.lasting[0], "unallocated")
    house.turn()
    house.turn()
    assert house.states[-1] == "done"


def test_an_order_has_what_the_call_needs(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add([contact(0, attributes={"tariff": "gold"}, language="de")])
    house.begin()
    house.turn()
    (order,) = house.switch.orders.values()
    assert (order.campaign, order.listed_in, order.contact, order.ordinal) == (CAMPAIGN, LIST, "c0", 1)
    assert {name: value.reveal() for name, value in order.attributes.items()} == {"tariff": "gold", "language": "de"}
    assert order.follows["no_answer"].step == "same_number"


def test_paused_and_stopped(tmp_path: Path) -> None:
    house = House(tmp_path, 10)
    house.begin()
    house.turn()
    house.engine.set_state(CAMPAIGN, "paused", "test", "lunch")
    for attempt in house.lasting:
        house.hang_up(attempt)
    house.turn(1000)
    house.turn(1000)
    assert len(house.switch.dialled) == 4
    house.begin()
    house.turn()
    assert len(house.switch.dialled) == 8


def test_another_process_says_what_it_is_to_do(tmp_path: Path) -> None:
    """The state is the store's: of another appliance, or of a command while this one was away."""
    house = House(tmp_path, 10)
    house.store.set_campaign(CAMPAIGN, "running", house.wall_ms)
    house.turn(1000)
    assert len(house.lasting) == 4
    house.store.set_campaign(CAMPAIGN, "stopped", house.wall_ms)
    house.hang_up(house.lasting[0])
    house.turn(1000)
    house.turn(1000)
    assert len(house.switch.dialled) == 4


def test_outside_its_hours_it_waits(tmp_path: Path) -> None:
    house = House(tmp_path, 3, calendar=Calendar(week=[[]] * 7))
    house.begin()
    house.turn()
    assert house.switch.dialled == {}
    assert house.engine.campaigns[CAMPAIGN].blocked == "schedule"


def test_without_rules_nobody_is_called(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.engine.reload({CAMPAIGN: house.settings}, lambda _store, _settings: None)
    house.begin()
    house.turn()
    assert house.switch.dialled == {}
    assert house.engine.campaigns[CAMPAIGN].blocked == "rules"


def test_whom_the_rules_forbid_does_not_keep_others_from_their_turn(tmp_path: Path) -> None:
    house = House(tmp_path, 60)
    forbidden = {contact(index).numbers[0].number: house.wall_ms for index in range(50)}
    house.store.suppress("own", forbidden)
    house.begin()
    for _ in range(8):
        house.turn()
    assert len(house.lasting) == 4
    assert not {number.reveal() for number in forbidden} & set(house.switch.dialled)
    assert house.engine.desk.describe()[0]["refused"] == {"own_list": 50}
    house.turn(1000)
    assert [(one.reason, one.calls) for one in house.store.refusals()] == [("own_list", 50)]
    assert house.engine.desk.describe()[0]["done"] == 50


def test_what_another_appliance_calls_between_the_yes_of_the_rules_and_the_lease_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, 1)
    rules = replace(RULES, attempts=[AttemptsRule(of="number", most=1, within_ms=86_400_000)])
    house.engine.reload({CAMPAIGN: house.settings}, lambda store, _: permissions_by(store, rules))
    number = contact(0).numbers[0].number
    neighbour = Contact(listed_in=LIST, id="neighbour", numbers=[ContactNumber(number=number)])
    lease = house.store.lease

    def later(wanted: Lease, now_ms: int) -> Any:
        monkeypatch.undo()
        house.add([neighbour])
        other = Lease(
            attempt="theirs", campaign=CAMPAIGN, listed_in=LIST, contact="neighbour", number=number, owner="edge-2"
        )
        assert house.store.lease(other, now_ms) is None
        assert house.store.dialling("theirs", now_ms)
        assert house.store.end("theirs", Outcome(disposition="busy", ended_ms=now_ms))
        return lease(wanted, now_ms)

    house.begin()
    monkeypatch.setattr(house.store, "lease", later)
    for _ in range(5):
        house.turn()
    assert house.switch.dialled == {}
    states = [one.state for one in house.store.attempts() if one.owner == OWNER]
    assert states == ["released"]
    assert house.engine.open == {}


def test_a_forbidden_number_leaves_the_contacts_next_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add([contact(0, numbers=2)])
    first, second = (one.number for one in contact(0, numbers=2).numbers)
    house.store.suppress("own", {first: house.wall_ms})
    house.begin()
    house.turn()
    house.turn()
    assert house.switch.dialled == {second.reveal(): 1}


def test_a_fault_of_all_calls_stops_all_and_costs_no_contact_its_turn(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.engine.configure({CAMPAIGN: _foreign(house.settings)})
    house.begin()
    house.turn()
    assert house.switch.dialled == {}
    told = house.engine.desk.describe()[0]
    assert (told["blocked"], told["why"], told["due"]) == ("lists", "caller_id_foreign", 3)
    house.engine.configure({CAMPAIGN: house.settings})
    house.turn(3000)
    assert len(house.lasting) == 3


def _foreign(settings: Settings) -> Settings:
    from edge.vocabulary.private import Private

    return replace(settings, caller_id=Private("+493055555555"))


def test_what_switch_refuses_is_given_back_and_tried_later(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.switch.refuses = "overload"
    house.begin()
    house.turn()
    assert house.engine.open == {}
    assert house.engine.desk.describe()[0]["blocked"] == "refused"
    house.turn()
    house.switch.refuses = ""
    house.turn(1000)
    assert house.switch.dialled == {}
    house.turn(2000)
    assert set(house.switch.dialled.values()) == {1}
    assert len(house.switch.dialled) == 3


def test_calls_that_could_not_be_dialled_cost_nobody_a_try_and_are_not_tried_all_the_time(tmp_path: Path) -> None:
    house = House(tmp_path, 4)
    house.begin()
    house.turn()
    assert len(house.lasting) == 4
    house.is_full(*house.lasting)
    tries = []
    for _ in range(200):  # seconds
        house.turn(1000)
        tries.append(len(house.lasting))
        house.is_full(*house.lasting)
    assert max(tries) == 1, "one goes ahead"
    assert [second for second, one in enumerate(tries) if one] == [2, 7, 16, 33, 64, 95, 126, 157, 188]
    told = house.engine.desk.describe()[0]
    assert (told["blocked"], told["why"], told["due"]) == ("refused", "no_room", 4)
    house.turn(30_000)
    house.rings(house.lasting[0])
    house.turn()
    house.turn()
    assert len(house.lasting) == 4
    assert {one.state for one in house.store.attempts(0)} == {"released", "dialling"}


def test_when_a_call_of_ours_ends_there_may_be_room_again(tmp_path: Path) -> None:
    house = House(tmp_path, 4)
    house.begin()
    house.turn()
    first, *others = house.lasting
    house.is_full(*others)
    house.turn()
    assert house.lasting == [first]
    house.hang_up(first)
    house.turn()
    house.turn()
    assert len(house.lasting) == 1, "before the pause is over"


def test_while_switch_is_away_nothing_is_leased(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.up = False
    house.begin()
    house.turn()
    assert house.engine.open == {}
    assert house.engine.campaigns[CAMPAIGN].blocked == "switch"


def test_lost_news_are_asked_for(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    house.begin()
    house.turn()
    house.hang_up(house.lasting[0])
    house.to_dialer = []
    house.turn()
    assert len(house.engine.open) == 1
    house.turn(QUERY_MS)
    assert house.engine.open == {}


def test_a_store_that_fails_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, 1)
    house.begin()
    house.turn()
    house.hang_up(house.lasting[0])

    def broken(*_: Any) -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "end", broken)
        with pytest.raises(StorageError):
            house.dialer_reads()
        with pytest.raises(StorageError):
            house.engine.tick()
    house.turn()
    assert house.engine.open == {}
    assert house.engine.desk.describe()[0]["outcomes"] == {"connected": 1}


# --- kills, in each state that an attempt can be in


def killed_after_the_lease(house: House) -> None:
    house.engine.tick()  # leased, and the order is in the socket
    house.kill_dialer()


def killed_when_switch_had_it(house: House) -> None:
    house.engine.tick()
    house.switch_reads()
    house.kill_dialer()


def killed_while_it_rang(house: House) -> None:
    house.turn()
    house.kill_dialer()


def killed_before_the_end_was_written(house: House) -> None:
    house.turn()
    for attempt in house.lasting:
        house.hang_up(attempt, "connected")
    house.kill_dialer()


def switch_killed_before_it_read(house: House) -> None:
    house.engine.tick()
    house.kill_switch()


def switch_killed_while_it_rang(house: House) -> None:
    house.turn()
    house.kill_switch()


@pytest.mark.parametrize(
    ("kill", "calls_before"),
    [
        (killed_after_the_lease, 0),
        (killed_when_switch_had_it, 4),
        (killed_while_it_rang, 4),
        (killed_before_the_end_was_written, 4),
        (switch_killed_before_it_read, 0),
        (switch_killed_while_it_rang, 4),
    ],
)
def test_a_kill_in_a_named_state(tmp_path: Path, kill: Any, calls_before: int) -> None:
    house = House(tmp_path, 6)
    house.begin()
    kill(house)
    assert sum(house.switch.dialled.values()) == calls_before
    finish(house)
    assert dict.fromkeys(house.switch.dialled, 1) == house.switch.dialled
    assert len(house.switch.dialled) == 6


def finish(house: House) -> None:
    """Let every call be answered until nothing is left."""
    for _ in range(60):
        house.turn(1000)
        for attempt in house.lasting:
            house.hang_up(attempt, "connected")
    assert house.engine.open == {}


def test_what_the_store_says_was_dialled_and_switch_does_not_know_is_held(tmp_path: Path) -> None:
    """As when somebody has put another state.db in its place."""
    house = House(tmp_path, 1)
    house.begin()
    house.turn()
    house.switch.calls.clear()
    house.kill_dialer()
    house.turn()
    assert house.engine.open == {}
    house.turn(40 * 86_400_000)
    assert sum(house.switch.dialled.values()) == 1
    assert house.engine.desk.describe()[0]["held"] == 1


def test_a_person_says_what_became_of_a_held_one(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    house.begin()
    house.turn()
    house.switch.calls.clear()
    house.kill_dialer()
    house.turn()
    (held,) = house.engine.desk.held()
    assert (held["campaign"], held["contact"]) == (CAMPAIGN, "c0")
    assert not house.engine.desk.settle("d0", "busy", "ada")
    assert house.engine.desk.settle(held["attempt"], "busy", "ada")
    assert not house.engine.desk.settle(held["attempt"], "busy", "ada")
    assert house.engine.desk.held() == []
    house.turn()
    assert sum(house.switch.dialled.values()) == 1, "busy: not before ten minutes"
    house.turn(10 * 60_000)
    assert sum(house.switch.dialled.values()) == 2


def test_kills_at_random_call_nobody_twice_and_lose_nobody(tmp_path: Path) -> None:
    """A thousand steps, every eighth of them a kill."""
    dice = random.Random(SEED)
    house = House(tmp_path, 200, max_channels=9)
    house.begin()
    kills = 0
    for _ in range(1000):
        match dice.randrange(8):
            case 0:
                house.kill_dialer() if dice.random() < 0.5 else house.kill_switch()
                kills += 1
            case 1 | 2:
                house.engine.tick()
            case 3 | 4:
                house.switch_reads()
            case 5:
                house.dialer_reads()
            case 6:
                for attempt in dice.sample(house.lasting, min(3, len(house.lasting))):
                    house.hang_up(attempt, "connected")
            case _:
                house.now_ms += dice.randrange(2000)
        if max(house.switch.dialled.values(), default=0) > 1:
            break
    finish(house)
    assert max(house.switch.dialled.values()) == 1, f"seed {SEED}"
    attempts = list(house.store.attempts())
    assert {one.state for one in attempts} <= {"ended", "released", "held"}
    assert sum(one.state == "ended" for one in attempts) == 200
    assert kills > 80


@pytest.mark.parametrize("disposition", ["held", None])
def test_nobody_knows(tmp_path: Path, disposition: Disposition | None) -> None:
    house = House(tmp_path, 1)
    house.begin()
    house.turn()
    (attempt,) = house.lasting
    house.to_dialer.append(house.switch.end(attempt, "busy", house.wall_ms))
    from msgspec.structs import replace

    house.to_dialer[-1] = replace(house.to_dialer[-1], disposition=disposition)
    house.turn()
    told = house.engine.desk.describe()[0]
    assert (told["held"], told["waiting"]) == (1, 0)
    house.turn(40 * 86_400_000)
    assert sum(house.switch.dialled.values()) == 1


def test_who_has_a_call_with_us_is_left_alone_for_a_while(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add([contact(0, numbers=2), contact(1)])
    house.begin()
    house.switch.refuses = "busy_number"
    house.turn()
    assert house.switch.dialled == {}
    assert house.engine.open == {}
    running = house.engine.campaigns[CAMPAIGN]
    assert (running.refused, running.blocked) == ({"talking": 2}, "")
    assert house.store.contact(LIST, "c0").position == 0  # type: ignore[union-attr]
    house.switch.refuses = ""
    house.turn(TALKING_MS - 1000)
    assert house.switch.dialled == {}
    house.turn(1000)
    assert len(house.switch.dialled) == 2
    assert {one.attempts for one in house.store.contacts(LIST)} == {1}, "what was not dialled does not count"


@pytest.mark.parametrize(("disposition", "state"), [("abandoned", "ended"), ("held", "held")])
@pytest.mark.parametrize("killed", [False, True])
def test_who_opts_out_stands_on_our_list_before_his_number_is_free(
    tmp_path: Path, killed: bool, disposition: Disposition, state: str
) -> None:
    """Also when the dialer dies before it has heard of it; and his other campaigns do not call him, either."""
    house = House(tmp_path, 1)
    house.begin()
    house.turn()
    (attempt,) = house.lasting
    (mine,) = contact(0).numbers
    house.hang_up(attempt, disposition, opted_out=True)
    if killed:
        house.to_dialer.clear()
        house.kill_dialer()
    house.turn()
    assert [one.listed_in for one in house.store.suppressed(mine.number)] == ["own"]
    stored = house.store.attempt(attempt)
    assert stored is not None
    assert stored.state == state
    if state == "ended":
        house.store.restart(LIST, house.wall_ms)
        house.begin()
        house.turn()
        assert house.switch.dialled == {mine.number.reveal(): 1}
        assert house.metrics.registry.get_sample_value("edge_dialer_suppressed_total", {"campaign": CAMPAIGN}) == 1


def test_what_a_campaign_began_ends_by_what_it_said_then_even_if_it_is_gone(tmp_path: Path) -> None:
    house = House(tmp_path, 2, max_channels=1)
    house.begin()
    house.turn()
    busy = DEFAULT_RETRIES | {"busy": Retry(step="done")}
    house.engine.reload({CAMPAIGN: settings(retries=busy, max_channels=1)}, house.permissions)
    house.hang_up(house.lasting[0], "busy")
    house.turn()
    house.turn()
    assert [one.state for one in house.store.contacts(LIST)].count("waiting") == 1, "the order said: the same number"
    house.engine.reload({}, house.permissions)
    (attempt,) = house.lasting
    assert [one["attempt"] for one in house.engine.desk.under_way()] == [attempt]
    house.hang_up(attempt, "busy")
    house.turn()
    assert house.engine.desk.under_way() == []
    assert [one.state for one in house.store.contacts(LIST)] == ["waiting", "done"]
    house.turn(3_600_000)
    assert len(house.switch.dialled) == 2, "nobody is dialled for a campaign that is not there"
