"""Whatever arrives, answers, hangs up, is restarted or reconfigured: one for one, in order, and it always ends."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.core.queues.floor import Floor
from edge.core.queues.model import (
    Answered,
    Closed,
    Configured,
    Elapsed,
    Finished,
    Gone,
    Join,
    Left,
    LineGone,
    LineReleased,
    LineSet,
    LineWanted,
    Member,
    Missed,
    Offered,
    PresenceChanged,
    PresenceWanted,
    Restored,
    Settings,
    Stay,
    Told,
)
from tests.core.queues.test_floor import agent, queue, ticket

AGENTS = [
    agent("a", "de", wrap_up_ms=5000, rest_ms=3000),
    agent("b", "de", "en", rest_ms=20_000),
    agent("c", rest_ms=1000, signs_in=True),
    agent("d", "en", wrap_up_ms=60_000),
    agent("e", wrap_up_ms=2000, nailed_up=True),
]
QUEUES = [
    queue("one", "a", "e", "b", Member(agent="c", tier=2), max_waiting=5, max_wait_ms=120_000, ageing_ms=10_000),
    queue("two", "b", "d", strategy="round_robin", ageing_ms=0),
    queue("three", "d", "a", strategy="in_order", match=["language"]),
]
FULL = Settings(agents=AGENTS, queues=QUEUES)
LESS = Settings(agents=AGENTS[1:], queues=QUEUES[1:])
NUMBERS = st.integers(0, 30)


class FloorMachine(RuleBasedStateMachine):
    """What calls know is kept as calls keep it; the floor must never say what does not fit it."""

    def __init__(self):
        super().__init__()
        self.now = 1_000_000
        self.floor = Floor()
        self.calls = 0
        #: Ticket -> stay as its call knows it.
        self.stays = {}
        #: Calls that are lines of agents: whose, and whether they are up.
        self.lines = {}
        self.configured = FULL
        self.give(Configured(FULL))

    def give(self, one):
        called = None
        for action in self.floor.handle(one, self.now):
            if isinstance(action, LineWanted):
                assert action.agent.name not in self.lines.values(), "called twice"
                self.calls += 1
                self.lines[f"l{self.calls}"] = action.agent.name
                called = LineSet(agent=action.agent.name, call=f"l{self.calls}", up=False)
                continue
            if isinstance(action, LineReleased):
                del self.lines[action.call]
                continue
            if isinstance(action, PresenceChanged):
                assert isinstance(one, PresenceWanted | LineSet | LineGone)
                assert self.floor.roster.get(one.agent).presence == action.presence
                continue
            stay = self.stays[action.ticket]
            if isinstance(action, Told):
                assert stay["state"] != "talking"
                assert action.position >= 1
                stay["position"] = action.position
            elif isinstance(action, Offered):
                assert stay["state"] == "waiting"
                busy = [other["agent"] for other in self.stays.values() if other["state"] != "waiting"]
                assert action.agent.name not in busy, "rung twice"
                assert self.floor.roster.get(action.agent.name).presence == "here"
                assert (action.line in self.lines) == action.agent.nailed_up
                stay |= {"state": "ringing", "agent": action.agent.name, "since_ms": self.now}
                self.in_order(stay, action)
            elif isinstance(action, Closed):
                assert stay["state"] == "waiting"
                del self.stays[action.ticket]
        if called is not None:
            self.give(called)

    def in_order(self, stay, offered):
        """Nobody was passed over whom this agent could have served."""
        terms = self.floor.queues[stay["queue"]]
        mine = self.floor.waiters[offered.ticket].order
        for other in self.floor.line(stay["queue"]):
            if other.state == "waiting" and other.order < mine:
                assert not offered.agent.covers(other.wants), (terms.name, other)

    def some(self, which, *states):
        found = [one for one, stay in self.stays.items() if stay["state"] in states]
        return found[which % len(found)] if found else None

    @rule(
        name=st.sampled_from(["one", "two", "three", "none"]),
        priority=st.integers(0, 100),
        language=st.sampled_from(["", "de", "en", "fr"]),
        skill=st.sampled_from(["", "", "de"]),
    )
    def joins(self, name, priority, language, skill):
        self.calls += 1
        one = ticket(f"c{self.calls}")
        values = {key: value for key, value in (("language", language), ("skill", skill)) if value}
        self.stays[one] = {
            "queue": name, "priority": priority, "values": values, "joined_ms": self.now, "state": "waiting",
            "agent": "", "since_ms": 0, "position": 0,
        }  # fmt: skip
        self.give(Join(ticket=one, queue=name, priority=priority, values=values))

    @rule(which=NUMBERS)
    def answers(self, which):
        one = self.some(which, "ringing")
        if one is not None:
            self.stays[one] |= {"state": "talking", "since_ms": self.now}
            self.give(Answered(one))

    @rule(which=NUMBERS)
    def does_not_answer(self, which):
        one = self.some(which, "ringing")
        if one is not None:
            self.stays[one] |= {"state": "waiting", "agent": ""}
            self.give(Missed(one))

    @rule(which=NUMBERS)
    def has_talked(self, which):
        one = self.some(which, "talking")
        if one is not None:
            del self.stays[one]
            self.give(Finished(one))

    @rule(which=NUMBERS, whole=st.booleans())
    def hangs_up(self, which, whole):
        one = self.some(which, "waiting", "ringing", "talking")
        if one is not None:
            del self.stays[one]
            self.give(Gone(one.call) if whole else Left(one))

    @rule(ms=st.integers(0, 90_000))
    def time_passes(self, ms):
        until = self.now + ms
        while (deadline := self.floor.deadline) is not None and deadline.at_ms <= until:
            self.now = max(self.now, deadline.at_ms)
            before = deadline
            self.give(Elapsed())
            assert self.floor.deadline != before, "a deadline that stays is a busy loop"
        self.now = until

    @rule(who=st.sampled_from("abcdeeex"), wish=st.sampled_from(["log_in", "log_in", "ready", "pause", "log_out"]))
    def agent_says(self, who, wish):
        before = {one: stay["state"] for one, stay in self.stays.items() if stay["state"] != "waiting"}
        self.give(PresenceWanted(agent=who, wish=wish))
        assert before.items() <= {one: stay["state"] for one, stay in self.stays.items()}.items(), "a talk was touched"

    @rule(by_phone=st.booleans())
    def a_leg_comes_up(self, by_phone):
        agent = self.floor.roster.get("e")
        if by_phone:
            self.calls += 1
            self.lines[f"l{self.calls}"] = "e"
            self.give(PresenceWanted(agent="e", wish="log_in", call=f"l{self.calls}", on_line=True))
        if agent is not None and agent.line is not None:
            self.give(LineSet(agent="e", call=agent.line, up=True))

    @rule(which=NUMBERS, hung_up=st.booleans())
    def a_leg_is_lost(self, which, hung_up):
        if self.lines:
            call = sorted(self.lines)[which % len(self.lines)]
            self.give(LineGone(agent=self.lines.pop(call), call=call, hung_up=hung_up))

    @rule(settings=st.sampled_from([FULL, LESS]))
    def is_configured(self, settings):
        self.configured = settings
        self.give(Configured(settings))

    @rule(noted=st.booleans())
    def is_restarted(self, noted):
        before, marks = self.floor, self.floor.marks()
        order = {name: [one.ticket for one in self.floor.line(name)] for name in self.floor.queues}
        self.floor = Floor()
        self.give(Configured(self.configured))
        stays = [Stay(ticket=one, **stay) for one, stay in self.stays.items()]
        presences = {one.terms.name: (one.presence, one.reason) for one in before.roster}
        lines = [
            LineSet(agent=name, call=call, up=before.roster.get(name).line_up) for call, name in self.lines.items()
        ]
        self.give(Restored(stays, marks, lines) if noted else Restored(stays, lines=lines))
        if noted:
            assert {
                one.terms.name: (one.presence, one.reason) for one in self.floor.roster
            }.items() <= presences.items()
        for name, tickets in order.items():
            kept = [one for one in tickets if one in self.floor.waiters]
            assert [one.ticket for one in self.floor.line(name)] == kept, "the order of those who wait"

    @rule(which=NUMBERS)
    def nonsense(self, which):
        one = ticket(f"z{which}")
        for kind in (Answered, Missed, Finished, Left):
            assert not [action for action in self.floor.handle(kind(one), self.now) if action.ticket == one]

    @invariant()
    def one_for_one(self):
        rung = [stay["agent"] for stay in self.stays.values() if stay["state"] != "waiting"]
        assert len(rung) == len(set(rung))
        assert set(self.floor.waiters) == set(self.stays)
        for one, waiter in self.floor.waiters.items():
            assert (waiter.state, waiter.agent) == (self.stays[one]["state"], self.stays[one]["agent"])

    @invariant()
    def who_takes_calls_has_a_leg(self):
        for one in self.floor.roster:
            if one.terms.nailed_up:
                assert one.presence != "here" or one.line_up
            assert not one.line_up or one.line is not None
        assert set(self.lines) == {one.line for one in self.floor.roster if one.line is not None}, "a leg is forgotten"

    @invariant()
    def nobody_waits_in_vain(self):
        """An agent who is ready has nobody waiting whom he could serve."""
        ready = {one.terms.name: one.terms for one in self.floor.roster if one.available}
        for waiter in self.floor.waiters.values():
            terms = self.floor.queues.get(waiter.queue)
            if waiter.state == "waiting" and terms is not None:
                assert not [m for m in terms.members if m.agent in ready and ready[m.agent].covers(waiter.wants)]

    def teardown(self):
        """Everybody is served, or told that he is not, when all agents answer and talk for a minute."""
        for _ in range(2000):
            if not self.stays:
                break
            for one in [one for one, stay in self.stays.items() if stay["state"] == "ringing"]:
                self.stays[one] |= {"state": "talking", "since_ms": self.now}
                self.give(Answered(one))
            self.time_passes(60_000)
            for one in [one for one, stay in self.stays.items() if stay["state"] == "talking"]:
                del self.stays[one]
                self.give(Finished(one))
        assert not self.stays


FloorMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_floor_machine = FloorMachine.TestCase
