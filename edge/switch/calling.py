"""Calls back, as they are made: what `core.callbacks.calling` decides by the rows becomes calls, and their ends rows.

A row says that it is being called, and by which call, in the transaction of that call's first journal line, before
anything leaves; it is open again, or closed, in the transaction of that call's end. So a restart finds either a row
that nobody calls, or a row and its call.

An agent who is to be rung first is asked for by a ticket in the queue, which is not on disk: what is asked for again
after a restart costs nothing.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from edge.config.callbacks import rules_of
from edge.core.callbacks import calling
from edge.core.callbacks.calling import Policy, Request
from edge.core.callbacks.errand import Errand
from edge.core.callbacks.window import stamp
from edge.core.calls.actions import Emit
from edge.core.calls.attempted import callee_of, outcome_of
from edge.core.calls.call import Call
from edge.core.calls.inputs import Incoming, Originate, Stopped
from edge.core.menus.model import Answered
from edge.core.queues import model as q
from edge.runtime.clock import rfc3339
from edge.storage.turn import CallbackRow
from edge.switch.callback_orders import calendar_of, order_of, queue_of, rings_agent_first, values_of
from edge.switch.lines import Lines
from edge.vocabulary import events, site_events
from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.private import Private

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange
    from edge.switch.plan import Plan

#: The wall clock may be set; so it is looked at again.
LOOK_MS = 60_000
#: While no calls may be made (disk, overload, a drain), and after a queue had nobody for us.
PAUSE_MS = 1_000
REFUSED_MS = 15_000
_HIMSELF = "the caller rings by himself"


class Calling:
    """The callbacks that are being made. `next_ms`: when `fire` has something to do."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.next_ms: int | None = None
        #: False until the calls of a former life are here.
        self._open = False
        self._changed = False
        self._busy = False
        #: Whom calls are with, of whichever kind.
        self.lines = Lines(exchange)
        #: Requests that wait for an agent to be rung first: by the call that it will be.
        self._tickets: dict[CallId, tuple[str, int]] = {}
        #: Requests that a queue had nobody for, and until when they wait.
        self._refused: dict[str, int] = {}
        self._stop: list[tuple[CallId, str]] = []
        self._known: dict[str, tuple[CallbackRow, Plan, Request]] = {}

    # --- beginning

    def open(self, calls: Iterable[Call]) -> None:
        """Begin, with the calls that were rebuilt. What nobody knows the end of is held."""
        self.lines.learn(calls)
        for row in self._exchange.callbacks.rows():
            if row.state == "calling" and CallId(row.attempt) not in self._exchange.calls:
                self._hold(row._replace(last="held"), "nobody knows what became of its last call")
        self._open = self._changed = True
        self.settle()

    def configure(self) -> None:
        """Take another configuration."""
        self.lines.learn(self._exchange.calls.values())
        self._changed = True
        self.settle()

    @property
    def policy(self) -> Policy:
        """What the site says now."""
        own = self._exchange.plan.site.callbacks
        return Policy(
            on=own.dial,
            attempts=own.attempts,
            gap_ms=own.gap_ms,
            at_once=own.at_once,
            ring_min_ms=own.ring_min_ms,
            ring_max_ms=own.ring_max_ms,
        )

    # --- what happens

    def note(self, emit: Emit) -> None:
        """Take an event of any call, in the turn of it; `settle` acts on it."""
        event = emit.event
        if isinstance(event, events.CallStarted):
            call = self._exchange.calls[emit.call]
            number = self.lines.begins(call)
            if number and isinstance(call.begun, Incoming):
                self._make_way(call.id, number)
        elif isinstance(event, events.CallEnded):
            self._ended(self._exchange.calls[emit.call])
        elif isinstance(event, events.AnswerDetected | events.AnswerRevised) and event.verdict in {"machine", "fax"}:
            self._machine(self._exchange.calls[emit.call], event.verdict)
        elif isinstance(event, events.CallbackRequested):
            self._changed = True

    def closed(self, row: CallbackRow) -> None:
        """Take note that a request is closed: nobody who has not answered is rung for it any more."""
        self._changed = True
        self._known.pop(row.id, None)
        self._refused.pop(row.id, None)
        if row.attempt:
            self._give_up(CallId(row.attempt), "the request is closed", ringing=True)

    def changed(self) -> None:
        """Take note that a person has changed a request."""
        self._changed = True
        self._refused.clear()

    def locked(self, numbers: Sequence[Private]) -> None:
        """Take the numbers that campaigns have locked."""
        self.lines.lock(numbers)
        self._changed = True
        self.settle()

    def _make_way(self, caller: CallId, number: str) -> None:
        """Who rings by himself while he is about to be called, by a callback or a campaign, is not rung."""
        for row in self._exchange.callbacks.of_number(number):
            if row.state == "calling":
                self._give_up(CallId(row.attempt), _HIMSELF, ringing=False)
        for id_ in self.lines.calls_with(number):
            attempt = self._exchange.calls[id_].attempt
            if id_ != caller and attempt is not None and attempt.state == "dialled":
                self._stop.append((id_, _HIMSELF))

    def _give_up(self, id_: CallId, why: str, *, ringing: bool) -> None:
        """End a call that its number has not answered; only with `ringing` one that rings there already."""
        call = self._exchange.calls.get(id_)
        errand = _errand(call)
        if call is None or errand is None:
            return
        leg = callee_of(call, errand)
        if leg is None or (leg.answered_ms is None and (ringing or leg.trace.rings_ms is None)):
            self._stop.append((id_, why))

    def _machine(self, call: Call, what: str) -> None:
        """End a call to a machine, unless somebody talks with it already or its menu asks who answered."""
        errand, run = _errand(call), call.run
        asks = run is not None and any(isinstance(node, Answered) for node in run.menu.nodes.values())
        if errand is not None and not call.talking and not asks:
            self._stop.append((call.id, f"answered by a {what}"))

    def _ended(self, call: Call) -> None:
        number, errand = self.lines.ended(call.id), _errand(call)
        if self._exchange.callbacks.of_number(number):
            self._changed = True  # it may be rung now
        if errand is None:
            return
        self._changed = True
        outcome = outcome_of(call, errand)
        row = self._exchange.callbacks.row(errand.callback)
        following = None
        if row is not None and row.state == "calling" and row.attempt == call.id:
            following = calling.after(self.policy, self._request(row), outcome, self._now_wall_ms)
        within = calling.in_standard(self.policy, outcome)
        again = following is not None and following.state == "open"
        self._exchange.notice(
            site_events.CallbackAttemptEnded(
                callback=errand.callback,
                call=call.id,
                attempt=errand.attempt,
                disposition=outcome.disposition,
                left=outcome.left,
                answered=outcome.answered,
                rang_ms=outcome.rang_ms,
                in_standard=within,
                next=stamp(following.next_ms) if following is not None and again else "",
            )
        )
        self._count(outcome, within)
        if row is not None and following is not None:
            self._follow(row, outcome, following)

    def _follow(self, row: CallbackRow, outcome: calling.Outcome, following: calling.Following) -> None:
        row = row._replace(attempts=following.attempts, last=outcome.disposition)
        if following.state == "held":
            self._hold(row, "nobody knows what became of its last call")
        elif following.state == "open":
            self._exchange.callbacks.change(self._exchange, row._replace(state="open", next=stamp(following.next_ms)))
        else:
            self._exchange.callbacks.change(self._exchange, row)
            self._exchange.callbacks.close_with(
                self._exchange, CallbackId(row.id), following.by, "", self._exchange.wall
            )

    def _hold(self, row: CallbackRow, why: str) -> None:
        self._exchange.callbacks.change(self._exchange, row._replace(state="held", held_why=why))
        self._exchange.notice(site_events.CallbackHeld(callback=CallbackId(row.id), why=why))

    def _count(self, outcome: calling.Outcome, within: bool | None) -> None:
        metrics = self._exchange.metrics
        metrics.callback_attempts.labels(outcome.disposition).inc()
        if outcome.rang_ms is not None:
            metrics.callback_ring_seconds.labels("yes" if outcome.answered else "no").observe(outcome.rang_ms / 1000)
        if within is not None and outcome.rang_ms is not None:
            short = outcome.rang_ms <= self.policy.ring_min_ms
            metrics.callback_rings.labels("in" if within else "short" if short else "long").inc()

    # --- who is called now

    def fire(self, now_ms: int) -> None:
        """Decide when it is time to."""
        if self.next_ms is not None and self.next_ms <= now_ms:
            self._changed = True
            self.settle()

    def settle(self) -> None:
        """Decide by what has happened, and make the calls that follow."""
        if self._busy or not self._open:
            return
        self._busy = True
        try:
            while self._stop or self._changed:
                self._end_stopped()
                if self._changed:
                    self._changed = False
                    self._decide()
        finally:
            self._busy = False

    def _end_stopped(self) -> None:
        while self._stop:
            id_, why = self._stop.pop()
            call = self._exchange.calls.get(id_)
            if call is not None:
                self._exchange.feed(call, Stopped(why))

    @property
    def _now_wall_ms(self) -> int:
        return round(self._exchange.wall.timestamp() * 1000)

    def _decide(self) -> None:
        exchange, now_ms = self._exchange, self._exchange.now_ms
        if not exchange.plan.site.callbacks.dial or not len(exchange.callbacks):
            self.next_ms = None
            self._withdraw(())
            return
        if exchange.refuses or exchange.draining or self.lines.waits_ms:
            self.next_ms = now_ms + PAUSE_MS
            self._withdraw(())
            return
        wall_ms = self._now_wall_ms
        requests = [self._request(row) for row in exchange.callbacks.rows()]
        self._refused = {id_: at_ms for id_, at_ms in self._refused.items() if at_ms > now_ms}
        able = [one for one in requests if one.id not in self._refused]
        decision = calling.decide(self.policy, able, self.lines.taken, wall_ms)
        for request, by in decision.close:
            exchange.callbacks.close_with(exchange, CallbackId(request.id), by, "", exchange.wall)
        wake_ms = min(LOOK_MS, decision.wake_ms - wall_ms) if decision.wake_ms is not None else LOOK_MS
        self.next_ms = min([now_ms + max(1, wake_ms), *self._refused.values()])
        self._withdraw({one.id for one in decision.call})
        for request in decision.call:
            row = exchange.callbacks.row(CallbackId(request.id))
            if row is None:
                continue
            if rings_agent_first(exchange.plan, row) and queue_of(exchange.plan, row):
                self._ask_for_agent(row)
            else:
                self._begin(CallId(f"o{secrets.token_hex(10)}"), row, None)

    def _begin(self, id_: CallId, row: CallbackRow, offered: q.Offered | None, waited_ms: int = 0) -> bool:
        exchange, wall = self._exchange, self._exchange.wall
        order = order_of(exchange.plan, row, wall, offered, waited_ms)
        if order is None or order.begin.errand is None:
            self._hold(row, f"there is no menu '{row.runs}' to call with")
            return False
        first = not row.attempt
        row = row._replace(
            state="calling", attempts=row.attempts + 1, attempt=id_, began=rfc3339(wall), next="", urgent=0
        )
        exchange.callbacks.change(exchange, row)
        waited = self._now_wall_ms - max(_ms(row.requested), _ms(row.not_before))
        if first:
            exchange.metrics.callback_first_attempt.observe(max(0, waited) / 1000)
        exchange.notice(
            site_events.CallbackAttemptStarted(
                callback=CallbackId(row.id),
                call=id_,
                attempt=row.attempts,
                number=Private(row.number),
                order="agent_first" if order.begin.errand.agent_first else "caller_first",
                after_ms=max(0, waited),
            )
        )
        exchange.originate(id_, order.begin, order.menu)
        return True

    # --- an agent first

    def _ask_for_agent(self, row: CallbackRow) -> None:
        if any(id_ == row.id for id_, _ in self._tickets.values()):
            return
        call, plan = CallId(f"o{secrets.token_hex(10)}"), self._exchange.plan
        self._tickets[call] = row.id, self._exchange.now_ms
        values = {**values_of(row), **({"language": row.language} if row.language else {})}
        self._exchange.queues.join(q.Ticket(call, 1), queue_of(plan, row), plan.site.callbacks.priority, values)

    def _withdraw(self, due: Iterable[str]) -> None:
        """Ask no longer for agents for requests that are not due."""
        due = set(due)
        for call in [call for call, (row, _) in self._tickets.items() if row not in due]:
            del self._tickets[call]
            self._exchange.queues.leave(q.Ticket(call, 1))

    def carry_out(self, action: q.PlaceAction) -> bool:
        """Take what a queue says to a ticket of ours; false: it is none."""
        call = action.ticket.call
        known = self._tickets.get(call)
        if known is None:
            return False
        id_, since_ms = known
        if isinstance(action, q.Told):
            return True
        del self._tickets[call]
        row = self._exchange.callbacks.row(CallbackId(id_))
        now_ms = self._exchange.now_ms
        if isinstance(action, q.Closed):
            self._refused[id_] = now_ms + REFUSED_MS
            self._changed = True
        elif row is None or not self._may(row) or not self._begin(call, row, action, now_ms - since_ms):
            self._exchange.queues.leave(action.ticket)
        return True

    def _may(self, row: CallbackRow) -> bool:
        """Whether a request may be called this very moment."""
        exchange = self._exchange
        if exchange.refuses or exchange.draining or self.lines.waits_ms:
            return False
        calls = [self._request(one) for one in exchange.callbacks.rows()]
        mine = [one for one in calls if one.id == row.id or one.state == "calling"]
        decision = calling.decide(self.policy, mine, self.lines.taken, self._now_wall_ms)
        return any(one.id == row.id for one in decision.call)

    def show(self) -> None:
        """Bring the gauges up to date."""
        states = [row.state for row in self._exchange.callbacks.rows()]
        self._exchange.metrics.callbacks_calling.set(states.count("calling"))
        self._exchange.metrics.callbacks_held.set(states.count("held"))

    # --- rows as the core sees them

    def _request(self, row: CallbackRow) -> Request:
        known, plan = self._known.get(row.id), self._exchange.plan
        if known is not None and known[0] is row and known[1] is plan:
            return known[2]
        country = plan.countries.get(row.trunk, "")
        request = Request(
            id=row.id,
            number=row.number,
            state=cast(calling.State, row.state),
            begins_ms=_ms(row.not_before),
            ends_ms=_ms(row.latest),
            attempts=row.attempts,
            next_ms=_ms(row.next),
            urgent=bool(row.urgent),
            allowed=rules_of(plan.site).allows(row.number, country),
            calendar=calendar_of(plan, row),
        )
        self._known[row.id] = row, plan, request
        return request


def _errand(call: Call | None) -> Errand | None:
    return call.begun.errand if call is not None and isinstance(call.begun, Originate) else None


def _ms(text: str) -> int:
    """Read RFC 3339 as milliseconds since 1970; 0 where there is nothing."""
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000) if text else 0
