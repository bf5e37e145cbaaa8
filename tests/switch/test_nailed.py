"""Agents whose leg stays up: lent to one call after the other, lost in every state, and made again from the journal."""

import json
import random

import pytest
from msgspec.structs import replace

from edge.config.queues import Agent, Presence, Queue, QueueAgent
from edge.core.calls.actions import Question, Send
from edge.core.calls.call import Call
from edge.core.calls.inputs import Entry, Resumed, Stopped
from edge.core.menus.model import Ask, Gather, HangUp, Menu
from edge.switch.plan import Plan
from edge.switch.presence import WishRequest
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, Incarnation, LegId
from edge.vocabulary.private import Private
from edge.vocabulary.wire import unpacker
from tests.core.calls.desk import REMOTE
from tests.switch.test_queueing import MENU, Office
from tests.switch.world import ended, incoming, media_ended

AGENTS = [
    Agent(name="anna", target="sip:anna@127.0.0.9", line="nailed_up", wrap_up_ms=0),
    Agent(name="bob", id="17", pin="4711", line="nailed_up"),
]
LOG_IN = Menu(
    name="log-in",
    version="v1",
    start="ask",
    nodes={"ask": Ask(endpoint="agents", answers={"ok": "bye"}, timeout="bye", failed="bye"), "bye": HangUp("bye")},
)
_entry = unpacker(Entry)


class Lines(Office):
    """An office with agents whose leg stays up."""

    def __init__(self, **agent):
        super().__init__([Queue(name="sales", agents=[QueueAgent(agent=one.name) for one in AGENTS])])
        self.change(agents=[replace(AGENTS[0], **agent), AGENTS[1]], menus={"main": MENU, "log-in": LOG_IN})
        self.given = {}

    def change(self, **site):
        self.site = replace(self.site, **site)
        self.exchange.plan = Plan(self.site)
        self.exchange.queues.configure()

    def wish(self, wish, agent="anna"):
        return self.exchange.presence.wanted(WishRequest(agent=agent, wish=wish))

    def agent(self, name="anna"):
        found = {one["name"]: one for one in self.exchange.queues.describe_agents()}[name]
        return found["state"], found["reason"], found["line"]

    @property
    def line(self):
        """The call that is the agent's line."""
        return next(call for call in self.exchange.calls.values() if call.line is not None)

    @property
    def leg(self):
        return self.line.first.id

    def picks_up(self):
        """The agent's phone is called and answers."""
        leg = self.leg
        self.sent("front")
        self.report("front", r.SpanReserved(leg, Incarnation("span-1")))
        self.sent("media")
        self.sent("span span-1")
        self.report("front", r.LegMedia(leg, REMOTE))
        self.report("span", r.LegAnswered(leg))

    def up(self):
        self.wish("log_in")
        self.picks_up()
        self.sent("media")
        return self

    def told(self, kind):
        return [json.loads(row.body)["data"] for row in self.exchange.turn.events if row.type == kind]

    def presences(self):
        return [(one["presence"], one["reason"]) for one in self.told("agent.presence")]

    def hangs_up(self, leg, by="callee", outcome="completed"):
        self.report("span", r.LegEnded(LegId(leg), EndReason(outcome=outcome, ended_by=by)))


@pytest.fixture
def office():
    return Lines().up()


def bodies(found, *kinds):
    return [one for one in found if isinstance(one, kinds)]


def test_who_logs_in_is_called_and_stays_on_the_line():
    office = Lines()
    assert office.agent() == ("logged_out", "", "down")
    assert office.wish("log_in") == ""
    assert office.agent() == ("paused", "line", "calling")
    assert office.wish("ready") == "", "a second call is not made"
    assert [body.target.reveal() for body in office.sent("front")] == ["sip:anna@127.0.0.9"]
    office.picks_up()
    assert office.agent() == ("ready", "", "up")
    assert office.presences() == [("paused", "line"), ("here", "")]
    assert office.line.first.signalling == "up"
    assert [one["agent"] for one in office.told("agent.line_up")] == ["anna"]
    office.now += 7_200_000  # longer than any call of a caller may be
    office.exchange.fire()
    assert office.agent() == ("ready", "", "up")


def test_calls_come_to_the_leg_one_after_the_other(office):
    leg = office.leg
    for name in "ab":
        office.joins(name)
        assert office.dialled() == [], "nobody is dialled"
        assert office.stay(name).state == "talking"
        assert office.agent()[0] == "talking"
        found = office.sent("media")
        assert bodies(found, c.Bridge) == [c.Bridge(LegId(f"{name}.1"), leg)]
        [tone] = [play for play in bodies(found, c.Play) if play.leg == leg]
        assert (tone.files, tone.mix, tone.duck_db) == (["tone:440/200"], True, 0)
        [connected] = [one for one in office.told("queue.connected") if one["leg"] == leg][-1:]
        assert (connected["waited_ms"], connected["ring_ms"]) == (0, 0)
        office.now += 25_000
        office.hangs_up(f"{name}.1", "caller")
        assert bodies(office.sent("media"), c.Unbridge) == [c.Unbridge(LegId(f"{name}.1"))]
        assert [body for body in office.sent("span span-1") if body.leg == leg] == []
        assert office.agent() == ("ready", "", "up")
    assert [(one["leg"], one["line"]) for one in office.told("leg.started")] == [(leg, True)] * 2
    assert [one["leg"] for one in office.told("leg.ended")] == [leg] * 2
    assert office.events("a") == ["queue.entered", "queue.agent_offered", "queue.connected"]


def test_music_between_calls(office):
    office.change(presence=Presence(line_music="/music.wav", line_tone=""))
    office.wish("log_out")
    assert next(body for body in office.sent("span span-1") if isinstance(body, c.HangUp)).leg == office.leg
    assert office.agent() == ("logged_out", "", "down")
    office.report("span", ended(office.leg))
    office.sent("media")
    office.report("media", media_ended(office.leg))
    office.up()
    office.joins("a")
    found = office.sent("media")
    assert [type(one) for one in found if one.leg == office.leg] == [c.StopPlay]
    office.hangs_up("a.1", "caller")
    [play] = [one for one in bodies(office.sent("media"), c.Play) if one.leg == office.leg]
    assert (play.files, play.times, play.mix) == (["/music.wav"], 0, False)
    office.report("media", r.PlayEnded(leg=office.leg, play=play.play, how="stopped", played_ms=1))
    assert len([one for one in bodies(office.sent("media"), c.Play) if one.leg == office.leg]) == 1, "an engine died"


def test_the_caller_hears_the_agent_hang_up_and_he_has_logged_out(office):
    office.joins("a")
    leg = office.leg
    office.hangs_up(leg)
    assert office.presences()[-1] == ("away", "")
    assert office.stay("a") is None
    assert c.Unbridge(LegId("a.1")) in office.sent("media")
    assert [body.leg for body in office.sent("span span-1") if isinstance(body, c.HangUp)] == ["a.1"]
    office.report("media", media_ended(leg))
    assert office.told("call.ended")


@pytest.mark.parametrize("talking", [False, True])
def test_a_line_that_is_lost_is_called_again_when_he_says_so(office, talking):
    if talking:
        office.joins("a")
    office.hangs_up(office.leg, "network", "failed")
    assert office.agent() == ("paused", "line_lost", "down")
    if not talking:
        office.joins("a")
        assert office.stay("a").state == "waiting", "he may come back"
    else:
        assert office.stay("a") is None
    first = office.leg
    assert office.wish("ready") == ""
    assert office.agent() == ("paused", "line", "calling")
    lines = [call.first.id for call in office.exchange.calls.values() if call.line is not None]
    assert len(lines) == 2
    assert lines[0] == first


def test_a_phone_that_does_not_answer_pauses_him():
    office = Lines()
    office.wish("log_in")
    office.sent("front")
    office.report("front", r.SpanRefused(office.leg, EndReason(outcome="busy", ended_by="callee", sip_code=486)))
    assert office.agent() == ("paused", "line_failed", "down")
    office.wish("pause")
    assert office.agent()[:2] == ("paused", ""), "a pause of his own calls nobody"
    assert office.sent("front") == []


def test_a_pause_and_a_log_out_meanwhile_wait_for_the_end_of_the_talk(office):
    office.joins("a")
    office.wish("pause")
    office.hangs_up("a.1", "caller")
    assert office.agent() == ("paused", "", "up")
    office.joins("b")
    assert office.stay("b").state == "waiting"
    office.wish("ready")
    assert office.stay("b").state == "talking"
    office.wish("log_out")
    office.sent("span span-1")
    office.hangs_up("b.1", "caller")
    assert [body.leg for body in office.sent("span span-1") if isinstance(body, c.HangUp)] == [office.leg]


def test_wrap_up_on_the_line():
    office = Lines(wrap_up_ms=30_000).up()
    office.joins("a")
    office.hangs_up("a.1", "caller")
    office.joins("b")
    assert (office.agent()[0], office.stay("b").state) == ("wrap_up", "waiting")
    office.now += 30_000
    office.exchange.fire()
    assert office.stay("b").state == "talking"


def test_keys_and_holds_of_the_leg_are_the_talks(office):
    office.joins("a")
    leg = office.leg
    office.sent("media")
    heard = r.DigitHeard(leg=leg, method="rfc4733", digit=Private("5"), start_ms=office.now, duration_ms=80)
    office.report("media", heard)
    rows = [row.call for row in office.exchange.turn.events if row.type == "dtmf.received"]
    assert rows == ["a"]
    assert [body.leg for body in bodies(office.sent("media"), c.SendDigits)] == ["a.1"]
    office.report("front", r.LegMedia(leg, replace(REMOTE, direction="sendonly")))
    assert office.exchange.calls[CallId("a")].legs[leg].held
    assert len(bodies(office.sent("media"), c.UpdateLeg)) == 1
    office.hangs_up("a.1", "caller")
    office.report("media", replace(heard, start_ms=office.now + 500))
    assert len([row for row in office.exchange.turn.events if row.type == "dtmf.received"]) == 2
    assert not list(bodies(office.sent("media"), c.SendDigits))


def test_who_comes_to_a_leg_on_hold_is_held(office):
    office.report("front", r.LegMedia(office.leg, replace(REMOTE, direction="sendonly")))
    office.joins("a")
    assert office.exchange.calls[CallId("a")].legs[office.leg].held


def test_what_a_talk_did_to_the_sound_is_undone(office):
    office.joins("a")
    call = office.exchange.calls[CallId("a")]
    call.legs[office.leg].set_sound(replace(call.legs[office.leg].sound, muted=True))
    office.hangs_up("a.1", "caller")
    sounds = [one.sound.muted for one in bodies(office.sent("media"), c.SetSound) if one.leg == office.leg]
    assert sounds == [False]


def test_the_engine_loses_the_leg(office):
    office.joins("a")
    from edge.switch import census

    census.take_media(office.exchange, "media", r.MediaSnapshot({LegId("a.1"): office.line.first.seat.slot}, {}))
    assert office.agent() == ("paused", "line_lost", "down")
    assert office.stay("a") is None


def test_the_site_has_him_no_more(office):
    office.joins("a")
    office.change(agents=[replace(AGENTS[0], line="on_demand"), AGENTS[1]])
    assert office.stay("a").state == "talking"
    office.sent("span span-1")
    office.hangs_up("a.1", "caller")
    assert office.leg in [body.leg for body in office.sent("span span-1") if isinstance(body, c.HangUp)]


def test_no_lines_are_left_as_the_appliance_drains(office):
    office.joins("a")
    office.exchange.draining = True
    office.exchange.nailed.drain()
    assert office.stay("a").state == "talking"
    office.sent("span span-1")
    office.hangs_up("a.1", "caller")
    assert office.leg in [body.leg for body in office.sent("span span-1") if isinstance(body, c.HangUp)]
    assert office.agent()[2] == "down"


def by_phone(office, name="p"):
    """Bob logs in by phone; his call asks the desk."""
    office.report("front", incoming(name, "9"))
    call = office.exchange.calls[CallId(name)]
    office.sent("media")
    office.sent("span span-1")
    office.report("span", r.LegAnswered(LegId(f"{name}.1")))
    values = {"agent": Private("17"), "wish": Private("log_in")}
    question = Question(
        call=call.id, number=1, endpoint="agents", timeout_ms=1000, facts={}, values=values,
        secrets={"pin": Private("4711")},
    )  # fmt: skip
    asked = office.exchange.presence.asked(question)
    assert asked.answer == "ok"
    office.exchange.answered(call.id, asked)
    return call


def test_the_call_that_he_logs_in_by_is_his_line():
    office = Lines()
    routes = [*office.site.routes, replace(office.site.routes[0], number="9", menu="log-in")]
    office.change(routes=routes)
    call = by_phone(office)
    assert call.phase == "running"
    assert office.agent("bob") == ("ready", "", "up")
    office.joins("a")
    assert c.Bridge(LegId("a.1"), LegId("p.1")) in office.sent("media")
    office.hangs_up("p.1", "caller")
    assert office.agent("bob") == ("logged_out", "", "down")


def test_who_logs_in_elsewhere_leaves_the_phone_he_was_at():
    office = Lines()
    routes = [*office.site.routes, replace(office.site.routes[0], number="9", menu="log-in")]
    office.change(routes=routes)
    by_phone(office)
    office.sent("span span-1")
    by_phone(office, "q")
    assert [body.leg for body in office.sent("span span-1") if isinstance(body, c.HangUp)] == ["p.1"]
    office.hangs_up("p.1", "appliance")
    assert office.agent("bob") == ("ready", "", "up")


def test_who_hangs_up_before_the_menu_is_over_has_no_line():
    office = Lines()
    listens = Gather(prompt=[], choices={"1": "bye"}, failed="bye")
    asks = replace(LOG_IN.nodes["ask"], answers={"ok": "more"})
    menu = replace(LOG_IN, nodes={**LOG_IN.nodes, "more": listens, "ask": asks})
    routes = [*office.site.routes, replace(office.site.routes[0], number="9", menu="log-in")]
    office.change(routes=routes, menus={"main": MENU, "log-in": menu})
    by_phone(office)
    assert office.agent("bob") == ("paused", "line", "calling")
    office.hangs_up("p.1", "caller")
    assert office.agent("bob") == ("paused", "line_failed", "down")


class Again(Lines):
    """Another life of switch, with what the former one has written."""

    def __init__(self, before, boot="boot"):
        super().__init__()
        self.now = before.now
        self.exchange.boot = boot
        self.exchange.queues._open = False
        turn = before.exchange.turn
        open_ = list(before.exchange.calls)
        self.sends = []
        for id_ in open_:
            lines = [row for row in turn.journal if row.call == id_]
            menu = before.exchange.calls[id_].run.menu
            call = Call(id_, menu)
            for row in lines:
                self.sends += [one for one in call.replay(_entry.decode(row.input), row.at_ms) if isinstance(one, Send)]
            self.exchange.rows[id_] = before.exchange.rows[id_]
            self.exchange.adopt(call, menu)
            self.exchange.feed(call, Resumed() if boot == "boot" else Stopped("x"))
        self.note = turn.meta.get("queues")
        self.exchange.queues.open(self.exchange.calls.values(), self.note)


@pytest.mark.parametrize("state", ["calling", "idle", "talking", "wrap_up", "paused"])
def test_a_killed_switch_knows_whose_the_leg_is(state):
    office = Lines(wrap_up_ms=30_000 if state == "wrap_up" else 0)
    office.wish("log_in")
    if state != "calling":
        office.picks_up()
    if state in {"talking", "wrap_up"}:
        office.joins("a")
    if state == "wrap_up":
        office.hangs_up("a.1", "caller")
    if state == "paused":
        office.wish("pause")
    again = Again(office)
    assert again.agent() == office.agent()
    assert again.leg == office.leg
    if state == "calling":
        again.picks_up()
        assert again.agent() == ("ready", "", "up")
    if state == "talking":
        assert again.line.line.by == "a"
        again.sent("media")
        again.hangs_up("a.1", "caller")
        assert bodies(again.sent("media"), c.Unbridge) == [c.Unbridge(LegId("a.1"))]
    if state == "paused":
        again.wish("ready")
    if state == "wrap_up":
        again.now += 30_000
        again.exchange.fire()
    again.joins("b")
    assert c.Bridge(LegId("b.1"), again.leg) in again.sent("media")


def test_after_a_restart_of_the_appliance_he_has_no_line(office):
    again = Lines()
    again.exchange.queues._open = False
    again.exchange.queues.open([], office.exchange.turn.meta["queues"])
    assert again.agent() == ("paused", "line_lost", "down")


class Days(Lines):
    """Anything that may happen, and what must hold after it."""

    def settle(self):
        """Carry out all that was asked for; legs that are hung up on or closed say so."""
        for _ in range(8):
            for receiver in ("front", "span span-1", "media"):
                for body in self.sent(receiver):
                    if isinstance(body, c.HangUp | c.Reject):
                        self.hangs_up(body.leg, "appliance")
                    elif isinstance(body, c.CloseLeg):
                        self.report("media", media_ended(body.leg))
                    elif isinstance(body, c.ReserveSpan):
                        self.report("front", r.SpanReserved(body.leg, Incarnation("span-1")))

    def check(self):
        calls = self.exchange.calls
        lent = {call.first.id: call.line.by for call in calls.values() if call.line and call.line.state == "lent"}
        borrowed = {
            leg.id: call.id for call in calls.values() for leg in call.legs.values() if leg.borrowed and leg.talks
        }
        assert borrowed == lent
        talking = {
            one["name"] for one in self.exchange.queues.describe_agents() if one["state"] in {"talking", "ringing"}
        }
        assert len(talking) == len(lent)
        for one in self.exchange.queues.describe_agents():
            assert one["state"] != "ready" or one["line"] == "up"
            assert not one["line_call"] or calls[CallId(one["line_call"])].line is not None

    def anything(self, dice, name):
        """Something happens; `name` is that of a call that may begin."""
        legs = [leg for call in self.exchange.calls.values() for leg in call.legs.values() if not leg.borrowed]
        what = dice.choice(
            [self.a_call, self.a_call, self.a_log_in, self.an_end, self.an_answer, self.a_wish, self.a_hold]
        )
        what(dice, name, dice.choice(legs) if legs else None)

    def a_call(self, _dice, name, _leg):
        self.report("front", incoming(name))

    def a_log_in(self, _dice, name, _leg):
        if self.agent("bob")[0] not in {"talking", "ringing"}:
            by_phone(self, name)

    def an_end(self, dice, _name, leg):
        by, outcome = dice.choice([("caller", "completed"), ("callee", "completed"), ("network", "failed")])
        if leg is not None:
            self.hangs_up(leg.id, by, outcome)

    def an_answer(self, _dice, _name, leg):
        if leg is not None and leg.signalling not in {"up", "down", "hanging"}:
            self.report("front", r.LegMedia(leg.id, REMOTE))
            self.report("span", r.LegAnswered(leg.id))

    def a_wish(self, dice, _name, _leg):
        self.wish(dice.choice(["log_in", "ready", "pause", "log_out"]), dice.choice(["anna", "anna", "bob"]))

    def a_hold(self, dice, _name, leg):
        if leg is not None and leg.remote is not None:
            self.report("front", r.LegMedia(leg.id, replace(REMOTE, direction=dice.choice(["sendonly", "sendrecv"]))))


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_a_leg_is_in_one_call(seed):
    dice, office = random.Random(seed), Days(wrap_up_ms=5000 * (seed % 2))
    office.change(routes=[*office.site.routes, replace(office.site.routes[0], number="9", menu="log-in")])
    office.up()
    by_phone(office)
    for count in range(60):
        office.anything(dice, f"c{count}")
        if dice.random() < 0.7:
            office.settle()
        if dice.random() < 0.1:
            office.settle()
            again = Again(office)
            assert [again.agent(name) for name in ("anna", "bob")] == [office.agent(name) for name in ("anna", "bob")]
        office.now += dice.choice([10, 10, 5000])
        office.exchange.fire()
        office.check()
    for call in list(office.exchange.calls.values()):
        if not call.over and call.line is None:
            office.exchange.feed(call, Stopped("over"))
    office.settle()
    office.now += 11_000  # whoever has not told of an end by then counts as gone
    office.exchange.fire()
    office.check()
    assert all(call.line is not None for call in office.exchange.calls.values()), "nothing but lines is left"
    assert office.told("queue.connected")
