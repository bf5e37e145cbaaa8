"""Metrics of forwarder."""

from edge.core.delivery.model import RESULTS
from edge.metrics.library import CollectorRegistry, Counter, Gauge, Histogram


class ForwarderMetrics:
    """Delivery of events. Label `sink`: names of the site file; `result`: `edge.core.delivery.model.Result`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempts = Counter(
            "edge_forwarder_attempts_total",
            "Attempts to deliver an event, by how they ended",
            ["sink", "result"],
            registry=self.registry,
        )
        self.attempt_seconds = Histogram(
            "edge_forwarder_attempt_duration_seconds",
            "From the start of an attempt to its answer",
            ["sink"],
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.dead_letters = Counter(
            "edge_forwarder_dead_letters_total",
            "Events put aside because their attempts or their age ran out",
            ["sink"],
            registry=self.registry,
        )
        self.missing = Counter(
            "edge_forwarder_missing_events_total",
            "Events whose retention in the outbox ended before the sink took them",
            ["sink"],
            registry=self.registry,
        )
        self.backlog = Gauge(
            "edge_forwarder_backlog_events",
            "Events in the outbox that the sink has not taken yet",
            ["sink"],
            registry=self.registry,
        )
        self.lag = Gauge(
            "edge_forwarder_lag_seconds",
            "Age of the oldest event that the sink has not taken yet; 0 when there is none",
            ["sink"],
            registry=self.registry,
        )
        self.disabled = Gauge(
            "edge_forwarder_disabled_ratio",
            "1 while nothing is sent to the sink: it answered 410 Gone, or its settings can't be used",
            ["sink"],
            registry=self.registry,
        )
        self.storage_errors = Counter(
            "edge_forwarder_storage_errors_total",
            "Failed reads of the outbox and failed writes of the delivery state",
            registry=self.registry,
        )

    def known_sink(self, sink: str) -> None:
        """Show all series of a sink from its start, so that rates and alerts have a zero to begin with."""
        for result in RESULTS:
            self.attempts.labels(sink, result)
        self.attempt_seconds.labels(sink)
        self.dead_letters.labels(sink)
        self.missing.labels(sink)
        for gauge in (self.backlog, self.lag, self.disabled):
            gauge.labels(sink).set(0)

    def forgotten_sink(self, sink: str) -> None:
        """Take the series of a removed sink away."""
        for result in RESULTS:
            self.attempts.remove(sink, result)
        for metric in (self.attempt_seconds, self.dead_letters, self.missing, self.backlog, self.lag, self.disabled):
            metric.remove(sink)
