"""prometheus_client, without the web servers and clients that its package imports for uses of its own.

They are 4.5 MB of private memory in each process (http, urllib, email, ssl, wsgiref), and nothing of ours uses them
from there: each process sends its text over its channel. So the package finds stand-ins while it is imported, and who
really needs such a module gets it afterwards.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_NOT_NEEDED = ("http.server", "socketserver", "ssl", "urllib.error", "urllib.request", "wsgiref.simple_server")


class _StandIn(ModuleType):
    """A module that has every name, each an empty class: they are inherited from and named in annotations."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextmanager
def _stand_ins() -> Iterator[None]:
    missing = [name for name in _NOT_NEEDED if name not in sys.modules]
    for name in missing:
        sys.modules[name] = _StandIn(name)
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


with _stand_ins():
    from prometheus_client import (
        CONTENT_TYPE_LATEST,
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        generate_latest,
    )
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.parser import text_string_to_metric_families
    from prometheus_client.registry import Collector

__all__ = [
    "CONTENT_TYPE_LATEST",
    "Collector",
    "CollectorRegistry",
    "Counter",
    "CounterMetricFamily",
    "Gauge",
    "GaugeMetricFamily",
    "Histogram",
    "HistogramMetricFamily",
    "Metric",
    "generate_latest",
    "text_string_to_metric_families",
]
