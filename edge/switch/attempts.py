"""The dialer's calls: what it orders, and what it is told of them.

An order is taken once. Its id is the call's id, and the call is on disk before anything of it leaves; so what is not on
disk was not dialled. What the dialer is told is on disk, too, and so is that its order was taken: an order that was
refused, or that is not known when it is asked for, is never dialled later. Orders of a former life of the dialer that
were left in its socket are not taken, for the present one may have been told that they are not known.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from edge.core.calls.inputs import Originate, Stopped
from edge.storage.reader import Reader
from edge.storage.turn import StorageError
from edge.vocabulary import events
from edge.vocabulary.commands import AgentsTold, AttemptTold, PreviewTold, ResultTold
from edge.vocabulary.dialing import BUSY_NUMBER, NO_AGENT, AttemptOrder
from edge.vocabulary.ids import CallId
from edge.vocabulary.reports import AttemptAsked, AttemptsQueried, NumbersLocked

if TYPE_CHECKING:
    from datetime import datetime

    from edge.core.calls.attempt import Attempt
    from edge.core.calls.call import Call
    from edge.core.menus.model import Menu
    from edge.switch.exchange import Exchange

#: Until it rings; what rings, rings as long as the order says.
POST_DIAL_MS: Final = 5000
#: The dialer mints ids of this form: the mark, and 12 random bytes.
_ID: Final = re.compile(r"d[0-9a-f]{24}", re.ASCII)
_ENDED: Final = str(events.DialerAttemptEnded.__struct_config__.tag)
#: What the dialer is told.
AnyNews = AttemptTold | AgentsTold | PreviewTold | ResultTold


class _Stored(msgspec.Struct):
    data: events.DialerAttemptEnded


_stored = msgspec.json.Decoder(_Stored, dec_hook=lambda kind, value: kind(value))


class Attempts:
    """What switch knows of the dialer."""

    def __init__(self, exchange: "Exchange", wall: "Callable[[], datetime]") -> None:
        self._exchange = exchange
        self._wall = wall
        #: Reads what is on disk; None: nothing of a former life is to be known (tests).
        self.past: Reader | None = None
        #: Which life of the dialer is the present one; empty: none was here.
        self.dialer = ""
        #: To be told as soon as all is on disk.
        self._news: list[AttemptTold] = []
        #: Calls that began in this turn, and are not on disk yet.
        self._fresh: list[CallId] = []
        self._agents = AgentsTold({})
        #: When what has not been answered is cancelled, for the appliance is to stop.
        self._cancel_ms: int | None = None

    # --- what the dialer asks

    def take(self, incarnation: str, body: AttemptAsked | AttemptsQueried | NumbersLocked) -> None:
        """Take what a life of the dialer reports."""
        if isinstance(body, AttemptAsked):
            self.ask(incarnation, body.order)
        elif isinstance(body, AttemptsQueried):
            self.query(incarnation, body.attempts)
        elif incarnation == self.dialer:
            self._exchange.calling.locked(body.numbers)

    def ask(self, incarnation: str, order: AttemptOrder) -> None:
        """Begin the call, once."""
        metrics = self._exchange.metrics
        if incarnation != self.dialer:
            metrics.attempts_refused.labels("former_life").inc()
            return
        known = self._known(order.attempt)
        if known is not None:
            self._news += known
            return
        order = self._exchange.previews.completed(order)
        menu, why = self._refusal(order)
        if menu is None or why:
            metrics.attempts_refused.labels(why).inc()
            self._exchange.previews.forget(order.attempt)
            self._news.append(AttemptTold(attempt=order.attempt, state="refused", why=why))
            return
        begun = self._call_of(order, menu)
        if begun is None:
            metrics.attempts_refused.labels(NO_AGENT).inc()
            self._news.append(AttemptTold(attempt=order.attempt, state="refused", why=NO_AGENT))
            return
        self._begin(order, begun, menu)

    def _refusal(self, order: AttemptOrder) -> tuple["Menu | None", str]:
        exchange = self._exchange
        if not _ID.fullmatch(order.attempt):
            return None, "id"
        if exchange.draining:
            return None, "draining"
        if exchange.refuses:
            return None, exchange.refuses
        if exchange.calling.lines.is_taken(order.number.reveal()):
            return None, BUSY_NUMBER
        menu = exchange.plan.agent_menu(order) if order.led else exchange.plan.campaign_menu(order.menu)
        return menu, "" if menu is not None else "no_menu"

    def _call_of(self, order: AttemptOrder, menu: "Menu") -> Originate | None:
        """Give the call of an order; None: the agent who was to be rung first is not there."""
        exchange = self._exchange
        agent = exchange.previews.take(order) if order.agent else None
        if order.agent and agent is None:
            return None
        number = order.number.reveal()
        terms = exchange.plan.terms(menu, self._wall(), dialled=True, peer=number, trunk=order.trunk)
        if order.hang_up_on and not terms.answering:
            terms = replace(terms, answering=exchange.plan.answering_rules())
        if agent is not None and order.led:
            return Originate(
                target=agent.target,
                trunk=agent.trunk,
                caller=order.number,
                terms=terms,
                ring_timeout_ms=agent.max_ring_ms or exchange.queues.floor.queues[order.queue].ring_timeout_ms,
                attributes=order.attributes,
                # Who has an agent on the line is hung up on by him.
                attempt=replace(order, attributes={}, hang_up_on=[]),
            )
        return Originate(
            target=order.number,
            trunk=order.trunk,
            caller=order.caller,
            terms=terms,
            ring_timeout_ms=order.ring_timeout_ms + POST_DIAL_MS,
            rings_for_ms=order.ring_timeout_ms,
            attributes=order.attributes,
            attempt=replace(order, attributes={}),
        )

    def _begin(self, order: AttemptOrder, begun: Originate, menu: "Menu") -> None:
        exchange = self._exchange
        id_ = CallId(order.attempt)
        self._fresh.append(id_)
        exchange.metrics.attempts.inc()
        exchange.originate(id_, begun, menu)
        self._news.append(AttemptTold(attempt=order.attempt, state="dialled"))

    def query(self, incarnation: str, attempts: list[str]) -> None:
        """Tell what has become of attempts."""
        if incarnation != self.dialer:
            return
        for attempt in attempts:
            known = self._known(attempt)
            if known is None:
                self._exchange.previews.forget(attempt)
            self._news += known if known is not None else [AttemptTold(attempt=attempt, state="unknown")]

    def _known(self, attempt: str) -> list[AttemptTold] | None:
        """Tell what there is of an attempt; None: nothing. Empty: not to be told now, so ask again."""
        call = self._exchange.calls.get(CallId(attempt))
        if call is not None:
            return [] if call.attempt is None else [_progress(call.attempt)]
        if self.past is None:
            return None
        try:
            row = self.past.call(attempt)
            if row is None:
                # It may have begun and ended in this very turn.
                return [] if self._exchange.has_ended(CallId(attempt)) else None
            if row.state != "ended":
                return []  # its end is on the way to the disk
            return [self._stored_end(self.past, attempt)]
        except StorageError:
            return []

    def _stored_end(self, past: Reader, attempt: str) -> AttemptTold:
        for event in past.events_of(attempt):
            if event.type == _ENDED:
                try:
                    return told_of(_stored.decode(event.body).data)
                except msgspec.MsgspecError:
                    break  # of another release, which this one cannot read
        return AttemptTold(attempt=attempt, state="ended")

    # --- the appliance stops

    def drain(self) -> None:
        """Let what rings ring for a while, and cancel it then; who has answered talks on."""
        self._cancel_ms = self._exchange.now_ms + self._exchange.plan.site.dialer.drain_ring_ms

    @property
    def next_ms(self) -> int | None:
        """When `fire` has something to do."""
        return self._cancel_ms

    def fire(self, now_ms: int) -> None:
        """Cancel when it is time to."""
        if self._cancel_ms is None or now_ms < self._cancel_ms:
            return
        self._cancel_ms = None
        for call in list(self._exchange.calls.values()):
            if call.attempt is not None and call.attempt.state in {"dialled", "ringing"}:
                self._exchange.feed(call, Stopped("the appliance stops"))

    # --- what becomes of calls

    def observe(self, call: "Call", event: events.AnyEvent) -> None:
        """Take an event of a call."""
        if isinstance(event, events.DialerAttemptEnded):
            self._exchange.metrics.attempts_ended.labels(event.disposition).inc()
            self._news.append(told_of(event))
        elif call.attempt is not None and isinstance(
            event, events.LegRang | events.CallAnswered | events.QueueEntered | events.QueueConnected | events.QueueLeft
        ):
            self._news.append(_progress(call.attempt))

    def written(self, trouble: str) -> None:
        """Take note that a turn was written; with `trouble` it is in memory only.

        A call that is not on disk must not be dialled: a new life would not know of it.
        """
        fresh, self._fresh = self._fresh, []
        for id_ in fresh if trouble else []:
            call = self._exchange.calls.get(id_)
            self._exchange.pending.forget(id_, set())
            if call is not None:
                self._exchange.feed(call, Stopped("state could not be stored"))

    def take_news(self) -> list[AnyNews]:
        """Return what is to be told, when all that led to it is on disk."""
        exchange = self._exchange
        news: list[AnyNews] = [*self._news, *exchange.previews.take_news(), *exchange.results.take_news()]
        self._news = []
        agents = AgentsTold(self._agents_now(), self._ready_now())
        if agents != self._agents:
            self._agents = agents
            news.append(agents)
        return news

    def arrived(self, incarnation: str) -> None:
        """Listen to this life of the dialer, which knows nothing of agents, and to former ones no more."""
        self.dialer = incarnation
        self._agents = AgentsTold({})
        self._exchange.results.arrived()

    def _agents_now(self) -> dict[str, dict[str, list[int]]]:
        wanted = {one.queue for one in self._exchange.plan.site.campaigns if one.queue}
        if not wanted or not self.dialer:
            return {}
        floor, found = self._exchange.queues.floor, dict[str, dict[str, list[int]]]()
        for name in wanted & floor.queues.keys():
            states: dict[str, list[int]] = {}
            for member in floor.queues[name].members:
                agent = floor.roster.get(member.agent)
                if agent is not None:
                    states.setdefault(agent.shown, []).append(agent.shown_since_ms)
            found[name] = states
        return found

    def _ready_now(self) -> dict[str, list[str]]:
        """Name those who may be shown a contact."""
        wanted = {one.queue for one in self._exchange.plan.site.campaigns if one.queue and one.pacing == "preview"}
        if not wanted or not self.dialer:
            return {}
        floor = self._exchange.queues.floor
        return {name: floor.roster.ready(floor.queues[name]) for name in sorted(wanted & floor.queues.keys())}


def _progress(attempt: "Attempt") -> AttemptTold:
    return AttemptTold(attempt=attempt.order.attempt, state=attempt.state, abandoned=attempt.abandoned)


def told_of(event: events.DialerAttemptEnded) -> AttemptTold:
    """Give what the dialer is told of an attempt's end."""
    return AttemptTold(
        attempt=event.attempt,
        state="ended",
        disposition=event.disposition,
        evidence=event.evidence,
        next=event.next,
        started_ms=event.started_ms,
        ended_ms=event.ended_ms,
        rang_ms=event.rang_ms,
        answered_ms=event.answered_ms,
        talked_ms=event.talked_ms,
        placed=event.placed,
    )
