"""What the first leg hears: carries out the menu's plays and digits, and tells its events."""

from collections.abc import Callable

from edge.core.calls.effects import Effects
from edge.core.menus.model import Sound
from edge.core.menus.run import MenuRun
from edge.core.menus.words import (
    AttributesSet,
    EnterNode,
    InputResult,
    MenuAction,
    OrderOver,
    PlayDone,
    PlaySounds,
    PressKeys,
    StopSounds,
)
from edge.vocabulary import events
from edge.vocabulary.commands import Play, StopPlay
from edge.vocabulary.ids import LegId, PlayId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import PlayEnded


def missing_prompt(run: MenuRun, file: str) -> events.PromptMissing:
    """Tell of a file that could not be read, and where the author's own is."""
    return events.PromptMissing(node=run.node, file=file, source=run.menu.origins.get(file, ""))


class Stage:
    """At most one play at a time: the menu's, or the ringing of a transfer."""

    def __init__(self, leg: LegId, effects: Effects, press: Callable[[str, int, int], None]) -> None:
        self._leg = leg
        self._press = press
        self._fx = effects
        self._plays = 0
        self._menu_play: PlayId | None = None
        self._ringing: PlayId | None = None

    def perform(self, action: MenuAction, run: MenuRun) -> None:
        """Carry out an action of the menu that concerns sound or events."""
        match action:
            case PlaySounds():
                self._menu_play = self._play(action.sounds, action.times, action.barge_in, action.start_ms)
            case StopSounds():
                if self._menu_play is not None:
                    self._fx.media(StopPlay(self._leg, self._menu_play))
                    self._menu_play = None
            case PressKeys():
                self._press(action.digits, action.duration_ms, action.gap_ms)
            case EnterNode():
                self._fx.emit(
                    events.MenuEntered(
                        menu=run.menu.name, menu_version=run.menu.version, node=action.node, kind=action.kind
                    )
                )
            case InputResult():
                self._fx.emit(events.MenuInput(node=action.node, result=action.result, digits=Private(action.digits)))
            case AttributesSet():
                told = {name: Private(value) for name, value in action.values.items()}
                self._fx.emit(events.AttributesSet(node=action.node, attributes=told))
            case OrderOver():
                digits = Private(action.digits) if action.digits else None
                self._fx.emit(events.OrderEnded(operation=action.operation, result=action.result, digits=digits))
            case _:
                raise TypeError(f"{type(action).__name__} is not for the stage")

    def ring(self, sounds: list[Sound]) -> None:
        """Play ringing for ever; stop it when `sounds` is empty."""
        if sounds and self._ringing is None:
            self._ringing = self._play(sounds, 0, False)
        elif not sounds and self._ringing is not None:
            self._fx.media(StopPlay(self._leg, self._ringing))
            self._ringing = None

    def played(self, report: PlayEnded, run: MenuRun, now_ms: int) -> list[MenuAction]:
        """Take the end of a play; that of a play which was replaced or stopped says nothing any more."""
        if report.play not in {self._menu_play, self._ringing}:
            return []
        if report.how == "missing":
            self._fx.emit(missing_prompt(run, report.file))
        if report.play == self._ringing:
            self._ringing = None
            return []
        return self.lost(run, now_ms)

    def lost(self, run: MenuRun, now_ms: int) -> list[MenuAction]:
        """Go on in the menu as after the end of the play, which media could not even begin."""
        if self._menu_play is None:
            return []
        self._menu_play = None
        return run.handle(PlayDone(), now_ms)

    def _play(self, sounds: list[Sound], times: int, barge_in: bool, start_ms: int = 0) -> PlayId:
        self._plays += 1
        play = PlayId(f"{self._leg}-p{self._plays}")
        files = [sound.path for sound in sounds]
        self._fx.media(Play(leg=self._leg, play=play, files=files, times=times, start_ms=start_ms, barge_in=barge_in))
        return play
