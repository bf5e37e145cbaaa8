"""Joins the metric families of all processes into one exposition."""

import re
from collections.abc import Iterable, Iterator, Mapping

from edge.metrics.library import (
    Collector,
    CollectorRegistry,
    GaugeMetricFamily,
    Metric,
    generate_latest,
    text_string_to_metric_families,
)

#: Processes that a scrape always speaks of, so that one that never came up is visible.
LONG_LIVED = ("supervisor", "front", "switch", "media", "forwarder", "web")
#: Several media engines have the same families; their samples are added up, for they count and measure the same.
_ENGINE = re.compile(r"media\d+")


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def join(texts: Mapping[str, str | None]) -> tuple[bytes, int]:
    """Return the exposition (Prometheus text format 0.0.4) of all processes, and how many answers were no good.

    `texts` is what each process answered, None for no answer. Each family appears once: a process whose answer is
    invalid, or holds a family that another process has given already, counts as not answering.
    """
    families: dict[str, Metric] = {}
    engines: dict[str, Metric] = {}
    up: dict[str, bool] = {}
    invalid = 0
    for process in sorted(texts):
        text = texts[process]
        own = _parse(text) if text is not None else None
        is_engine = _ENGINE.fullmatch(process) is not None
        taken = families.keys() if is_engine else families.keys() | engines.keys()
        up[process] = own is not None and not own.keys() & taken and "edge_process_up" not in own
        if own is None or not up[process]:
            invalid += text is not None
        elif is_engine:
            _add(engines, own)
        else:
            families |= own
    families |= engines
    gauge = GaugeMetricFamily("edge_process_up", "1 when the process answered the scrape, else 0", labels=["process"])
    for process in sorted(up.keys() | set(expected(texts))):
        gauge.add_metric([process], float(up.get(process, False)))
    registry = CollectorRegistry()
    registry.register(_Families([gauge, *(families[name] for name in sorted(families))]))
    return generate_latest(registry), invalid


def expected(texts: Mapping[str, str | None]) -> Iterable[str]:
    """Name the processes that should have answered: the supervisor counts only where it speaks of itself."""
    several = any(_ENGINE.fullmatch(name) for name in texts)
    return [name for name in LONG_LIVED if name in texts or not (name == "supervisor" or (name == "media" and several))]


def _add(sums: dict[str, Metric], own: dict[str, Metric]) -> None:
    """Add the samples of `own` to those in `sums`; a series that only one of them has stays as it is."""
    for name, family in own.items():
        known = sums.setdefault(name, family)
        if known is family:
            continue
        at = {(sample.name, tuple(sorted(sample.labels.items()))): i for i, sample in enumerate(known.samples)}
        for sample in family.samples:
            index = at.get((sample.name, tuple(sorted(sample.labels.items()))))
            if index is None:
                known.samples.append(sample)
            elif not sample.name.endswith("_created"):  # a time, which has no sum
                before = known.samples[index]
                known.samples[index] = before._replace(value=before.value + sample.value)


def _parse(text: str) -> dict[str, Metric] | None:
    """Families by name; None when the text is no exposition or repeats a family or a series."""
    families: dict[str, Metric] = {}
    try:
        for family in text_string_to_metric_families(text):
            if family.name in families:
                return None
            series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
            if len(set(series)) != len(series):
                return None
            families[family.name] = family
    except (ValueError, KeyError, IndexError):  # what the parser raises for what it can't read
        return None
    return families
