"""A call in a queue: its agent's leg, events, what queues are told, and a journal that makes it again."""

import pytest

from edge.core.calls.actions import QueueNews
from edge.core.calls.call import Call
from edge.core.calls.inputs import AgentOffered, QueueRefused, QueueTold, Resumed, Stopped
from edge.core.menus.model import HangUp, Menu, Queue
from edge.core.menus.words import TakenOver
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.private import Private
from edge.vocabulary.wire import pack
from tests.core.calls.desk import CALL, FIRST, REMOTE, SECOND, Desk, ended, incoming, sound

NODE = Queue(
    queue="sales", music=[sound("music")], comfort=[[sound("patience")]], leave_key="#", call_back="", left="bye",
    full="bye", timed_out="bye", no_agents="bye", failed="bye", after="thanks",
)  # fmt: skip
MENU = Menu(
    name="main", version="v1", start="wait", nodes={"wait": NODE, "thanks": HangUp("thanks"), "bye": HangUp("bye")}
)


class Office(Desk):
    """With queues that say what the test wants."""

    @property
    def told_queues(self):
        return [(one.what, one.number) for one in self.news]

    def place(self, position=1, estimate_ms=60_000, number=1):
        self.give(QueueTold(number=number, position=position, estimate_ms=estimate_ms))

    def offered(self, number=1, agent="anna"):
        target = Private(f"sip:{agent}@127.0.0.1")
        self.give(AgentOffered(number=number, agent=agent, target=target, trunk="", ring_timeout_ms=15_000))

    def rings(self, leg=SECOND, early=False):
        self.reserve(leg)
        self.give(r.LegRinging(leg, 183 if early else 180, early))

    def picks_up(self, leg=SECOND):
        self.give(r.LegMedia(leg, REMOTE))
        self.give(r.LegAnswered(leg))

    def again(self):
        """The call, made again from its journal."""
        made = Call(CALL, MENU)
        for at_ms, entry in self.journal:
            made.replay(entry, at_ms)
        return made


@pytest.fixture
def office():
    desk = Office(incoming(), MENU).answer()
    desk.place(position=2)
    return desk


def test_a_whole_stay(office):
    assert office.told_queues == [("join", 1)]
    assert office.of(e.QueueEntered) == [e.QueueEntered(queue="sales", position=2, estimate_ms=60_000)]
    (play,) = office.bodies(c.Play)
    assert (play.files, play.times) == (["/prompts/music.wav"], 0)
    office.now_ms += 7000
    office.place(position=1)
    office.offered()
    office.rings(early=True)
    office.give(r.LegMedia(SECOND, REMOTE))
    assert office.bodies(c.Bridge) == [], "its early media is not for the caller, who hears music"
    assert office.bodies(c.StopPlay) == []
    office.now_ms += 4000
    office.give(r.LegAnswered(SECOND))
    assert [type(s.body) for s in office.sent[-2:]] == [c.StopPlay, c.Bridge]
    (offered,) = office.of(e.QueueAgentOffered)
    assert (offered.agent, offered.waited_ms, offered.position, offered.offer) == ("anna", 7000, 1, 1)
    (connected,) = office.of(e.QueueConnected)
    assert (connected.leg, connected.waited_ms, connected.ring_ms) == (SECOND, 11_000, 4000)
    assert office.told_queues == [("join", 1), ("answered", 1)]
    assert office.count("queue.entered") == 1
    office.now_ms += 60_000
    office.give(ended(SECOND))
    assert office.told_queues[2:] == [("finished", 1)]
    assert office.call.end.text == "thanks"
    assert office.count("queue.left") == 0


def test_the_callers_hang_up_cancels_the_ringing_at_once(office):
    office.offered()
    office.rings()
    office.give(ended(FIRST))
    assert office.bodies(c.HangUp)[0].leg == SECOND
    assert office.told_queues[1:] == [("left", 1)]
    (left,) = office.of(e.QueueLeft)
    assert (left.reason, left.position, left.offers) == ("hung_up", 2, 1)


def test_an_agent_who_does_not_answer(office):
    office.offered()
    office.rings()
    office.wait(15_000)
    (missed,) = office.of(e.QueueAgentMissed)
    assert (missed.agent, missed.outcome, missed.ring_ms) == ("anna", "no_answer", 15_000)
    assert office.told_queues[1:] == [("missed", 1)]
    assert office.call.run.node == "wait"
    assert office.bodies(c.HangUp)[-1].leg == SECOND
    office.offered(agent="bob")
    third = type(SECOND)("c1.3")
    office.rings(third)
    office.picks_up(third)
    assert office.told_queues[1:] == [("missed", 1), ("answered", 1)]
    assert office.of(e.QueueConnected)[0].offers == 2


def test_who_takes_the_callers_place_has_his_place_in_the_queue(office):
    office.offered()
    office.rings()
    joined_ms, office.now_ms = office.now_ms, office.now_ms + 5000
    office.call.perform(office.call.run.handle(TakenOver(), office.now_ms))
    stay = office.call.queueing.stay
    assert (stay.number, stay.joined_ms, stay.state) == (1, joined_ms, "waiting")
    assert office.call.dialling.hunt is None, "the agent rang for somebody who has gone"
    assert office.call.run._walk.values.queue_position == 2


def test_who_leaves_by_key_takes_the_ringing_along(office):
    office.offered()
    office.rings()
    office.press("#")
    assert office.bodies(c.HangUp)[0].leg == SECOND
    assert office.told_queues[1:] == [("left", 1)]
    assert office.of(e.QueueLeft)[0].reason == "left"
    assert office.call.end.text == "bye"


@pytest.mark.parametrize("reason", ["full", "no_agents", "timed_out", "failed"])
def test_who_is_not_served(reason):
    office = Office(incoming(), MENU).answer()
    office.give(QueueRefused(1, reason))
    assert office.told_queues == [("join", 1)], "the queue knows it"
    (left,) = office.of(e.QueueLeft)
    assert (left.reason, left.position) == (reason, 0)
    assert office.count("queue.entered") == 0
    assert office.call.end.text == "bye"


def test_what_comes_too_late_changes_nothing(office):
    office.give(QueueTold(number=7, position=9, estimate_ms=1))
    office.offered(number=7)
    office.give(QueueRefused(7, "full"))
    assert office.call.queueing.stay.state == "waiting"
    office.offered()
    office.offered(agent="bob")
    office.give(QueueRefused(1, "timed_out"))
    assert office.call.queueing.stay.agent == "anna"
    assert office.count("queue.agent_offered") == 1


def test_a_leg_that_is_refused_is_a_miss(office):
    office.offered()
    office.give(r.SpanRefused(SECOND, EndReason(outcome="trunk_down", ended_by="appliance")))
    assert office.of(e.QueueAgentMissed)[0].outcome == "trunk_down"
    assert office.told_queues[1:] == [("missed", 1)]


def test_the_end_of_the_call_ends_each_state():
    for state, news in (("waiting", "left"), ("ringing", "left"), ("talking", "finished")):
        office = Office(incoming(), MENU).answer()
        office.place()
        if state != "waiting":
            office.offered()
            office.rings()
        if state == "talking":
            office.picks_up()
        office.give(Stopped("by request"))
        assert office.told_queues[-1] == (news, 1)
        assert office.count("queue.left") == (state != "talking")
        assert office.call.queueing.stay is None
        assert office.types()[-1] == "call.ended" or not office.call.over


@pytest.mark.parametrize("state", ["waiting", "ringing", "talking"])
def test_a_new_life_knows_the_stay(office, state):
    if state != "waiting":
        office.offered()
        office.rings()
    if state == "talking":
        office.picks_up()
    again = office.again()
    assert again.queueing.stay == office.call.queueing.stay
    assert again.queueing.stay.state == state
    again.handle(Resumed(), office.now_ms)
    assert again.queueing.stay == office.call.queueing.stay
    if state == "ringing":
        news = [one.what for one in again.handle(ended(SECOND, "busy"), office.now_ms) if isinstance(one, QueueNews)]
        assert news == ["missed"]


def test_the_targets_of_agents_are_written_as_private(office):
    office.offered()
    assert "sip:anna" not in repr([entry for _, entry in office.journal])
    assert b"sip:anna" in b"".join(pack(entry) for _, entry in office.journal), "a replay has to dial him"
