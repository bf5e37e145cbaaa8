"""Keys that a leg is sent: those of the menu's press nodes, and those of the leg that it talks with.

A leg gets keys by one method at a time (`RemoteMedia.digits_by`), and one job of them at a time: neither the media
engine nor a span puts a second one behind the first. What waits meanwhile is sent together.
"""

from msgspec import Struct

from edge.core.calls.effects import Effects
from edge.core.sip.info import PACE_MS
from edge.vocabulary.commands import SendDigits, SendInfoDigits
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.media import FLASH, DigitMethod
from edge.vocabulary.private import Private

#: Lengths of a relayed key: long enough to be recognised everywhere (ITU-T Q.24), short enough for a phone book.
SHORTEST_MS, LONGEST_MS = 60, 8000
#: Keys that have waited are sent this long, to catch up.
CATCH_UP_MS = 80
GAP_MS = 60
#: Added to the time that keys take before the report of their end counts as lost.
PATIENCE_MS = 3000
#: More keys than the media engine takes at once are not relayed.
MOST_WAITING = 64
PATIENCE = "keys of "


class _Job(Struct):
    digits: str
    duration_ms: int
    gap_ms: int
    #: Keys of the menu, which waits for their end.
    menu: bool


class KeysOut:
    """The keys of one leg."""

    def __init__(self, leg: LegId, effects: Effects) -> None:
        self._leg = leg
        self._fx = effects
        self._waiting: list[_Job] = []
        self._sent: tuple[CommandId, bool] | None = None

    def press(self, by: DigitMethod, span: Incarnation, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send keys of the menu; `over` tells when they are sent."""
        self._waiting.append(_Job(digits, duration_ms, gap_ms, True))
        self._pump(by, span)

    def relay(self, by: DigitMethod, span: Incarnation, digit: str, duration_ms: int) -> None:
        """Send a key of the other leg; one whose value the journal does not hold is empty, and only counts."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and not last.menu and len(last.digits) < MOST_WAITING:
            last.digits, last.duration_ms = last.digits + digit, CATCH_UP_MS
        elif last is None or last.menu:
            self._waiting.append(_Job(digit, min(max(duration_ms, SHORTEST_MS), LONGEST_MS), GAP_MS, False))
        self._pump(by, span)

    def forget(self) -> None:
        """Drop relayed keys that were not sent yet: the legs no longer talk."""
        self._waiting = [job for job in self._waiting if job.menu]

    def over(self, command: CommandId, by: DigitMethod, span: Incarnation) -> bool:
        """Note that a command is done with or has failed, "" the last one; true when its keys were the menu's."""
        if self._sent is None or (command and command != self._sent[0]):
            return False
        # Behind a menu that went on without it, the end of the old keys is not that of the new ones.
        menu = self._sent[1] and not any(job.menu for job in self._waiting)
        self._sent = None
        self._fx.clear(PATIENCE + self._leg)
        self._pump(by, span)
        return menu

    def _pump(self, by: DigitMethod, span: Incarnation) -> None:
        if self._sent is not None or not self._waiting:
            return
        job = self._waiting.pop(0)
        digits = job.digits
        time_ms = max(1, len(digits)) * (job.duration_ms + job.gap_ms)
        if by == "info":
            time_ms = max(time_ms, len(digits) * PACE_MS)
            command = self._fx.span(span, SendInfoDigits(self._leg, Private(digits), job.duration_ms))
        else:
            command = self._fx.media(
                SendDigits(leg=self._leg, digits=Private(digits), duration_ms=job.duration_ms, gap_ms=job.gap_ms)
            )
        self._sent = command, job.menu
        self._fx.set(PATIENCE + self._leg, time_ms + PATIENCE_MS)


def heard_anyway(by: DigitMethod, digit: str, method: DigitMethod, audible: bool) -> bool:
    """Whether a key needs no relay: its tone is in the audio, and the other leg takes tones; or it has no tone."""
    return by == "inband" and (method == "inband" or audible or digit == FLASH)
