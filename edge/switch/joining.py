"""Two calls that a peer on both of them wants to be one (attended transfer, RFC 5589 section 7).

Who it talks with on its other leg takes its place in the call that the wish came in, and its other call ends. Legs keep
their ids, so from then on the exchange finds that one by another call than its id names.
"""

from typing import TYPE_CHECKING

from edge.core.calls import referrals
from edge.core.calls.actions import Send
from edge.core.calls.inputs import GivenAway, Joins, TakesPlace
from edge.vocabulary.commands import Reject
from edge.vocabulary.ids import CommandId, LegId, call_of
from edge.vocabulary.reports import LegIncoming, TransferAsked

if TYPE_CHECKING:
    from edge.core.calls.call import Call
    from edge.switch.exchange import Exchange


def join(exchange: "Exchange", call: "Call", report: TransferAsked, other_leg: LegId) -> None:
    """Bring the partners of a peer's two legs together, or have it told that they cannot be."""
    other = exchange.call_with(other_leg)
    leg = call.legs.get(report.leg)
    handed = referrals.handed(other, other_leg) if other is not None and other is not call else None
    # Legs hear each other within one engine.
    together = other is not None and exchange.engine_of(call) == exchange.engine_of(other)
    if other is None or leg is None or handed is None or not together or referrals.why_not(call, leg) is not None:
        exchange.feed(call, Joins(report, None))
        return
    exchange.moved[handed.leg] = call.id
    exchange.feed(call, Joins(report, handed))
    exchange.feed(other, GivenAway(handed.leg, call.id))


def take_place(exchange: "Exchange", report: LegIncoming, replaces: LegId) -> None:
    """Let a call that comes in have the place of a leg, in that one's call; it is refused where there is none."""
    call = exchange.call_with(replaces)
    if call is None or replaces not in call.legs:
        reject = Reject(report.leg, 481, "the call to be replaced is over")
        exchange.pending.add(Send(CommandId(f"{call_of(report.leg)}:0:1"), "span", report.span, reject))
        return
    slot = exchange.slot_for(report.leg, exchange.engine_of(call))
    seat = exchange.plan.seat(slot) if slot is not None else None
    exchange.moved[report.leg] = call.id
    exchange.feed(call, TakesPlace(report, seat, exchange.engine_is_up(slot)))
