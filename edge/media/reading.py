"""Reading the engine's counters for the metrics."""

from dsp.plane import layout
from edge.media.legs import Legs
from edge.media.plays import Plays
from edge.media.prompts import SAMPLE_BYTES, PromptMemory
from edge.metrics.media import MediaReading

_WORDS = {
    "ticks": layout.TICK_COUNT,
    "late_ticks": layout.LATE_TICKS,
    "slipped_ticks": layout.SLIPPED_TICKS,
    "missed_ticks": layout.MISSED_TICKS,
    "late_sends": layout.LATE_SENDS,
    "events_lost": layout.EVENTS_LOST,
    "commands_bad": layout.COMMANDS_BAD,
    "commands_stale": layout.COMMANDS_STALE,
    "packets_received": layout.PACKETS_IN,
    "packets_sent": layout.PACKETS_OUT,
    "packets_refused": layout.PACKETS_REFUSED,
    "packets_flooded": layout.PACKETS_FLOODED,
    "packets_late": layout.PACKETS_LATE,
    "packets_duplicate": layout.PACKETS_DUPLICATE,
    "packets_not_authentic": layout.PACKETS_BAD_TAG,
    "packets_replayed": layout.PACKETS_REPLAYED,
    "packets_not_sealed": layout.SRTP_ERRORS,
    "send_errors": layout.SEND_ERRORS,
    "rtcp_received": layout.RTCP_IN,
    "rtcp_sent": layout.RTCP_OUT,
    "rtcp_refused": layout.RTCP_REFUSED,
    "record_overruns": layout.RECORD_OVERRUNS,
    "torn_legs": layout.TORN_LEGS,
    "resyncs": layout.RESYNCS,
    "concealed": layout.CONCEALED,
    "take_ups": layout.TAKE_UPS,
}


def read_figures(plane: layout.PlaneState, legs: Legs, plays: Plays, memory: PromptMemory) -> MediaReading:
    """Collect all figures of the process."""
    counters = {key: int(plane.ctl[word]) for key, word in _WORDS.items()}
    counters["prompts_missing"] = plays.missing
    counters["prompt_evictions"] = memory.evictions
    buckets = plane.ctl[layout.TICK_BUCKETS : layout.TICK_BUCKETS + len(layout.TICK_BOUNDS_US) + 1]
    return MediaReading(
        counters=counters,
        gauges={
            "legs": legs.open_count,
            "recordings": legs.recording_count,
            "prompt_bytes": memory.used * SAMPLE_BYTES,
            "prompt_files": memory.files,
        },
        tick_bounds_s=[bound / 1e6 for bound in layout.TICK_BOUNDS_US],
        tick_counts=buckets.tolist(),
        tick_sum_s=int(plane.ctl[layout.TICK_SUM_NS]) / 1e9,
    )
