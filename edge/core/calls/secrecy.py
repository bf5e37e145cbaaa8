"""What is nobody's business while a call is in a sensitive part of its menu: the caller's keys, and what is said.

The part lasts as long as a key pressed may be taken by a sensitive gather, so it begins with the nodes that lead to
one. All that while the first leg is private: media records silence of both sides, and no room hears it.

A press is told once by each method that carries it, and the last ones come when the part is over already: a tone after
its event, an INFO request after both. They are of a press of that part, so they are withheld, too, and decide nothing.
"""

from edge.core.calls.digits import INFO_LATE_MS, Fuser, Seen
from edge.core.calls.effects import Effects
from edge.vocabulary.commands import SetPrivate
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import FLASH
from edge.vocabulary.reports import DigitHeard, InfoDigit

#: The recording is silent from so long before the part's beginning on: a quick hand presses the next key while we are
#: still being told of the last one.
BEFORE_MS = 200


class Secrecy:
    """Whether a call is in such a part."""

    def __init__(self, effects: Effects) -> None:
        self.on = False
        self._leg = LegId("")
        self._left_ms: int | None = None
        self._fx = effects

    def settle(self, leg: LegId, sensitive: bool) -> None:
        """Follow the menu, after each input."""
        if sensitive == self.on and (leg == self._leg or not sensitive):
            return  # else somebody else is in the call in the caller's place
        self._leg = leg
        self.on = sensitive
        if not sensitive:
            self._left_ms = self._fx.now_ms
        since_ms = max(0, self._fx.now_ms - BEFORE_MS) if sensitive else 0
        self._fx.media(SetPrivate(leg=leg, on=sensitive, since_ms=since_ms))

    def move(self, leg: LegId) -> None:
        """Keep another leg private from now on, which is the call's first one in such a part."""
        if self.on:
            self._fx.media(SetPrivate(leg=leg, on=True, since_ms=max(0, self._fx.now_ms - BEFORE_MS)))

    def covers(self, report: DigitHeard | InfoDigit, fuser: Fuser) -> bool:
        """Whether the key that is told must not be written down. Hook flash says nothing."""
        if report.digit.reveal() == FLASH:
            return False
        if self.on:
            return True
        if self._left_ms is None:
            return False
        if isinstance(report, DigitHeard):
            return report.start_ms <= self._left_ms
        if report.at_ms - self._left_ms > INFO_LATE_MS:
            return False
        return fuser.match(Seen("info", report.digit.reveal(), report.at_ms, report.duration_ms)) is not None
