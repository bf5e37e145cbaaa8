"""Calls that come in: which menu each gets, whether there is room for it, and what its first input is."""

from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING

from edge.core.calls.actions import Send
from edge.core.calls.inputs import Incoming
from edge.core.routing.numbers import e164
from edge.core.routing.trials import Asker, Assigned
from edge.switch import joining
from edge.vocabulary.commands import Reject
from edge.vocabulary.ids import CommandId, LegId, call_of
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegAnswered, LegEnded, LegIncoming

if TYPE_CHECKING:
    from edge.core.menus.model import Menu
    from edge.switch.exchange import Exchange

#: Legs whose answer or end was reported before their beginning (by another sender), which are remembered.
MAX_EARLY = 1000


class Arrivals:
    """Begins calls of peers, each once, whoever reports it how often."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._early: OrderedDict[LegId, list[LegAnswered | LegEnded]] = OrderedDict()

    def early(self, leg: LegId, report: LegAnswered | LegEnded) -> None:
        """Keep a report about a leg that is not known yet, unless its call is over."""
        if self._exchange.has_ended(call_of(leg)):
            return
        self._early.setdefault(leg, []).append(report)
        if len(self._early) > MAX_EARLY:
            self._early.popitem(last=False)

    def take(self, report: LegIncoming) -> None:
        """Begin a call, refuse it, or let it take the place of a leg, as it asks."""
        exchange = self._exchange
        id_ = call_of(report.leg)
        if id_ in exchange.calls or exchange.has_ended(id_) or report.leg in exchange.moved:
            return
        if report.replaces is not None:
            joining.take_place(exchange, report, report.replaces)
            return
        if exchange.refuses:
            exchange.metrics.refused.labels(exchange.refuses).inc()
            reject = Reject(report.leg, 503, "Service Unavailable")
            exchange.pending.add(Send(CommandId(f"{id_}:0:1"), "span", report.span, reject))
            return
        begun, menu = self._begun(report)
        call = exchange.new_call(id_, menu)
        exchange.feed(call, begun)
        for early in self._early.pop(report.leg, []):
            if not call.over:
                exchange.feed(call, early)

    def _begun(self, report: LegIncoming) -> "tuple[Incoming, Menu | None]":
        """Settle all that the call needs to know, and take a slot for it."""
        exchange = self._exchange
        plan = exchange.plan
        country = plan.countries.get(report.trunk, "")
        called_e164 = e164(report.called.reveal(), country)
        caller_e164 = e164(report.caller.reveal(), country)
        peer = "" if report.identity.withheld else caller_e164 or report.caller.reveal()
        wall = exchange.wall
        menu, assigned = self._menu_for(report, called_e164, peer, wall)
        taking = menu is not None and not exchange.draining
        slot = exchange.slot_for(report.leg) if taking else None
        refuse = 503 if exchange.draining else 404 if menu is None else 503 if slot is None else 0
        trunk, waiting = report.trunk, len(exchange.callbacks)
        begun = Incoming(
            report=report,
            terms=plan.terms(menu, wall, peer=peer, trunk=trunk, callbacks=waiting, assigned=assigned),
            seat=plan.seat(slot) if slot is not None else None,
            refuse=refuse,
            caller_e164=Private(caller_e164),
            called_e164=Private(called_e164),
            engine_up=exchange.engine_is_up(slot),
        )
        return begun, menu

    def _menu_for(
        self, report: LegIncoming, called_e164: str, peer: str, wall: datetime
    ) -> "tuple[Menu | None, Assigned | None]":
        """Give the menu that a call gets: that of its route, or the one on trial in its place."""
        exchange = self._exchange
        menu = exchange.plan.route(report.called.reveal(), called_e164, report.trunk)
        if menu is None or exchange.draining:
            return menu, None
        asker = Asker(call=call_of(report.leg), number=peer, wall_ms=int(wall.timestamp() * 1000))
        return exchange.trials.choose(exchange.plan, menu, asker)
