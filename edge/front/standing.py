"""What is known of trunks, as metrics and as the answer to who asks."""

import msgspec

from edge.core.sip.upkeep import Standing
from edge.metrics.front import FrontMetrics
from edge.vocabulary.wire import to_json


def set_gauges(metrics: FrontMetrics, standings: list[Standing]) -> None:
    """Bring the gauges of trunks up to date; those of trunks that are gone go, too."""
    gauges = (metrics.trunk_up, metrics.trunk_registered, metrics.trunk_registration_age, metrics.trunk_round_trip)
    for gauge in gauges:
        gauge.clear()
    for one in standings:
        metrics.trunk_up.labels(one.name).set(one.up)
        if one.registered is not None:
            metrics.trunk_registered.labels(one.name).set(one.registered)
            metrics.trunk_registration_age.labels(one.name).set(one.registration_age_s or 0.0)
        if one.rtt_ms is not None:
            metrics.trunk_round_trip.labels(one.name).set(one.rtt_ms / 1000)


def named(body: bytes) -> str | None:
    """Return the trunk that a request names, "" for all; None: the request is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, str]).get("trunk", "")
    except msgspec.DecodeError:
        return None


def document(standings: list[Standing], trunk: str) -> bytes:
    """Return the standing of one trunk, or of all, as a JSON list."""
    return to_json([one for one in standings if trunk in ("", one.name)])
