"""Announcements in a talk: mixed over it, the voices lowered meanwhile.

That of the menu begins with the talk, and may come again and again; an operator may have others played. While a hold
interrupts the talk they wait, and come when they hear each other again. Of two at once the operator's is heard.
"""

from collections.abc import Callable, Iterable
from typing import Final

from edge.core.calls.effects import Effects
from edge.core.calls.leg import Leg
from edge.core.menus.model import Announcement
from edge.vocabulary.commands import Play, StopPlay
from edge.vocabulary.ids import LegId, PlayId
from edge.vocabulary.reports import PlayEnded

#: The deadline: it is time for it again.
ANNOUNCE: Final = "announcement"


class Announcer:
    """The announcement of one call's talk. It is settled after each input, as hold music is."""

    def __init__(self, effects: Effects) -> None:
        self._fx = effects
        #: Of the talk that is going on; None: there is no talk, or nothing to say in it.
        self._said: Announcement | None = None
        self._due = False
        #: What an operator wants to be said.
        self._asked: Announcement | None = None
        self._playing: dict[LegId, tuple[Leg, PlayId]] = {}
        self._plays = 0

    def ask(self, wanted: Announcement) -> None:
        """Have something said as soon as they hear each other."""
        self._asked = wanted

    def settle(
        self,
        said: Announcement | None,
        hearers: Callable[[Announcement], Iterable[Leg]],
        *,
        talking: bool,
        interrupted: bool,
    ) -> None:
        """Begin, go on or end; `said`: what belongs to the talk of this moment, `hearers`: whom one is for."""
        if not talking:
            self._stop()
        elif self._said is not said:
            self._said, self._due = said, said is not None
        if not talking or interrupted:
            return
        now = self._asked
        if self._due and said is not None:
            self._due = False
            now = now or said
            if said.every_ms:
                self._fx.set(ANNOUNCE, said.every_ms)
        if now is not None:
            self._asked = None
            for leg in hearers(now):
                self._play(leg, now)

    def elapsed(self) -> None:
        """Note that it is time again."""
        self._due = self._said is not None

    def played(self, report: PlayEnded) -> bool:
        """Take the end of a play; whether it says that a sound could not be read."""
        playing = self._playing.get(report.leg)
        if playing is None or playing[1] != report.play:
            return False
        if report.how == "missing":
            return True  # the others are played; an end follows
        del self._playing[report.leg]
        return False

    def _play(self, leg: Leg, said: Announcement) -> None:
        self._plays += 1
        play = PlayId(f"{leg.plays_as}-a{self._plays}")
        self._playing[leg.id] = leg, play
        files = [sound.path for sound in said.sounds]
        self._fx.media(Play(leg=leg.id, play=play, files=files, mix=True, duck_db=said.duck_db))

    def _stop(self) -> None:
        self._fx.clear(ANNOUNCE)
        self._said, self._due, self._asked = None, False, None
        for id_, (leg, play) in self._playing.items():
            if leg.media == "open":
                self._fx.media(StopPlay(id_, play))
        self._playing.clear()
