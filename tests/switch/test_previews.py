"""Agents who look at contacts, and what they say of talks: kept for nothing else, one event each, through kills."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from edge.config.campaigns import Campaign, PreviewSource, ResultSource
from edge.config.queues import Agent, Queue, QueueAgent
from edge.config.trunk_settings import Trunk
from edge.core.calls.actions import Question
from edge.core.calls.call import ENDING_MS
from edge.core.calls.inputs import Stopped
from edge.storage.reader import Reader
from edge.switch import previews, results
from edge.switch.plan import Plan
from edge.switch.previews import ORDER_MS
from edge.switch.requests import RequestError, Requests
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.dialing import AttemptOrder, PreviewClosing, PreviewOffer
from edge.vocabulary.ids import CallId, Incarnation, LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import REMOTE
from tests.switch.test_queueing import Office
from tests.switch.world import ended

ID, OTHER = "d" + "0" * 24, "d" + "1" * 24
NUMBER = "+493012345678"
CAMPAIGN = Campaign(
    name="spring",
    lists=["all"],
    rules="test",
    trunk="carrier",
    queue="sales",
    caller_id="+4930555",
    pacing="preview",
    preview=PreviewSource(),
    results=[
        ResultSource(code="sold", key="1", text="Bought it"),
        ResultSource(code="later", key="2", then="callback", after_ms=60_000),
        ResultSource(code="wrong", key="3", then="next_number", after_ms=1000),
        ResultSource(code="never", key="9", then="never"),
    ],
    result_within_ms=600_000,
)
AGENTS = [
    Agent(name="anna", id="17", pin="4711", target="sip:anna@127.0.0.9", wrap_up_ms=120_000, rest_ms=60_000),
    Agent(name="bob", target="sip:bob@127.0.0.9"),
]
ORDER = AttemptOrder(
    attempt=ID,
    campaign="spring",
    listed_in="all",
    contact="17",
    number=Private(NUMBER),
    trunk="carrier",
    caller=Private("+4930555"),
    menu="campaign/spring",
    agent="anna",
    queue="sales",
    ring_timeout_ms=20_000,
)
OFFER = PreviewOffer(
    preview=ID, campaign="spring", listed_in="all", contact="17", queue="sales", agent="anna", limit_ms=90_000
)


class Floor(Office):
    """An office whose agents look at contacts. Its wall goes with its clock."""

    def __init__(self, **campaign):
        super().__init__([Queue(name="sales", agents=[QueueAgent(agent=one.name) for one in AGENTS])])
        self.site = replace(
            self.site,
            agents=AGENTS,
            trunks=[Trunk(name="carrier", address="127.0.0.8:5060")],
            campaigns=[replace(CAMPAIGN, **campaign)],
        )
        self.exchange.plan = Plan(self.site)
        self.exchange.queues.configure()
        self.follow()
        self.exchange.attempts.arrived("dialer-1")

    def follow(self):
        begin = datetime(2026, 11, 21, tzinfo=UTC)
        self.exchange._wall = lambda: begin + timedelta(milliseconds=self.now)
        self.exchange.attempts._wall = self.exchange._wall

    def dialer(self, body, incarnation="dialer-1"):
        self.exchange.report("dialer", Incarnation(incarnation), body)
        return self.news()

    def news(self, kind=None):
        found = self.exchange.attempts.take_news()
        return [one for one in found if kind is None or isinstance(one, kind)]

    def offer(self, offer=OFFER):
        return [one.state for one in self.dialer(r.PreviewAsked(offer)) if isinstance(one, c.PreviewTold)]

    def over(self, how, preview=ID, **more):
        news = self.dialer(r.PreviewOver(PreviewClosing(preview=preview, how=how, **more)))
        return [one.state for one in news if isinstance(one, c.PreviewTold)]

    def order(self, **more):
        news = self.dialer(r.AttemptAsked(replace(ORDER, **more)))
        return list(dict.fromkeys((one.state, one.why) for one in news if isinstance(one, c.AttemptTold)))

    def told(self, kind):
        rows = [row for row in self.exchange.turn.events if row.type == kind]
        return [json.loads(row.body)["data"] for row in rows]

    def agent(self, name="anna"):
        return {one["name"]: one for one in self.exchange.queues.describe_agents()}[name]

    def is_up(self, leg):
        self.report("front", r.SpanReserved(LegId(leg), Incarnation("span-1")))
        self.sent("media")
        self.sent("span span-1")
        self.report("front", r.LegMedia(LegId(leg), REMOTE))
        self.report("span", r.LegAnswered(LegId(leg)))

    def ask(self, what, **body):
        return json.loads(
            Requests(lambda: self.exchange, Reader.__new__(Reader)).answer(what, json.dumps(body).encode())
        )

    def wait(self, ms):
        self.now += ms
        self.exchange.fire()

    def next_life(self):
        """Another switch with this one's notes, and none of its calls."""
        other = Floor()
        other.now, old = self.now, self.exchange.turn.meta
        other.exchange.previews.open(old.get(previews.NOTE))
        other.exchange.results.open(old.get(results.NOTE))
        return other


@pytest.fixture
def floor():
    return Floor()


def test_an_agent_who_looks_is_rung_for_nobody(floor):
    assert [one.ready for one in floor.news(c.AgentsTold)] == [{"sales": ["anna", "bob"]}]
    assert floor.offer() == ["held"]
    assert floor.agent()["state"] == "previewing"
    assert [one.ready for one in floor.dialer(r.AttemptsQueried([])) if isinstance(one, c.AgentsTold)] == []
    floor.joins("a")
    assert floor.dialled() == ["sip:bob@127.0.0.9"]
    floor.joins("b")
    assert floor.dialled() == []
    assert floor.over("skipped", reason="lunch", by="anna") == ["closed"]
    assert floor.dialled() == ["sip:anna@127.0.0.9"], "who waits gets her at once"
    (offered,) = floor.told("dialer.preview_offered")
    (closed,) = floor.told("dialer.preview_ended")
    assert (offered["preview"], offered["agent"], offered["contact"]) == (ID, "anna", "17")
    assert (closed["how"], closed["reason"], closed["by"]) == ("skipped", "lunch", "anna")


def test_said_again_it_is_told_once(floor):
    assert (floor.offer(), floor.offer()) == (["held"], ["held"])
    assert (floor.over("rejected"), floor.over("rejected")) == (["closed"], ["closed"])
    assert (len(floor.told("dialer.preview_offered")), len(floor.told("dialer.preview_ended"))) == (1, 1)
    assert floor.over("skipped", preview=OTHER) == ["closed"]  # of a switch whose events are older than its memory
    assert len(floor.told("dialer.preview_ended")) == 1


def test_a_former_life_of_the_dialer_has_no_say(floor):
    floor.dialer(r.PreviewAsked(OFFER), "dialer-0")
    assert floor.agent()["state"] == "ready"


def test_who_is_busy_or_away_is_not_kept(floor):
    floor.joins("a")
    assert floor.offer() == ["refused"]
    floor.exchange.draining = True
    assert floor.offer(replace(OFFER, agent="bob")) == ["refused"]
    assert floor.told("dialer.preview_offered") == []


def test_who_accepts_is_rung_and_then_the_contact(floor):
    floor.offer()
    assert floor.over("accepted", by="anna") == ["closed"]
    assert floor.agent()["state"] == "previewing"
    assert floor.order() == [("dialled", "")]
    assert floor.agent()["state"] == "ringing"
    assert floor.dialled() == ["sip:anna@127.0.0.9"]
    floor.is_up(f"{ID}.1")
    assert floor.agent()["state"] == "talking"
    assert floor.dialled() == [NUMBER]
    floor.is_up(f"{ID}.2")
    assert [one.state for one in floor.news(c.AttemptTold)][-1] == "connected"
    floor.now += 60_000
    floor.report("span", ended(LegId(f"{ID}.2"), "completed", "callee"))
    floor.sent("media")
    for receiver in ("span span-1", "front", "media"):
        floor.sent(receiver)
    floor.report("span", ended(LegId(f"{ID}.1"), "completed", "appliance"))
    assert floor.agent()["state"] == "wrap_up"
    assert [one["how"] for one in floor.told("dialer.preview_ended")] == ["accepted"]


def test_an_order_without_its_agent_is_refused(floor):
    assert floor.order() == [("refused", "no_agent")]
    floor.offer()
    assert floor.order(agent="bob") == [("refused", "no_agent")]
    floor.offer()
    floor.ask("agent_wish", agent="anna", wish="log_out")
    assert floor.order() == [("refused", "no_agent")]
    assert floor.exchange.calls == {}


def test_an_order_that_is_refused_lets_the_agent_go(floor):
    floor.offer()
    floor.over("accepted")
    floor.exchange.refusing = "disk"
    assert floor.order() == [("refused", "disk")]
    assert floor.agent()["state"] == "ready"


def test_an_agent_is_not_kept_for_ever_for_an_order_that_never_comes(floor):
    floor.offer()
    floor.over("accepted")
    floor.dialer(r.AttemptsQueried([ID]))
    assert floor.agent()["state"] == "ready", "the dialer asks, and no call will come any more"
    floor.offer(replace(OFFER, preview=OTHER))
    floor.over("accepted", preview=OTHER)
    floor.wait(ORDER_MS)
    assert floor.agent()["state"] == "ready"
    assert floor.exchange.next_deadline_ms is None


def test_a_log_out_ends_it_and_the_dialer_hears(floor):
    floor.offer()
    floor.ask("agent_wish", agent="anna", wish="log_out")
    assert [one.state for one in floor.news(c.PreviewTold)] == ["gone"]
    assert [one["how"] for one in floor.told("dialer.preview_ended")] == ["withdrawn"]
    assert floor.agent()["state"] == "logged_out"


def test_a_dialer_that_says_nothing_any_more(floor):
    floor.offer()
    assert floor.exchange.next_deadline_ms is not None
    floor.wait(90_000)
    assert [one["how"] for one in floor.told("dialer.preview_ended")] == ["lapsed"]
    assert floor.agent()["state"] == "ready"


def test_another_life_keeps_the_agent(floor):
    floor.offer()
    floor.now += 1000
    second = floor.next_life()
    assert second.agent()["state"] == "previewing"
    assert second.offer() == ["held"]
    assert second.told("dialer.preview_offered") == []
    second.over("accepted")
    third = second.next_life()
    assert third.over("accepted") == ["closed"]
    assert third.told("dialer.preview_ended") == []
    assert third.order() == [("dialled", "")]


def test_an_agent_whose_leg_is_up_is_kept_until_the_contact_answers():
    floor = Floor(on_machine="menu")
    floor.site = replace(floor.site, agents=[replace(AGENTS[0], line="nailed_up"), AGENTS[1]])
    floor.exchange.plan = Plan(floor.site)
    floor.exchange.queues.configure()
    floor.ask("agent_wish", agent="anna", wish="log_in")
    line = next(call for call in floor.exchange.calls.values() if call.line is not None)
    assert floor.dialled() == ["sip:anna@127.0.0.9"]
    floor.is_up(line.first.id)
    assert floor.agent()["state"] == "ready"
    assert floor.offer() == ["held"]
    floor.over("accepted")
    assert floor.order() == [("dialled", "")]
    assert floor.dialled() == [NUMBER], "nobody rings whose leg is up"
    assert floor.agent()["state"] == "previewing"
    floor.joins("a")
    assert floor.dialled() == ["sip:bob@127.0.0.9"]
    floor.is_up(f"{ID}.1")
    assert floor.agent()["state"] == "talking"
    assert floor.agent()["call"] == ID
    assert [one.state for one in floor.news(c.AttemptTold)][-1] == "connected"


def test_and_is_free_when_nobody_answers():
    floor = Floor(on_machine="menu")
    floor.site = replace(floor.site, agents=[replace(AGENTS[0], line="nailed_up"), AGENTS[1]])
    floor.exchange.plan = Plan(floor.site)
    floor.exchange.queues.configure()
    floor.ask("agent_wish", agent="anna", wish="log_in")
    line = next(call for call in floor.exchange.calls.values() if call.line is not None)
    floor.sent("front")
    floor.is_up(line.first.id)
    floor.offer()
    floor.over("accepted")
    floor.order()
    floor.report("front", r.SpanReserved(LegId(f"{ID}.1"), Incarnation("span-1")))
    floor.sent("media")
    floor.sent("span span-1")
    floor.report("span", ended(LegId(f"{ID}.1"), "busy", "callee", 486))
    floor.wait(ENDING_MS)
    assert floor.agent()["state"] == "ready"
    assert floor.agent()["line"] == "up"


# --- results


def talked(floor, ms=60_000):
    """An agent has talked for the campaign, and wraps up."""
    floor.offer()
    floor.over("accepted")
    floor.order()
    floor.is_up(f"{ID}.1")
    floor.is_up(f"{ID}.2")
    floor.now += ms
    floor.exchange.feed(floor.exchange.calls[CallId(ID)], Stopped("by request"))
    floor.wait(ENDING_MS)  # nobody plays media's part
    floor.news()
    assert floor.exchange.calls == {}
    return floor


def test_what_came_of_it_ends_the_wrap_up_and_goes_to_the_dialer(floor):
    talked(floor)
    assert floor.agent()["state"] == "wrap_up"
    assert floor.agent()["result_due"]["codes"] == {
        "sold": "Bought it",
        "later": "later",
        "wrong": "wrong",
        "never": "never",
    }
    floor.now += 5000
    assert floor.ask("agent_result", agent="anna", code="sold", note="two of them")["state"] == "ready"
    (told,) = floor.news(c.ResultTold)
    assert (told.attempt, told.agent, told.code, told.step, told.note) == (
        ID,
        "anna",
        "sold",
        "done",
        Private("two of them"),
    )
    (event,) = floor.told("dialer.result")
    assert (event["result"], event["code"], event["text"], event["ordinal"]) == (told.id, "sold", "Bought it", 1)
    assert (event["after_ms"], event["queue"], event["note"]) == (5000, "sales", "two of them")
    assert floor.news(c.ResultTold) == []
    floor.dialer(r.ResultsTaken([told.id]))
    assert floor.next_life().news(c.ResultTold) == []


def test_the_last_one_counts_and_each_has_its_event(floor):
    talked(floor)
    floor.ask("agent_result", agent="anna", code="2")
    (first,) = floor.news(c.ResultTold)
    assert (first.step, first.due_ms - first.given_ms) == ("same_number", 60_000)
    floor.now += 1000
    floor.ask("agent_result", agent="anna", code="later", at_ms=first.given_ms + 7_200_000)
    floor.ask("agent_result", agent="anna", code="wrong")
    second, third = floor.news(c.ResultTold)
    assert second.due_ms == first.given_ms + 7_200_000
    assert (third.step, third.due_ms - third.given_ms) == ("next_number", 1000)
    assert [one["ordinal"] for one in floor.told("dialer.result")] == [1, 2, 3]


def test_what_no_dialer_has_kept_is_told_to_the_next_one(floor):
    talked(floor)
    floor.ask("agent_result", agent="anna", code="never")
    (told,) = floor.news(c.ResultTold)
    floor.exchange.attempts.arrived("dialer-2")
    assert floor.news(c.ResultTold) == [told]
    second = floor.next_life()
    second.exchange.attempts.arrived("dialer-3")
    assert second.news(c.ResultTold) == [told]
    assert second.ask("agent_result", agent="anna", code="sold")["result_due"]["given"] == 2


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"agent": "anna", "code": "gold"}, "there is no result 'gold' .there are: sold, later, wrong, never"),
        ({"agent": "bob", "code": "sold"}, "has talked for no campaign"),
        ({"agent": "nobody", "code": "sold"}, "has talked for no campaign"),
        ({"agent": "anna", "code": ""}, "there is no result"),
        ({"agent": "anna", "code": "sold", "at_ms": 1}, "takes no time"),
        ({"agent": "anna", "code": "later", "at_ms": 1}, "in the past"),
        ({"agent": "anna", "code": "later", "at_ms": 10**14}, "more than a year"),
        ({"agent": "anna", "code": "sold", "note": "x" * 1001}, "at most 1000"),
        ({"agent": 7}, "agent_result"),
    ],
)
def test_what_is_no_result(floor, request_, why):
    talked(floor)
    with pytest.raises(RequestError, match=why):
        floor.ask("agent_result", **request_)
    assert floor.told("dialer.result") == []
    assert floor.agent()["state"] == "wrap_up"


def test_it_may_be_said_while_they_talk_and_not_for_ever_after(floor):
    floor.offer()
    floor.over("accepted")
    floor.order()
    floor.is_up(f"{ID}.1")
    floor.is_up(f"{ID}.2")
    floor.ask("agent_result", agent="anna", code="sold")
    assert floor.told("dialer.result")[0]["after_ms"] == 0
    floor.exchange.feed(floor.exchange.calls[CallId(ID)], Stopped("by request"))
    floor.wait(ENDING_MS)
    assert floor.agent()["state"] == "ready", "it was said before the wrap-up began"
    floor.now += 600_001
    with pytest.raises(RequestError, match="too late"):
        floor.ask("agent_result", agent="anna", code="later")
    assert floor.agent()["result_due"] is None


def says(floor, endpoint, call=ID, pin="4711", **values):
    question = Question(
        call=CallId(call),
        number=1,
        endpoint=endpoint,
        timeout_ms=1000,
        facts={},
        values={name: Private(value) for name, value in values.items()},
        secrets={"pin": Private(pin)},
    )
    said = floor.exchange.presence.asked(question)
    return said.answer if said.outcome == "ok" else said.error


def test_on_the_leg_that_he_was_rung_on_it_is_known_who_he_is(floor):
    floor.offer()
    floor.over("accepted")
    floor.order()
    floor.is_up(f"{ID}.1")
    assert says(floor, "results", disposition="1") == "none", "nobody has talked"
    floor.is_up(f"{ID}.2")
    assert says(floor, "results", disposition="7") == "unknown"
    assert says(floor, "results", disposition="1") == "ok"
    assert says(floor, "results", call="a", disposition="1") == "no agent leads this call"
    event, *_ = floor.told("dialer.result")
    assert (event["code"], event["agent"], event["call"]) == ("sold", "anna", ID)


def test_elsewhere_he_proves_who_he_is(floor):
    talked(floor)
    floor.joins("a")
    wish = {"call": "a", "agent": "17", "wish": "disposition"}
    assert says(floor, "agents", **wish, disposition="2", pin="0000") == "wrong"
    assert floor.told("dialer.result") == []
    assert says(floor, "agents", **wish, disposition="2") == "ok"
    assert says(floor, "agents", **wish, disposition="") == "unknown"
    floor.now += 600_001
    assert says(floor, "agents", **wish, disposition="2") == "late"
    assert [one["code"] for one in floor.told("dialer.result")] == ["later"]


def test_after_the_talk_the_agent_gets_the_menu_for_it():
    floor = Floor(result_menu="main")
    order = replace(ORDER, agent="anna")
    menu = floor.exchange.plan.agent_menu(order)
    assert menu.start == "(call)"
    assert menu.nodes["(call)"].after == "wait"
    assert menu.version != floor.exchange.plan.agent_menu(replace(order, ring_timeout_ms=9000)).version
    assert Floor().exchange.plan.agent_menu(order).nodes["(call)"].after == ""


def test_a_wrap_up_may_go_on(floor):
    floor = Floor(result_ends_wrap_up=False)
    talked(floor)
    assert floor.ask("agent_result", agent="anna", code="sold")["state"] == "wrap_up"
