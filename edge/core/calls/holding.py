"""Hold: legs whose peers hold us, and the music that whoever talks with one of them hears meanwhile.

`Leg.held` says when a peer holds. Music is played in place of the talk, from its start, again and again, to the leg
that would hear nobody else: the other one of two. In a talk of more than two the others go on talking, so nobody hears
music there, and what the one who holds sends (the music of its own exchange) is kept from the others. Supervisors who
listen, or whisper to the other side, do not count: the caller is to hear what it would hear without them.
"""

from collections.abc import Iterable

from edge.core.calls.effects import Effects
from edge.core.calls.leg import Leg
from edge.vocabulary import events
from edge.vocabulary.commands import Play, StopPlay
from edge.vocabulary.ids import LegId, PlayId
from edge.vocabulary.reports import PlayEnded


class Holding:
    """Who is on hold in one call, and who hears music. It is settled after each input, so nothing else asks for it."""

    def __init__(self, effects: Effects) -> None:
        self._fx = effects
        self._since: dict[LegId, int] = {}
        self._music: dict[LegId, tuple[Leg, PlayId]] = {}
        self._plays = 0

    def settle(self, legs: Iterable[Leg], left_alone: Iterable[Leg], *, conference: bool) -> None:
        """Tell who is held and who is not any more; have music played to `left_alone`, and to nobody else."""
        for leg in legs:
            self._note(leg)
            leg.hush((conference and leg.held) or leg.on_hold)
        wanted = {leg.id: leg for leg in left_alone if leg.hold_music}
        for id_ in [id_ for id_ in self._music if id_ not in wanted]:
            leg, play = self._music.pop(id_)
            if leg.media == "open":
                self._fx.media(StopPlay(id_, play))
        for leg in wanted.values():
            if leg.id not in self._music:
                self._start(leg)

    def _note(self, leg: Leg) -> None:
        since = self._since.get(leg.id)
        if leg.held and since is None:
            self._since[leg.id] = self._fx.now_ms
            self._fx.emit(events.LegHeld(leg=leg.id, direction=leg.direction))
        elif since is not None and not leg.held:
            del self._since[leg.id]
            if leg.talks:  # the end of a leg that is held says the rest
                self._fx.emit(events.LegResumed(leg=leg.id, held_ms=self._fx.now_ms - since))
                leg.audio_faults.hold_over()

    def _start(self, leg: Leg) -> None:
        self._plays += 1
        play = PlayId(f"{leg.plays_as}-h{self._plays}")
        self._music[leg.id] = leg, play
        self._fx.media(Play(leg=leg.id, play=play, files=[leg.hold_music], times=0))

    def played(self, report: PlayEnded) -> bool:
        """Take the end of a play; whether it says that the music could not be read.

        Music that an engine lost as it was killed begins anew; music that cannot be read is not asked for again.
        """
        music = self._music.get(report.leg)
        if music is None or music[1] != report.play:
            return False
        if report.how == "stopped":
            del self._music[report.leg]
        return report.how == "missing"
