"""Audio of a leg that should be there and is not: told once, and told again when it is back.

A peer that holds may send nothing, and most phones do. What is missing then is not told, unless it is still missing a
while after the hold.
"""

from typing import Final

from edge.core.calls.effects import Effects
from edge.vocabulary import events
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import AudioFault
from edge.vocabulary.reports import AudioResumed, AudioStopped

#: Deadlines begin with it; the leg's id follows.
AFTER_HOLD: Final = "audio after the hold of "
#: What a phone may take after a hold until it speaks again.
PATIENCE_MS: Final = 5000


class AudioFaults:
    """What is told of one leg's missing audio. A fault begins and ends in turn: who calls has seen to that."""

    def __init__(self, leg: LegId, effects: Effects) -> None:
        self._leg = leg
        self._fx = effects
        #: Begun during a hold, with what was reported.
        self._untold: dict[AudioFault, AudioStopped] = {}

    def stopped(self, report: AudioStopped, *, held: bool) -> None:
        """Tell a fault, now or after the hold."""
        if held:
            self._untold[report.fault] = report
        else:
            self._tell(report)

    def resumed(self, report: AudioResumed) -> None:
        """Tell the end of a fault that was told."""
        if self._untold.pop(report.fault, None) is None:
            self._fx.emit(events.AudioResumed(leg=self._leg, missing_ms=report.missing_ms, fault=report.fault))

    def hold_over(self) -> None:
        """Give the peer time to speak again."""
        if self._untold:
            self._fx.set(AFTER_HOLD + self._leg, PATIENCE_MS)

    def waited(self, *, held: bool) -> None:
        """Tell what is still missing, unless the peer holds again."""
        if not held:
            for report in self._untold.values():
                self._tell(report)
            self._untold.clear()

    def _tell(self, report: AudioStopped) -> None:
        self._fx.emit(events.AudioStopped(leg=self._leg, silent_ms=report.silent_ms, fault=report.fault))
