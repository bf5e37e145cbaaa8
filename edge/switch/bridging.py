"""Calls that the API, or a command, makes one talk; `core.calls.bridged` says what that is.

Whose call a leg is in at the moment is known to both calls by their inputs, which are in one turn, and so on disk
together. A new life makes it again from them.
"""

from typing import TYPE_CHECKING, Final, Literal

from edge.core.calls import bridged
from edge.core.calls.bridge_words import LegLent, LegReturned
from edge.core.calls.inputs import Ordered
from edge.core.calls.told_by_operator import why_not_bridged
from edge.core.menus.model import Transfer
from edge.core.menus.run import BACK
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, LegId, call_of
from edge.vocabulary.reports import (
    AnyReport,
    DigitHeard,
    DigitsSent,
    InfoDigit,
    LegAdopted,
    LegEnded,
    LegMedia,
    PlayEnded,
    Redirected,
    TransferAsked,
    TransferRefused,
)

if TYPE_CHECKING:
    from edge.core.calls.call import Call
    from edge.switch.exchange import Exchange

#: What of a lent leg the call that has it takes, and its own does not.
OF_THE_TALK = DigitHeard | InfoDigit | DigitsSent | TransferAsked | TransferRefused | Redirected
#: What both take; the end of a lent leg is told to the other call by its own.
OF_BOTH = LegMedia | PlayEnded | LegAdopted
#: What follows when the talk is over: the menus go on where they were, or the calls end.
After = Literal["end", "return"]
_BACK: Final = f"{BACK}over"
_LOST = EndReason(outcome="failed", ended_by="appliance", text="the bridged call is gone")


class BridgeError(Exception):
    """The two can't be bridged; the text says why."""


class Bridges:
    """All bridges of the appliance."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        #: The call that has a lent leg.
        self._lent: dict[LegId, CallId] = {}

    def join(self, host: "Call", guest: "Call", after: After) -> str:
        """Have the two callers talk; returns the host's operation. Raises `BridgeError`."""
        if host is guest:
            raise BridgeError("a call cannot be bridged with itself")
        for lender, by in ((guest, host), (host, guest)):
            if lender.loan is not None and lender.loan.by == by.id:
                return by.bridged_by  # they talk already
        for call in (host, guest):
            why = why_not_bridged(call)
            if why:
                raise BridgeError(f"call {call.id}: {why}")
        handed = bridged.handed(guest)
        if handed is None or bridged.handed(host) is None:
            raise BridgeError(f"call {(guest if handed is None else host).id}: its caller cannot be connected now")
        # Legs hear each other within one engine.
        if self._exchange.engine_of(host) != self._exchange.engine_of(guest):
            raise BridgeError("the two calls are on different media engines")
        way = _BACK if after == "return" else ""
        node = Transfer(target=guest.id, failed=_BACK, after=way)
        order = Ordered(operation=operation_of(host), act="bridge", node=node, handed=handed)
        lent = LegLent(operation=operation_of(guest), by=host.id, other=host.first.id, after=way)
        self._exchange.feed(guest, lent)
        self._lent[handed.leg] = host.id
        self._exchange.feed(host, order)
        return order.operation

    def open(self) -> None:
        """Begin, with the calls that were rebuilt."""
        calls = self._exchange.calls
        for call in list(calls.values()):
            if call.loan is None:
                continue
            host = calls.get(call.loan.by)
            leg = host.legs.get(call.first.id) if host is not None else None
            if leg is None or leg.signalling == "down":
                self._exchange.feed(call, LegReturned())
            else:
                self._lent[call.first.id] = call.loan.by
        for call in list(calls.values()):
            for leg in [one for one in call.legs.values() if one.borrowed and one.signalling != "down"]:
                if call_of(leg.id) not in calls:
                    self._exchange.feed(call, LegEnded(leg.id, _LOST))

    def hearer(self, leg: LegId, report: AnyReport) -> "Call | None":
        """Return the call that a report of a lent leg is for alone; None: the leg's own takes it."""
        by = self._lent.get(leg)
        return self._exchange.calls.get(by) if by is not None and isinstance(report, OF_THE_TALK) else None

    def tell_borrower(self, leg: LegId, report: AnyReport) -> None:
        """Let the call that has a lent leg know what its own has been told."""
        call = self._exchange.calls.get(self._lent.get(leg, CallId("")))
        if call is not None and isinstance(report, OF_BOTH):
            self._exchange.feed(call, report)

    def settle(self, call: "Call") -> None:
        """Take note of what an input has done to a call: give legs back that it needs no more, or end the talk."""
        if not self._lent:
            return
        for leg in [leg for leg, by in self._lent.items() if by == call.id]:
            one = call.legs.get(leg)
            if call.over or one is None or one.signalling == "down":
                del self._lent[leg]
                guest = self._exchange.calls.get(call_of(leg))
                if guest is not None:
                    self._exchange.feed(guest, LegReturned(call.end))
        if call.end is not None and (by := self._lent.pop(call.first.id, None)) is not None:
            host = self._exchange.calls.get(by)
            if host is not None:
                self._exchange.feed(host, LegEnded(call.first.id, call.end))


def operation_of(call: "Call") -> str:
    """Name what is ordered by the call's next input."""
    return f"{call.id}-op{call.inputs + 1}"
