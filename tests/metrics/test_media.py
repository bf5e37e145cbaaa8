from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge.metrics.media import COUNTERS, ENGINE_GAUGES, GAUGES, MediaMetrics, MediaReading


def reading() -> MediaReading:
    return MediaReading(
        counters={key: n for n, key in enumerate(COUNTERS)},
        gauges=dict.fromkeys(GAUGES, 1.5),
        tick_bounds_s=[0.001, 0.02],
        tick_counts=[5, 3, 2],
        tick_sum_s=0.5,
    )


def test_all_families_are_exposed_under_the_process_name_with_help() -> None:
    metrics = MediaMetrics(reading)
    metrics.recordings_done.inc()
    families = {f.name: f for f in text_string_to_metric_families(generate_latest(metrics.registry).decode())}
    assert all(name.startswith("edge_media_") and family.documentation for name, family in families.items())
    for n, (name, _) in enumerate(COUNTERS.values()):
        assert families[name].samples[0].value == n
    assert families["edge_media_legs"].samples[0].value == 1.5
    assert [s.value for s in families["edge_media_tick_seconds"].samples] == [5, 8, 10, 10, 0.5]


def test_no_label_but_the_histograms_own_and_the_engine() -> None:
    families = list(text_string_to_metric_families(generate_latest(MediaMetrics(reading).registry).decode()))
    labels = {key: {f.name for f in families if any(key in s.labels for s in f.samples)} for key in ("le", "engine")}
    assert labels == {"le": {"edge_media_tick_seconds"}, "engine": {name for name, _ in ENGINE_GAUGES.values()}}
    assert {key for f in families for sample in f.samples for key in sample.labels} == {"le", "engine"}
