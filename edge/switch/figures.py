"""Figures of the calls as they are now, for a scrape; all others are counted as things happen."""

from typing import TYPE_CHECKING

from edge.runtime.clock import wall_time

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange


def show(exchange: "Exchange") -> None:
    """Bring the gauges up to date."""
    metrics, wall = exchange.metrics, wall_time()
    metrics.active.set(len(exchange.calls))
    metrics.legs.set(exchange.seats.taken)
    metrics.pending.set(len(exchange.pending))
    metrics.held.set(sum(leg.held for call in exchange.calls.values() for leg in call.legs.values()))
    waiting, oldest_s, late = exchange.callbacks.figures(wall)
    metrics.callbacks_open.set(waiting)
    metrics.callbacks_oldest.set(oldest_s)
    metrics.callbacks_overdue.set(late)
    exchange.calling.show()
    exchange.trials.show(int(wall.timestamp() * 1000))
    exchange.standards.show(wall)
    exchange.queues.show()
