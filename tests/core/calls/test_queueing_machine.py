"""A call that waits for agents, in a world that sends anything at any time: floor and call never lose each other."""

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from edge.core.calls.call import Call
from edge.core.calls.inputs import AgentOffered, QueueRefused, QueueTold
from edge.core.menus.model import Gather, HangUp, Menu, Queue, Whisper
from edge.core.queues import model as m
from edge.core.queues.floor import Floor
from edge.vocabulary.ids import LegId
from tests.core.calls.desk import CALL, REMOTE, sound
from tests.core.calls.test_call_machine import CallMachine
from tests.core.queues.test_floor import agent, queue

QUEUE = Queue(
    queue="sales", music=[sound("music")], comfort=[[sound("patience")]], leave_key="#", callback_key="1",
    callback_after_ms=1000, callback_offer=[sound("offer")], call_back="wait", left="again", full="bye",
    timed_out="again", no_agents="bye", failed="bye", after="again",
    whisper=Whisper(sounds=[sound("sales")], accept="1"),
)  # fmt: skip
MENU = Menu(
    name="main",
    version="v1",
    start="greet",
    nodes={
        "greet": Gather(prompt=[sound("hello")], choices={"1": "wait", "2": "plain"}, failed="plain"),
        "wait": QUEUE,
        "plain": Queue(
            queue="other", left="again", full="bye", timed_out="again", no_agents="bye", failed="again", after=""
        ),
        "again": Gather(prompt=[sound("again")], choices={"1": "wait", "2": "plain", "9": "bye"}, failed="bye"),
        "bye": HangUp("bye"),
    },
)
AGENTS = [agent("anna", rest_ms=2000), agent("bob", wrap_up_ms=3000)]
SETTINGS = m.Settings(
    agents=AGENTS,
    queues=[queue("sales", "anna", "bob", max_wait_ms=60_000), queue("other", "bob", ring_timeout_ms=5000)],
)
NEWS = {
    "left": m.Left,
    "answered": m.Answered,
    "missed": m.Missed,
    "released": lambda one: m.Missed(one, rests=False),
    "finished": m.Finished,
}
OTHERS = [m.Ticket("c7", number) for number in range(1, 4)]


class QueueMachine(CallMachine):
    """The same world, with queues that other callers are in, too."""

    menu = MENU

    def __init__(self):
        super().__init__()
        self.floor = Floor()
        self.floor.handle(m.Configured(SETTINGS), 1_000_000)
        self.told = 0
        self.known = set()

    @initialize(recorded=st.booleans(), engine_up=st.booleans(), auto=st.booleans(), plain=st.booleans())
    def begin(self, recorded, engine_up, auto, plain):
        CallMachine.begin(
            self,
            out=False,
            refuse=0,
            with_seat=True,
            remote=REMOTE,
            recorded=recorded,
            engine_up=engine_up,
            auto=auto,
            campaign=False,
        )
        self.caller_gets_on(plain=plain, goes_on="waits")

    def give(self, input):  # noqa: A002
        self.desk.give(input)
        self.queues_are_told()

    def queues_are_told(self):
        while self.told < len(self.desk.news):
            news = self.desk.news[self.told]
            self.told += 1
            ticket = m.Ticket(CALL, news.number)
            if news.what == "join":
                values = {name: value.reveal() for name, value in news.values.items()}
                given = m.Join(ticket=ticket, queue=news.queue, priority=news.priority, values=values)
                self.known.add(ticket)
            else:
                # The floor may have closed it meanwhile: it hears what came of a stretch of time at the end of that.
                assert ticket in self.known, f"{news.what} of a stay that the queues do not know"
                given = NEWS[news.what](ticket)
            self.act(self.floor.handle(given, self.desk.now_ms))

    def act(self, actions):
        for action in actions:
            if action.ticket.call != CALL:
                continue
            number = action.ticket.number
            if isinstance(action, m.Told):
                self.give(QueueTold(number=number, position=action.position, estimate_ms=action.estimate_ms))
            elif isinstance(action, m.Offered):
                one = action.agent
                self.give(
                    AgentOffered(
                        number=number, agent=one.name, target=one.target, trunk="", ring_timeout_ms=action.ring_ms
                    )
                )
            else:
                self.give(QueueRefused(number, action.reason))

    def floor_hears(self, *inputs):
        for one in inputs:
            self.act(self.floor.handle(one, self.desk.now_ms))

    @rule(which=st.sampled_from(OTHERS), queue=st.sampled_from(["sales", "other"]), priority=st.integers(0, 3))
    def another_caller_comes(self, which, queue, priority):
        self.floor_hears(m.Join(ticket=which, queue=queue, priority=priority))

    @rule(which=st.sampled_from(OTHERS), kind=st.sampled_from([m.Left, m.Answered, m.Missed, m.Finished]))
    def another_caller_goes_on(self, which, kind):
        self.floor_hears(kind(which))

    @rule()
    def queues_look_at_the_clock(self):
        self.floor_hears(m.Elapsed())

    @rule(number=st.integers(0, 9), position=st.integers(1, 9))
    def told_too_late(self, number, position):
        stay = self.desk.call.queueing.stay
        if stay is None or stay.number != number:
            self.give(QueueTold(number=number, position=position, estimate_ms=1))
            self.give(QueueRefused(number, "timed_out"))

    @rule(leg=st.integers(2, 6))
    def agent_answers(self, leg):
        self.target_answers(LegId(f"{CALL}.{leg}"))

    @rule(leg=st.integers(2, 6), key=st.sampled_from("11115"))
    def agent_takes_the_call(self, leg, key):
        self.target_answers(LegId(f"{CALL}.{leg}"))
        self.desk.now_ms += 500
        self.key(LegId(f"{CALL}.{leg}"), key, "rfc4733")

    @rule(plain=st.booleans(), goes_on=st.sampled_from(["waits", "is rung", "talks", "talks"]))
    def caller_gets_on(self, plain, goes_on):
        """Random steps alone hardly ever get this far."""
        call = self.desk.call
        if call.queueing.stay is None:
            self.caller_comes_to_a_choice("2" if plain else "1")
        legs = [leg.id for leg in call.legs.values() if leg.signalling != "down"]
        if goes_on == "waits" or len(legs) < 2 or call.phase != "running":
            return
        self.target_answers(legs[-1])
        if goes_on == "talks":
            self.agent_takes_the_call(int(legs[-1].rpartition(".")[2]), "1")

    @rule()
    def caller_hangs_up(self):
        self.leg_ended(self.desk.call.first.id, "completed")

    @rule()
    def agent_hangs_up(self):
        hunt = self.desk.call.dialling.hunt
        if hunt is not None and hunt.transfer is not None:
            self.leg_ended(hunt.transfer.leg.id, "busy")

    @rule(key=st.sampled_from("1#"))
    def caller_presses(self, key):
        self.desk.now_ms += 1500
        self.give_time()
        self.key(LegId(f"{CALL}.1"), key, "rfc4733")

    def give_time(self):
        self.desk.wait(0)
        self.queues_are_told()

    @invariant()
    def floor_and_call_agree(self):
        self.queues_are_told()
        stay = self.desk.call.queueing.stay
        mine = [one for one in self.floor.waiters.values() if one.ticket.call == CALL]
        if stay is None:
            assert not mine
            return
        (waiter,) = mine
        assert (waiter.ticket.number, waiter.queue, waiter.state, waiter.agent) == (
            stay.number,
            stay.queue,
            stay.state,
            stay.agent,
        )

    @invariant()
    def each_stay_ends_once(self):
        count = self.desk.count
        stays = sum(news.what == "join" for news in self.desk.news)
        ends = count("queue.left") + count("queue.connected")
        assert ends <= stays
        assert count("queue.connected") <= count("queue.agent_offered")
        if self.desk.call.over:
            assert ends == stays
            assert self.desk.call.queueing.stay is None

    @invariant()
    def an_agent_is_rung_while_there_is_somebody_to_be_rung(self):
        call: Call = self.desk.call
        stay = call.queueing.stay
        if stay is not None and call.phase == "running":
            assert (call.dialling.hunt is not None) == (stay.state != "waiting")

    def _ends_by_itself(self, desk):
        """The queues go on while the call ends."""
        desk.auto = False
        self.queues_are_told()
        super()._ends_by_itself(desk)
        self.queues_are_told()
        assert not [one for one in self.floor.waiters if one.call == CALL]


QueueMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
TestQueueMachine = QueueMachine.TestCase
