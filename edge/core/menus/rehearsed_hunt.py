"""A transfer in virtual time: targets are dialled as a call would dial them, and a world says what comes of each."""

from collections.abc import Callable
from typing import Protocol

from edge.core.menus.hunting import in_order, telling
from edge.core.menus.parts import Sound
from edge.core.menus.words import Dial, MenuInput, TransferEnded, TransferTaken

#: How long targets ring before they do anything, and how long they talk.
RING_MS = 3000
TALK_MS = 10_000


class Stage(Protocol):
    """The rehearsal, as a hunt sees it."""

    def dialled(self, target: str) -> str:
        """Note that a target is dialled; returns its outcome, "" when it answers and takes the call."""

    def whispered(self, sounds: list[Sound]) -> int:
        """Note what a target is told; returns how long that takes, milliseconds."""

    def later(self, ms: int, then: Callable[[], None]) -> None:
        """Go on so long from now."""

    def give(self, given: MenuInput) -> None:
        """Tell the menu."""


class RehearsedHunt:
    """One `Dial`. Nobody else calls, so all orders begin at the first target, and none is busy with another call."""

    def __init__(self, dial: Dial, stage: Stage) -> None:
        self._dial = dial
        self._stage = stage
        self._waiting = list(range(len(dial.targets))) if dial.strategy == "random" else in_order(dial, "")
        self._outcomes: list[str] = []
        #: Left of the time for all; None: there is no such limit.
        self._left_ms = dial.hunt_timeout_ms or None
        self._stopped = False

    def begin(self) -> None:
        """Dial the first target, or all."""
        if self._dial.strategy == "all":
            self._dial_all()
        else:
            self._dial_next()

    def stop(self) -> None:
        """Leave off; the menu is told nothing more."""
        self._stopped = True

    def _dial_next(self) -> None:
        if self._stopped:
            return
        index = self._waiting.pop(0)
        target = self._dial.targets[index]
        outcome = self._stage.dialled(target.target)
        rings_ms = target.ring_timeout_ms if outcome == "no_answer" else RING_MS
        if self._left_ms is not None and rings_ms >= self._left_ms:
            self._waiting, rings_ms, outcome = [], self._left_ms, "no_answer"
        if self._left_ms is not None:
            self._left_ms -= rings_ms
        self._stage.later(rings_ms, lambda: self._rang(index, outcome))

    def _dial_all(self) -> None:
        outcomes = [self._stage.dialled(target.target) for target in self._dial.targets]
        if "" in outcomes:
            rings_ms, index = RING_MS, outcomes.index("")
        else:
            index = telling(outcomes)
            rings_ms = max(
                target.ring_timeout_ms if outcome == "no_answer" else RING_MS
                for target, outcome in zip(self._dial.targets, outcomes, strict=True)
            )
        self._waiting = []
        outcome = outcomes[index]
        if self._left_ms is not None and rings_ms >= self._left_ms:
            rings_ms, outcome = self._left_ms, "no_answer"
        self._stage.later(rings_ms, lambda: self._rang(index, outcome))

    def _rang(self, index: int, outcome: str) -> None:
        if self._stopped:
            return
        whisper = self._dial.whisper
        told_ms = 0
        if whisper is not None and outcome in {"", "not_accepted"}:
            told_ms = self._stage.whispered(whisper.sounds) + (whisper.accept_timeout_ms if outcome else 0)
        self._stage.later(told_ms, lambda: self._over(index, outcome))

    def _over(self, index: int, outcome: str) -> None:
        if self._stopped:
            return
        if not outcome:
            self._stage.give(TransferTaken(index))
            self._stage.later(TALK_MS, lambda: self._end(""))
            return
        self._outcomes.append(outcome)
        if outcome in self._dial.targets[index].leave_on:
            self._end(outcome)
        elif self._waiting:
            self._dial_next()
        else:
            self._end(self._outcomes[telling(self._outcomes)])

    def _end(self, outcome: str) -> None:
        if not self._stopped:
            self._stopped = True
            self._stage.give(TransferEnded(outcome))
