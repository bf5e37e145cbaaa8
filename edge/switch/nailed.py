"""Agents whose leg stays up: each is a call of its own (`core.calls.line`), and lent to the calls of callers.

Whose call a leg is in at the moment is known to both calls by their inputs, which are in one turn, and so on disk
together. A new life makes it again from them.
"""

import secrets
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge.core.calls.actions import LineNews
from edge.core.calls.inputs import Handed, Originate
from edge.core.calls.line_words import LineGivenUp, LineReturned, LineTaken, LineTerms
from edge.core.menus.model import HangUp, Menu
from edge.core.queues import model as m
from edge.switch.bridging import OF_BOTH, OF_THE_TALK
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import AnyReport, LegEnded
from edge.vocabulary.wire import pack

if TYPE_CHECKING:
    from edge.core.calls.call import Call
    from edge.switch.exchange import Exchange

#: How long an agent is rung for his leg to stay up, where the site does not say.
RING_MS: Final = 20_000
_NODES = {"line": HangUp("")}
#: Of calls that are lines from the beginning: nothing is said, so the menu is over at once.
_MENU: Final = Menu(
    name="(line)", version=blake2b(pack(_NODES), digest_size=6).hexdigest(), start="line", nodes=dict(_NODES)
)


class NailedUp:
    """All of the site."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        #: The call that has a lent leg.
        self._lent: dict[LegId, CallId] = {}
        #: The line that a stay in a queue has.
        self._loans: dict[m.Ticket, CallId] = {}
        #: Lines that are over: leg and end.
        self._gone: dict[CallId, tuple[LegId, EndReason]] = {}

    def open(self, calls: "Iterable[Call]") -> list[m.LineSet]:
        """Begin, with the calls that were rebuilt; returns the lines among them."""
        found = []
        for call in list(calls):
            line = call.line
            if line is None or line.state == "over":
                continue
            found.append(m.LineSet(agent=line.terms.agent, call=call.id, up=line.up))
            if line.by is None:
                continue
            other = self._exchange.calls.get(line.by)
            if other is None or other.queueing.stay is None:
                self._exchange.feed(call, LineReturned())
            else:
                self._lent[call.first.id] = line.by
                self._loans[m.Ticket(line.by, other.queueing.stay.number)] = call.id
        return found

    # --- whose leg it is

    def hearer(self, leg: LegId, report: AnyReport) -> "Call | None":
        """Return the call that a report of a lent leg is for alone; None: the leg's own takes it."""
        by = self._lent.get(leg)
        return self._exchange.calls.get(by) if by is not None and isinstance(report, OF_THE_TALK) else None

    def tell_borrower(self, leg: LegId, report: AnyReport) -> None:
        """Let the call that has a lent leg know what its own has been told."""
        by = self._lent.get(leg)
        call = self._exchange.calls.get(by) if by is not None else None
        if call is not None and isinstance(report, OF_BOTH):
            self._exchange.feed(call, report)

    # --- what calls and queues tell

    def heard(self, news: LineNews) -> m.Input:
        """Give what queues are told of a line."""
        if news.what == "up":
            return m.LineSet(agent=news.agent, call=news.call, up=True)
        if news.end is not None:
            self._gone[news.call] = news.leg, news.end
        return m.LineGone(agent=news.agent, call=news.call, hung_up=news.hung_up)

    def before(self, news: m.Input) -> None:
        """Have lines back from stays that are over, so that the next ones can have them."""
        match news:
            case m.Left() | m.Missed() | m.Finished():
                over = [news.ticket]
            case m.Gone():
                over = [ticket for ticket in self._loans if ticket.call == news.call]
            case _:
                over = []
        for ticket in over:
            self._take_back(ticket)

    def _take_back(self, ticket: m.Ticket) -> None:
        call = self._exchange.calls.get(self._loans.pop(ticket, CallId("")))
        if call is not None:
            self._lent.pop(call.first.id, None)
            self._exchange.feed(call, LineReturned())
            if self._exchange.draining:
                self._give_up(call)

    def after(self, news: m.Input) -> None:
        """Let the call that has a line know that it is over, when nobody is offered it any more."""
        if not isinstance(news, m.LineGone) or news.call is None:
            return
        gone = self._gone.pop(news.call, None)
        by = self._lent.pop(gone[0], None) if gone is not None else None
        call = self._exchange.calls.get(by) if by is not None else None
        if call is not None and gone is not None:
            self._exchange.feed(call, LegEnded(gone[0], gone[1]))

    # --- what queues want

    def lend(self, offered: m.Offered, to: "Call") -> Handed | None:
        """Have an agent's leg go to a call; None: he has none, and is rung."""
        call = self._exchange.calls.get(offered.line) if offered.line is not None else None
        handed = call.line.handed() if call is not None and call.line is not None else None
        # Legs hear each other within one engine.
        if call is None or handed is None or self._exchange.engine_of(call) != self._exchange.engine_of(to):
            return None
        self._lent[handed.leg] = to.id
        self._loans[offered.ticket] = call.id
        self._exchange.feed(call, LineTaken(to.id))
        return handed

    def dial(self, agent: m.AgentTerms, tell: Callable[[m.Input], None]) -> None:
        """Call an agent, for his leg to stay up; `tell` takes what becomes of it."""
        exchange = self._exchange
        if not agent.target or exchange.refuses or exchange.draining:
            tell(m.LineGone(agent=agent.name, call=None))
            return
        id_ = CallId(f"o{secrets.token_hex(10)}")
        tell(m.LineSet(agent=agent.name, call=id_, up=False))
        terms = exchange.plan.terms(_MENU, exchange.wall, dialled=True, trunk=agent.trunk)
        begun = Originate(
            target=agent.target,
            trunk=agent.trunk,
            caller=Private("edge"),
            terms=replace(terms, recordings="", callbacks=None),
            ring_timeout_ms=agent.max_ring_ms or RING_MS,
            line=self.terms(agent.name),
        )
        exchange.originate(id_, begun, _MENU)

    def terms(self, agent: str) -> LineTerms:
        """Give what holds for an agent's line."""
        return LineTerms(agent=agent, music=self._exchange.plan.line_music)

    def release(self, line: CallId, why: str = "logged out") -> None:
        """Hang up on a line."""
        call = self._exchange.calls.get(line)
        if call is not None:
            self._exchange.feed(call, LineGivenUp(why))

    def drain(self) -> None:
        """Hang up on lines that nobody talks on, for nobody will; the others follow when their talks are over."""
        for call in [one for one in self._exchange.calls.values() if one.line is not None and one.line.state != "lent"]:
            self._give_up(call)

    def _give_up(self, call: "Call") -> None:
        if call.line is not None:
            self._exchange.queues.tell(m.LineGone(agent=call.line.terms.agent, call=call.id))
            self.release(call.id, "the appliance is stopping")
