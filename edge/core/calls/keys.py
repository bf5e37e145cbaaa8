"""Key presses of a leg: fused, told as events, relayed to the other leg, and kept secret where the menu says so."""

from edge.core.calls.digits import Press, Seen
from edge.core.calls.effects import Effects
from edge.core.calls.keys_out import heard_anyway
from edge.core.calls.leg import Leg
from edge.core.menus.withheld import Withheld
from edge.vocabulary import events
from edge.vocabulary.media import FLASH
from edge.vocabulary.private import Private
from edge.vocabulary.reports import DigitHeard, InfoDigit


class Keys:
    """Stands between the reports of all methods and the menu."""

    def __init__(self, effects: Effects, withheld: Withheld) -> None:
        self._fx = effects
        self._withheld = withheld

    def take(self, leg: Leg, report: DigitHeard | InfoDigit, secret: bool, other: Leg | None) -> str | None:
        """Return the digit when it is a new key press; "" when its value is not in the journal.

        `other` is the leg that `leg` talks with: it gets the key, unless it hears it anyway.
        """
        digit = report.digit.reveal()
        if isinstance(report, InfoDigit):
            seen = Seen("info", digit, report.at_ms, report.duration_ms)
        else:
            seen = Seen(report.method, digit, report.start_ms, report.duration_ms)
        press = self._press(leg, seen, secret)
        leg.fuser.add(seen, press)
        if press is not None:
            return None
        heard = report if isinstance(report, DigitHeard) else None
        audible = (heard is not None and heard.audible) or leg.fuser.tones_too
        if other is not None and not heard_anyway(other.keys_by, digit, seen.method, audible):
            other.relay(digit, seen.duration_ms)
        if digit == FLASH:
            self._fx.emit(events.DtmfFlash(leg=leg.id, method=seen.method, duration_ms=seen.duration_ms))
            return digit
        self._fx.emit(
            events.DtmfReceived(
                leg=leg.id,
                digit=Private("*") if secret else report.digit,
                method=seen.method,
                duration_ms=seen.duration_ms,
                level_dbm0=heard.level_dbm0 if heard is not None else None,
                end_seen=heard.end_seen if heard is not None else True,
            )
        )
        return digit

    def _press(self, leg: Leg, seen: Seen, secret: bool) -> Press | None:
        presses = leg.fuser.presses

        def which() -> str:
            press = leg.fuser.match(seen)
            return "new" if press is None else str(next(n for n, p in enumerate(presses) if p is press))

        word = self._withheld.decide(secret, which)
        return None if word == "new" else presses[int(word)]
