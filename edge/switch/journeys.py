"""What becomes of the calls that somebody counts: those of trials, and those of menus with standards.

Journeys of open calls are not stored: they are made again from the journal, as the calls are.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

from edge.core.indicators.journey import STEPS, Journey, Step
from edge.core.routing.trials import ARMS, Assigned
from edge.vocabulary import events
from edge.vocabulary.ids import CallId

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange
    from edge.switch.standards import Standards
    from edge.switch.trials import Trials


class _Followed(NamedTuple):
    journey: Journey
    #: None: it is part of no trial.
    assigned: Assigned | None


class Journeys:
    """Follows calls by their events; what was counted is stored in the transaction of `call.ended`."""

    def __init__(self, trials: "Trials", standards: "Standards") -> None:
        self._trials = trials
        self._standards = standards
        self._followed: dict[CallId, _Followed] = {}

    def hear(self, exchange: "Exchange", call: CallId, event: events.AnyEvent, at_ms: int) -> None:
        """Take an event of a call; `at_ms` is CLOCK_MONOTONIC. What follows gathers in the exchange's turn."""
        kind = type(event)
        if kind not in STEPS:
            return  # most are not, and each event of each call comes by
        if isinstance(event, events.CallStarted):
            self._begin(exchange, call, event)
        found = self._followed.get(call)
        if found is None:
            return
        if isinstance(event, events.CallEnded):
            del self._followed[call]
            self._end(exchange, found, event, at_ms)
        else:
            found.journey.take(cast(Step, event), at_ms)

    def _begin(self, exchange: "Exchange", call: CallId, event: events.CallStarted) -> None:
        tried = event.arm in ARMS and self._trials.has(event.trial)
        if tried or self._standards.has(exchange.rows[call].menu):
            self._followed[call] = _Followed(Journey(), Assigned(event.trial, event.arm) if tried else None)  # type: ignore[arg-type]

    def _end(self, exchange: "Exchange", found: _Followed, event: events.CallEnded, at_ms: int) -> None:
        record = found.journey.ended(event, at_ms, exchange.plan.served.get(event.menu, ()))
        if record is None:
            return
        wall = exchange.wall
        exchange.turn.meta.update(self._standards.count(record, wall))
        if found.assigned is not None:
            change = self._trials.count(found.assigned, record.fate, wall)
            if change is not None:
                exchange.change_trial(change)
