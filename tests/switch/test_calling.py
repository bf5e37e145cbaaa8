"""Calls back: who is rung when, what follows, and that a kill at any moment calls nobody twice."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.core.menus.model import HangUp, Menu
from edge.storage.reader import Reader
from edge.switch.requests import RequestError, Requests
from edge.vocabulary import reports as r
from tests.switch.callback_house import NUMBER, CallingHouse

#: Of a request that nobody has called yet.
FRESH = {"state": "open", "attempts": 0, "attempt": "", "began": ""}


@pytest.fixture
def house(tmp_path: Path) -> CallingHouse:
    return CallingHouse(tmp_path)


def test_nobody_is_called_unless_the_site_says_so(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, dial=False)
    house.lose()
    house.run(4 * 3600)
    assert (house.row().state, house.row().attempts, house.left) == ("open", 0, {})


def test_who_was_lost_is_rung_as_long_as_the_standard_says_and_then_again(house: CallingHouse) -> None:
    row = house.lose()
    started = house.told("callback.attempt_started")
    assert [one["data"]["callback"] for one in started] == [row.id]
    house.run(1)
    leg = house.leg()
    assert list(house.left) == [leg]
    house.run(2)
    house.ring(leg)
    house.run(22)
    assert house.row().state == "calling"
    house.run(1)
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["rang_ms"], end["in_standard"], end["left"]) == ("no_answer", 22_500, True, True)
    assert (house.row().state, house.row().attempts, house.row().last) == ("open", 1, "no_answer")
    house.run(14 * 60)
    assert len(house.left) == 1
    house.run(2 * 60)
    assert len(house.left) == 2
    assert house.metrics.callback_rings.labels("in")._value.get() == 1


def test_who_answers_talks_with_the_agent(house: CallingHouse) -> None:
    house.lose()
    house.run(1)
    leg = house.leg()
    house.ring(leg, 183)
    house.run(5)
    house.answer(leg)
    house.run(1)
    agent = house.leg(2)
    assert agent in house.left
    house.ring(agent)
    house.answer(agent)
    call = house.attempt
    assert house.exchange.calls[call].begun.errand.about == "c1", "a survey is to know which call it asks about"
    house.run(60)
    house.hang_up(f"{call}.1")
    house.run(1)
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["rang_ms"], end["in_standard"]) == ("connected", 5_000, None)
    (closed,) = (one["data"] for one in house.told("callback.closed"))
    assert (closed["by"], closed["attempts"]) == ("reached", 1)
    assert (house.row().state, house.row().closed_by) == ("closed", "reached")
    (connected,) = house.told("queue.connected")
    assert connected["subject"] == call


def test_an_agent_is_rung_first(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, order="agent_first")
    house.lose()
    house.run(1)
    agent, call = house.leg(), house.attempt
    assert (list(house.left), house.exchange.queues.floor.roster.get("anna").state) == ([agent], "ringing")
    house.ring(agent)
    house.run(3)
    house.answer(agent)
    house.run(1)
    number = house.leg(2)
    assert list(house.left) == [agent, number]
    assert house.exchange.calls[call].legs[number].trunk == "loop"
    assert house.exchange.queues.floor.roster.get("anna").state == "talking"
    house.ring(number)
    house.run(10)
    house.answer(number)
    house.run(30)
    assert house.exchange.calls[call].talking
    house.hang_up(number)
    house.run(1)
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["rang_ms"]) == ("connected", 10_000)
    assert house.row().closed_by == "reached"
    assert house.exchange.queues.floor.roster.get("anna").state == "ready"
    assert len(house.told("queue.connected")) == 1


def test_an_agent_who_does_not_answer_is_no_attempt(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, order="agent_first")
    house.lose()
    house.run(1)
    agent = house.leg()
    house.ring(agent)
    house.run(30)
    (end, *_) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["left"], end["rang_ms"]) == ("failed", False, None)
    assert house.row().attempts == 0
    assert [one["data"]["outcome"] for one in house.told("queue.agent_missed")] == ["no_answer"]
    house.run(50)
    assert house.row().state == "calling"
    assert house.leg() != agent


def test_a_number_that_nobody_has_is_not_called_again(house: CallingHouse) -> None:
    house.lose()
    house.run(1)
    house.refuse(house.leg(), "not_found", 404)
    house.run(1)
    assert (house.row().state, house.row().closed_by, house.row().last) == ("closed", "not_reached", "unallocated")


def test_attempts_are_used_up(house: CallingHouse) -> None:
    house.lose()
    for left in (2, 1, 0):
        house.run(1)
        house.ring(house.leg())
        house.refuse(house.leg(), "busy", 486)
        assert (house.row().state == "closed") == (left == 0)
        house.run(900)
    assert (house.row().closed_by, house.row().attempts, len(house.left)) == ("not_reached", 3, 3)


def test_who_rings_by_himself_is_not_rung(house: CallingHouse) -> None:
    house.lose()
    house.run(0)
    first = house.attempt
    house.report("front", house.came("c2"))
    house.run(1)
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["call"], end["disposition"]) == (first, "cancelled")
    house.report("span", r.LegAnswered("c2.1"))
    house.run(10)
    assert (house.row().state, house.row().attempts) == ("open", 0), "he is on the line"
    house.answer("c2.2")
    assert house.row().closed_by == "superseded"


def test_a_number_that_may_not_be_called_any_more_is_not(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, dial=False)
    house.lose()
    house.switch_on(forbidden=["+4930"])
    house.run(10)
    assert (house.row().state, house.row().closed_by, house.left) == ("closed", "forbidden", {})


def test_held_by_a_restart_of_the_appliance_while_it_rings(house: CallingHouse) -> None:
    row = house.lose()
    house.run(1)
    house.ring(house.leg())
    house.boot = "another"
    house.restart()
    house.run(3600)
    assert (house.row().state, house.row().held_why != "") == ("held", True)
    assert [one["data"]["callback"] for one in house.told("callback.held")] == [row.id]
    assert house.left == {}
    assert NUMBER not in str(house.told("callback.held"))


def test_a_machine_gets_no_agent(house: CallingHouse) -> None:
    house.lose()
    house.run(1)
    leg, call = house.leg(), house.attempt
    house.exchange.calls[call].legs[leg].amd = {"deadline": 4000}
    house.ring(leg)
    house.run(2)
    house.answer(leg)
    house.report(
        "media",
        r.AnswerHeard(
            leg=leg, what="machine", cause="long_greeting", start_ms=0, end_ms=3000, at_ms=3000, level_dbm0=-20.0
        ),
    )
    house.run(1)
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["answered"], end["in_standard"]) == ("machine", True, None)
    assert (house.row().state, house.row().attempts) == ("open", 1)


def test_one_number_is_rung_by_one_callback_at_a_time(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, at_once=2)
    house.lose("c1")
    house.lose("c2", "030999999")
    house.lose("c3", "030888888")
    house.run(1)
    rows = [row for row in house.store.open_callbacks() if row.state == "calling"]
    assert sorted(row.number for row in rows) == [NUMBER, "+4930999999"]
    house.refuse(house.first_leg(NUMBER), "busy", 486)
    house.run(1)
    rows = [row for row in house.store.open_callbacks() if row.state == "calling"]
    assert sorted(row.number for row in rows) == ["+4930888888", "+4930999999"]


@pytest.mark.parametrize("order", ["caller_first", "agent_first"])
@pytest.mark.parametrize("written", [False, True])
def test_killed_as_it_begins_it_has_its_call_or_none(tmp_path: Path, order: str, written: bool) -> None:
    house = CallingHouse(tmp_path, dial=False, order=order)
    house.lose()
    house.switch_on()
    (begun,) = (row.attempt for row in house.exchange.callbacks.rows() if row.state == "calling")
    if written:
        house.commit()
    house.store.close()
    house.restart()
    assert house.left == {}, "nothing leaves before it is on disk"
    assert (begun in house.exchange.calls) == written
    house.run(5)
    assert list(house.left) == [house.leg()], "the call goes on, or another one is made in its place"
    assert (house.attempt == begun) == written
    assert len(house.told("callback.attempt_started")) == 1


def test_killed_while_it_rings_it_stops_ringing_in_time_and_is_called_once(house: CallingHouse) -> None:
    house.lose()
    house.run(1)
    leg = house.leg()
    house.ring(leg)
    house.run(10)
    house.store.close()
    left = house.left
    house.restart()
    house.left = left
    house.run(12)
    assert house.row().state == "calling"
    house.run(1)
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["rang_ms"], end["in_standard"]) == ("no_answer", 22_500, True)
    assert list(house.left) == [leg]


def test_a_call_that_nobody_can_rebuild_is_held(house: CallingHouse) -> None:
    house.lose()
    house.run(1)
    house.store._db().execute("DELETE FROM journal WHERE call = ?", (house.attempt,))
    house.store.close()
    house.restart()
    house.run(3600)
    assert (house.row().state, house.left) == ("held", {})


def test_what_people_say_of_a_request(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, hours="office", gap_ms=7_200_000)
    row = house.lose()  # at 18:00, when the office is closed
    house.run(60)
    assert (house.row().state, house.left) == ("open", {})
    requests = Requests(lambda: house.exchange, Reader(house.path))

    def ask(what: str, **more: str) -> object:
        return json.loads(requests.answer(what, json.dumps({"id": row.id, **more}).encode()))

    ask("hold_callback", why="he wrote")
    house.run(14.5 * 3600)
    assert (house.row().state, house.row().held_why, house.left) == ("held", "he wrote", {})
    with pytest.raises(RequestError, match="release it first"):
        ask("call_callback")
    ask("release_callback")
    with pytest.raises(RequestError, match="it is not held"):
        ask("release_callback")
    with pytest.raises(RequestError, match="being called"):
        ask("hold_callback")
    house.run(1)
    assert list(house.left) == [house.leg()], "it is open"
    with pytest.raises(RequestError, match="no such callback"):
        requests.answer("call_callback", b'{"id": "none"}')


def test_called_now_whatever_the_hours(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, hours="office")
    row = house.lose()
    requests = Requests(lambda: house.exchange, Reader(house.path))
    requests.answer("call_callback", json.dumps({"id": row.id}).encode())
    house.run(1)
    assert list(house.left) == [house.leg()]
    with pytest.raises(RequestError, match="being called"):
        requests.answer("call_callback", json.dumps({"id": row.id}).encode())
    house.ring(house.leg())
    house.run(30)
    assert (house.row().state, house.row().urgent) == ("open", 0)
    house.run(3600)
    assert len(house.left) == 1, "once; then the hours count again"


def test_closed_by_a_person_while_it_rings_it_stops(house: CallingHouse) -> None:
    row = house.lose()
    house.run(1)
    house.ring(house.leg())
    call = house.attempt
    requests = Requests(lambda: house.exchange, Reader(house.path))
    requests.answer("close_callback", json.dumps({"id": row.id, "why": "he wrote"}).encode())
    house.run(1)
    assert call not in house.exchange.calls
    assert (house.row().closed_by, house.row().closed_why) == ("operator", "he wrote")
    (end,) = (one["data"] for one in house.told("callback.attempt_ended"))
    assert (end["disposition"], end["next"]) == ("cancelled", "")


def test_a_survey_by_callback_runs_its_menu(house: CallingHouse) -> None:
    row = house.lose()
    menu = Menu(name="how", version="v1", start="bye", nodes={"bye": HangUp("thanks")})
    house.exchange.callbacks.close_by_hand(house.exchange, row.id, "", house.wall)
    house.run(1)
    house.site = replace(house.site, menus={**house.site.menus, "how": menu})
    house.switch_on(order="agent_first")
    survey = row._replace(**FRESH, id="c9.1", purpose="survey", reason="survey", runs="how", language="de")
    house.exchange.callbacks.change(house.exchange, survey)
    house.exchange.calling.configure()
    house.run(1)
    call = house.exchange.calls[house.attempt]
    assert call.run is not None
    assert (call.run.menu.name, call.begun.target.reveal(), call.begun.language) == ("how", NUMBER, "de")
    house.ring(house.leg())
    house.answer(house.leg())
    house.run(1)
    closed = [one["data"] for one in house.told("callback.closed") if one["data"]["callback"] == "c9.1"]
    assert [one["by"] for one in closed] == ["reached"]


def test_a_survey_whose_menu_is_gone_is_held(house: CallingHouse) -> None:
    row = house.lose()
    house.exchange.callbacks.close_by_hand(house.exchange, row.id, "", house.wall)
    house.exchange.callbacks.change(house.exchange, row._replace(**FRESH, id="c9.1", purpose="survey", runs="gone"))
    house.exchange.calling.configure()
    house.run(10)
    (held,) = (one["data"] for one in house.told("callback.held"))
    assert (held["callback"], held["why"]) == ("c9.1", "there is no menu 'gone' to call with")


def test_skills_and_language_of_the_lost_call_find_its_agent(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, dial=False, order="agent_first")
    row = house.lose()
    house.exchange.callbacks.change(house.exchange, row._replace(attributes='{"skill": "chess"}'))
    house.agents = [replace(house.agents[0], skills=["billing"])]
    house.site = replace(house.site, agents=house.agents)
    house.commit()
    house.switch_on()
    house.run(120)
    assert (house.row().state, house.left) == ("open", {}), "nobody of the queue can do that"
    house.agents = [replace(house.agents[0], skills=["chess"])]
    house.site = replace(house.site, agents=house.agents)
    house.switch_on()
    house.run(15)
    assert list(house.left) == [house.leg()]


def test_superseded_while_an_agent_is_rung_for_him(tmp_path: Path) -> None:
    house = CallingHouse(tmp_path, order="agent_first")
    house.lose()
    house.run(1)
    call = house.attempt
    house.ring(house.leg())
    house.report("front", house.came("c2"))
    house.run(1)
    assert call not in house.exchange.calls, "he rings by himself, so nobody need ring him"
    assert house.exchange.queues.floor.roster.get("anna").state in {"ready", "ringing"}


def test_who_was_reached_for_another_reason_is_not_called_back(house: CallingHouse) -> None:
    house.exchange.draining = False
    row = house.lose()
    house.run(1)
    house.refuse(house.leg(), "busy", 486)
    requests = Requests(lambda: house.exchange, Reader(house.path))
    body = {"target": NUMBER, "menu": "main", "trunk": "loop"}
    call = json.loads(requests.answer("originate", json.dumps(body).encode()))["call"]
    house.run(1)
    house.answer(f"{call}.1")
    house.run(1)
    house.answer(f"{call}.2")
    assert (house.row().id, house.row().closed_by, house.row().closed_why) == (row.id, "superseded", call)
