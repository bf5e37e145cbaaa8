"""What is known of trunks, as metrics and as the answer to who asks."""

import msgspec

from edge.core.sip.traffic import Direction, Figures, Seizure
from edge.core.sip.upkeep import Standing
from edge.metrics.front import FrontMetrics
from edge.vocabulary.wire import to_json

_DIRECTIONS: tuple[Direction, ...] = ("in", "out")


def set_gauges(metrics: FrontMetrics, standings: list[Standing], channels: dict[str, int]) -> None:
    """Bring the gauges of trunks up to date; those of trunks that are gone go, too."""
    gauges = (metrics.trunk_up, metrics.trunk_registered, metrics.trunk_registration_age, metrics.trunk_round_trip)
    for gauge in gauges:
        gauge.clear()
    for one in standings:
        metrics.trunk_up.labels(one.name).set(one.up)
        metrics.trunk_channels.labels(one.name).set(channels.get(one.name, 0))
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


def count(metrics: FrontMetrics, seizure: Seizure) -> None:
    """Count a seizure that is over."""
    metrics.trunk_calls.labels(seizure.trunk, seizure.direction, seizure.result).inc()
    metrics.trunk_talk.labels(seizure.trunk, seizure.direction).inc(seizure.talk_ms / 1000)
    if seizure.ring_ms:
        metrics.trunk_ring.labels(seizure.trunk).observe(seizure.ring_ms / 1000)


def set_shares(metrics: FrontMetrics, figures: dict[tuple[str, Direction], Figures]) -> None:
    """Bring the ratios of the last hour up to date."""
    metrics.trunk_share.clear()
    for (trunk, direction), one in figures.items():
        for name, share in (("asr", one.asr), ("ner", one.ner)):
            if share is not None:
                metrics.trunk_share.labels(trunk, direction, name).set(share)


def document(
    standings: list[Standing], trunk: str, figures: dict[tuple[str, Direction], Figures], channels: dict[str, int]
) -> bytes:
    """Return the standing of one trunk, or of all, as a JSON list.

    With the calls that it carries now (`channels`) and the figures of the last hour (`calls`).
    """
    found = []
    for one in standings:
        if trunk in {"", one.name}:
            calls = {direction: figures.get((one.name, direction)) for direction in _DIRECTIONS}
            found.append({**msgspec.structs.asdict(one), "channels": channels.get(one.name, 0), "calls": calls})
    return to_json(found)
