"""Agents who look at contacts of the dialer's before these are called: kept for nothing else meanwhile.

The dialer has the contact, and decides; here is the agent, and both events of a preview. What is held is a note in the
store, written with the turn that changed it, so each preview has its two events once, whatever is killed: the dialer
says again what switch may not have taken, and what is in the note no more was told.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from edge.core.queues import model as m
from edge.vocabulary.commands import PreviewTold
from edge.vocabulary.dialing import AttemptOrder, PreviewClosing, PreviewEnd, PreviewOffer
from edge.vocabulary.ids import CallId
from edge.vocabulary.reports import PreviewAsked, PreviewOver
from edge.vocabulary.site_events import DialerPreviewEnded, DialerPreviewOffered
from edge.vocabulary.wire import to_json

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

#: Name of the note.
NOTE = "previews"
#: How long an agent who has accepted is kept for the order of the call, which is on its way.
ORDER_MS = 10_000


class Held(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A preview whose agent is kept."""

    preview: str
    campaign: str
    listed_in: str
    contact: str
    queue: str
    agent: str
    #: Milliseconds since 1970.
    since_ms: int
    until_ms: int
    #: It was accepted, and its end told; the agent waits for the call.
    accepted: bool = False


_note = msgspec.json.Decoder(list[Held])


class Previews:
    """Those that are held. `next_ms`: when `fire` has something to do (CLOCK_MONOTONIC)."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._held: dict[str, Held] = {}
        self._news: list[PreviewTold] = []
        self.next_ms: int | None = None

    def open(self, note: str | None) -> None:
        """Take up what a former life held; the queues are open. Agents who are busy by now are held no more."""
        try:
            known = _note.decode(note) if note else []
        except msgspec.MsgspecError:
            known = []
        for held in known:
            self._held[held.preview] = held
            if self._exchange.queues.hold(_ticket(held.preview), held.queue, held.agent):
                continue
            if held.accepted:
                self._release(held)
            else:
                self._lose(held, "withdrawn", "the agent is not there any more")
        for call in self._exchange.calls.values():
            order = call.attempt.order if call.attempt is not None else None
            if order is not None and order.agent_waits and call.queueing.stay is None and not call.queueing.stays:
                self._exchange.queues.hold(_ticket(call.id), order.queue, order.agent)
                self._exchange.queues.take(_ticket(call.id), rings=False)
        if known:
            self._changed()

    # --- what the dialer says

    def report(self, incarnation: str, body: PreviewAsked | PreviewOver) -> None:
        """Take a report. Of a former life of the dialer nothing is taken: the present one says it again."""
        if incarnation != self._exchange.attempts.dialer:
            return
        if isinstance(body, PreviewAsked):
            self._offer(body.offer)
        else:
            self._over(body.closing)

    def _offer(self, offer: PreviewOffer) -> None:
        exchange = self._exchange
        if offer.preview in self._held:
            self._tell(offer.preview, "held")
            return
        if exchange.draining or not exchange.queues.hold(_ticket(offer.preview), offer.queue, offer.agent):
            self._tell(offer.preview, "refused", "draining" if exchange.draining else "agent")
            return
        now_ms = self._wall_ms
        held = Held(
            preview=offer.preview,
            campaign=offer.campaign,
            listed_in=offer.listed_in,
            contact=offer.contact,
            queue=offer.queue,
            agent=offer.agent,
            since_ms=now_ms,
            until_ms=now_ms + offer.limit_ms,
        )
        self._held[held.preview] = held
        exchange.notice(
            DialerPreviewOffered(
                preview=held.preview,
                campaign=held.campaign,
                listed_in=held.listed_in,
                contact=held.contact,
                queue=held.queue,
                agent=held.agent,
            )
        )
        self._tell(held.preview, "held")
        self._changed()

    def _over(self, closing: PreviewClosing) -> None:
        held = self._held.get(closing.preview)
        if held is not None and not held.accepted:
            self._close(held, closing.how, closing.reason, closing.by)
            if closing.how == "accepted":
                until_ms = self._wall_ms + ORDER_MS
                self._held[held.preview] = msgspec.structs.replace(held, accepted=True, until_ms=until_ms)
        self._tell(closing.preview, "closed")
        self._changed()

    def completed(self, order: AttemptOrder) -> AttemptOrder:
        """Say in an order whether its agent need not be rung, for his leg is up."""
        agent = self._exchange.queues.floor.roster.get(order.agent)
        waits = agent is not None and agent.terms.nailed_up and agent.line_up
        return msgspec.structs.replace(order, agent_waits=waits) if order.agent else order

    def take(self, order: AttemptOrder) -> m.AgentTerms | None:
        """Let the agent of an order have its call, which begins now; None: he is not kept for it."""
        held = self._held.get(order.attempt)
        agent = self._exchange.queues.floor.roster.get(order.agent)
        ticket = _ticket(order.attempt)
        if (
            held is None
            or agent is None
            or (agent.terms.nailed_up and not agent.line_up)
            or held.agent != order.agent
            or not self._exchange.queues.holds(ticket)
        ):
            return None
        if not held.accepted:
            self._close(held, "accepted")
        del self._held[held.preview]
        self._exchange.queues.take(ticket, rings=order.led)
        self._changed()
        return agent.at

    def forget(self, preview: str) -> None:
        """Let an agent go whose accepted contact is not called after all."""
        held = self._held.get(preview)
        if held is not None and held.accepted:
            self._release(held)
            self._changed()

    # --- what agents and time do

    def presence(self, changed: m.PresenceChanged) -> None:
        """Take what an agent is shown from him when he logs out. Who pauses decides first."""
        mine = [one for one in self._held.values() if one.agent == changed.agent and not one.accepted]
        if changed.presence == "away" and mine:
            for held in mine:
                self._lose(held, "withdrawn", "the agent has logged out")
            self._changed()

    def fire(self, now_ms: int) -> None:
        """Let agents go of whom the dialer says nothing any more."""
        if self.next_ms is None or self.next_ms > now_ms:
            return
        wall_ms = self._wall_ms
        for held in [one for one in self._held.values() if one.until_ms <= wall_ms]:
            if held.accepted:
                self._release(held)
            else:
                self._lose(held, "lapsed", "")
        self._changed()

    # --- what follows

    def _lose(self, held: Held, how: PreviewEnd, why: str) -> None:
        self._close(held, how, why)
        self._tell(held.preview, "gone", why)

    def _close(self, held: Held, how: PreviewEnd, reason: str = "", by: str = "") -> None:
        """Tell the end; the agent is free, unless he has accepted."""
        self._exchange.notice(
            DialerPreviewEnded(
                preview=held.preview,
                campaign=held.campaign,
                listed_in=held.listed_in,
                contact=held.contact,
                queue=held.queue,
                agent=held.agent,
                how=how,
                reason=reason,
                by=by,
                after_ms=max(0, self._wall_ms - held.since_ms),
            )
        )
        if how != "accepted":
            self._release(held)

    def _release(self, held: Held) -> None:
        del self._held[held.preview]
        self._exchange.queues.leave(_ticket(held.preview))

    def _tell(self, preview: str, state: str, why: str = "") -> None:
        self._news.append(PreviewTold(preview=preview, state=state, why=why))  # type: ignore[arg-type]

    def take_news(self) -> list[PreviewTold]:
        """Return what the dialer is to be told, when all that led to it is on disk."""
        news, self._news = self._news, []
        return news

    def _changed(self) -> None:
        exchange, held = self._exchange, self._held.values()
        exchange.turn.meta[NOTE] = to_json(list(held)).decode()
        first = min((one.until_ms for one in held), default=None)
        self.next_ms = None if first is None else exchange.now_ms + max(1, first - self._wall_ms)

    @property
    def _wall_ms(self) -> int:
        return round(self._exchange.wall.timestamp() * 1000)

    def held(self) -> Iterable[Held]:
        """Give those that are held."""
        return self._held.values()


def _ticket(preview: str) -> m.Ticket:
    return m.Ticket(CallId(preview), 1)
