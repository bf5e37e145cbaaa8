"""Previews and results in virtual time: who sees whom, what comes of it, and that kills cost nobody a second call."""

import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.core.dialer.campaign import PreviewTerms
from edge.core.dialer.ruleset import AttemptsRule
from edge.core.menus.calendar import Calendar
from edge.dialer.engine import QUERY_MS
from edge.dialer.previews import GRACE_MS, PreviewError
from edge.storage.campaigns.words import Preview
from edge.storage.turn import StorageError
from edge.vocabulary.commands import PreviewTold, ResultTold
from edge.vocabulary.private import Private
from tests.dialer.world import CAMPAIGN, LIST, OWNER, RULES, House, contact, permissions_by

SEED = 20261123
HOUR = 3_600_000


def house_of(folder: Path, contacts: int = 0, agents: int = 1, **preview: Any) -> House:
    terms = PreviewTerms(timeout_ms=30_000, again_after_ms=HOUR, **preview)
    house = House(
        folder, contacts, pacing="preview", queue="sales", preview=terms, results=["sold", "later"], max_channels=4
    )
    house.switch.agents = [f"agent{index}" for index in range(agents)]
    house.begin()
    return house


def looked(house: House, turns: int = 2) -> House:
    for _ in range(turns):
        house.turn()
    return house


def state(house: House, index: int = 0) -> tuple[str, int]:
    found = house.store.contact(LIST, f"c{index}")
    assert found is not None
    return found.state, found.due_ms - house.wall_ms


def test_each_free_agent_sees_one_contact_and_nobody_is_called(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 5, agents=2))
    assert set(house.switch.held.values()) == {"agent0", "agent1"}
    assert house.switch.dialled == {}
    assert [house.engine.previews.show(f"agent{index}")["contact"] for index in (0, 1)] == ["c0", "c1"]
    assert (house.engine.desk.describe()[0]["due"], house.engine.desk.describe()[0]["shown"]) == (3, 2)
    house.turn(1000)
    assert house.states == ["running"]


def test_who_accepts_has_the_contact_called_with_him_first(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 2))
    attempt = house.engine.previews.accept("agent0", "anna's desk")
    house.turn()
    (order,) = house.switch.orders.values()
    assert (order.attempt, order.agent, order.queue, order.led) == (attempt, "agent0", "sales", True)
    assert house.switch.previewed == [(attempt, "accepted")]
    assert house.store.pending_previews(OWNER) == []
    house.hang_up(attempt, "connected")
    house.turn()
    assert house.engine.open == {}
    assert state(house)[0] == "done"
    assert house.engine.desk.describe()[0]["previews"] == {"accepted": 1}


def test_who_is_skipped_comes_later_and_who_is_rejected_never(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 2))
    assert house.engine.previews.skip("agent0", "agent0", "at lunch")
    assert state(house) == ("waiting", HOUR)
    looked(house, 3)
    assert house.engine.previews.show("agent0")["contact"] == "c1"
    house.engine.previews.reject("agent0", "agent0", "a relative")
    assert state(house, 1)[0] == "done"
    looked(house)
    house.turn(HOUR)
    looked(house)
    assert house.engine.previews.show("agent0")["contact"] == "c0"
    assert [how for _, how in house.switch.previewed] == ["skipped", "rejected"]
    assert house.switch.dialled == {}


def test_what_an_agent_sees(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    house.add([contact(0, attributes={"tariff": "gold"}, language="de")])
    looked(house)
    seen = house.engine.previews.show("agent0")
    number = contact(0).numbers[0].number.reveal()
    assert (seen["attributes"], seen["language"], seen["left_s"], seen["ready"]) == ({"tariff": "gold"}, "de", 29, True)
    assert seen["number"] == "*" * (len(number) - 3) + number[-3:]
    with pytest.raises(PreviewError, match="is shown no contact"):
        house.engine.previews.show("nobody")


def test_a_number_is_seen_where_it_may_be(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1, show_number=True))
    assert house.engine.previews.show("agent0")["number"] == contact(0).numbers[0].number.reveal()


def test_what_was_before_is_seen_with_what_agents_said_of_it(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    attempt = house.engine.previews.accept("agent0", "")
    house.turn()
    house.hang_up(attempt, "connected")
    house.turn()
    house.engine.hear(result(house, attempt, "r1", "same_number"))
    house.switch.agents = ["agent0"]
    looked(house, 3)
    (past,) = house.engine.previews.show("agent0")["attempts"]
    assert (past["attempt"], past["disposition"]) == (attempt, "connected")
    assert [(one["code"], one["note"]) for one in past["results"]] == [("later", "on Friday")]


# --- time


def test_without_a_word_it_is_skipped(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    house.turn(29_000)
    assert house.switch.held
    house.turn(1000)
    assert house.switch.held == {}
    assert state(house) == ("waiting", HOUR)
    assert [how for _, how in house.switch.previewed] == ["lapsed"]


def test_or_dialled(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1, on_timeout="dial"))
    house.turn(30_000)
    assert sum(house.switch.dialled.values()) == 1
    assert [how for _, how in house.switch.previewed] == ["accepted"]


def test_a_pause_takes_contacts_from_agents(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    house.engine.set_state(CAMPAIGN, "paused", "test", "")
    looked(house, 1)
    assert house.switch.held == {}
    assert state(house)[0] == "waiting"
    with pytest.raises(PreviewError):
        house.engine.previews.accept("agent0", "")


def test_a_stop_begins_no_call(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    house.engine.drain()
    house.turn()
    assert house.switch.held == {}
    assert [how for _, how in house.switch.previewed] == ["withdrawn"]


# --- agents who are not there


def test_an_agent_who_is_not_there_costs_the_contact_nothing(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1)
    house.now_ms += 100
    house.engine.tick()
    house.turn()  # the offer is on its way
    house.engine.hear(PreviewTold(preview=next(iter(house.switch.held)), state="gone", why="logged out"))
    house.switch.held.clear()
    assert state(house)[0] == "waiting"
    with pytest.raises(PreviewError):
        house.engine.previews.accept("agent0", "")
    house.switch.agents = ["agent0"]
    house.turn()
    assert house.switch.held == {}  # not at once
    house.turn(2000)
    house.turn()
    assert house.switch.held


def test_one_whom_switch_cannot_keep_is_asked_again_later(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1)
    agents = house.switch.agents
    house.engine.hear(house_ready(house))
    house.switch.agents = []
    house.now_ms += 100
    house.engine.tick()
    house.switch_reads()
    house.dialer_reads()
    assert state(house)[0] == "waiting"
    house.switch.agents = agents
    house.turn(2500)
    house.turn()
    assert house.switch.held


def house_ready(house: House) -> Any:
    from edge.vocabulary.commands import AgentsTold

    return AgentsTold({}, {"sales": list(house.switch.agents)})


def test_an_agent_who_does_not_answer_is_no_attempt(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    attempt = house.engine.previews.accept("agent0", "")
    house.turn()
    house.to_dialer.append(house.switch.unplaced(attempt, house.wall_ms))
    house.turn()
    assert house.engine.open == {}
    found = house.store.contact(LIST, "c0")
    assert found is not None
    assert (found.state, found.attempts) == ("waiting", 0)
    assert house.store.history(contact(0).numbers[0].number, 0) == []
    house.switch.agents = ["agent0"]
    looked(house, 3)
    assert house.engine.previews.show("agent0")["contact"] == "c0"


def test_an_agent_who_is_gone_when_the_order_comes(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    house.engine.previews.accept("agent0", "")
    house.switch.held.clear()
    house.turn()
    house.turn()
    assert house.switch.dialled == {}
    assert house.engine.open == {}
    assert state(house)[0] == "waiting"
    assert house.engine.campaigns[CAMPAIGN].blocked == ""  # it is not about the others


# --- the rules, at the moment of the call


def test_the_rules_are_asked_again(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    house.store.suppress("own", {contact(0).numbers[0].number: house.wall_ms})
    with pytest.raises(PreviewError, match="own_list"):
        house.engine.previews.accept("agent0", "")
    assert state(house)[0] == "done"
    house.turn()
    assert house.switch.dialled == {}
    assert [how for _, how in house.switch.previewed] == ["rejected"]


def test_the_next_number_has_its_turn_and_a_later_time_is_kept(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    house.add([contact(0, numbers=2)])
    looked(house)
    first, second = (one.number for one in contact(0, numbers=2).numbers)
    house.store.suppress("own", {first: house.wall_ms})
    with pytest.raises(PreviewError):
        house.engine.previews.accept("agent0", "")
    looked(house, 3)
    rules = replace(RULES, attempts=[AttemptsRule(of="contact", most=1, within_ms=HOUR)])
    attempt = house.engine.previews.accept("agent0", "")
    house.turn()
    assert house.switch.dialled == {second.reveal(): 1}
    house.hang_up(attempt, "busy")
    house.turn()
    house.switch.agents = ["agent0"]
    house.turn(601_000)
    looked(house)
    house.engine.reload({CAMPAIGN: house.settings}, lambda store, _: permissions_by(store, rules))
    with pytest.raises(PreviewError, match="the rules do not let it be called"):
        house.engine.previews.accept("agent0", "")
    found, due_ms = state(house)
    assert found == "waiting"
    assert 0 < due_ms <= HOUR


def test_outside_its_hours_nothing_is_shown_or_called(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 2))
    house.engine.configure({CAMPAIGN: replace(house.settings, calendar=Calendar(week=[[]] * 7))})
    with pytest.raises(PreviewError, match="hours"):
        house.engine.previews.accept("agent0", "")
    assert house.engine.previews.show("agent0")["contact"] == "c0"


def test_as_many_calls_as_there_are_channels(tmp_path: Path) -> None:
    house = house_of(tmp_path, 6, agents=6)
    looked(house)
    for index in range(4):
        house.engine.previews.accept(f"agent{index}", "")
    with pytest.raises(PreviewError, match="try again"):
        house.engine.previews.accept("agent4", "")
    house.turn()
    assert len(house.lasting) == 4


# --- results


def result(house: House, attempt: str, id_: str, step: Any) -> ResultTold:
    return ResultTold(
        id=id_,
        attempt=attempt,
        campaign=CAMPAIGN,
        agent="agent0",
        code="later",
        step=step,
        due_ms=house.wall_ms,
        note=Private("on Friday"),
        given_ms=house.wall_ms,
    )


def test_a_result_is_followed_and_counted_once(tmp_path: Path) -> None:
    house = looked(house_of(tmp_path, 1))
    attempt = house.engine.previews.accept("agent0", "")
    house.turn()
    told = result(house, attempt, "r1", "same_number")
    for _ in range(2):
        house.engine.hear(told)
    assert house.kept == ["r1", "r1"]
    house.hang_up(attempt, "connected")
    house.turn()
    assert state(house)[0] == "waiting"
    assert house.engine.desk.describe()[0]["results"] == {"later": 1}
    from edge.metrics.library import generate_latest

    text = generate_latest(house.metrics.registry).decode()
    assert f'edge_dialer_results_total{{campaign="{CAMPAIGN}",code="later"}} 1.0' in text
    assert f'edge_dialer_results_total{{campaign="{CAMPAIGN}",code="sold"}} 0.0' in text
    assert f'edge_dialer_previews_total{{campaign="{CAMPAIGN}",how="accepted"}} 1.0' in text


def test_a_store_that_fails_loses_neither_a_result_nor_what_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = looked(house_of(tmp_path, 1))
    attempt = house.engine.previews.accept("agent0", "")

    def broken(*_: Any) -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "give_result", broken)
        patch.setattr(house.store, "preview_told", broken)
        with pytest.raises(StorageError):
            house.engine.hear(result(house, attempt, "r1", "done"))
        with pytest.raises(StorageError):
            house.engine.hear(PreviewTold(preview=attempt, state="closed"))
    assert house.kept == []
    assert [one.id for one in house.store.pending_previews(OWNER)] == [attempt]
    house.engine.tick()
    assert house.kept == ["r1"]
    assert [one.id for one in house.store.results(attempt)] == ["r1"]
    assert house.store.pending_previews(OWNER) == []


# --- kills


def dialer_killed_before_switch_heard_of_it(house: House) -> None:
    house.engine.hear(house_ready(house))
    house.now_ms += 100
    house.engine.tick()
    house.kill_dialer()


def dialer_killed_between_offer_and_accept(house: House) -> None:
    looked(house)
    house.kill_dialer()


def dialer_killed_after_the_accept(house: House) -> None:
    looked(house)
    house.engine.previews.accept("agent0", "")
    house.kill_dialer()


def switch_killed_between_offer_and_accept(house: House) -> None:
    looked(house)
    house.kill_switch()


def switch_killed_after_the_accept(house: House) -> None:
    looked(house)
    house.engine.previews.accept("agent0", "")
    house.switch_reads()
    house.kill_switch()


def dialer_killed_after_a_skip(house: House) -> None:
    looked(house)
    house.engine.previews.skip("agent0", "", "")
    house.kill_dialer()


@pytest.mark.parametrize(
    "kill",
    [
        dialer_killed_before_switch_heard_of_it,
        dialer_killed_between_offer_and_accept,
        dialer_killed_after_the_accept,
        switch_killed_between_offer_and_accept,
        switch_killed_after_the_accept,
        dialer_killed_after_a_skip,
    ],
)
def test_a_kill_in_a_named_state(tmp_path: Path, kill: Any) -> None:
    house = house_of(tmp_path, 4, agents=2)
    kill(house)
    finish(house)


def finish(house: House) -> None:
    """Let every contact be accepted, and every call answered, until nobody is left."""
    for _ in range(40):
        house.turn(1000)
        for agent in list(house.switch.held.values()):
            try:
                house.engine.previews.accept(agent, "")
            except PreviewError:
                continue
        house.turn(100)
        for attempt in house.lasting:
            house.switch.agents.append(house.switch.orders[attempt].agent)
            house.hang_up(attempt, "connected")
    house.turn(HOUR)
    for _ in range(10):
        house.turn(1000)
        for agent in list(house.switch.held.values()):
            house.engine.previews.accept(agent, "")
        house.turn(100)
        for attempt in house.lasting:
            house.switch.agents.append(house.switch.orders[attempt].agent)
            house.hang_up(attempt, "connected")
    house.turn(QUERY_MS)
    house.turn()
    assert dict.fromkeys(house.switch.dialled, 1) == house.switch.dialled
    assert len(house.switch.dialled) == 4
    assert house.engine.open == {}
    assert house.store.pending_previews(OWNER) == []
    assert len(dict(house.switch.previewed)) == len(house.switch.previewed)  # one end each


def test_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything, in any order, with a store that now and then fails before or after it has written."""
    for round_ in range(12):
        dice = random.Random(SEED + round_)
        (folder := tmp_path / str(round_)).mkdir()
        house = house_of(folder, 5, agents=2)
        for _ in range(60):
            happen(house, dice, monkeypatch)
        finish_any(house)
        counts = {number: count for number, count in house.switch.dialled.items() if count}
        assert counts == dict.fromkeys(counts, 1), f"seed {SEED + round_}"
        assert house.engine.open == {}, f"seed {SEED + round_}"
        assert house.store.pending_previews(OWNER) == [], f"seed {SEED + round_}"
        assert len(dict(house.switch.previewed)) == len(house.switch.previewed), f"seed {SEED + round_}"


def happen(house: House, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = f"agent{dice.randrange(2)}"
    what = dice.choice(["turn"] * 6 + ["accept", "accept", "skip", "kill dialer", "kill switch", "end", "fail"])
    try:
        if what == "turn":
            house.turn(dice.choice((100, 1000)))
        elif what == "accept":
            house.engine.previews.accept(agent, "")
        elif what == "skip":
            house.engine.previews.skip(agent, "", "")
        elif what == "kill dialer":
            house.kill_dialer()
        elif what == "kill switch":
            house.kill_switch()
        elif what == "end" and house.lasting:
            hang_up_one(house, dice)
        elif what == "fail":
            failing(house, dice, monkeypatch)
    except (PreviewError, StorageError):
        return


def hang_up_one(house: House, dice: random.Random) -> None:
    attempt = dice.choice(house.lasting)
    house.switch.agents.append(house.switch.orders[attempt].agent)
    if dice.random() < 0.3:
        house.to_dialer.append(house.switch.unplaced(attempt, house.wall_ms))
    else:
        house.hang_up(attempt, "connected")


def failing(house: House, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something while the store fails, after it has written: the answer is lost."""
    name = dice.choice(["offer", "accept", "end_preview", "preview_told", "release", "end"])
    real = getattr(house.store, name)

    def lost(*args: Any, **more: Any) -> None:
        real(*args, **more)
        raise StorageError("the answer is lost")

    with monkeypatch.context() as patch:
        patch.setattr(house.store, name, lost)
        if name == "accept":
            house.engine.previews.accept(f"agent{dice.randrange(2)}", "")
        else:
            house.turn()


def finish_any(house: House) -> None:
    for _ in range(60):
        house.turn(1000)
        for attempt in house.lasting:
            house.switch.agents.append(house.switch.orders[attempt].agent)
            house.hang_up(attempt, "connected")
    house.engine.set_state(CAMPAIGN, "stopped", "test", "")
    for _ in range(4):
        house.turn(QUERY_MS)


def test_what_is_found_after_switch_was_greeted_is_asked_for(tmp_path: Path) -> None:
    """Where several appliances share a store it takes a while until the name is ours again."""
    house = looked(house_of(tmp_path, 2, agents=2))
    house.engine.previews.skip("agent1", "", "")
    house.kill_dialer()
    fresh = type(house.engine)(house.store, OWNER, house, house.engine._clocks, house.metrics, house.permissions)
    fresh.configure({CAMPAIGN: house.settings})
    fresh.connected()
    house.to_switch = []
    house.engine = fresh
    fresh.take_up()
    looked(house)
    assert fresh.previews.show("agent0")["ready"]
    assert house.store.pending_previews(OWNER)[0].agent == "agent0"
    assert [one.state for one in house.store.pending_previews(OWNER)][:1] == ["offered"]
    assert [how for _, how in house.switch.previewed] == ["skipped"]


def test_what_a_dead_appliance_has_left(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, agents=0)
    theirs = Preview(
        id="d" + "f" * 24,
        campaign=CAMPAIGN,
        listed_in=LIST,
        contact="c0",
        number=contact(0).numbers[0].number,
        owner="dead",
        agent="somebody",
        until_ms=house.wall_ms + GRACE_MS,
    )
    assert house.store.offer(theirs, house.wall_ms) is None
    house.turn(GRACE_MS - 5000)
    assert state(house)[0] == "open"
    house.turn(5000)
    house.turn(1000)
    assert state(house)[0] == "waiting"
