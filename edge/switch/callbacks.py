"""The open requests to be called back: one a number, whoever asks for it and how often.

A call tells what was asked for; whether that is a new request or an older one again is known here only. So events of
requests are made whole on their way to the store, and the row changes in the transaction of the event.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from edge.config.callbacks import window_rule_of
from edge.config.compiled import CompiledSite
from edge.core.callbacks.window import Window, stamp, window_of
from edge.core.calls import account
from edge.core.calls.actions import Emit
from edge.core.calls.call import Call
from edge.core.calls.inputs import Originate, Superseded
from edge.core.routing.numbers import e164
from edge.runtime.clock import rfc3339
from edge.storage.turn import CallbackRow, CallRow
from edge.vocabulary import events
from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.site_events import CallbackClosed, CallbackClosing
from edge.vocabulary.wire import to_json

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

#: What calls of ours, and those of callers who may ring by themselves, tell of them.
OF_CALLING = (events.CallStarted, events.CallEnded, events.AnswerDetected, events.AnswerRevised)
#: Who was asked has said more than that he was lost: that reason stays.
_STAYS = {("asked", "lost")}


class Callbacks:
    """Those that are open, in memory as on disk."""

    def __init__(self) -> None:
        self._open: dict[str, CallbackRow] = {}
        self._by_number: dict[tuple[str, str], str] = {}
        #: Calls in which somebody has begun to talk, perhaps.
        self._look: set[CallId] = set()

    def __len__(self) -> int:
        return len(self._open)

    def rows(self) -> list[CallbackRow]:
        """Return those that are not closed."""
        return list(self._open.values())

    def row(self, callback: CallbackId) -> CallbackRow | None:
        """Return one; None: it is closed."""
        return self._open.get(callback)

    def of_number(self, number: str) -> list[CallbackRow]:
        """Return those of a number: to be called back, and for a survey."""
        found = (self._by_number.get((number, purpose)) for purpose in ("callback", "survey"))
        return [self._open[id_] for id_ in found if id_ is not None]

    def load(self, rows: Iterable[CallbackRow]) -> None:
        """Take what the store holds."""
        for row in rows:
            self._put(row)

    # --- what changes them

    def settle(self, exchange: "Exchange", emit: Emit, wall: datetime) -> Emit:
        """Keep what an event of a call says of callbacks; returns the event as it is told."""
        event = emit.event
        if isinstance(event, events.CallbackRequested):
            emit, row = self.requested(emit, exchange.rows[emit.call], wall, exchange.plan.site)
            exchange.turn.callbacks[row.id] = row
            exchange.metrics.callbacks_requested.labels(event.reason).inc()
            exchange.calling.note(emit)
        elif isinstance(event, events.CallbackSuperseded):
            self._close(exchange, event.callback, ("superseded", emit.call), wall)
        elif isinstance(event, events.BridgeStarted | events.LegAnswered):
            self._look.add(emit.call)  # somebody has begun to talk, perhaps
        elif isinstance(event, OF_CALLING):
            exchange.calling.note(emit)
        return emit

    def change(self, exchange: "Exchange", row: CallbackRow) -> None:
        """Keep what has become of a request that stays."""
        self._put(row)
        exchange.turn.callbacks[row.id] = row

    def close_by_hand(self, exchange: "Exchange", callback: CallbackId, why: str, wall: datetime) -> bool:
        """Close a request as a person wishes; whether it was open."""
        return self.close_with(exchange, callback, "operator", why, wall)

    def close_with(
        self, exchange: "Exchange", callback: CallbackId, by: CallbackClosing, why: str, wall: datetime
    ) -> bool:
        """Close a request, and tell of it; whether it was open."""
        row = self._close(exchange, callback, (by, why), wall)
        if row is not None:
            closed = CallbackClosed(
                callback=callback, by=by, why=why, attempts=row.attempts, after_ms=age_ms(row, wall)
            )
            exchange.notice(closed)
        return row is not None

    def _close(self, exchange: "Exchange", callback: str, why: tuple[str, str], wall: datetime) -> CallbackRow | None:
        row = self.close(callback, *why, wall)
        if row is not None:
            exchange.turn.callbacks[row.id] = row
            exchange.metrics.callbacks_closed.labels(why[0]).inc()
            exchange.calling.closed(row)
        return row

    def requested(self, emit: Emit, of: CallRow, wall: datetime, site: CompiledSite) -> tuple[Emit, CallbackRow]:
        """Make a request: the event as it is told, and the row."""
        event = emit.event
        if not isinstance(event, events.CallbackRequested):
            raise TypeError(f"{type(event).__name__} is no request")
        purpose = "survey" if event.reason == "survey" else "callback"
        if not event.latest:
            begins_ms, ends_ms = _window(site, wall)
            event = replace(event, not_before=stamp(begins_ms), latest=stamp(ends_ms))
        known = self._open.get(self._by_number.get((event.number.reveal(), purpose), ""))
        if known is None:
            event = replace(event, callback=CallbackId(f"{emit.call}.{emit.callseq}"))
        else:
            event = replace(event, callback=CallbackId(known.id), renewed=True, times=known.times + 1)
        row = _row(event, known, of, rfc3339(wall))
        self._put(row)
        return Emit(emit.call, emit.callseq, event), row

    def close(self, callback: str, by: str, why: str, wall: datetime) -> CallbackRow | None:
        """Close a request; returns its row, None when it is not open."""
        known = self._open.pop(callback, None)
        if known is None:
            return None
        self._by_number.pop((known.number, known.purpose), None)
        return known._replace(state="closed", closed=rfc3339(wall), closed_by=by, closed_why=why)

    def _put(self, row: CallbackRow) -> None:
        self._open[row.id] = row
        self._by_number[row.number, row.purpose] = row.id

    # --- who calls by himself

    def met_by(self, call: Call, wall: datetime, country: str) -> list[Superseded]:
        """Return the requests that are met, for the caller talks with somebody now.

        `country`: of numbers from trunks that have none.
        """
        if call.id not in self._look:
            return []
        self._look.discard(call.id)
        begun = call.begun
        if not call.talking or begun is None or (isinstance(begun, Originate) and begun.errand is not None):
            return []  # a call that calls back closes its request by itself, when it is over
        peer = account.facts(begun, 0).peer
        number = e164(peer, begun.terms.country or country) or peer
        row = self._open.get(self._by_number.get((number, "callback"), ""))
        return [Superseded(CallbackId(row.id), age_ms(row, wall))] if row is not None else []

    def forget(self, call: CallId) -> None:
        """Forget a call that is over."""
        self._look.discard(call)

    # --- figures

    def figures(self, wall: datetime) -> tuple[int, float, int]:
        """Return how many are open, the age of the oldest in seconds (0: none), and how many are late."""
        now = rfc3339(wall)
        rows = self._open.values()
        oldest = min(rows, key=lambda row: row.requested, default=None)
        age_s = age_ms(oldest, wall) / 1000 if oldest is not None else 0.0
        return len(rows), age_s, sum(row.latest < now for row in rows)


def age_ms(row: CallbackRow, wall: datetime) -> int:
    """Return how long ago it was first asked for."""
    return max(0, round((wall - datetime.fromisoformat(row.requested)).total_seconds() * 1000))


def _window(site: CompiledSite, wall: datetime) -> Window:
    now_ms = round(wall.astimezone(UTC).timestamp() * 1000)
    rule = window_rule_of(site)
    return window_of(rule, now_ms) or Window(now_ms, now_ms + rule.within_ms)


def _row(event: events.CallbackRequested, known: CallbackRow | None, of: CallRow, now: str) -> CallbackRow:
    stays = known is not None and (known.reason, event.reason) in _STAYS
    return CallbackRow(
        id=event.callback,
        purpose="survey" if event.reason == "survey" else "callback",
        number=event.number.reveal(),
        state=known.state if known is not None else "open",
        reason=known.reason if known is not None and stays else event.reason,
        requested=known.requested if known is not None else now,
        renewed=now,
        times=event.times,
        not_before=event.not_before,
        latest=event.latest,
        call=of.id,
        trunk=of.trunk,
        called=of.called,
        menu=event.menu,
        menu_version=event.menu_version,
        node=event.node,
        runs=event.runs,
        waited_ms=event.waited_ms,
        target=event.target.reveal() if event.target is not None else "",
        language=event.language,
        attributes=to_json(event.attributes).decode(),
        closed=None,
        closed_by=None,
        closed_why=None,
        **_of_calling(known),
    )


def _of_calling(known: CallbackRow | None) -> dict[str, Any]:
    """Give what a request that is renewed keeps of its calls: who asks again is called as often as who asks anew."""
    if known is None:
        return {}
    kept = {name: getattr(known, name) for name in ("attempt", "began", "last", "held_why")}
    return {**kept, "attempts": known.attempts if known.state == "calling" else 0}
