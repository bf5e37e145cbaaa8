"""Callers made by chance who walk through two menus that differ in a known way, told as the events of their calls.

The menus are walked by the interpreter of calls in virtual time, so the events are those that calls have; what each
caller does is drawn from a seeded generator. A pool of such calls is a population whose indicators are known exactly:
trials are drawn from it.
"""

import random
from dataclasses import dataclass
from typing import Any

from edge.core.indicators.journey import CallRecord, Journey
from edge.core.menus.model import Gather, HangUp, Menu, Play, Sound, Transfer
from edge.core.menus.run import MenuRun
from edge.core.menus.words import (
    Dial,
    Digit,
    End,
    EnterNode,
    InputResult,
    MenuAction,
    MenuInput,
    PlayDone,
    PlaySounds,
    Started,
    TimeUp,
    TransferEnded,
    TransferTaken,
)
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private

#: Nodes where a caller has what it called for.
SERVED = ("opening", "balance")
#: What callers want, how many of them, and the key for it.
WANTS = (("1", 0.45), ("2", 0.30), ("3", 0.25))


@dataclass(frozen=True)
class Habits:
    """What a caller does, as chances and milliseconds."""

    #: At a prompt: says nothing, presses what nobody asked for.
    silent: float = 0.12
    wrong: float = 0.10
    #: Hangs up after so long on average, whatever happens; the prompt's length is what a menu can do about it.
    patience_ms: float = 60_000.0
    #: A transfer is answered.
    answered: float = 0.85
    #: Who talked with somebody was with the wrong one, and is put back into the menu.
    sent_back: float = 0.05


def _sound(ms: int, name: str) -> Sound:
    return Sound(f"/{ms}/{name}.wav", name)


def menu(name: str, prompt_ms: int, failures: int = 3) -> Menu:
    """Make a menu: a long prompt loses more callers. Its version tells the prompt."""
    return Menu(
        name=name,
        version=f"{name}-{prompt_ms}",
        start="welcome",
        nodes={
            "welcome": Play(sounds=[_sound(2000, "welcome")], next="choose"),
            "choose": Gather(
                prompt=[_sound(prompt_ms, "choose")],
                choices={"1": "opening", "2": "balance", "3": "agent"},
                failed="sorry",
                max_failures=failures,
            ),
            "opening": Play(sounds=[_sound(9000, "opening")], next="bye"),
            "balance": Play(sounds=[_sound(7000, "balance")], next="bye"),
            "agent": Transfer(target="sip:a@127.0.0.1", failed="choose", after="choose"),
            "sorry": Play(sounds=[_sound(2000, "sorry")], next="bye"),
            "bye": HangUp("bye"),
        },
    )


CONTROL = menu("main", 18_000)
CANDIDATE = menu("main-short", 9_000)


class _Call:
    """One call through a menu, its events gathered."""

    def __init__(self, menu: Menu, habits: Habits, chance: random.Random, at_ms: int) -> None:
        self.told: list[tuple[Any, int]] = []
        self.now_ms = at_ms
        self._run = MenuRun(menu)
        self._habits, self._chance, self._menu = habits, chance, menu
        self._gives_up_ms = at_ms + int(chance.expovariate(1 / habits.patience_ms))
        self._want = chance.choices([key for key, _ in WANTS], [weight for _, weight in WANTS])[0]
        #: What happens next by itself: when, and what the menu is told; None: the target hangs up or is not there.
        self._next: tuple[int, MenuInput] | None = None
        self._legs = 1
        self._talks = False
        self.end = EndReason(outcome="completed", ended_by="caller")

    def tell(self, event: Any) -> None:
        self.told.append((event, self.now_ms))

    def go(self) -> None:
        """Walk until the call is over."""
        over = self._give(Started())
        while not over:
            deadline = self._run.deadline
            planned = self._next
            if deadline is not None and (planned is None or deadline.at_ms <= planned[0]):
                planned = (deadline.at_ms, TimeUp())
            if planned is None or (self._gives_up_ms < planned[0] and not self._talks):
                self.now_ms = max(self.now_ms, self._gives_up_ms)
                return
            self.now_ms, given = max(self.now_ms, planned[0]), planned[1]
            self._next = None
            over = self._give(given)

    def _give(self, given: MenuInput) -> bool:
        """Hand on an input; whether the call is over then."""
        actions = self._run.handle(given, self.now_ms)
        over = sum(self._perform(action) for action in actions) > 0  # all of them, whatever they say
        if not over and isinstance(given, PlayDone) and self._run.state == "collecting":
            self._decide()
        return over

    def _perform(self, action: MenuAction) -> bool:
        match action:
            case EnterNode():
                name, version = self._menu.name, self._menu.version
                self.tell(events.MenuEntered(menu=name, menu_version=version, node=action.node, kind=action.kind))
            case InputResult():
                self.tell(events.MenuInput(node=action.node, result=action.result, digits=Private(action.digits)))
            case PlaySounds():
                self._next = (self.now_ms + sum(int(s.path.split("/")[1]) for s in action.sounds), PlayDone())
            case Dial():
                self._dial(action)
                return not self._talks and self._next is None
            case End():
                self.end = EndReason(outcome="completed", ended_by="appliance", text=action.text)
                return True
        return False

    def _decide(self) -> None:
        """Do something about a prompt: the right key, a wrong one, or nothing."""
        drawn = self._chance.random()
        if drawn < self._habits.silent:
            return
        key = "9" if drawn < self._habits.silent + self._habits.wrong else self._want
        self._next = (self.now_ms + 500 + int(self._chance.expovariate(1 / 1000)), Digit(key))

    def _dial(self, dial: Dial) -> None:
        self._legs += 1
        leg = LegId(f"c.{self._legs}")
        self.tell(events.LegStarted(leg=leg, target=Private(dial.targets[0].target), trunk=""))
        if self._chance.random() >= self._habits.answered:
            self._next = (self.now_ms + 3000, TransferEnded("busy"))
            return
        self.now_ms += 4000
        self.tell(events.LegAnswered(leg=leg, after_ms=4000))
        self.tell(events.BridgeStarted(leg=LegId("c.1"), other=leg))
        self._run.handle(TransferTaken(0), self.now_ms)
        self.now_ms += 30_000
        if self._chance.random() < self._habits.sent_back:
            self._gives_up_ms = self.now_ms + int(self._chance.expovariate(1 / self._habits.patience_ms))
            self._next = (self.now_ms, TransferEnded(""))  # the target hangs up, and the menu begins anew


def call(
    menu: Menu,
    habits: Habits,
    chance: random.Random,
    *,
    at_ms: int = 0,
    caller: str = "",
    trial: str = "",
    arm: str = "",
) -> list[tuple[Any, int]]:
    """Make one call; returns its events with their times."""
    one = _Call(menu, habits, chance, at_ms)
    one.tell(
        events.CallStarted(
            direction="incoming",
            trunk="t",
            caller=Private(caller),
            caller_name=Private(""),
            called=Private("100"),
            sip_call_id="",
            caller_withheld=not caller,
            trial=trial,
            arm=arm,
        )
    )
    one.go()
    length = one.now_ms - at_ms
    one.tell(
        events.CallEnded(end=one.end, duration_ms=length, answered_ms=length, menu=menu.name, menu_version=menu.version)
    )
    return one.told


def record(told: list[tuple[Any, int]]) -> CallRecord:
    """Fold a call's events."""
    journey = Journey()
    for event, at_ms in told[:-1]:
        journey.take(event, at_ms)
    found = journey.ended(*told[-1], SERVED)
    if found is None:
        raise RuntimeError("a call without a menu")
    return found


def pool(menu: Menu, calls: int, seed: int, *, arm: str = "", habits: Habits | None = None) -> list[CallRecord]:
    """Make a population of calls."""
    chance = random.Random(seed)
    given = habits or Habits()
    return [record(call(menu, given, chance, trial="t" if arm else "", arm=arm)) for _ in range(calls)]
