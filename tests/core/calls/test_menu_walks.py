"""Calls on every menu that is shipped, by chance: keys, silence, hang-ups, targets and backends that do anything.

A switch that was killed rebuilds the call from the journal as it is written, and goes on with it.
"""

import heapq
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.core.calls.actions import Action, AskHunt, Emit, FreeSeat, HuntTaken, Question, QueueNews, Send
from edge.core.calls.call import ENDING_MS, Call
from edge.core.calls.inputs import (
    AgentOffered,
    Asked,
    Elapsed,
    Entry,
    HuntTold,
    Input,
    QueueRefused,
    QueueTold,
    Reserved,
    Resumed,
    Terms,
)
from edge.core.menus.model import Menu
from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.media import MessageEnd
from edge.vocabulary.private import Private
from edge.vocabulary.wire import pack, unpacker
from tests.core.calls.desk import (
    CALL,
    FIRST,
    OTHER_SPAN,
    REMOTE,
    Desk,
    ended,
    heard,
    incoming,
    recording_done,
    seat,
)
from tests.core.menus.chance import KEYS, OUTCOMES, answer_of, facts_of
from tests.support.shipped import shipped_menus

#: Walks of one run of the tests.
WALKS = 60
MAX_CALL_MS = 3_600_000
_entry = unpacker(Entry)


class World(Desk):
    """A call whose front, spans, media and backends do what chance wants, in virtual time."""

    def __init__(self, menu: Menu, chance: Random) -> None:
        self.menu, self.chance = menu, chance
        self._coming: list[tuple[int, int, Input]] = []
        self._number = 0
        self._seats = 1
        self._messages: set[RecordingId] = set()
        #: By hunt list.
        self._took_last: dict[str, str] = {}
        facts = facts_of(menu, chance)
        terms = Terms(
            menu=menu.name,
            max_call_ms=MAX_CALL_MS,
            recordings="/rec",
            messages="/rec",
            wall_ms=facts.wall_ms,
            rows=facts.rows,
        )
        begun = replace(incoming(terms=terms, engine_up=True), caller_e164=Private(facts.caller))
        super().__init__(begun, menu)
        self.answer()

    def give(self, input: Input) -> list[Action]:  # noqa: A002
        actions = self.call.handle(input, self.now_ms)
        self.journal.append((self.now_ms, pack(self.call.entry)))
        for action in actions:
            self._note(action)
        for action in actions:
            if isinstance(action, AskHunt):  # the exchange tells in the same turn
                busy = [key for key in action.keys if self.chance.random() < 0.3]
                self.give(HuntTold(last=self._took_last.get(action.name, ""), busy=busy))
        for action in actions:
            if isinstance(action, Send):
                self._carry_out(action)
                self._world(action.body)
        return actions

    def _note(self, action: Action) -> None:
        match action:
            case Emit():
                assert action.callseq == len(self.events) + 1
                self.events.append(action.event)
            case FreeSeat():
                assert action.slot not in self.freed
                self.freed.append(action.slot)
            case Question():
                self._answer(action)
            case QueueNews():
                self._queue(action)
            case HuntTaken():
                self._took_last[action.name] = action.key
            case Send():
                self.sent.append(action)

    def _queue(self, news: QueueNews) -> None:
        """Tell the caller's place, offer agents, and send him on some time; or refuse him at once."""
        number = news.number
        if news.what == "join":
            refused = self.chance.choice(["", "", "", "full", "no_agents"])
            if refused:
                self._later(0, 1, QueueRefused(number, refused))  # type: ignore[arg-type]
                return
            told = QueueTold(number=number, position=self.chance.randrange(1, 9), estimate_ms=70_000)
            self._later(0, 60_000, told)
            self._later(300_000, 900_000, QueueRefused(number, "timed_out"))
        if news.what in {"join", "missed"} and self.chance.random() < 0.8:
            target = Private("sip:anna@192.0.2.9")
            offered = AgentOffered(number=number, agent="anna", target=target, trunk="", ring_timeout_ms=20_000)
            self._later(0, 120_000, offered)

    def rebuilt(self) -> None:
        """Go on in a new life of switch, with nothing but the journal."""
        self.call = Call(CALL, self.menu)
        for at_ms, line in self.journal:
            self.call.replay(_entry.decode(line), at_ms)
        self.give(Resumed())

    def step(self, what: str) -> None:
        """Let the caller do something, or switch die, or the next thing happen."""
        if what in KEYS:
            self.now_ms += 200
            self.give(heard(what, self.now_ms - 100))
        elif what == "flash":
            self.give(heard("!", self.now_ms))
        elif what == "crash":
            self.rebuilt()
        elif what == "hang-up":
            self.give(ended(FIRST))
        else:
            self.next()

    def next(self) -> None:
        """Let the next thing happen that happens by itself."""
        deadline = self.call.deadline
        assert deadline is not None
        if self._coming and self._coming[0][0] <= deadline.at_ms:
            at_ms, _, coming = heapq.heappop(self._coming)
            self.now_ms = max(self.now_ms, at_ms)
            if isinstance(coming, Reserved) and not self.call.waits_for_seat(coming.leg):
                coming = replace(coming, seat=None)  # switch takes a slot only then
            self.give(coming)
        else:
            self.now_ms = max(self.now_ms, deadline.at_ms)
            self.give(Elapsed())

    def _later(self, least_ms: int, most_ms: int, coming: Input) -> None:
        self._number += 1
        at_ms = self.now_ms + self.chance.randrange(least_ms, most_ms)
        heapq.heappush(self._coming, (at_ms, self._number, coming))

    def _world(self, body: object) -> None:
        match body:
            case c.Play(times=1):
                how = self.chance.choice(["finished", "finished", "finished", "missing"])
                self._later(0, 9000, r.PlayEnded(leg=body.leg, play=body.play, how=how, played_ms=1))
                if body.leg != FIRST and self.chance.random() < 0.7:  # a target that is told who calls
                    at_ms = self.now_ms + 5000
                    self._later(5000, 5001, heard(self.chance.choice("112"), at_ms - 100, leg=body.leg))
            case c.SendDigits():
                self._later(100, 900, r.DigitsSent(body.leg))
            case c.Refer():
                self._later(100, 30_000, r.ReferEnded(body.leg, self.chance.choice([200, 486, 503])))
            case c.ReserveSpan():
                at = seat(self._seats) if self.chance.random() < 0.9 else None
                self._seats += 1
                self._later(1, 100, Reserved(body.leg, OTHER_SPAN, at))
            case c.MakeCall():
                self._ring(body.leg)
            case _:
                self._record(body)

    def _record(self, body: object) -> None:
        match body:
            case c.StartMessage():
                self._messages.add(body.recording)
                self._later(0, body.longest_ms, self._message(body.recording, "silence"))
            case c.LookIntoMailbox() if self.chance.random() < 0.8:
                held = self.chance.choice([0, 1, 50])
                seen = r.MailboxSeen(leg=body.leg, folder=body.folder, messages=held, length_ms=held * 60_000)
                self._later(0, 3000, seen)
            case c.StopMessage():
                self._later(0, 500, self._message(body.recording, "stopped"))
            case c.CloseLeg() if body.leg == FIRST:
                for message in sorted(self._messages):
                    self.give(self._message(message, "leg_ended"))
            case _:
                pass

    def _message(self, recording: RecordingId, by: MessageEnd) -> Input:
        if self.chance.random() < 0.2:
            return r.RecordingFailed(leg=FIRST, recording=recording, path="/m.wav", duration_ms=0, error="full")
        length_ms = self.chance.choice([0, 500, 5000])
        return replace(recording_done(FIRST, recording), duration_ms=length_ms, ended_by=by)

    def _ring(self, leg: LegId) -> None:
        outcome = self.chance.choice(OUTCOMES[:-1])
        if outcome in {"", "no_answer"}:
            self._later(1, 500, r.LegRinging(leg, 180, False))
        if outcome == "":
            self._later(500, 5000, r.LegMedia(leg, REMOTE))
            self._later(5000, 15_000, r.LegAnswered(leg))
            self._later(15_000, 90_000, ended(leg, by="callee"))
        elif outcome != "no_answer":
            self._later(1, 5000, ended(leg, outcome, "callee", 486))

    def _answer(self, question: Question) -> None:
        kind = self.chance.choice(["ok", "ok", "failed", "timeout", "late", "nothing"])
        answer, attributes = answer_of(self.menu, str(question.facts["node"]), self.chance)
        outcome = kind if kind in {"failed", "timeout"} else "ok"
        said = Asked(number=question.number, outcome=outcome, answer=answer, attributes=attributes)  # type: ignore[arg-type]
        if kind != "nothing":
            late = 30_000 if kind == "late" else 0
            self._later(late, late + question.timeout_ms, said)


def walk(menu: Menu, chance: Random) -> None:
    """Let somebody call, and hold what came of it against what holds for every call."""
    world = World(menu, chance)
    words = [*KEYS, *KEYS, *["wait"] * 16, "flash", "crash"]
    for _ in range(chance.randrange(60)):
        if not world.call.over:
            world.step(chance.choice(words))
    if chance.random() < 0.5 and not world.call.over:
        world.step("hang-up")
    steps = 0
    while not world.call.over:
        world.next()
        steps += 1
        assert steps < 5000
    types = world.types()
    assert (types[0], types[-1]) == ("call.started", "call.ended")
    assert types.count("call.started") == types.count("call.ended") == 1
    assert world.now_ms <= 1_000_000 + MAX_CALL_MS + ENDING_MS
    (end,) = world.of(e.CallEnded)
    assert isinstance(end, e.CallEnded)
    assert end.end.text not in {"menu loop", "no such node", "too many nodes", "menus too deep"}, end.path[-5:]
    twin = Call(CALL, menu)
    replayed = [action for at_ms, line in world.journal for action in twin.replay(_entry.decode(line), at_ms)]
    assert [one.event for one in replayed if isinstance(one, Emit)] == world.events
    assert [one for one in replayed if isinstance(one, Send)] == world.sent


@pytest.fixture(scope="module")
def menus(tmp_path_factory: pytest.TempPathFactory) -> list[Menu]:
    return list(shipped_menus(tmp_path_factory.mktemp("state")).values())


@settings(max_examples=40, deadline=None)
@given(st.data(), st.randoms(use_true_random=False))
def test_a_call_on_any_menu_ends(menus: list[Menu], data: st.DataObject, chance: Random) -> None:
    walk(data.draw(st.sampled_from(menus)), chance)


def test_calls_of_this_seed(menus: list[Menu], seed: int) -> None:
    chance = Random(seed)
    for number in range(WALKS):
        walk(menus[number % len(menus)], chance)
