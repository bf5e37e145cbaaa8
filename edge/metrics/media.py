"""Metrics of the media process. The engine counts in shared memory; a scrape reads it there.

So counters go on over a restart of the process, and counting costs the engine nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, get_args

from edge.metrics.library import (
    Collector,
    CollectorRegistry,
    Counter,
    CounterMetricFamily,
    Gauge,
    GaugeMetricFamily,
    Histogram,
    HistogramMetricFamily,
    Metric,
)
from edge.vocabulary.media import AudioFault
from edge.vocabulary.quality import QualityFigures

#: Counters read from shared memory: key -> metric name (without `_total`) and help.
COUNTERS = {
    "ticks": ("edge_media_ticks", "Ticks of 20 ms that the engine ran"),
    "late_ticks": ("edge_media_late_ticks", "Ticks that began more than 1 ms after their instant"),
    "slipped_ticks": ("edge_media_slipped_ticks", "Ticks that began more than 10 ms after their instant"),
    "missed_ticks": ("edge_media_missed_ticks", "Ticks that were never run"),
    "late_sends": ("edge_media_late_sends", "Ticks that began to send more than 1 ms after the send instant"),
    "events_lost": ("edge_media_events_lost", "Events of the engine that found their ring full"),
    "commands_bad": ("edge_media_commands_bad", "Commands that the engine did not understand"),
    "commands_stale": ("edge_media_commands_stale", "Commands for a leg that was gone"),
    "packets_received": ("edge_media_packets_received", "RTP packets accepted"),
    "packets_sent": ("edge_media_packets_sent", "RTP packets sent"),
    "packets_refused": ("edge_media_packets_refused", "Datagrams on RTP ports that were not accepted"),
    "packets_flooded": ("edge_media_packets_flooded", "Datagrams dropped unread: more than a leg may bring"),
    "packets_late": ("edge_media_packets_late", "RTP packets that came after their turn"),
    "packets_duplicate": ("edge_media_packets_duplicate", "RTP packets that came twice"),
    "packets_not_authentic": ("edge_media_srtp_packets_not_authentic", "SRTP and SRTCP packets with a wrong tag"),
    "packets_replayed": ("edge_media_srtp_packets_replayed", "SRTP and SRTCP packets that had been seen before"),
    "packets_not_sealed": (
        "edge_media_srtp_packets_not_sealed",
        "Packets not sent because they could not be encrypted",
    ),
    "send_errors": ("edge_media_send_errors", "RTP packets that the kernel did not take"),
    "rtcp_received": ("edge_media_rtcp_packets_received", "RTCP packets accepted"),
    "rtcp_sent": ("edge_media_rtcp_packets_sent", "RTCP packets sent"),
    "rtcp_refused": ("edge_media_rtcp_packets_refused", "Datagrams on RTCP ports that were not accepted"),
    "record_overruns": ("edge_media_recording_overrun_frames", "Frames lost because the recorder was late"),
    "torn_legs": ("edge_media_torn_legs", "Legs resynchronised after the engine was killed in a tick"),
    "resyncs": ("edge_media_playout_resyncs", "Playouts based anew after a jump, a new source or a pause"),
    "concealed": ("edge_media_concealed_samples", "Samples made up for lost packets"),
    "take_ups": ("edge_media_engine_starts", "Engines that took up the shared state"),
    "prompts_missing": ("edge_media_prompts_missing", "Sound files that could not be played"),
    "prompt_evictions": ("edge_media_prompt_evictions", "Sound files that left the prompt memory for others"),
}

#: Gauges: key -> metric name and help.
GAUGES = {
    "legs": ("edge_media_legs", "Open legs"),
    "recordings": ("edge_media_recordings", "Recordings in progress"),
    "prompt_bytes": ("edge_media_prompt_memory_bytes", "Prompt memory in use"),
    "prompt_files": ("edge_media_prompt_files", "Sound files in the prompt memory"),
}


#: `received`: what peers sent us.
DIRECTIONS = ("received", "sent")
MOS_BOUNDS = (1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.2, 4.3, 4.4, 4.5)
LOSS_BOUNDS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
JITTER_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5)

#: What each engine tells of itself, by a label `engine` (its number, from 0): key -> metric name and help.
ENGINE_GAUGES = {
    "load": ("edge_media_load_ratio", "Mean work of a tick in the last 5 s, as a share of its 20 ms"),
    "overloaded": ("edge_media_overload_ratio", "1 while the engine is too busy for new calls"),
    "real_time": ("edge_media_real_time_ratio", "1 when the kernel granted the engine's loop real-time priority"),
    "memory_locked": ("edge_media_locked_memory_ratio", "1 when no page of the engine can be swapped out"),
}


class EngineReading(NamedTuple):
    """What an engine tells of itself; the fields are the keys of `ENGINE_GAUGES`."""

    engine: int = 0
    load: float = 0.0
    overloaded: bool = False
    real_time: bool = False
    memory_locked: bool = False


class MediaReading(NamedTuple):
    """What the process knows at a scrape."""

    #: By the keys of `COUNTERS`.
    counters: dict[str, int]
    #: By the keys of `GAUGES`.
    gauges: dict[str, float]
    #: Upper bounds in seconds, and how many ticks fell into each bucket; one more count than bounds for the rest.
    tick_bounds_s: Sequence[float]
    tick_counts: Sequence[int]
    tick_sum_s: float
    engine: EngineReading = EngineReading()


class MailboxReading(NamedTuple):
    """What is in a mailbox."""

    mailbox: str
    heard: int
    new: int
    #: Age of the oldest one that nobody has heard; 0: there is none.
    oldest_new_s: float
    #: Deleted now, because they were too old.
    expired: int
    #: How long its messages are together.
    length_s: float = 0.0
    #: The larger share of its limits that is used; 0: it has none.
    filled: float = 0.0


class MediaMetrics:
    """All families of the process in one registry."""

    def __init__(self, read: Callable[[], MediaReading]) -> None:
        self.registry = CollectorRegistry()
        self.recordings_done = Counter("edge_media_recordings_done", "Recordings completed", registry=self.registry)
        self.recordings_failed = Counter(
            "edge_media_recordings_failed", "Recordings refused or broken off", registry=self.registry
        )
        self.commands_failed = Counter(
            "edge_media_commands_failed", "Commands of switch that could not be carried out", registry=self.registry
        )
        self.events_stale = Counter(
            "edge_media_events_stale", "Events of the engine for a leg that was gone", registry=self.registry
        )
        self.audio_faults = Counter(
            "edge_media_audio_faults",
            "Times that audio was missing in one direction",
            ["fault"],
            registry=self.registry,
        )
        for fault in get_args(AudioFault):
            self.audio_faults.labels(fault)
        self.legs_learned = Counter(
            "edge_media_legs_learned", "Legs whose peer was found at another address than its SDP said",
            registry=self.registry,
        )  # fmt: skip
        self.messages_expired = Counter(
            "edge_media_messages_expired",
            "Messages deleted because they were older than their mailbox keeps them",
            ["mailbox"],
            registry=self.registry,
        )
        self._messages = Gauge(
            "edge_media_mailbox_messages",
            "Messages in a mailbox, by whether somebody has heard them",
            ["mailbox", "state"],
            registry=self.registry,
        )
        self._oldest = Gauge(
            "edge_media_mailbox_oldest_new_seconds",
            "Age of the oldest message in a mailbox that nobody has heard; 0: there is none",
            ["mailbox"],
            registry=self.registry,
        )
        self._length = Gauge(
            "edge_media_mailbox_length_seconds",
            "How long the messages in a mailbox are together",
            ["mailbox"],
            registry=self.registry,
        )
        self._filled = Gauge(
            "edge_media_mailbox_filled_ratio",
            "How much of a mailbox is used, by the tighter one of its limits; from 1 on it is full; 0: no limits",
            ["mailbox"],
            registry=self.registry,
        )
        self._mos = self._by_direction("edge_media_leg_mos", "Mean opinion score of a leg, by the E-model", MOS_BOUNDS)
        self._loss = self._by_direction("edge_media_leg_loss_ratio", "Share of a leg's packets not heard", LOSS_BOUNDS)
        self._jitter = self._by_direction("edge_media_leg_jitter_seconds", "Jitter of a leg", JITTER_BOUNDS)
        self.registry.register(_Shared(read))

    def _by_direction(self, name: str, text: str, bounds: Sequence[float]) -> Histogram:
        made = Histogram(name, text, ["direction"], buckets=bounds, registry=self.registry)
        for direction in DIRECTIONS:
            made.labels(direction)
        return made

    def mailbox(self, found: MailboxReading) -> None:
        """Tell what is in a mailbox, and how many messages of it were deleted just now."""
        self._messages.labels(found.mailbox, "heard").set(found.heard)
        self._messages.labels(found.mailbox, "new").set(found.new)
        self._oldest.labels(found.mailbox).set(found.oldest_new_s)
        self._length.labels(found.mailbox).set(found.length_s)
        self._filled.labels(found.mailbox).set(found.filled)
        self.messages_expired.labels(found.mailbox).inc(found.expired)

    def leg_ended(self, figures: QualityFigures) -> None:
        """Count the quality of a leg that is over; what is not known of it is not counted."""
        self.legs_learned.inc(figures.symmetric_learned)
        seconds = [None if ms is None else ms / 1000 for ms in (figures.jitter_mean_ms, figures.jitter_sent_ms)]
        for family, values in (
            (self._mos, (figures.mos_received, figures.mos_sent)),
            (self._loss, (figures.loss_received, figures.loss_sent)),
            (self._jitter, seconds),
        ):
            for direction, value in zip(DIRECTIONS, values, strict=True):
                if value is not None:
                    family.labels(direction).observe(value)


class _Shared(Collector):
    def __init__(self, read: Callable[[], MediaReading]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        reading = self._read()
        for key, (name, text) in COUNTERS.items():
            yield CounterMetricFamily(name, text, value=reading.counters[key])
        for key, (name, text) in GAUGES.items():
            yield GaugeMetricFamily(name, text, value=reading.gauges[key])
        for key, (name, text) in ENGINE_GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["engine"])
            gauge.add_metric([str(reading.engine.engine)], float(getattr(reading.engine, key)))
            yield gauge
        yield HistogramMetricFamily(
            "edge_media_tick_seconds",
            "Work of a tick, without the wait for the send instant",
            buckets=_cumulated(reading),
            sum_value=reading.tick_sum_s,
        )


def _cumulated(reading: MediaReading) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*map(str, reading.tick_bounds_s), "+Inf"], reading.tick_counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
