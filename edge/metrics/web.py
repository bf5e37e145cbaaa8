"""Metrics of web."""

from edge.metrics.library import CollectorRegistry, Counter, Gauge, Histogram

#: Paths that have a series of their own; everything else is `other`.
PATHS = ("/metrics", "/healthz", "/readyz", "/openapi.json", "other")
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
#: Why a connection was closed by us.
CLOSED = ("too_many", "too_slow")


class WebMetrics:
    """HTTP service. Label `path`: one of `PATHS`, `status`: one of `STATUS_CLASSES`, `reason`: one of `CLOSED`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "edge_web_requests_total", "HTTP requests answered", ["path", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "edge_web_request_duration_seconds",
            "From a request's header to the end of its answer",
            ["path"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
            registry=self.registry,
        )
        self.connections = Gauge("edge_web_open_connections", "HTTP connections open now", registry=self.registry)
        self.closed = Counter(
            "edge_web_closed_connections_total",
            "HTTP connections closed by us for a limit",
            ["reason"],
            registry=self.registry,
        )
        self.unanswered = Counter(
            "edge_web_unanswered_questions_total",
            "Questions that the supervisor did not answer in time",
            registry=self.registry,
        )
        self.invalid = Counter(
            "edge_web_invalid_scrapes_total",
            "Answers to a scrape that are no valid exposition, or repeat a family of another process",
            registry=self.registry,
        )
        for path in PATHS:
            self.request_seconds.labels(path)
            for status in STATUS_CLASSES:
                self.requests.labels(path, status)
        for reason in CLOSED:
            self.closed.labels(reason)
