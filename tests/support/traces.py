"""Packet arrival traces with seeds, in virtual time: what networks of real kinds do to a stream of RTP packets.

A trace says for each packet when its sender lets it go, when it arrives or that it never does, its timestamp and its
marker; it knows nothing of sockets, codecs or sound. All instants are milliseconds of the *receiver's* clock, so a
sender whose clock is fast shows in `sent`. The same name, length and seed always give the same trace.

Where the numbers come from: the classes A (well-managed), B (partially managed) and C (unmanaged) that ITU-T G.1050 and
TIA-921 tell apart, for the bounds of delay variation, loss and reordering (A: 50 ms peak to peak, at most 0.05 % lost;
B: 150 ms, 2 %; C: 500 ms, 20 %, losses in a row of 40 ms and more); ITU-T Y.1541 class 0 (50 ms) for what a network
for telephony should be; the two-state model of Gilbert and Elliott for loss in bursts. Each function says what its
kind adds to that. They are models, not recordings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

TICK_MS = 20.0
SAMPLES_PER_MS = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """A stream of packets; index i is the packet's place in the sequence, from 0."""

    name: str
    packet_ms: int
    #: When the sender let the packet go, ms.
    sent: Floats
    #: When it arrived, ms; NaN: lost in the network.
    arrival: Floats
    #: RTP time of its first sample, in samples of 8 kHz, from 0, not wrapped.
    timestamp: npt.NDArray[np.int64]
    #: First packet of a talkspurt (RFC 3551 section 4.1).
    marker: npt.NDArray[np.bool_]
    #: (index, arrival) of copies that the network made.
    copies: tuple[tuple[int, float], ...] = field(default=())

    @property
    def lost(self) -> int:
        """Packets that never arrive."""
        return int(np.isnan(self.arrival).sum())

    @property
    def duration_ms(self) -> float:
        """From the first packet to the end of the last one."""
        return float(self.sent[-1]) + self.packet_ms

    def deliveries(self) -> list[tuple[float, int]]:
        """(arrival, index) of all that arrives, copies too, in the order of arrival."""
        arrived = [(float(at), int(i)) for i, at in enumerate(self.arrival) if not np.isnan(at)]
        return sorted([*arrived, *((at, index) for index, at in self.copies)])

    def ticks(self, phase_ms: float = 0.0) -> Iterator[list[tuple[int, float]]]:
        """For each tick of the receiver's grid: (index, ms it has waited) of what a reader finds then.

        The first tick is at `phase_ms`; the last one reads the last packet.
        """
        now, batch = phase_ms, list[tuple[int, float]]()
        for at, index in self.deliveries():
            while at > now:
                yield batch
                batch, now = [], now + TICK_MS
            batch.append((index, now - at))
        yield batch


def steady(name: str, seconds: float, packet_ms: int = 20, base_ms: float = 20.0, ppm: float = 0.0) -> Trace:
    """Packets at their pace over a path that takes `base_ms`; the sender's clock is fast by `ppm`."""
    count = int(seconds * 1000 / packet_ms)
    numbers = np.arange(count)
    sent = numbers * packet_ms / (1 + ppm * 1e-6)
    marker = np.zeros(count, np.bool_)
    marker[:1] = True
    timestamp = (numbers * packet_ms * SAMPLES_PER_MS).astype(np.int64)
    return Trace(name, packet_ms, sent, sent + base_ms, timestamp, marker)


def _queued(sent: Floats, delay: Floats) -> Floats:
    """Arrivals over a path that keeps the order: nobody overtakes who is still waiting."""
    return np.maximum.accumulate(sent + delay)


def _lose(trace: Trace, lost: npt.NDArray[np.bool_]) -> Trace:
    arrival = trace.arrival.copy()
    arrival[lost] = np.nan
    return replace(trace, arrival=arrival)


def clean(seconds: float = 60, seed: int = 1, packet_ms: int = 20) -> Trace:
    """A well-run wired network (G.1050 class A at its best): 0.3 ms of jitter, nothing lost."""
    rng = np.random.default_rng([seed, 1])
    trace = steady("clean", seconds, packet_ms)
    return replace(trace, arrival=_queued(trace.sent, 20 + np.abs(rng.normal(0, 0.3, len(trace.sent)))))


def wifi(seconds: float = 60, seed: int = 1, packet_ms: int = 20) -> Trace:
    """A shared 802.11 cell: contention (exponential, 3 ms), an airtime burst of another station or a scan every 4 s
    that holds all packets for 40 to 160 ms and lets them go together (A-MPDU), 0.3 % lost after all retries.
    """
    rng = np.random.default_rng([seed, 2])
    trace = steady("wifi", seconds, packet_ms)
    delay = 15 + rng.exponential(3, len(trace.sent))
    at = rng.exponential(4000)
    while at < trace.duration_ms:
        hold = rng.uniform(40, 160)
        held = (trace.sent >= at) & (trace.sent < at + hold)
        delay[held] = np.maximum(delay[held], 15 + at + hold - trace.sent[held])
        at += hold + rng.exponential(4000)
    trace = replace(trace, arrival=_queued(trace.sent, delay))
    return _lose(trace, rng.random(len(trace.sent)) < 0.003)


def lte(seconds: float = 60, seed: int = 1, packet_ms: int = 20) -> Trace:
    """A moving LTE phone: uplink grants on a 10 ms raster, HARQ retransmissions of 8 ms each (10 % a try), semi-regular
    hand-overs (every 15 s) that interrupt for 100 to 300 ms, after which what waited comes at once; 0.2 % lost.

    3GPP TR 36.881 has 40 to 60 ms for the interruption itself; what users see end to end is longer.
    """
    rng = np.random.default_rng([seed, 3])
    trace = steady("lte", seconds, packet_ms)
    count = len(trace.sent)
    grant = (-trace.sent - rng.uniform(0, 10)) % 10
    delay = 25 + grant + 8.0 * (rng.geometric(0.9, count) - 1)
    at = rng.uniform(4000, 10_000)
    while at < trace.duration_ms:
        gap = rng.uniform(100, 300)
        held = (trace.sent >= at) & (trace.sent < at + gap)
        delay[held] = np.maximum(delay[held], 25 + at + gap - trace.sent[held])
        at += rng.uniform(10_000, 20_000)
    trace = replace(trace, arrival=_queued(trace.sent, delay))
    return _lose(trace, rng.random(count) < 0.002)


def dsl(seconds: float = 60, seed: int = 1, packet_ms: int = 20) -> Trace:
    """A congested DSL uplink without queue management: each upload fills the modem's queue within a second or two to
    100..250 ms, saw-teeth of a TCP sender while it lasts (5 to 10 s), then the queue drains; 0.5 % lost when full.

    Depths as in the bufferbloat literature (Gettys and Nichols 2011) after G.1050's class C; jitter of one 1500-byte
    packet at 1 Mbit/s (12 ms) on top.
    """
    rng = np.random.default_rng([seed, 4])
    trace = steady("dsl", seconds, packet_ms)
    queue = np.zeros(len(trace.sent))
    at = rng.uniform(3000, 8000)
    while at < trace.duration_ms:
        depth, fill, hold = rng.uniform(100, 250), rng.uniform(800, 2000), rng.uniform(5000, 10_000)
        since = trace.sent - at
        saw = depth * (1 - 0.3 * (np.maximum(since - fill, 0) % 1500) / 1500)
        drain = depth - (since - fill - hold) * 0.5  # ms of queue that leave each ms once the upload is over
        shape = np.select([since < 0, since < fill, since < fill + hold], [0, depth * since / fill, saw], drain)
        queue = np.maximum(queue, np.maximum(shape, 0))
        at += fill + hold + rng.uniform(4000, 12_000)
    wait = rng.uniform(0, 12, len(queue)) * (queue > 0) + rng.exponential(1, len(queue))
    trace = replace(trace, arrival=_queued(trace.sent, 20 + queue + wait))
    return _lose(trace, (queue > 90) & (rng.random(len(queue)) < 0.01))


def gilbert_elliott(
    seconds: float = 60, seed: int = 1, packet_ms: int = 20, *, loss: float = 0.03, burst: float = 3.0
) -> Trace:
    """Loss in bursts over an otherwise calm path (G.1050 class B): mean `loss`, mean `burst` packets in a row."""
    rng = np.random.default_rng([seed, 5])
    trace = steady("burst-loss", seconds, packet_ms)
    leave, enter = 1 / burst, loss / (1 - loss) / burst
    dice = rng.random(len(trace.sent))
    bad, lost = False, np.zeros(len(dice), np.bool_)
    for i, value in enumerate(dice):
        bad = value >= leave if bad else value < enter
        lost[i] = bad
    arrival = _queued(trace.sent, 20 + rng.exponential(1, len(dice)))
    return _lose(replace(trace, arrival=arrival), lost)


def reordered(seconds: float = 60, seed: int = 1, packet_ms: int = 20, *, share: float = 0.02) -> Trace:
    """Two unequal paths: a share of the packets takes 15 to 45 ms longer and is overtaken (class C has 0.1 %)."""
    rng = np.random.default_rng([seed, 6])
    trace = steady("reorder", seconds, packet_ms)
    delay = 20 + rng.exponential(1, len(trace.sent))
    slow = rng.random(len(delay)) < share
    delay[slow] += rng.uniform(15, 45, int(slow.sum()))
    return replace(trace, arrival=trace.sent + delay)


def duplicated(seconds: float = 60, seed: int = 1, packet_ms: int = 20, *, share: float = 0.05) -> Trace:
    """A bridge loop or a doubled capture port: some packets come twice, up to 30 ms apart, a few of them much later."""
    rng = np.random.default_rng([seed, 7])
    trace = replace(clean(seconds, seed, packet_ms), name="duplicates")
    twice = np.flatnonzero(rng.random(len(trace.sent)) < share)
    later = np.where(rng.random(len(twice)) < 0.1, 400.0, rng.uniform(0, 30, len(twice)))
    copies = tuple((int(i), float(trace.arrival[i] + more)) for i, more in zip(twice, later, strict=True))
    return replace(trace, copies=copies)


def drifting(seconds: float = 60, seed: int = 1, packet_ms: int = 20, *, ppm: float = 300) -> Trace:
    """A sender whose crystal is off; RFC 3550 promises nothing, cheap telephones reach 100 ppm, softphones 300."""
    rng = np.random.default_rng([seed, 8])
    trace = steady(f"drift{ppm:+g}ppm", seconds, packet_ms, ppm=ppm)
    return replace(trace, arrival=_queued(trace.sent, 20 + rng.exponential(0.5, len(trace.sent))))


def silences(seconds: float = 60, seed: int = 1, packet_ms: int = 20) -> Trace:
    """A sender with silence suppression (DTX): talkspurts and pauses of 1.0 and 1.35 s on average, exponential
    (ITU-T P.59), nothing sent in a pause, sequence numbers without a gap, marker at each start; class A jitter.
    """
    rng = np.random.default_rng([seed, 9])
    trace = replace(clean(seconds, seed, packet_ms), name="dtx")
    keep, at = np.zeros(len(trace.sent), np.bool_), 0.0
    while at < trace.duration_ms:
        talk = max(rng.exponential(1000), 3 * packet_ms)
        keep |= (trace.sent >= at) & (trace.sent < at + talk)
        at += talk + max(rng.exponential(1350), 5 * packet_ms)
    kept = np.flatnonzero(keep)
    marker = np.diff(kept, prepend=-2) > 1
    return replace(
        trace, sent=trace.sent[kept], arrival=trace.arrival[kept], timestamp=trace.timestamp[kept], marker=marker
    )


def one_burst(seconds: float = 60, seed: int = 1, packet_ms: int = 20) -> Trace:
    """A calm path with one bad time: from a sixth to a quarter of the trace delays jump between 0 and 200 ms."""
    rng = np.random.default_rng([seed, 10])
    trace = steady("one-burst", seconds, packet_ms)
    delay = 20 + np.abs(rng.normal(0, 0.3, len(trace.sent)))
    bad = (trace.sent > trace.duration_ms / 6) & (trace.sent < trace.duration_ms / 4)
    delay[bad] += rng.uniform(0, 200, int(bad.sum()))
    return replace(trace, arrival=_queued(trace.sent, delay))


#: All kinds, by name: make one with `KINDS[name](seconds, seed)`.
KINDS: dict[str, Callable[..., Trace]] = {
    "clean": clean,
    "wifi": wifi,
    "lte": lte,
    "dsl": dsl,
    "burst-loss": gilbert_elliott,
    "reorder": reordered,
    "duplicates": duplicated,
    "drift": drifting,
    "dtx": silences,
    "one-burst": one_burst,
}
#: Kinds on which a fixed buffer is too deep, and those on which it is too shallow.
CALM = ("clean", "burst-loss", "duplicates", "drift", "dtx")
ROUGH = ("wifi", "lte", "dsl", "one-burst")
