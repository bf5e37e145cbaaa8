"""Metrics of web."""

from edge.metrics.library import CollectorRegistry, Counter, Gauge, Histogram

#: Paths that have a series of their own; everything else is `other`.
PATHS = ("/metrics", "/healthz", "/readyz", "/openapi.json", "/api/v1", "/api/v1/events/stream", "other")
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
#: Why a connection was closed by us.
CLOSED = ("too_many", "too_slow", "slow_reader")
#: Why somebody was not let in to the API: no token, a wrong one, a role that will not do, more requests than its token
#: may make, more wrong tokens than a source may try, more streams than there may be.
REFUSED = ("none", "wrong", "role", "rate", "failures", "streams")


def label_of(path: str) -> str:
    """Return the label of a request's path."""
    if path in PATHS:
        return path
    return "/api/v1" if path.startswith("/api/v1/") else "other"


class WebMetrics:
    """HTTP service.

    Label `path`: one of `PATHS`, `status`: one of `STATUS_CLASSES`, `reason`: one of `CLOSED` or `REFUSED`.
    """

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
        self.refused = Counter(
            "edge_web_refused_requests_total",
            "Requests to the API that were not let in",
            ["reason"],
            registry=self.registry,
        )
        self.streams = Gauge("edge_web_open_streams", "Streams of events open now", registry=self.registry)
        for reason in REFUSED:
            self.refused.labels(reason)
        for path in PATHS:
            self.request_seconds.labels(path)
            for status in STATUS_CLASSES:
                self.requests.labels(path, status)
        for reason in CLOSED:
            self.closed.labels(reason)
