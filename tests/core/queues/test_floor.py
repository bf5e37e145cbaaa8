"""Queues in virtual time: who is offered to whom, who waits, who is told what."""

import pytest

from edge.core.queues.estimate import estimate_ms, mean_handling_ms, minutes_to_say
from edge.core.queues.floor import Floor
from edge.core.queues.model import (
    AgentTerms,
    Answered,
    Closed,
    Configured,
    Elapsed,
    Finished,
    Gone,
    Held,
    Join,
    Left,
    LineReleased,
    LineSet,
    Marks,
    Member,
    Missed,
    Offered,
    QueueTerms,
    Restored,
    Settings,
    Stay,
    Taken,
    Ticket,
    Told,
    WrappedUp,
)
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private


def agent(name, *skills, **more):
    return AgentTerms(name=name, target=Private(f"sip:{name}@x"), skills=frozenset(skills), **more)


def queue(name, *members, **more):
    listed = [one if isinstance(one, Member) else Member(agent=one) for one in members]
    return QueueTerms(name=name, members=listed, **more)


def ticket(call, number=1):
    return Ticket(CallId(call), number)


class House:
    """A floor with a clock."""

    def __init__(self, agents, queues, now=1_000_000):
        self.now = now
        self.settings = Settings(agents=agents, queues=queues)
        self.floor = Floor()
        self.give(Configured(self.settings))

    def give(self, *inputs):
        self.actions = [action for one in inputs for action in self.floor.handle(one, self.now)]
        return self.actions

    def join(self, call, queue="q", priority=0, **values):
        return self.give(Join(ticket=ticket(call), queue=queue, priority=priority, values=values))

    def talk(self, call, ms):
        """The agent who is rung answers, and talks for a while."""
        self.give(Answered(ticket(call)))
        self.now += ms
        return self.give(Finished(ticket(call)))

    def wait(self, ms):
        until, actions = self.now + ms, []
        while (deadline := self.floor.deadline) is not None and deadline.at_ms <= until:
            self.now = max(self.now, deadline.at_ms)
            actions += self.give(Elapsed())
        self.now = until
        self.actions = actions
        return actions

    def offers(self):
        return [(action.ticket.call, action.agent.name) for action in self.actions if isinstance(action, Offered)]

    def told(self):
        return {action.ticket.call: action.position for action in self.actions if isinstance(action, Told)}

    def closed(self):
        return [(action.ticket.call, action.reason) for action in self.actions if isinstance(action, Closed)]

    def states(self):
        return {one.terms.name: one.state for one in self.floor.roster}


def test_who_comes_first_is_served_first():
    house = House([agent("anna")], [queue("q", "anna")])
    house.join("a")
    assert house.told() == {"a": 1}
    assert house.offers() == [("a", "anna")]
    for place, call in enumerate("bcd", 2):
        house.join(call)
        assert (house.told(), house.offers()) == ({call: place}, [])
    house.give(Answered(ticket("a")))
    assert house.told() == {"b": 1, "c": 2, "d": 3}, "who talks has no place in the line any more"
    house.now += 60_000
    house.give(Finished(ticket("a")))
    assert house.offers() == [("b", "anna")]
    house.give(Left(ticket("b")))
    assert house.offers() == [("c", "anna")], "his hang-up frees who was rung for him"
    assert house.told() == {"c": 1, "d": 2}


def test_who_is_not_answered_keeps_his_place_and_the_agent_rests():
    house = House([agent("anna", rest_ms=30_000), agent("bob")], [queue("q", "anna", "bob", strategy="in_order")])
    house.join("a")
    house.join("b")
    assert house.offers() == [("b", "bob")]
    house.join("c")
    house.give(Missed(ticket("a")))
    assert house.states() == {"anna": "resting", "bob": "ringing"}
    assert house.offers() == []
    house.give(Missed(ticket("b")))
    assert house.wait(29_999) == []
    house.wait(1)
    assert house.offers() == [("a", "anna")], "the head of the line is still the head"


def test_an_agent_who_could_not_help_it_does_not_rest():
    house = House([agent("anna")], [queue("q", "anna")])
    house.join("a")
    house.give(Missed(ticket("a"), rests=False))
    assert house.offers() == [("a", "anna")]


def test_wrap_up_comes_after_a_talk():
    house = House([agent("anna", wrap_up_ms=15_000)], [queue("q", "anna")])
    house.join("a")
    house.talk("a", 60_000)
    assert house.states() == {"anna": "wrap_up"}
    house.join("b")
    assert house.offers() == []
    house.wait(15_000)
    assert house.offers() == [("b", "anna")]


def test_an_agent_of_two_queues_is_rung_once():
    house = House([agent("anna")], [queue("q", "anna"), queue("other", "anna")])
    house.join("a")
    house.join("b", "other")
    assert house.states() == {"anna": "ringing"}
    assert house.told() == {"b": 1}
    house.now += 1
    house.join("c")
    house.talk("a", 1000)
    assert house.offers() == [("b", "anna")], "who has waited longest of all her queues"


def test_skills_pass_over_whom_nobody_ready_can_serve():
    agents = [agent("anna", "de"), agent("bob", "en", "billing")]
    house = House(agents, [queue("q", "anna", "bob", match=["skill", "language"])])
    house.join("a", language="de")
    house.join("b", language="de")
    house.join("c", language="en", skill="billing")
    assert house.offers() == [("c", "bob")]
    assert [one.ticket.call for one in house.floor.line("q")] == ["a", "b", "c"]
    house.join("d", language="de", skill="billing")
    assert house.closed() == [("d", "no_agents")], "nobody has both"
    house.join("e", customer_type="gold")
    assert house.closed() == [], "that is not matched here"


def test_priority_is_worth_waiting_but_nobody_starves():
    house = House([agent("anna")], [queue("q", "anna", ageing_ms=10_000)])
    house.join("busy")
    house.give(Answered(ticket("busy")))
    house.join("old")
    house.now += 49_999
    house.join("vip", priority=5)
    assert [one.ticket.call for one in house.floor.line("q")] == ["vip", "old"]
    house.now += 2
    house.join("late", priority=5)
    assert [one.ticket.call for one in house.floor.line("q")] == ["vip", "old", "late"]


def test_without_ageing_priority_always_comes_first():
    house = House([agent("anna")], [queue("q", "anna", ageing_ms=0)])
    house.join("busy")
    house.give(Answered(ticket("busy")))
    house.join("old")
    house.now += 3_000_000
    house.join("vip", priority=1)
    assert [one.ticket.call for one in house.floor.line("q")] == ["vip", "old"]


@pytest.mark.parametrize(
    ("strategy", "order"),
    [
        ("longest_idle", ["a", "b", "c", "b", "a", "c"]),
        ("round_robin", ["a", "b", "c", "a", "b", "c"]),
        ("in_order", ["a", "a", "a", "a", "a", "a"]),
    ],
)
def test_strategies(strategy, order):
    house = House([agent("a"), agent("b"), agent("c")], [queue("q", "a", "b", "c", strategy=strategy)])
    served = []
    # The first three come at once and talk 30, 10 and 50 s; the next three come when all are free.
    for number, talk_ms in enumerate((30_000, 10_000, 50_000)):
        if strategy == "in_order":
            house.join(f"{number}")
            served += [name for _, name in house.offers()]
            house.talk(f"{number}", talk_ms)
    if strategy != "in_order":
        for number in range(3):
            house.join(f"{number}")
            served += [name for _, name in house.offers()]
            house.give(Answered(ticket(f"{number}")))
        for number in (1, 0, 2):
            house.now += 10_000
            house.give(Finished(ticket(f"{number}")))
    for number in range(3, 6):
        house.now += 1000
        house.join(f"{number}")
        served += [name for _, name in house.offers()]
        house.talk(f"{number}", 1)
    assert served == order


def test_tiers_are_asked_one_after_the_other():
    members = [Member(agent="boss", tier=2), Member(agent="anna"), Member(agent="bob")]
    house = House([agent("boss"), agent("anna"), agent("bob")], [queue("q", *members)])
    asked = []
    for call in "abc":
        house.join(call)
        asked += house.offers()
    assert asked == [("a", "anna"), ("b", "bob"), ("c", "boss")]


def test_a_full_queue_takes_nobody_and_long_waits_end():
    house = House([agent("anna")], [queue("q", "anna", max_waiting=2, max_wait_ms=60_000)])
    for call in "ab":
        house.join(call)
    house.join("c")
    assert house.closed() == [("c", "full")]
    house.now += 30_000
    house.give(Answered(ticket("a")))
    house.join("d")
    house.wait(30_000)
    assert house.closed() == [("b", "timed_out")]
    assert house.floor.deadline.at_ms == house.now + 30_000
    house.give(Finished(ticket("a")))
    assert house.wait(40_000) == [], "while somebody is rung for him he may be served"
    house.give(Missed(ticket("d")))
    assert house.closed() == [("d", "timed_out")]


def test_a_ring_lasts_as_long_as_agent_and_queue_let_it():
    agents = [agent("anna", max_ring_ms=5000), agent("bob", max_ring_ms=90_000)]
    house = House(agents, [queue("q", "anna", "bob", ring_timeout_ms=20_000)])
    rings = [one.ring_ms for call in "ab" for one in house.join(call) if isinstance(one, Offered)]
    assert rings == [5000, 20_000]


def test_what_does_not_fit_changes_nothing():
    house = House([agent("anna")], [queue("q", "anna")])
    assert house.join("x", "nothing") == [Closed(ticket("x"), "failed")]
    house.join("a")
    house.join("b")
    for one in (
        Answered(ticket("b")),
        Missed(ticket("b")),
        Finished(ticket("a")),
        Left(ticket("z")),
        Gone(CallId("z")),
    ):
        assert house.give(one) == []
    assert house.give(Join(ticket=ticket("a"), queue="q")) == []
    assert house.states() == {"anna": "ringing"}
    house.give(Gone(CallId("a")))
    assert house.offers() == [("b", "anna")]


def test_another_configuration_leaves_talks_alone():
    house = House([agent("anna"), agent("bob")], [queue("q", "anna"), queue("old", "bob")])
    house.join("a")
    house.give(Answered(ticket("a")))
    house.join("b")
    house.join("c", "old")
    house.join("d", "old")
    house.give(Configured(Settings(agents=[agent("carl")], queues=[queue("q", "carl")])))
    assert house.closed() == [("d", "failed")]
    assert house.offers() == [("b", "carl")]
    house.talk("a", 1000)
    assert house.give(Missed(ticket("c"))) == [Closed(ticket("c"), "failed")]
    assert list(house.states()) == ["anna", "bob", "carl"], "known until the next configuration"


def test_a_restart_forgets_nobody():
    agents = [agent("anna", wrap_up_ms=20_000), agent("bob", rest_ms=40_000), agent("carl"), agent("dora")]
    members = ["anna", "bob", "carl", "dora"]
    house = House(agents, [queue("q", *members, strategy="in_order")])
    for call in "abcd":
        house.join(call)
    house.talk("a", 5000)
    house.give(Missed(ticket("b")))
    house.give(Answered(ticket("c")))
    house.join("e")
    marks = house.floor.marks()
    stays = [
        Stay(
            ticket=one.ticket, queue="q", priority=0, values={}, joined_ms=one.joined_ms, state=one.state,
            agent=one.agent, since_ms=one.since_ms, position=one.told[0],
        )
        for one in house.floor.waiters.values()
    ]  # fmt: skip
    again = House(agents, house.floor.queues.values(), house.now)
    again.give(Restored(stays[::-1], marks))
    assert (
        again.states() == house.states() == {"anna": "wrap_up", "bob": "resting", "carl": "talking", "dora": "ringing"}
    )
    assert again.offers() == []
    assert [one.ticket.call for one in again.floor.line("q")] == ["b", "d", "e"]
    assert again.floor.mean_ms(again.floor.queues["q"]) == house.floor.mean_ms(house.floor.queues["q"])
    again.wait(20_000)
    assert again.offers() == [("b", "anna")]
    nothing = House(agents, house.floor.queues.values(), house.now)
    nothing.give(Restored(stays, Marks()))
    assert nothing.offers() == [("b", "anna"), ("e", "bob")], "pauses are lost with the note, places are not"


def test_estimates_follow_the_formula():
    house = House(
        [agent("anna", wrap_up_ms=20_000), agent("bob")], [queue("q", "anna", "bob", handling_ms=120_000, measured=2)]
    )
    for call in "ab":
        house.join(call)
        house.give(Answered(ticket(call)))
    waits = {one.ticket.call: one.estimate_ms for call in "cd" for one in house.join(call) if isinstance(one, Told)}
    assert waits == {"c": 60_000, "d": 120_000}
    house.now += 40_000
    house.give(Finished(ticket("b")))  # 40 s: (40 + 120) / 2
    assert house.floor.mean_ms(house.floor.queues["q"]) == 80_000
    house.give(Left(ticket("c")))
    house.now += 260_000
    house.give(Left(ticket("d")))
    assert house.floor.mean_ms(house.floor.queues["q"]) == pytest.approx(153_333, abs=1), (
        "the talk of 300 s counts: (40 + 120 + 300) / 3"
    )
    house.give(Finished(ticket("a")))
    assert house.floor.mean_ms(house.floor.queues["q"]) == 180_000, "(40 + 320) / 2, with the wrap-up"


def test_formula_and_rounding():
    assert mean_handling_ms([], [], 180_000, 20) == 180_000
    assert mean_handling_ms([60_000] * 20, [10_000], 180_000, 20) == 60_000
    assert estimate_ms(3, 2, 100_000) == 150_000
    assert estimate_ms(1, 0, 100_000) == 100_000
    said = [minutes_to_say(ms) for ms in (0, 59_999, 60_001, 600_000, 600_001, 3_600_000, 3_600_001)]
    assert said == [1, 1, 2, 10, 15, 60, 75]


def test_who_is_kept_for_a_call_is_rung_for_nobody_and_has_it_first():
    house = House([agent("anna"), agent("bob")], [queue("q", "anna", "bob", strategy="in_order")])
    kept = ticket("kept")
    assert house.give(Held(ticket=kept, queue="q", agent="anna")) == []
    assert house.states() == {"anna": "previewing", "bob": "ready"}
    house.join("a")
    assert house.offers() == [("a", "bob")]
    house.join("b")
    assert [one.ticket.call for one in house.floor.line("q")] == ["a", "b"], "nobody waits for who is kept"
    house.give(Held(ticket=ticket("other"), queue="q", agent="anna"))
    assert ticket("other") not in house.floor.waiters
    # Whoever was called for her gets her as he joins, though others wait for longer.
    house.join("kept")
    assert house.offers() == [("kept", "anna")]
    assert house.states()["anna"] == "ringing"
    house.talk("kept", 1000)
    assert house.offers() == [("b", "anna")]


def test_who_is_kept_is_free_when_nothing_comes_of_it():
    house = House([agent("anna", wrap_up_ms=60_000)], [queue("q", "anna")])
    kept = ticket("kept")
    house.give(Held(ticket=kept, queue="q", agent="anna"), Configured(house.settings))
    assert house.states() == {"anna": "previewing"}
    house.give(Left(kept))
    assert house.states() == {"anna": "ready"}
    house.give(Held(ticket=kept, queue="q", agent="anna"), Taken(kept))
    assert house.states() == {"anna": "ringing"}
    house.talk("kept", 1000)
    assert house.states() == {"anna": "wrap_up"}
    house.give(WrappedUp("anna"))
    assert house.states() == {"anna": "ready"}
    house.give(WrappedUp("anna"), WrappedUp("nobody"), Taken(kept), Held(ticket=kept, queue="none", agent="anna"))
    assert house.states() == {"anna": "ready"}


def test_a_leg_that_a_talk_has_is_given_back_once_by_an_agent_whose_log_in_was_forgotten():
    """A new run of the machine knows the call and the leg, and not that its agent had logged in."""
    house = House([agent("anna", nailed_up=True)], [queue("q", "anna")])
    stay = Stay(
        ticket=ticket("a"), queue="q", priority=0, values={}, joined_ms=house.now, state="talking", agent="anna",
        since_ms=house.now,
    )  # fmt: skip
    up = LineSet(agent="anna", call=CallId("line"), up=True)
    house.give(Restored([stay], lines=[up]))
    assert house.floor.roster.get("anna").presence == "away"
    assert house.give(up) == []
    released = [one for one in house.give(Finished(ticket("a"))) if isinstance(one, LineReleased)]
    assert [one.call for one in released] == ["line"]
    assert house.floor.roster.get("anna").line is None
