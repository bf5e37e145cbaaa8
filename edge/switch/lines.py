"""Whom calls are with: so that nobody is called, for whichever reason, who has a call with us or may be ringing."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edge.core.calls.call import Call
from edge.core.calls.inputs import Incoming, Originate
from edge.core.routing.numbers import whole
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

#: A new life of switch calls nobody back before the dialer has said which numbers are locked; longer than that nothing
#: that a former life has dialled rings (RFC 3261, 16.6: a proxy ends it after three minutes).
PATIENCE_MS = 190_000


class Lines:
    """The numbers of all calls, in E.164 where they are whole numbers, and those that campaigns have locked."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._numbers: dict[CallId, str] = {}
        self._locked: frozenset[str] | None = None
        self._until_ms = exchange.now_ms + PATIENCE_MS

    def learn(self, calls: Iterable[Call]) -> None:
        """Take note of whom calls are with; where nobody is called that does not matter."""
        self._numbers = {call.id: self._number(call) for call in calls} if self._wanted else {}

    def begins(self, call: Call) -> str:
        """Take note of a new call; returns its number, empty where that does not matter."""
        if not self._wanted:
            return ""
        self._numbers[call.id] = number = self._number(call)
        return number

    def ended(self, call: CallId) -> str:
        """Forget a call; returns its number."""
        return self._numbers.pop(call, "")

    def lock(self, numbers: Sequence[Private]) -> None:
        """Take the numbers that campaigns have locked, in place of those before."""
        self._locked = frozenset(number.reveal() for number in numbers)

    def calls_with(self, number: str) -> list[CallId]:
        """Return the calls that a number has with us, also those that are being set up."""
        return [id_ for id_, one in self._numbers.items() if one == number]

    def is_taken(self, number: str) -> bool:
        """Whether a campaign must not call a number: it has a call, or is called back, or was and nobody knows more."""
        rows = self._exchange.callbacks.of_number(number)
        return bool(self.calls_with(number)) or any(row.state in {"calling", "held"} for row in rows)

    @property
    def taken(self) -> set[str]:
        """The numbers that are not called back now."""
        return {*self._numbers.values(), *(self._locked or ())}

    @property
    def waits_ms(self) -> int:
        """How long callbacks wait for the dialer's word at most; 0: it has said it, or there is none."""
        if self._locked is not None or not self._exchange.plan.site.campaigns:
            return 0
        return max(0, self._until_ms - self._exchange.now_ms)

    @property
    def _wanted(self) -> bool:
        site = self._exchange.plan.site
        return site.callbacks.dial or bool(site.campaigns)

    def _number(self, call: Call) -> str:
        begun = call.begun
        if begun is None:
            return ""
        country = begun.terms.country or self._exchange.plan.site.callbacks.country
        if isinstance(begun, Incoming):
            # Of a caller who hides his number, too: it is not told, but he is on the line.
            known = begun.caller_e164.reveal()
            return known or whole(begun.report.caller.reveal(), country)
        return whom(begun, country)


def whom(begun: Originate, country: str) -> str:
    """Give the number that a call of ours is for; `country` is where it is dialled if it has no +."""
    if begun.attempt is not None:
        return begun.attempt.number.reveal()  # the first leg may be an agent
    target = begun.errand.number.reveal() if begun.errand is not None else begun.target.reveal()
    return whole(target, country) or target
