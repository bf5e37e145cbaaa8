"""What became of requests to be called back, counted from stored events."""

import math
from collections import Counter
from typing import Literal

from edge.core.indicators.estimates import Estimate, share
from edge.vocabulary import events, site_events

#: `open`: nothing yet. The others as `callback.closed` and `callback.superseded` say.
Fate = Literal["reached", "not_reached", "superseded", "operator", "forbidden", "open"]
FATES: tuple[Fate, ...] = ("reached", "not_reached", "superseded", "operator", "forbidden", "open")
CallbackEvent = (
    events.CallbackRequested
    | events.CallbackSuperseded
    | site_events.CallbackAttemptStarted
    | site_events.CallbackAttemptEnded
    | site_events.CallbackClosed
)
TYPES = tuple(str(kind.__struct_config__.tag) for kind in CallbackEvent.__args__)


class CallbackCount:
    """Requests that were first asked for within a time, and the calls that were made in it."""

    def __init__(self) -> None:
        self._fates: dict[str, Fate] = {}
        self._called: set[str] = set()
        self.reasons: Counter[str] = Counter()
        #: From the request to its first call, milliseconds, of each request that had one.
        self.first_ms: list[int] = []
        #: Calls by what became of them.
        self.attempts: Counter[str] = Counter()
        #: Unanswered calls that rang, by whether they did as long as they should; how long the others did.
        self.in_standard = 0
        self.out_of_standard_ms: list[int] = []

    def take(self, event: CallbackEvent) -> None:
        """Count an event; in the order in which they are stored."""
        match event:
            case events.CallbackRequested():
                if not event.renewed:
                    self._fates[event.callback] = "open"
                    self.reasons[event.reason] += 1
            case events.CallbackSuperseded():
                self._settle(event.callback, "superseded")
            case site_events.CallbackClosed():
                self._settle(event.callback, event.by)
            case site_events.CallbackAttemptStarted():
                if event.callback in self._fates and event.callback not in self._called:
                    self._called.add(event.callback)
                    self.first_ms.append(event.after_ms)
            case site_events.CallbackAttemptEnded():
                self.attempts[event.disposition] += 1
                if event.in_standard:
                    self.in_standard += 1
                elif event.in_standard is False and event.rang_ms is not None:
                    self.out_of_standard_ms.append(event.rang_ms)

    def _settle(self, callback: str, fate: Fate) -> None:
        if callback in self._fates:
            self._fates[callback] = fate

    @property
    def requests(self) -> int:
        """How many there were."""
        return len(self._fates)

    @property
    def fates(self) -> dict[Fate, int]:
        """How many requests each fate has."""
        found = Counter(self._fates.values())
        return {fate: found[fate] for fate in FATES}

    @property
    def reached(self) -> Estimate:
        """Share of those whose calls came to an end, well or not: who rang by himself needed none."""
        fates = self.fates
        return share(fates["reached"], fates["reached"] + fates["not_reached"])

    @property
    def ring_standard(self) -> Estimate:
        """Share of the calls that rang and nobody answered that rang as long as they should."""
        return share(self.in_standard, self.in_standard + len(self.out_of_standard_ms))

    def first_within_ms(self, part: float) -> int | None:
        """Give the time within which this part of the first calls was made (nearest rank); None: there were none."""
        if not self.first_ms:
            return None
        return sorted(self.first_ms)[math.ceil(part * len(self.first_ms)) - 1]
