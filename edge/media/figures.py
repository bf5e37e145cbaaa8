"""Reading a leg's figures from the engine's record."""

from typing import Any

from dsp.plane import layout, source
from edge.vocabulary.ids import LegId
from edge.vocabulary.reports import LegMediaEnded

NS_PER_MS = 1_000_000


def figures_of(leg: LegId, record: Any) -> LegMediaEnded:
    """Return the figures of `record` (a `layout.LEG`), counted since the leg was opened; RFC 3550 A.3 and A.8."""
    first_sound_ns = int(record["first_sound_ns"])
    round_trip_us = int(record["rc_round_trip_us"])
    return LegMediaEnded(
        leg=leg,
        packets_received=int(record["rx_packets"]),
        packets_sent=int(record["tx_packets"]),
        packets_lost=int(source.lost(record)),
        packets_late=int(record["jb_late"]),
        packets_refused=int(record["rx_refused"]),
        jitter_ms=round(int(record["rx_jitter_q4"]) / 16 * 1000 / layout.SAMPLE_RATE, 3),
        round_trip_ms=round_trip_us / 1000 if round_trip_us > 0 else None,
        first_sound_ms=first_sound_ns // NS_PER_MS if first_sound_ns else None,
    )
