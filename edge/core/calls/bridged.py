"""Two calls that an operator makes one talk: one of them lends the other its caller's leg for as long as that lasts.

Each stays a call of its own, with its events, its recording and its end. The one that has both legs (the host) borrows
the other's (`borrowed`), as it does an agent's line; the one that lends waits at the node `@order`, and what follows
there the order says: its menu goes on, or it ends.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from edge.core.calls.bridge_words import LegLent, LegReturned
from edge.core.calls.inputs import Handed
from edge.core.calls.told_by_operator import leave, why_not_bridged
from edge.core.menus.kinds.bridged import Bridged
from edge.core.menus.words import End, TransferEnded, TransferTaken
from edge.vocabulary import events
from edge.vocabulary.ids import CallId, LegId

if TYPE_CHECKING:
    from edge.core.calls.call import Call


class Loan(Struct, frozen=True):
    """Who has the leg of the caller, and whom he talks with."""

    by: CallId
    other: LegId


def handed(call: "Call") -> Handed | None:
    """Return the caller's leg as another call borrows it; None: it can't now."""
    leg = call.first
    if not leg.talks or leg.media != "open" or leg.seat is None or leg.remote is None or leg.hold_asked is not None:
        return None
    return Handed(leg=leg.id, span=leg.span, seat=leg.seat, remote=leg.remote, trunk=leg.trunk)


def lent(call: "Call", input: LegLent) -> None:  # noqa: A002
    """Let another call have the caller's leg."""
    run = call.run
    node = run.node if run is not None else ""
    call.fx.emit(events.OrderStarted(operation=input.operation, act="bridge", node=node))
    if run is None or why_not_bridged(call):
        call.fx.emit(events.OrderEnded(operation=input.operation, result="refused"))
        return
    leave(call)
    call.perform(run.order(input.operation, Bridged(after=input.after), call.fx.now_ms))
    call.loan = Loan(input.by, input.other)
    call.fx.emit(events.BridgeStarted(leg=call.first.id, other=input.other))
    call.perform(run.handle(TransferTaken(0), call.fx.now_ms))


def returned(call: "Call", input: LegReturned) -> None:  # noqa: A002
    """Have the leg back: go on where the order came, or be over."""
    if call.loan is None or call.phase != "running" or call.run is None:
        return
    parted(call)
    actions = call.run.handle(TransferEnded(""), call.fx.now_ms)
    if input.end is not None and any(isinstance(one, End) for one in actions):
        call.finish(input.end)  # the other one's end is the reason
    else:
        call.perform(actions)


def parted(call: "Call") -> None:
    """Tell that the talk is over, if there was one."""
    loan, call.loan = call.loan, None
    if loan is not None:
        call.fx.emit(events.BridgeEnded(leg=call.first.id, other=loan.other))
