"""Compares what processes hold with what switch believes, whenever one of them connects.

A snapshot shows the state that the reports behind it led to. So nothing is concluded about signalling until those have
had time to arrive (`PATIENCE_MS`); then a leg that only one side knows is ended on that side.
"""

from edge.core.calls.inputs import MediaLost
from edge.runtime.link import Peer
from edge.switch.exchange import Exchange
from edge.switch.pending import receiver_of
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import FRONT, LegId
from edge.vocabulary.reports import AnyReport, FrontSnapshot, LegEnded, MediaSnapshot, SpanSnapshot

#: How long after a snapshot the reports behind it, and those of other senders, may take.
PATIENCE_MS = 2000
#: States of a leg in which its span does not hold it (yet, or any more).
NOT_IN_SPAN = frozenset({"reserving", "seating", "down"})
#: States that the span itself has reported; in others the INVITE may still be on its way to a span that just started.
TOLD_BY_SPAN = frozenset({"ringing", "up"})


def take_media(exchange: Exchange, process: str, snapshot: MediaSnapshot) -> None:
    """Take the slots that an engine of media holds, and end the legs that it lost."""
    if process not in exchange.engines:
        return
    engine = exchange.engines.index(process)
    exchange.note_overload(process, on=snapshot.overloaded)
    for id_, slot in snapshot.legs.items():
        known = exchange.call_with(id_)
        if known is None or id_ not in known.legs or known.legs[id_].seat is None:
            exchange.seats.hold(id_, slot)
    for call in list(exchange.calls.values()):
        if exchange.engine_of(call) != engine:
            continue
        for leg in list(call.legs.values()):
            if leg.media == "open" and leg.id not in snapshot.legs and not call.over:
                exchange.feed(call, MediaLost(leg.id))


def missing(exchange: Exchange, peer: Peer, snapshot: AnyReport) -> list[LegId]:
    """Return the legs that a span has told of, and that its snapshot lacks: their end should follow it."""
    if not isinstance(snapshot, SpanSnapshot):
        return []
    return [
        leg.id
        for call in exchange.calls.values()
        for leg in call.legs.values()
        if leg.span == peer.incarnation and leg.signalling in TOLD_BY_SPAN and leg.id not in snapshot.legs
    ]


def settle(exchange: Exchange, peer: Peer, snapshot: AnyReport, suspects: list[LegId], now_ms: int) -> None:
    """Compare, `PATIENCE_MS` after the snapshot came; `suspects` were `missing` then."""
    if not isinstance(snapshot, SpanSnapshot | FrontSnapshot | MediaSnapshot):
        return
    unknown = [leg for leg in snapshot.legs if not _known(exchange, leg)]
    if unknown:
        peer.discard(unknown)
    if isinstance(snapshot, MediaSnapshot):
        for leg in unknown:
            exchange.seats.give_back(snapshot.legs[leg], now_ms)
    for suspect in suspects:
        call = exchange.call_with(suspect)
        if call is None or suspect not in call.legs or call.legs[suspect].span == FRONT:
            continue
        if call.legs[suspect].signalling not in NOT_IN_SPAN:
            reason = EndReason(outcome="span_lost", ended_by="appliance", text="unknown to its span")
            exchange.feed(call, LegEnded(suspect, reason))


def end_legs_of_absent_spans(exchange: Exchange) -> None:
    """After a restart of switch: end the legs whose span has not come back."""
    for call in list(exchange.calls.values()):
        for leg in list(call.legs.values()):
            absent = leg.span != FRONT and receiver_of("span", leg.span) not in exchange.connected
            if absent and leg.signalling not in NOT_IN_SPAN and not call.over:
                exchange.feed(call, LegEnded(leg.id, EndReason(outcome="span_lost", ended_by="appliance")))


def _known(exchange: Exchange, leg: LegId) -> bool:
    call = exchange.call_with(leg)
    return call is not None and leg in call.legs
