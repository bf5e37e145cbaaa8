"""Compares what processes hold with what switch believes, whenever one of them connects.

A snapshot shows the state that the reports behind it led to. So nothing is concluded about signalling until those have
had time to arrive (`PATIENCE_MS`); then a leg that only one side knows is ended on that side.
"""

from edge.core.calls.inputs import MediaLost
from edge.runtime.link import Peer
from edge.switch.exchange import Exchange
from edge.switch.pending import receiver_of
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId, call_of
from edge.vocabulary.reports import AnyReport, FrontSnapshot, LegEnded, MediaSnapshot, SpanSnapshot

#: How long after a snapshot the reports behind it, and those of other senders, may take.
PATIENCE_MS = 2000
#: States of a leg in which its span does not hold it (yet, or any more).
NOT_IN_SPAN = frozenset({"reserving", "seating", "down"})


def take_media(exchange: Exchange, snapshot: MediaSnapshot) -> None:
    """Take the slots that media holds, and end the legs that it lost."""
    exchange.slots.claim(slot for leg, slot in snapshot.legs.items() if call_of(leg) not in exchange.calls)
    for call in list(exchange.calls.values()):
        for leg in list(call.legs.values()):
            if leg.media == "open" and leg.id not in snapshot.legs and not call.over:
                exchange.feed(call, MediaLost(leg.id))


def settle(exchange: Exchange, peer: Peer, snapshot: AnyReport, came_ms: int, now_ms: int) -> None:
    """Compare, `PATIENCE_MS` after the snapshot came at `came_ms`."""
    if not isinstance(snapshot, SpanSnapshot | FrontSnapshot | MediaSnapshot):
        return
    unknown = [leg for leg in snapshot.legs if not _known(exchange, leg)]
    if unknown:
        peer.discard(unknown)
    if isinstance(snapshot, MediaSnapshot):
        for leg in unknown:
            exchange.slots.give_back(snapshot.legs[leg], now_ms)
    elif isinstance(snapshot, SpanSnapshot):
        _end_missing(exchange, peer, set(snapshot.legs), came_ms)


def end_legs_of_absent_spans(exchange: Exchange) -> None:
    """After a restart of switch: end the legs whose span has not come back."""
    for call in list(exchange.calls.values()):
        for leg in list(call.legs.values()):
            absent = receiver_of("span", leg.span) not in exchange.connected
            if absent and leg.signalling not in NOT_IN_SPAN and not call.over:
                exchange.feed(call, LegEnded(leg.id, EndReason(outcome="span_lost", ended_by="appliance")))


def _known(exchange: Exchange, leg: LegId) -> bool:
    call = exchange.calls.get(call_of(leg))
    return call is not None and leg in call.legs


def _end_missing(exchange: Exchange, peer: Peer, held: set[LegId], came_ms: int) -> None:
    receiver = receiver_of(peer.process, peer.incarnation)
    for call in list(exchange.calls.values()):
        if exchange.pending.has(receiver, call.id):
            continue  # it may be about to begin
        for leg in list(call.legs.values()):
            ours = leg.span == peer.incarnation and leg.signalling not in NOT_IN_SPAN
            # A leg that began after the snapshot is not in it.
            if ours and leg.id not in held and leg.started_ms < came_ms and not call.over:
                reason = EndReason(outcome="span_lost", ended_by="appliance", text="unknown to its span")
                exchange.feed(call, LegEnded(leg.id, reason))
