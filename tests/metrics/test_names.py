"""The rule for names, for every process's metrics."""

import re
from types import ModuleType

import pytest

from scripts.reference import ROOT, make_metrics, metric_modules, metrics_of, metrics_page

MODULES = metric_modules()
NAMES = [module.__name__.rpartition(".")[2] for module in MODULES]
#: Prometheus' base units; anything else is counted in things, named by a plural.
# An opinion score has no unit.
#: dBm as other exporters have it: what modems say is a logarithm.
BASE_UNITS = {"mos", "seconds", "bytes", "ratio", "celsius", "volts", "dbm"}
#: Gauges that are a yes or no.
FLAGS = {
    "edge_switch_trial_running",
    "edge_switch_standard_met",
    "edge_switch_standard_missed",
    "edge_supervisor_ready",
    "edge_front_trunk_up",
    "edge_front_trunk_registered",
    "edge_line_ready",
    "edge_line_state",
}
#: What could name a call or a person. Values of these can't come from a closed list.
FORBIDDEN_LABELS = {"call", "call_id", "leg", "number", "caller", "called", "digit", "id", "address", "ip", "user"}


def test_every_process_is_covered() -> None:
    assert {"forwarder", "web"} <= set(NAMES)


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_names_say_process_subject_and_unit(module: ModuleType) -> None:
    process = module.__name__.rpartition(".")[2]
    metrics = metrics_of(make_metrics(module).registry)
    assert metrics
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert re.fullmatch(rf"edge_{process}(_[a-z][a-z0-9]*)+", metric.name), metric.name
        assert len(metric.help) >= 8, f"{metric.name} has no help"
        last = metric.name.rpartition("_")[2]
        if metric.type == "counter":
            assert last == "total", metric.name
        elif metric.type == "histogram":
            assert last in BASE_UNITS, metric.name
        else:
            assert metric.type == "gauge", f"{metric.name} is a {metric.type}"
            things = [part for part in metric.name.split("_")[2:] if part.endswith("s") or part in BASE_UNITS]
            assert things or metric.name in FLAGS, f"{metric.name}: of what?"
            assert last not in {"total", "count", "sum", "bucket", "info", "created"}, metric.name


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_no_label_can_name_a_call_or_a_person(module: ModuleType) -> None:
    for metric in metrics_of(make_metrics(module).registry):
        assert not FORBIDDEN_LABELS & set(metric.labels), metric.name
        assert len(metric.labels) <= 3, f"{metric.name}: every label multiplies the series"


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/metrics.md").read_text("utf-8") == metrics_page(), "run scripts/reference.py"
