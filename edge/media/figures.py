"""Reading a leg's figures from the engine's record: the quality record of its end."""

from typing import Any

from dsp.detectors import speech
from dsp.plane import layout, source
from edge.core.quality import legs as quality
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import RemoteMedia
from edge.vocabulary.quality import QualityFigures
from edge.vocabulary.reports import LegMediaEnded

NS_PER_MS = 1_000_000
_US_PER_MS = 1000
_DEFAULT_PTIME_MS = 20
#: Jitter that no stream has; a peer that reports more tells nonsense.
_ABSURD_MS = 60_000.0


def figures_of(leg: LegId, record: Any, remote: RemoteMedia | None, hearing: Any = None) -> LegMediaEnded:
    """Return the figures of `record` (a `layout.LEG`), counted since the leg was opened.

    `remote`: what was negotiated last. `hearing`: its `SPEECH_STATE`, None: nothing was heard.
    """
    first_sound_ns = int(record["first_sound_ns"])
    return LegMediaEnded(
        leg=leg,
        first_sound_ms=first_sound_ns // NS_PER_MS if first_sound_ns else None,
        **quality_of(record, remote, hearing),
    )


def quality_of(record: Any, remote: RemoteMedia | None, hearing: Any = None) -> dict[str, Any]:
    """Return the values of `QualityFigures` for a leg that lasts or has ended."""
    figures = _counted(record) | _measured(record) | _negotiated(record, remote)
    if hearing is not None and int(hearing["frames"]):
        figures |= _heard(hearing)
    if remote is not None:
        figures |= _judged(record, remote, figures)
    return {name: figures[name] for name in QualityFigures.__struct_fields__ if name in figures}


def _counted(record: Any) -> dict[str, Any]:
    return {
        "packets_received": int(record["rx_packets"]),
        "packets_sent": int(record["tx_packets"]),
        "packets_lost": int(source.lost(record)),
        "packets_late": int(record["jb_late"]),
        "packets_refused": int(record["rx_refused"]),
        "packets_duplicate": int(record["jb_duplicate"]),
        "packets_reordered": int(record["ql_reordered"]),
        "packets_flooded": int(record["rx_flooded"]),
        "packets_not_sent": int(record["send_errors"]),
        "packets_not_authentic": int(record["rx_bad_tag"]),
        "packets_replayed": int(record["rx_replayed"]),
        "rtcp_received": int(record["rc_in"]),
        "rtcp_sent": int(record["rc_out"]),
    }


def _measured(record: Any) -> dict[str, Any]:
    rate = layout.SAMPLE_RATE << int(record["wide"])
    clock = _clock(record)
    ticks, delays, trips = (int(record[name]) for name in ("ql_ticks", "ql_delays", "rc_trips"))
    return {
        "jitter_ms": round(int(record["rx_jitter_q4"]) / 16 * 1000 / clock, 3),
        "jitter_mean_ms": _mean_ms(record["ql_jitter_sum_us"], ticks),
        "jitter_max_ms": _ms(record["ql_jitter_max_us"]) if ticks else None,
        "jitter_sent_ms": _jitter_at_peer(record),
        "playout_delay_mean_ms": _mean_ms(record["ql_delay_sum_us"], delays),
        "playout_delay_max_ms": _ms(record["ql_delay_max_us"]) if delays else None,
        "round_trip_ms": _ms(record["rc_round_trip_us"]) if trips else None,
        "round_trip_min_ms": _ms(record["rc_trip_min_us"]) if trips else None,
        "round_trip_mean_ms": _mean_ms(record["rc_trip_sum_us"], trips),
        "round_trip_max_ms": _ms(record["rc_trip_max_us"]) if trips else None,
        "concealed_ms": int(record["jb_concealed"]) * 1000 // rate,
        "underruns": int(record["jb_underruns"]),
        "stretched_ms": int(record["jb_stretched"]) * 1000 // layout.SAMPLE_RATE,
        "compressed_ms": int(record["jb_compressed"]) * 1000 // layout.SAMPLE_RATE,
        "talk_share": round(int(record["ql_talk_ticks"]) / ticks, 3) if ticks else None,
    }


def _heard(hearing: Any) -> dict[str, Any]:
    spoke = int(hearing["active_blocks"])
    level = speech.active_level(hearing)
    return {
        "speech_level_dbm0": round(float(level), 1) if spoke else None,
        "noise_floor_dbm0": round(float(hearing["floor"]), 1),
        "clipped_ms": int(hearing["clipped_frames"]) * layout.FRAME * 1000 // layout.SAMPLE_RATE,
    }


def _negotiated(record: Any, remote: RemoteMedia | None) -> dict[str, Any]:
    if remote is None:
        return {}
    return {
        "codec": remote.codec,
        "srtp": int(record["sr_handle"]) != 0,
        "dtmf": "inband" if remote.telephone_event is None else "rfc4733",
        "rtcp_mux": remote.rtcp_mux,
        "rtcp_goodbye": bool(record["rc_bye"]),
        "symmetric_learned": bool(record["ln_learned"]),
    }


def _judged(record: Any, remote: RemoteMedia, figures: dict[str, Any]) -> dict[str, Any]:
    """Return loss and opinion of both directions; one way is half a round trip, and a packet's own time."""
    codec = (remote.codec, remote.clock_rate)
    way_ms = (figures["round_trip_mean_ms"] or 0.0) / 2 + (int(record["ptime_ms"]) or _DEFAULT_PTIME_MS)
    late = figures["packets_late"]
    received = quality.received(
        codec,
        heard=max(figures["packets_received"] - late - figures["packets_duplicate"], 0),
        lost=figures["packets_lost"],
        late=late,
        gap_packets=int(record["ql_gap_packets"]),
        gaps=int(record["ql_gaps"]),
        delay_ms=way_ms + (figures["playout_delay_mean_ms"] or 0.0),
    )
    sent = quality.UNKNOWN
    if int(record["rc_peer_fraction"]) >= 0:
        sent = quality.sent(
            codec,
            packets=int(record["rc_peer_tx"]),
            lost=int(record["rc_peer_lost"]),
            jitter_ms=figures["jitter_sent_ms"] or 0.0,
            delay_ms=way_ms,
        )
    return {
        "loss_received": _share(received.loss),
        "loss_sent": _share(sent.loss),
        "burst_ratio": None if received.burst_ratio is None else round(received.burst_ratio, 2),
        "mos_received": received.mos,
        "mos_sent": sent.mos,
    }


def _clock(record: Any) -> int:
    """Give the RTP clock of the leg's codec, Hz."""
    return layout.SAMPLE_RATE << int(record["rtp_wide"])


def _jitter_at_peer(record: Any) -> float | None:
    if int(record["rc_peer_fraction"]) < 0:
        return None
    jitter_ms = int(record["rc_peer_jitter"]) * 1000 / _clock(record)
    return round(jitter_ms, 3) if jitter_ms < _ABSURD_MS else None


def _ms(microseconds: Any) -> float:
    return round(int(microseconds) / _US_PER_MS, 3)


def _mean_ms(sum_us: Any, count: int) -> float | None:
    return _ms(int(sum_us) / count) if count else None


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
