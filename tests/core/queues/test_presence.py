"""Agents who log in and out, and pause: who is rung, who is told, what it counts for."""

from edge.core.queues.floor import Floor
from edge.core.queues.model import (
    AgentMark,
    Answered,
    Closed,
    Configured,
    Marks,
    Missed,
    Offered,
    PresenceChanged,
    PresenceWanted,
    Restored,
    Settings,
)
from edge.vocabulary.private import Private
from tests.core.queues.test_floor import House, agent, queue, ticket


def say(house, who, wish, **more):
    house.give(PresenceWanted(agent=who, wish=wish, **more))
    return [action for action in house.actions if isinstance(action, PresenceChanged)]


def closed(house):
    return [(action.ticket.call, action.reason) for action in house.actions if isinstance(action, Closed)]


def shown(house, who):
    return house.floor.roster.get(who).shown


def test_who_has_to_log_in_is_not_rung_before_and_is_then_where_he_says():
    house = House([agent("anna", signs_in=True)], [queue("q", "anna")])
    house.join("c1")
    assert closed(house) == [("c1", "no_agents")]
    assert say(house, "anna", "ready") == [], "who is not at work has nothing to end"
    house.now += 5000
    changed = say(house, "anna", "log_in", target=Private("+15550107"), trunk="carrier")
    assert changed == [PresenceChanged(agent="anna", presence="here", before="away", lasted_ms=5000)]
    house.join("c2")
    [offer] = [action for action in house.actions if isinstance(action, Offered)]
    assert (offer.agent.target.reveal(), offer.agent.trunk) == ("+15550107", "carrier")
    house.talk("c2", 10_000)
    say(house, "anna", "log_out")
    say(house, "anna", "log_in")
    house.join("c3")
    [offer] = [action for action in house.actions if isinstance(action, Offered)]
    assert offer.agent.target.reveal() == "sip:anna@x", "where he was the last time is no more"


def test_a_pause_begins_when_the_talk_is_over_and_callers_wait_for_its_end():
    house = House([agent("anna", wrap_up_ms=2000)], [queue("q", "anna")])
    house.join("c1")
    house.give(Answered(ticket("c1")))
    [changed] = say(house, "anna", "pause", reason="lunch")
    assert (changed.presence, changed.reason) == ("paused", "lunch")
    assert shown(house, "anna") == "talking"
    assert say(house, "anna", "pause", reason="lunch") == [], "it is so already"
    house.talk("c1", 60_000)
    house.join("c2")
    assert shown(house, "anna") == "paused"
    assert closed(house) == [], "he comes back"
    assert house.wait(30_000) == []
    assert house.offers() == []
    [changed] = say(house, "anna", "ready")
    assert changed.lasted_ms == 90_000
    assert house.offers() == [("c2", "anna")]


def test_ready_ends_wrapping_up_and_resting():
    house = House([agent("anna", wrap_up_ms=60_000, rest_ms=60_000)], [queue("q", "anna")])
    house.join("c1")
    house.talk("c1", 1000)
    assert shown(house, "anna") == "wrap_up"
    assert say(house, "anna", "ready") == [], "he took calls all the time"
    house.join("c2")
    assert house.offers() == [("c2", "anna")]
    house.give(Missed(ticket("c2")))
    assert shown(house, "anna") == "resting"
    say(house, "anna", "ready")
    assert house.offers() == [("c2", "anna")]


def test_when_the_last_one_logs_out_those_who_wait_are_told():
    house = House([agent("anna"), agent("bob")], [queue("q", "anna", "bob")])
    for call in ("c1", "c2", "c3"):
        house.join(call)
    house.give(Answered(ticket("c1")))
    say(house, "bob", "log_out")
    assert closed(house) == []
    say(house, "anna", "log_out")
    assert closed(house) == [("c3", "no_agents")], "who talks, or is being connected, is not sent away"


def test_time_is_counted_by_state():
    house = House([agent("anna", wrap_up_ms=10_000)], [queue("q", "anna")])
    anna = house.floor.roster.get("anna")
    assert (anna.occupancy, anna.handling_ms) == (None, None)
    house.wait(20_000)
    house.join("c1")
    house.now += 5000
    house.talk("c1", 55_000)
    house.wait(10_000)
    say(house, "anna", "pause")
    house.wait(100_000)
    say(house, "anna", "ready")
    assert anna.spent == {"ready": 20_000, "ringing": 5000, "talking": 55_000, "wrap_up": 10_000, "paused": 100_000}
    assert anna.occupancy == 65_000 / 90_000
    assert anna.handling_ms == 65_000
    say(house, "anna", "log_out")
    house.wait(5000)
    say(house, "anna", "log_in")
    assert (anna.spent, anna.talks) == ({}, 0), "a log-in begins anew"


def test_a_restart_forgets_neither_pause_nor_place_and_sends_nobody_away():
    agents = [agent("anna", signs_in=True), agent("bob")]
    house = House(agents, [queue("q", "anna", "bob")])
    say(house, "anna", "log_in", target=Private("+15550107"), trunk="carrier")
    say(house, "bob", "pause", reason="lunch")
    marks = house.floor.marks()
    again = House(agents, [queue("q", "anna", "bob")], now=house.now + 1000)
    again.give(Restored([], marks))
    assert (shown(again, "anna"), shown(again, "bob")) == ("ready", "paused")
    assert again.floor.roster.get("bob").reason == "lunch"
    assert again.floor.roster.get("anna").at.target.reveal() == "+15550107"
    assert again.floor.roster.get("bob").presence_since_ms == house.now


def test_who_must_log_in_only_since_the_reload_is_away_and_nobody_else_changes():
    house = House([agent("anna"), agent("bob")], [queue("q", "anna", "bob")])
    say(house, "bob", "pause")
    house.give(
        Configured(Settings(agents=[agent("anna", signs_in=True), agent("bob", "de")], queues=[queue("q", "anna")]))
    )
    assert (shown(house, "anna"), shown(house, "bob")) == ("logged_out", "paused")


def test_marks_of_those_whom_nobody_knows_any_more_change_nothing():
    floor = Floor()
    assert floor.handle(Restored([], Marks(agents={"x": AgentMark(presence="here", target="1")})), 5) == []
    assert floor.handle(PresenceWanted(agent="x", wish="log_in"), 6) == []
