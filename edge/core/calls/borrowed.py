"""An agent's leg as the call sees it that he talks in: it is up, and stays up when the talk is over.

Its signalling and its media are those of another call (`line`), which alone opens, updates, closes and hangs up. So
taking it down is letting go of it: it is gone at once, and whoever looks after the lines gives it back.
"""

from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Handed
from edge.core.calls.leg import Leg
from edge.vocabulary import events
from edge.vocabulary.commands import SetSound
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import FRONT, Incarnation
from edge.vocabulary.media import RemoteMedia


class BorrowedLeg(Leg):
    """A leg of another call for as long as a talk."""

    borrowed = True

    def __init__(self, handed: Handed, number: int, effects: Effects) -> None:
        super().__init__(handed.leg, number, "up", effects)
        self.leads = False
        self.span, self.seat, self.media = handed.span, handed.seat, "open"
        self.answered_ms = effects.now_ms
        self._has_heard = True  # in its own call: who holds it meanwhile holds whoever comes to it, too
        self._learn(handed.remote)

    @property
    def plays_as(self) -> str:
        """A name of its own in each talk: media tells of plays of the one before, too."""
        return f"{self.id}-{self._fx.call}.{self.number}"

    def as_it_was(self) -> None:
        """Note how its own call has it sound, which is how it is given back."""
        self._own_sound = self._sound_now

    def negotiated(self, remote: RemoteMedia) -> None:
        """Take changed media facts; media has them from its own call."""
        self._learn(remote)

    def adopt(self, span: Incarnation) -> bool:  # noqa: ARG002 - as a leg does
        """Turn to front for what its span did so far; its own call tells of it."""
        self.span = FRONT
        return False

    def put_on_hold(self, on: bool) -> None:
        """Refuse: a line that is put on hold would stay so for the next caller."""
        self._fx.emit(events.LegHoldFailed(leg=self.id, hold=on, why="an agent's line is not put on hold"))

    def take_down(self, wish: EndReason, *, elsewhere: bool = False) -> None:  # noqa: ARG002 - as a leg does
        """Let go of it."""
        if self.signalling == "up":
            self.wish = wish
            self._restore_sound()
            self._down(wish)

    def close_media(self) -> None:
        """Leave it open: it is of another call."""

    def media_gone(self) -> None:
        """Note that it is gone with its own call, which gives the slot back."""
        self.media = "closed"

    def _restore_sound(self) -> None:
        if self._sound_now != self._own_sound and self.media == "open":
            self._fx.media(SetSound(self.id, self._own_sound))

    def _down(self, end: EndReason) -> None:
        self.signalling, self.media = "down", "closed"
        self.trace.stopped(self._fx.now_ms)
        self.trace.end = end
        self._fx.emit(events.LegEnded(leg=self.id, end=end, trunk=self.trunk))
