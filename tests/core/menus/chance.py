"""Callers who do anything at any time, in a world that answers with anything: walks through menus by chance.

Chance is a `Random`: a seeded one for many walks, or hypothesis's, which makes what it finds small. A twin is told
what the journal would hold, and has to decide the same.
"""

import heapq
from random import Random

from msgspec.structs import replace

from edge.core.menus.facts import KNOWN_ATTRIBUTES, Facts, Row
from edge.core.menus.model import Ask, Lookup, Menu
from edge.core.menus.parts import Attribute, NodeId
from edge.core.menus.run import MenuRun
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    AgentFound,
    AgentMissed,
    AskBackend,
    BackendSaid,
    Dial,
    Digit,
    DigitsGone,
    End,
    EnterNode,
    Flash,
    JoinQueue,
    LeaveQueue,
    LookIntoMailbox,
    MailboxSeen,
    MenuAction,
    MenuInput,
    MessageMade,
    PlaceTold,
    PlayDone,
    PlaySounds,
    PressKeys,
    QueueAction,
    QueueClosed,
    RecordMessage,
    RequestCallback,
    Resumed,
    SoundChanged,
    Started,
    StopMessage,
    TakenOver,
    TimeUp,
    TransferEnded,
    TransferTaken,
)
from edge.vocabulary.private import Private

#: A day, within which every call has to end by itself.
DAY_MS = 24 * 3_600_000
#: 2024 to 2039: holidays, leap days, changes of the clock.
WALL_MS = (1_704_067_200_000, 2_208_988_800_000)
KEYS = "0123456789*#"
#: What nobody planned: values and words as tables and backends may have them.
GARBAGE = ("", "nonsense", "${caller}", "-1", "99999999999999999999", "x" * 500, "né\u202e\x00", "1", "yes", "*")
OUTCOMES = ("", "", "", "busy", "no_answer", "rejected", "unreachable", "trunk_down", "failed", "something-new")


def facts_of(menu: Menu, chance: Random) -> Facts:
    """Choose who calls whom, when, and what tables say of it."""
    tables = {node.table for node in menu.nodes.values() if isinstance(node, Lookup)}
    return Facts(
        caller=chance.choice(["", "+4930123456", "+15125550123", "100"]),
        called=chance.choice(["200", "+49309"]),
        peer=chance.choice(["", "+4930123456"]),
        wall_ms=chance.randrange(*WALL_MS),
        country=chance.choice(["", "DE"]),
        rows={name: _row(menu, chance) for name in sorted(tables) if chance.random() < 0.7},
    )


def _row(menu: Menu, chance: Random) -> Row:
    return Row(chance.random() < 0.2, {name: Private(value) for name, value in values_of(menu, chance).items()})


def values_of(menu: Menu, chance: Random) -> dict[str, str]:
    """Choose values of attributes, such as they may be and such as they may not."""
    known: dict[str, Attribute] = {**KNOWN_ATTRIBUTES, **menu.attributes}
    chosen = {name: chance.choice([*one.values, *GARBAGE]) for name, one in known.items() if chance.random() < 0.5}
    return {**chosen, "unheard_of": "1"} if chance.random() < 0.1 else chosen


def answer_of(menu: Menu, node: NodeId, chance: Random) -> tuple[str, dict[str, str]]:
    """Choose the word and the values of a backend's answer."""
    asking = menu.nodes.get(node)
    words = list(asking.answers) if isinstance(asking, Ask) else []
    return chance.choice([*words, *words, *GARBAGE]), values_of(menu, chance)


class Caller:
    """Drives a run by chance, and a twin that is told what the journal would hold."""

    def __init__(self, menu: Menu, chance: Random) -> None:
        self.menu = menu
        self.chance = chance
        self.now = 0
        self.live, self.kept = Withheld(), Withheld()
        self.run, self.twin = MenuRun(menu, self.live), MenuRun(menu, self.kept)
        #: Nodes that were entered, and the end, once it is over.
        self.entered: set[NodeId] = set()
        self.end: End | None = None
        #: Nodes that have asked for a callback.
        self.called_back: set[NodeId] = set()
        #: What the appliance tells by itself, with when, in that order.
        self._coming: list[tuple[int, int, MenuInput]] = []
        self._number = 0
        #: Which stay in a queue what comes belongs to; the present one.
        self._of_stay: dict[int, int] = {}
        self._stay = 0
        #: The one sound that plays: the end of every other one is not told.
        self._playing = 0

    def begin(self, facts: Facts, *, ours: bool = False) -> None:
        """Begin the call; `ours`: we made it, and are told who answered."""
        self.give(Started(ours, facts))

    def walk(self, steps: int) -> None:
        """Do so many things, then be silent until the call is over. Fails when it never is, or ends by a fault."""
        for _ in range(steps):
            if self.run.state == "over":
                break
            self.step(self.chance.choice([*KEYS, *KEYS, "flash", "crash", "sound", "taken", "stray", *["wait"] * 12]))
        for _ in range(3 * self.menu.limits.nodes):
            if self.run.state == "over":
                break
            self.wait()
        assert self.run.state == "over", f"it does not end, at {self.run.node}"
        assert self.now < DAY_MS
        assert self.end is not None
        assert not self.end.fault, f"{self.end.text}, at {self.run.node}"

    def give(self, one: MenuInput) -> None:
        """Tell the run of something; its twin decides the same by what the journal holds of it."""
        secret = self.run.sensitive
        self.live.live()
        actions = self.run.handle(one, self.now)
        self.kept.replay(self.live.notes)
        journalled = Digit("") if isinstance(one, Digit) and secret else one
        assert _shown(self.twin.handle(journalled, self.now)) == _shown(actions)
        assert (self.run.node, self.run.state, self.run.deadline) == (
            self.twin.node,
            self.twin.state,
            self.twin.deadline,
        )
        for action in actions:
            self._perform(action)

    def step(self, what: str) -> None:
        """Do one thing that a caller does, or that happens, or let time pass until something happens by itself."""
        if what in KEYS:
            self._pass(self.chance.randrange(40, 900))
            self.give(Digit(what))
        elif what == "flash":
            self.give(Flash())
        elif what == "crash":
            self.give(Resumed())
        elif what == "sound":
            self.give(SoundChanged(self.chance.random() < 0.5))
        elif what == "taken":
            self.give(TakenOver())
        elif what == "stray":
            self.give(self._stray())
        else:
            self.wait()

    def wait(self) -> None:
        """Let time pass until something happens by itself."""
        deadline = self.run.deadline
        if self._coming and (deadline is None or self._coming[0][0] <= deadline.at_ms):
            self.now = max(self.now, self._coming[0][0])
            self._next()
        elif deadline is not None:
            self.now = max(self.now, deadline.at_ms)
            self.give(TimeUp())
        else:
            assert self.run.state == "over", f"nothing would ever happen at {self.run.node}"

    def _pass(self, ms: int) -> None:
        until = self.now + ms
        while self.run.state != "over":
            deadline = self.run.deadline
            due = [self._coming[0][0]] if self._coming else []
            if min([*due, deadline.at_ms if deadline is not None else until + 1], default=until + 1) > until:
                break
            self.wait()
        self.now = max(self.now, until)

    def _next(self) -> None:
        _, number, coming = heapq.heappop(self._coming)
        if self._of_stay.pop(number, self._stay) != self._stay:
            return
        if not isinstance(coming, PlayDone) or number == self._playing:
            self.give(coming)

    def _later(self, least_ms: int, most_ms: int, coming: MenuInput) -> int:
        self._number += 1
        heapq.heappush(self._coming, (self.now + self.chance.randrange(least_ms, most_ms), self._number, coming))
        return self._number

    def _perform(self, action: MenuAction) -> None:
        match action:
            case EnterNode() | End():
                self._note(action)
            case PlaySounds():
                assert action.sounds
                assert all(sound.path for sound in action.sounds)
                self._number += 1
                self._playing = self._later(0, 9000, PlayDone()) if action.times else self._number
            case JoinQueue() | LeaveQueue() | AgentMissed():
                self._queue(action)
            case PressKeys():
                self._later(100, 3000, DigitsGone())
            case Dial():
                assert action.targets[0].target
                self._dial()
            case AskBackend():
                self._answer(action)
            case RequestCallback():
                assert action.node not in self.called_back, "one request of a call and node"
                self.called_back.add(action.node)
                assert action.begins_ms < action.ends_ms
            case _:
                self._record(action)

    def _record(self, action: MenuAction) -> None:
        match action:
            case RecordMessage():
                self._message(action.number, action.longest_ms)
            case LookIntoMailbox() if self.chance.random() < 0.8:  # else nobody tells
                held = self.chance.choice([0, 1, 50])
                self._later(0, 3000, MailboxSeen(folder=action.folder, messages=held, length_ms=held * 60_000))
            case StopMessage():
                self._message(action.number, 500)
            case _:
                pass

    def _note(self, action: EnterNode | End) -> None:
        if isinstance(action, EnterNode):
            self.entered.add(action.node)
        else:
            self.end = action

    def _dial(self) -> None:
        outcome = self.chance.choice(OUTCOMES)
        if not outcome:
            self._later(0, 20_000, TransferTaken(0))
        self._later(20_000, 90_000, TransferEnded(outcome))

    def _queue(self, action: QueueAction) -> None:
        """Have a place told, agents found, or none; nobody waits for ever."""
        if not isinstance(action, AgentMissed):
            self._stay += 1
        coming: list[tuple[int, MenuInput]] = []
        if isinstance(action, JoinQueue):
            refused = self.chance.choice(["", "", "", "full", "no_agents", "failed"])
            if refused:
                coming.append((1, QueueClosed(refused)))  # type: ignore[arg-type]
            else:
                places = (self.chance.randrange(1, 9) for _ in range(self.chance.randrange(1, 4)))
                coming += [(60_000, PlaceTold(position=one, estimate_ms=one * 70_000)) for one in places]
                coming.append((1_800_000, QueueClosed("timed_out")))
        if not isinstance(action, LeaveQueue) and self.chance.random() < 0.7:
            coming.append((90_000, AgentFound(target="sip:a@192.0.2.9", trunk="", ring_timeout_ms=20_000)))
        for most_ms, one in coming:
            self._of_stay[self._later(0, most_ms, one)] = self._stay

    def _answer(self, asked: AskBackend) -> None:
        """Have the backend say something, perhaps too late, twice, or nothing."""
        kind = self.chance.choice(["ok", "ok", "ok", "failed", "timeout", "late", "twice", "nothing"])
        if kind == "nothing":
            return
        answer, attributes = answer_of(self.menu, asked.node, self.chance)
        outcome = kind if kind in {"failed", "timeout"} else "ok"
        said = BackendSaid(number=asked.number, outcome=outcome, answer=answer, attributes=attributes)  # type: ignore[arg-type]
        late = asked.timeout_ms + 60_000 if kind == "late" else 0
        for _ in range(2 if kind == "twice" else 1):
            self._later(late, late + asked.timeout_ms, said)

    def _message(self, number: int, most_ms: int) -> None:
        """Have what is said be over, with nothing in it, or not at all: the disk is full, or media is gone."""
        if self.chance.random() < 0.9:
            length_ms = self.chance.choice([0, 500, 5000, 5000])
            error = self.chance.choice(["", "", "", "the disk is full"])
            made = MessageMade(number=number, message=f"m{number}", length_ms=length_ms, path="/m.wav", error=error)
            self._later(0, most_ms, made)

    def _stray(self) -> MenuInput:
        """Make something that nobody waits for, or not yet."""
        return self.chance.choice(
            [
                TimeUp(),
                DigitsGone(),
                TransferTaken(0),
                PlaceTold(position=3, estimate_ms=0),
                BackendSaid(number=self.chance.randrange(4), outcome="ok", answer="approved"),
                Started(False, Facts()),
            ]
        )


def _shown(actions: list[MenuAction]) -> list[MenuAction]:
    """Without the digits that only the live run has."""
    return [replace(one, secrets={}) if isinstance(one, AskBackend) else one for one in actions]
