"""Agents who say on the phone, or by command, whether they take calls: who is believed, what is told, what stays."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.queues import Agent, Presence, Queue, QueueAgent
from edge.config.trunk_settings import Trunk
from edge.core.calls.actions import Question
from edge.metrics.library import generate_latest
from edge.storage.reader import Reader
from edge.switch.plan import Plan
from edge.switch.requests import RequestError, Requests
from edge.vocabulary.ids import CallId, LegId
from edge.vocabulary.private import Private
from tests.switch.test_queueing import Office
from tests.switch.world import ended

AGENTS = [
    Agent(name="anna", signs_in=True, id="17", pin="4711"),
    Agent(name="bob", target="sip:bob@127.0.0.9", id="18", pin="0815"),
    Agent(name="carl", target="sip:carl@127.0.0.9"),
]


class Desk(Office):
    """An office whose agents are on the phone."""

    def __init__(self, **presence):
        # The call in which they speak is in a queue, too, and rings carl.
        all_of_them = [QueueAgent(agent=one.name) for one in AGENTS]
        super().__init__([Queue(name="sales", agents=all_of_them[2:]), Queue(name="desk", agents=all_of_them)])
        self.site = replace(
            self.site,
            agents=AGENTS,
            presence=Presence(**presence),
            trunks=[Trunk(name="demo", address="127.0.0.9:5060")],
        )
        self.exchange.plan = Plan(self.site)
        self.exchange.queues.configure()
        self.joins("a")

    def says(self, agent, pin, wish, reason=""):
        values = {"agent": Private(agent), "wish": Private(wish), "reason": Private(reason)}
        question = Question(
            call=CallId("a"), number=1, endpoint="agents", timeout_ms=1000, facts={}, values=values,
            secrets={"pin": Private(pin)},
        )  # fmt: skip
        said = self.exchange.presence.asked(question)
        return said.answer if said.outcome == "ok" else said.error

    def told(self, kind):
        rows = [row for row in self.exchange.turn.events if row.type == kind]
        return [json.loads(row.body)["data"] for row in rows]

    def shown(self):
        return {one["name"]: one["state"] for one in self.exchange.queues.describe_agents()}

    def command(self, **wish):
        return json.loads(
            Requests(lambda: self.exchange, Reader(Path("none"))).answer("agent_wish", json.dumps(wish).encode())
        )


@pytest.fixture
def desk():
    return Desk()


def test_a_log_in_by_phone_says_where_the_agent_is(desk):
    assert desk.shown()["anna"] == "logged_out"
    assert desk.says("17", "4711", "state") == "ok"
    assert desk.says("17", "4711", "pause") == "logged_out"
    assert desk.says("17", "4711", "log_in") == "ok"
    assert desk.shown()["anna"] == "ready"
    [told] = desk.told("agent.presence")
    del told["type"]
    assert told == {"agent": "anna", "presence": "here", "reason": "", "before": "away", "lasted_ms": 0, "call": "a"}
    at = desk.exchange.queues.floor.roster.get("anna").at
    assert (at.target.reveal(), at.trunk) == ("100", "demo")
    [shown] = [one for one in desk.exchange.queues.describe_agents() if one["name"] == "anna"]
    assert shown["elsewhere"]
    assert at.target.reveal() not in json.dumps(shown)


def test_nobody_learns_whether_number_or_pin_is_wrong_and_guessing_ends(desk):
    assert [desk.says("99", "4711", "log_in"), desk.says("17", "1234", "log_in")] == ["wrong", "wrong"]
    assert desk.says("carl", "", "log_out") == "wrong", "who has no PIN has none that is right"
    assert [desk.says("17", f"{n}", "log_in") for n in range(4)] == ["wrong"] * 4
    assert desk.says("17", "4711", "log_in") == "locked"
    assert desk.says("18", "0815", "pause") == "ok", "one agent's lock is no other one's"
    desk.now += 900_000
    assert desk.says("17", "4711", "log_in") == "ok"
    assert {one["why"] for one in desk.told("agent.refused")} == {"wrong", "locked"}
    text = generate_latest(desk.metrics.registry).decode()
    assert 'edge_switch_agents_refused_total{why="wrong"} 7.0' in text
    assert 'edge_switch_agents_refused_total{why="locked"} 1.0' in text


def test_right_pins_between_wrong_ones_lock_nobody(desk):
    for _ in range(10):
        assert [desk.says("17", "1", "state") for _ in range(4)] == ["wrong"] * 4
        assert desk.says("17", "4711", "state") == "ok"


def test_pauses_have_the_reasons_of_the_site():
    desk = Desk(pause_reasons=["lunch", "training"])
    assert desk.says("18", "0815", "pause", "holiday") == "reason"
    assert desk.says("18", "0815", "pause", "lunch") == "ok"
    assert desk.says("18", "0815", "dance") == "there is no wish 'dance'"
    assert desk.shown()["bob"] == "paused"
    with pytest.raises(RequestError, match="no reason 'holiday' \\(there are: lunch, training\\)"):
        desk.command(agent="bob", wish="pause", reason="holiday")
    assert desk.command(agent="bob", wish="pause", reason="training")["reason"] == "training"
    assert desk.command(agent="bob", wish="ready")["state"] == "ready"
    assert [one["presence"] for one in desk.told("agent.presence")] == ["paused", "paused", "here"]
    assert desk.told("agent.presence")[-1]["call"] is None


def test_who_has_no_number_can_not_be_rung():
    desk = Desk()
    desk.exchange.plan = Plan(replace(desk.site, trunks=[Trunk(name="demo")]))
    assert desk.says("17", "4711", "log_in") == "no_number"
    with pytest.raises(RequestError, match="where is he"):
        desk.command(agent="anna", wish="log_in")
    assert desk.command(agent="anna", wish="log_in", target="sip:anna@127.0.0.8")["state"] == "ready"
    with pytest.raises(RequestError, match="no agent 'nobody'"):
        desk.command(agent="nobody", wish="log_in")
    desk.command(agent="anna", wish="log_out")
    with pytest.raises(RequestError, match="anna is logged out"):
        desk.command(agent="anna", wish="ready")


def test_an_operator_who_logs_in_somebody_again_does_not_lose_his_phone(desk):
    desk.says("17", "4711", "log_in")
    with pytest.raises(RequestError, match="where is he"):
        desk.command(agent="anna", wish="log_in")
    assert desk.exchange.queues.floor.roster.get("anna").place == ("100", "demo")


def test_time_of_agents_is_counted_by_what_they_do(desk):
    desk.served("a")
    desk.now += 30_000
    desk.exchange.queues.show()
    desk.now += 10_000
    desk.exchange.queues.show()
    text = generate_latest(desk.metrics.registry).decode()
    for state, seconds in (("talking", 40.0), ("ready", 40.0), ("logged_out", 40.0), ("paused", 0.0)):
        assert f'edge_switch_agent_seconds_total{{state="{state}"}} {seconds}' in text
    shown = desk.exchange.queues.describe_agents()
    assert [one["occupancy"] for one in shown] == [None, 0.0, 1.0]
    assert [(one["talks"], one["talk_s"]) for one in shown][2] == (0, None), "the talk goes on"
    desk.report("span", ended(LegId("a.2")))
    desk.command(agent="bob", wish="pause", reason="lunch")
    desk.now += 5000
    desk.exchange.queues.show()
    shown = desk.exchange.queues.describe_agents()
    assert [(one["talks"], one["talk_s"], one["wrap_up_s"]) for one in shown][2] == (1, 40, 0)
    assert shown[1]["paused_s"] == {"lunch": 5}
    text = generate_latest(desk.metrics.registry).decode()
    assert 'edge_switch_queue_handling_seconds_total{queue="sales",state="talking"} 40.0' in text
    assert 'edge_switch_queue_handling_seconds_total{queue="sales",state="wrap_up"} 0.0' in text


def test_another_run_of_the_machine_knows_who_is_where(desk):
    desk.says("17", "4711", "log_in")
    desk.command(agent="bob", wish="pause", reason="lunch")
    note = desk.exchange.turn.meta["queues"]
    for boot in ("boot", "another"):
        again = Desk()
        again.exchange.boot = boot
        again.exchange.queues.open([], note)
        assert again.shown() == {"anna": "ready", "bob": "paused", "carl": again.shown()["carl"]}
        assert (
            again.exchange.queues.floor.roster.get("anna").place == desk.exchange.queues.floor.roster.get("anna").place
        )
