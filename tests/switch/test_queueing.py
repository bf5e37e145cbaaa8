"""Queues beside calls: one turn tells both, a reload changes the floor, and a killed switch forgets nobody."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from edge.config.compiled import CompiledSite
from edge.config.engines import slots_of
from edge.config.queues import Agent, Queue, QueueAgent
from edge.config.site import Media, Route
from edge.core.calls.inputs import Stopped
from edge.core.menus.model import HangUp, Menu
from edge.core.menus.model import Queue as QueueNode
from edge.metrics.library import generate_latest
from edge.metrics.switch import SwitchMetrics
from edge.storage.reader import Reader
from edge.switch.exchange import Exchange
from edge.switch.plan import Plan
from edge.switch.queueing import NOTE
from edge.switch.requests import Requests
from edge.switch.seats import Seats
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import CallId, Incarnation, LegId
from tests.core.calls.desk import REMOTE, sound
from tests.switch.world import World, check_events, ended, incoming

NODE = QueueNode(
    queue="sales", music=[sound("music")], left="bye", full="bye", timed_out="bye", no_agents="bye", failed="bye",
)  # fmt: skip
MENU = Menu(name="main", version="v1", start="wait", nodes={"wait": NODE, "bye": HangUp("bye")})
AGENTS = [Agent(name="anna", target="sip:anna@127.0.0.9"), Agent(name="bob", target="sip:bob@127.0.0.9")]
QUEUES = [Queue(name="sales", agents=[QueueAgent(agent="anna")], max_waiting=3, max_wait_ms=600_000)]


class Office:
    """An exchange with queues and a clock of its own."""

    def __init__(self, queues=QUEUES):
        self.now = 5000
        self.site = CompiledSite(
            name="test", media=Media(slots=20), routes=[Route(number="2*", menu="main")], menus={"main": MENU},
            agents=AGENTS, queues=queues,
        )  # fmt: skip
        self.metrics = SwitchMetrics()
        wall = datetime(2026, 11, 21, tzinfo=UTC)
        seats = Seats([slots_of(self.site.media, 0)])
        self.exchange = Exchange(Plan(self.site), "boot", self.metrics, lambda: self.now, lambda: wall, seats)
        self.exchange.connected |= {"front", "media", "span span-1"}
        self.exchange.queues.open()

    def report(self, process, body):
        self.exchange.report(process, Incarnation("span-1" if process == "span" else process), body)

    def sent(self, receiver):
        commands = self.exchange.pending.take(receiver)
        for command in commands:
            self.report("span" if receiver.startswith("span") else receiver, r.CommandDone(command.id))
        return [command.body for command in commands]

    def joins(self, name):
        self.report("front", incoming(name))
        self.sent("media")
        self.sent("span span-1")
        self.report("span", r.LegAnswered(LegId(f"{name}.1")))

    def served(self, name):
        """The agent's leg is dialled and answers."""
        leg = LegId(f"{name}.2")
        self.report("front", r.SpanReserved(leg, Incarnation("span-1")))
        self.sent("media")
        self.sent("span span-1")
        self.report("front", r.LegMedia(leg, REMOTE))
        self.report("span", r.LegAnswered(leg))

    def stay(self, name):
        return self.exchange.calls[CallId(name)].queueing.stay

    def dialled(self):
        return [body.target.reveal() for body in self.sent("front") if isinstance(body, c.ReserveSpan)]

    def events(self, name):
        return [row.type for row in self.exchange.turn.events if row.call == name and row.type.startswith("queue.")]


@pytest.fixture
def office():
    return Office()


def test_callers_are_served_one_after_the_other(office):
    office.joins("a")
    assert office.dialled() == ["sip:anna@127.0.0.9"]
    office.now += 500
    office.joins("b")
    office.joins("c")
    assert [office.stay(name).position for name in "abc"] == [1, 2, 3]
    assert office.dialled() == []
    office.served("a")
    assert [office.stay(name).position for name in "bc"] == [1, 2]
    assert office.exchange.queues.describe()[0]["agents"][0] | {"for_s": 0} == {
        "name": "anna", "tier": 1, "state": "talking", "for_s": 0, "call": "a", "skills": [],
    }  # fmt: skip
    office.now += 25_000
    office.report("span", ended(LegId("a.2")))
    assert office.dialled() == ["sip:anna@127.0.0.9"]
    assert office.stay("b").state == "ringing"
    office.report("span", ended(LegId("b.1")))
    assert office.events("b") == ["queue.entered", "queue.agent_offered", "queue.left"]
    assert office.stay("c").agent == "anna", "whoever is next gets her at once"
    assert office.exchange.next_deadline_ms is not None


def test_what_is_counted(office):
    for name in "abcde":
        office.joins(name)
    office.served("a")
    office.now += 21_000
    office.report("span", ended(LegId("a.2")))
    office.served("b")
    office.exchange.queues.show()
    text = generate_latest(office.metrics.registry).decode()
    for line in (
        'entered_total{queue="sales"} 3.0', 'calls_total{outcome="connected",queue="sales"} 2.0',
        'calls_total{outcome="full",queue="sales"} 2.0', 'answered_in_time_total{queue="sales"} 1.0',
        'offers_total{queue="sales"} 2.0', 'missed_total{queue="sales"} 0.0', 'waiting_calls{queue="sales"} 1.0',
        'longest_wait_seconds{queue="sales"} 21.0', 'agents{queue="sales",state="talking"} 1.0',
        'agents{queue="sales",state="ready"} 0.0',
    ):  # fmt: skip
        assert f"edge_switch_queue_{line}" in text
    figures = json.loads(Requests(lambda: office.exchange, Reader(Path("none"))).answer("queue_figures", b"{}"))
    agents = dict.fromkeys(
        ("ready", "previewing", "ringing", "talking", "wrap_up", "resting", "paused", "logged_out"), 0
    )
    agents["talking"] = 1
    assert figures == [{"name": "sales", "waiting": 1, "longest_s": 21, "agents": agents}]


def test_who_waits_too_long_is_told_by_the_clock(office):
    office.joins("a")
    office.served("a")
    office.joins("b")
    office.now += 600_000
    office.exchange.fire()
    assert office.events("b") == ["queue.entered", "queue.left"]


def test_a_reload_brings_agents(office):
    office.joins("a")
    office.joins("b")
    queues = [msgspec.structs.replace(QUEUES[0], agents=[QueueAgent(agent="bob")])]
    office.exchange.plan = Plan(msgspec.structs.replace(office.site, queues=queues))
    office.exchange.queues.configure()
    assert office.stay("b").agent == "bob"
    assert office.stay("a").agent == "anna"
    office.exchange.plan = Plan(msgspec.structs.replace(office.site, queues=[]))
    office.joins("c")
    office.exchange.queues.configure()
    assert "edge_switch_queue_entered_total{" not in generate_latest(office.metrics.registry).decode()


def test_the_note_says_what_calls_do_not_know(office):
    office.joins("a")
    office.served("a")
    office.now += 33_000
    office.exchange.feed(office.exchange.calls[CallId("a")], Stopped("x"))
    note = msgspec.json.decode(office.exchange.turn.meta[NOTE])
    assert note["boot"] == "boot"
    assert note["marks"]["handled_ms"] == {"sales": [33_000]}
    assert note["marks"]["agents"]["anna"] == {"idle_since_ms": 38_000}
    for text in (None, "{", '{"boot": "x"}', office.exchange.turn.meta[NOTE]):
        again = Office()
        again.exchange.queues._open = False
        again.exchange.queues.open([], text)
    assert list(again.exchange.queues.floor._handled["sales"]) == [33_000]


def test_a_killed_switch_forgets_nobody(tmp_path):
    """Three callers: one talks, one is rung for, one waits. After the kill all three go on so."""
    two = [msgspec.structs.replace(QUEUES[0], agents=[QueueAgent(agent="anna"), QueueAgent(agent="bob")])]
    world = World(tmp_path, menu=MENU, agents=AGENTS, queues=two)
    try:
        front, span, other, _media = (
            world.peer("front", "front-1"), world.peer("span", "span-1"), world.peer("span", "span-2"),
            world.peer("media", "media-1"),
        )  # fmt: skip
        world.start()

        def joins(name):
            leg = LegId(f"{name}.1")
            front.legs[leg], span.legs[leg] = None, "early"
            front.link.report(incoming(name))
            world.until(lambda: "queue.entered" in world.types(name))

        def shown():
            (queue,) = world.ask("queues")
            callers = [(one["call"], one["position"], one["state"]) for one in queue["callers"]]
            return callers, {one["name"]: (one["state"], one["call"]) for one in queue["agents"]}

        joins("a")
        world.until(lambda: any(body.leg == "a.2" for body in other.bodies(c.MakeCall)))
        front.link.report(r.LegMedia(LegId("a.2"), REMOTE))
        other.link.report(r.LegAnswered(LegId("a.2")))
        world.until(lambda: "queue.connected" in world.types("a"))
        joins("b")
        world.until(lambda: any(body.leg == "b.2" for body in other.bodies(c.MakeCall)))
        joins("c")
        before = shown()
        assert before == (
            [("b", 1, "ringing"), ("c", 2, "waiting")], {"anna": ("talking", "a"), "bob": ("ringing", "b")}
        )  # fmt: skip
        world.kill()
        world.start()
        assert shown() == before
        other.link.report(ended(LegId("b.2"), "busy", "callee", 486))
        world.until(lambda: "queue.agent_missed" in world.types("b"))
        assert shown()[0] == [("b", 1, "waiting"), ("c", 2, "waiting")]
        # The one who talked is free now: the head of the line is served, and nobody twice.
        other.link.report(ended(LegId("a.2"), "completed", "callee"))
        world.until(lambda: any(body.leg == "b.3" for body in other.bodies(c.MakeCall)))
        assert shown() == (
            [("b", 1, "ringing"), ("c", 2, "waiting")], {"anna": ("ringing", "b"), "bob": ("resting", "")}
        )  # fmt: skip
        assert [len([1 for type_ in world.types(name) if type_ == "queue.agent_offered"]) for name in "abc"] == [
            1,
            2,
            0,
        ]
        check_events(world.events())
        world.kill()
        world.start()
        assert shown()[1]["bob"] == ("resting", ""), "the note knows it"
    finally:
        world.close()
