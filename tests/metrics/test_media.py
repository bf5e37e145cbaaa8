from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge.metrics.media import COUNTERS, GAUGES, MediaMetrics, MediaReading
from edge.vocabulary.quality import QualityFigures


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


def test_labels_are_of_closed_lists_and_there_before_anything_happened() -> None:
    families = text_string_to_metric_families(generate_latest(MediaMetrics(reading).registry).decode())
    labels: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        for key, value in sample.labels.items():
            labels.setdefault(key, set()).add(value)
    assert set(labels) == {"le", "direction", "fault", "engine"}
    assert labels["direction"] == {"received", "sent"}
    assert labels["fault"] == {"no_packets", "no_sound", "not_received"}


def test_an_ended_leg_counts_what_is_known_of_it() -> None:
    metrics = MediaMetrics(reading)
    counts = {"packets_received": 1, "packets_sent": 1, "packets_lost": 0, "packets_late": 0, "packets_refused": 0}
    metrics.leg_ended(QualityFigures(**counts, jitter_ms=0.0))
    metrics.leg_ended(
        QualityFigures(**counts, jitter_ms=1.0, jitter_mean_ms=4.0, mos_received=3.95, loss_received=0.0, mos_sent=1.2)
    )
    text = generate_latest(metrics.registry).decode()
    for line in (
        'edge_media_leg_mos_bucket{direction="received",le="3.8"} 0.0',
        'edge_media_leg_mos_bucket{direction="received",le="4.0"} 1.0',
        'edge_media_leg_mos_bucket{direction="sent",le="1.5"} 1.0',
        'edge_media_leg_loss_ratio_bucket{direction="received",le="0.0"} 1.0',
        'edge_media_leg_loss_ratio_count{direction="sent"} 0.0',
        'edge_media_leg_jitter_seconds_sum{direction="received"} 0.004',
        "edge_media_legs_learned_total 0.0",
    ):
        assert line in text.splitlines()
