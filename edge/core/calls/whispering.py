"""A target that has answered is told who calls, and may take the call or not, before anybody hears it.

Whoever answers by a machine (a voicemail, a pocket) presses no key: with one to accept by, the caller is never
connected with such. Keys count as soon as the sounds begin.
"""

from collections.abc import Callable
from typing import Final, Literal

from edge.core.calls.effects import Effects
from edge.core.calls.leg import Leg
from edge.core.menus.parts import Whisper
from edge.vocabulary import events
from edge.vocabulary.call_events import WhisperResult
from edge.vocabulary.commands import Play, StopPlay
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import PlayId
from edge.vocabulary.reports import PlayEnded

#: Its deadlines begin with it; the leg's id follows.
WHISPER: Final = "whisper to "
#: Longer than anything is that one says before a talk: media has never told the end of the sounds.
LONGEST_MS: Final = 60_000


class Whispering:
    """What one leg is told. One of `accepted` and `refused` is called, once, unless `stop` comes before."""

    def __init__(
        self,
        leg: Leg,
        whisper: Whisper,
        effects: Effects,
        *,
        accepted: Callable[[], None],
        refused: Callable[[EndReason], None],
    ) -> None:
        self.state: Literal["new", "telling", "waiting", "accepted", "over"] = "new"
        self._leg = leg
        self._whisper = whisper
        self._fx = effects
        self._accepted = accepted
        self._refused = refused
        self._play = PlayId(f"{leg.plays_as}-w1")
        self._began_ms = 0

    @property
    def under_way(self) -> bool:
        """Whether the target is being told, or thinks about it."""
        return self.state in {"telling", "waiting"}

    def begin(self) -> None:
        """Tell; only the first time that it is called."""
        if self.state != "new":
            return
        self.state = "telling"
        self._began_ms = self._fx.now_ms
        self._fx.emit(events.WhisperStarted(leg=self._leg.id))
        files = [sound.path for sound in self._whisper.sounds]
        if files:
            self._fx.media(Play(leg=self._leg.id, play=self._play, files=files))
            self._fx.set(WHISPER + self._leg.id, LONGEST_MS)
        else:
            self._told()

    def played(self, report: PlayEnded) -> bool:
        """Take the end of the sounds; whether it says that one of them could not be read (an end follows)."""
        if report.play != self._play or self.state != "telling":
            return False
        if report.how == "missing":
            return True
        self._told()
        return False

    def not_played(self) -> None:
        """Go on as after the sounds, which media could not even begin."""
        if self.state == "telling":
            self._told()

    def key(self, digit: str) -> None:
        """Take a key of the target's."""
        if not self.under_way or not digit:
            return
        if digit == self._whisper.accept:
            self._take()
        elif digit == self._whisper.decline:
            self._end("declined")
            self._refused(EndReason(outcome="rejected", ended_by="callee", text="declined by key"))

    def elapsed(self) -> None:
        """Go on without the end of the sounds, or without a key."""
        if self.state == "telling":
            self._told()
        elif self.state == "waiting":
            self._end("timeout")
            self._refused(EndReason(outcome="not_accepted", ended_by="appliance", text="nobody took the call"))

    def stop(self) -> None:
        """Leave off: the target has gone, or it is not wanted any more."""
        if self.under_way:
            self._end("gone")

    def forgotten(self) -> None:
        """Tell the end of what a restart of the appliance took."""
        if self.under_way:
            self._ended("gone")

    def _told(self) -> None:
        if not self._whisper.accept:
            self._take()
        else:
            self.state = "waiting"
            self._fx.set(WHISPER + self._leg.id, self._whisper.accept_timeout_ms)

    def _take(self) -> None:
        self._end("accepted")
        self.state = "accepted"
        self._accepted()

    def _end(self, result: WhisperResult) -> None:
        if self._leg.media == "open" and self._whisper.sounds:
            self._fx.media(StopPlay(self._leg.id, self._play))
        self._ended(result)

    def _ended(self, result: WhisperResult) -> None:
        self._fx.clear(WHISPER + self._leg.id)
        self.state = "over"
        after_ms = self._fx.now_ms - self._began_ms
        self._fx.emit(events.WhisperEnded(leg=self._leg.id, result=result, after_ms=after_ms))
