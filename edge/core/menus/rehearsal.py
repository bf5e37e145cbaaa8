"""A call through a menu in virtual time: the same interpreter, with a caller and a world that are told what to do."""

import heapq
from collections.abc import Callable
from typing import Literal

from msgspec import Struct, field

from edge.core.menus import words
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.run import MenuRun
from edge.vocabulary.media import AnswerVerdict

#: How long the world takes for what it does: to ring, to talk, to answer a question.
RING_MS = 3000
TALK_MS = 10_000
ANSWER_MS = 200
#: A key as people press it.
KEY_MS = 150
#: A call does not go on for longer.
LONGEST_MS = 24 * 3_600_000

What = Literal["enter", "hear", "press", "input", "set", "transfer", "ask", "send", "answer", "end"]


class BackendAnswer(Struct, frozen=True, kw_only=True):
    """What a backend says."""

    outcome: Literal["ok", "failed", "timeout"] = "ok"
    answer: str = ""
    attributes: dict[str, str] = {}


class World(Struct, frozen=True, kw_only=True):
    """Everybody but the caller."""

    #: Length of a sound, milliseconds.
    length_ms: Callable[[Sound], int]
    #: Gives the outcome of a transfer to a target, "" when it answers and hangs up after a while.
    outcome_of: Callable[[str], str]
    #: Gives what an endpoint says.
    answer_of: Callable[[str], BackendAnswer]
    #: Who answered a call that we made; None: it is not told.
    answered: AnswerVerdict | None = None


class Line(Struct, frozen=True):
    """Something that happened, in the words of people."""

    at_ms: int
    what: What
    text: str
    node: NodeId
    #: Values that were set, by name; what was sent to a backend.
    values: dict[str, str] = field(default_factory=dict)


class Rehearsal:
    """One call. Time passes only by `pass_time`."""

    def __init__(self, menu: Menu, facts: Facts, world: World) -> None:
        self.now_ms = 0
        #: What happened so far, in order.
        self.lines: list[Line] = []
        #: Ways that were gone, each with where it came from ("" at the beginning).
        self.moves: set[tuple[NodeId, NodeId]] = set()
        self._world = world
        self._run = MenuRun(menu)
        self._agenda: list[tuple[int, int, words.MenuInput]] = []
        self._number = 0
        self._play = 0
        self._node: NodeId = ""
        self._give(words.Started(world.answered is not None, facts))
        if world.answered is not None:
            self._later(ANSWER_MS, words.AnswerTold(world.answered))

    @property
    def over(self) -> bool:
        """Whether the menu has ended the call."""
        return self._run.state == "over"

    @property
    def node(self) -> NodeId:
        """The node that the call is at."""
        return self._run.node

    @property
    def values(self) -> dict[str, str]:
        """What was set, or has a default, and the language."""
        return {**self._run.attributes, "language": self._run.language}

    def press(self, keys: str) -> None:
        """Press keys one after the other, each as long as people do."""
        for key in keys:
            if not self.over:
                self._note("press", "*" if self._run.sensitive else key)
                self._give(words.Digit(key))
                self.pass_time(KEY_MS)

    def pass_time(self, ms: int) -> None:
        """Let everything happen that happens by itself within `ms`."""
        until = self.now_ms + ms
        while self.step(until):
            pass
        self.now_ms = until

    def step(self, until: int) -> bool:
        """Let the next thing happen that happens by itself until then; False when there is none."""
        if self.over:
            return False
        deadline = self._run.deadline
        planned = self._agenda[0][0] if self._agenda else None
        if deadline is not None and deadline.at_ms <= until and (planned is None or deadline.at_ms < planned):
            self.now_ms = max(self.now_ms, deadline.at_ms)
            self._give(words.TimeUp())
        elif planned is not None and planned <= until:
            at_ms, number, planned_input = heapq.heappop(self._agenda)
            self.now_ms = max(self.now_ms, at_ms)
            if not isinstance(planned_input, words.PlayDone) or number == self._play:
                self._give(planned_input)
        else:
            return False
        return True

    def _later(self, ms: int, planned: words.MenuInput) -> int:
        self._number += 1
        heapq.heappush(self._agenda, (self.now_ms + ms, self._number, planned))
        return self._number

    def _note(self, what: What, text: str, values: dict[str, str] | None = None) -> None:
        self.lines.append(Line(self.now_ms, what, text, self._node, values or {}))

    def _give(self, given: words.MenuInput) -> None:
        for action in self._run.handle(given, self.now_ms):
            self._perform(action)

    def _perform(self, action: words.MenuAction) -> None:
        match action:
            case words.EnterNode():
                self.moves.add((self._node, action.node))
                self._node = action.node
                self._note("enter", action.kind)
            case words.PlaySounds():
                self._note("hear", " ".join(sound.label for sound in action.sounds))
                self._play = self._later(sum(map(self._world.length_ms, action.sounds)), words.PlayDone())
            case words.StopSounds():
                self._play = 0
            case words.InputResult():
                self._note("input", f"{action.result} {action.digits}".strip())
            case words.AttributesSet():
                self._note("set", " ".join(f"{name}={value}" for name, value in action.values.items()), action.values)
            case words.Dial():
                self._transfer(action)
            case words.AskBackend():
                self._ask(action)
            case words.PressKeys():
                self._note("send", action.digits)
                self._later(len(action.digits) * (action.duration_ms + action.gap_ms), words.DigitsGone())
            case words.End():
                self._note("end", action.text)

    def _transfer(self, dial: words.Dial) -> None:
        outcome = self._world.outcome_of(dial.target)
        self._note("transfer", f"{dial.target} {outcome}".strip())
        if outcome == "no_answer":
            self._later(dial.ring_timeout_ms, words.TransferEnded(outcome))
        else:
            self._later(RING_MS if outcome else RING_MS + TALK_MS, words.TransferEnded(outcome))

    def _ask(self, ask: words.AskBackend) -> None:
        said = self._world.answer_of(ask.endpoint)
        values = {**ask.values, **{name: "*" * len(digits) for name, digits in ask.secrets.items()}}
        self._note("ask", ask.endpoint, values)
        if said.outcome != "timeout":
            answer = words.BackendSaid(
                number=ask.number, outcome=said.outcome, answer=said.answer, attributes=said.attributes
            )
            self._later(ANSWER_MS, answer)
