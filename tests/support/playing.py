"""A trace played by the kernel's playout buffer in virtual time, and by a fixed buffer beside it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsp.plane import jitter
from dsp.plane import layout as lo
from tests.support.traces import SAMPLES_PER_MS, TICK_MS, Trace

FRAME = lo.FRAME


def speech_like(samples: int, seed: int = 1, rate: int = 8000) -> npt.NDArray[np.int16]:
    """Voiced syllables (harmonics of a gliding pitch of 90 to 220 Hz, 150 to 400 ms) with pauses of 30 to 300 ms."""
    rng = np.random.default_rng([seed, 77])
    out = np.zeros(samples)
    at = 0
    while at < samples:
        n = int(rate * rng.uniform(0.15, 0.4))
        pitch = np.linspace(rng.uniform(90, 220), rng.uniform(90, 220), n)
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        wave = sum(np.sin(k * phase) / k for k in range(1, 9))
        ramp = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.02 * rate))
        piece = (4000 * wave * ramp)[: max(samples - at, 0)]
        out[at : at + len(piece)] = piece
        at += n + int(rate * rng.uniform(0.03, 0.3))
    return np.round(out).astype(np.int16)


class Buffer:
    """The kernel's buffer of one leg."""

    def __init__(self, start_ms: int = 60, least_ms: int = 20, most_ms: int = 300, wide: int = 0) -> None:
        self.leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
        self.leg.wide = self.leg.rtp_wide = wide
        self.ring = np.zeros(lo.JITTER_SAMPLES, np.int16)
        self.out = np.zeros(2 * FRAME, np.int16)
        jitter.reset(self.leg, self.ring, start_ms * 8, least_ms * 8, most_ms * 8)

    def put(self, samples: npt.NDArray[np.int16], timestamp: int, spurt: int = 0, waited: int = 0) -> int:
        """Put a packet of a 32-bit `timestamp`."""
        ts = jitter.unwrap(self.leg, timestamp & 0xFFFFFFFF)
        return jitter.put(self.leg, self.ring, samples, len(samples), ts, spurt, waited)

    def play(self) -> tuple[npt.NDArray[np.int16], int]:
        """Play a tick: its samples, and how many of them were lost."""
        hole = jitter.play(self.leg, self.ring, self.out)
        return self.out[: FRAME << int(self.leg.wide)].copy(), hole


@dataclass
class Played:
    """What came out of a buffer."""

    out: npt.NDArray[np.int16]
    #: Play clock (RTP time of the next sample) after each tick.
    positions: npt.NDArray[np.int64]
    #: For each tick that played real samples: ms from the sending of the frame's first sample to its playing.
    delays: npt.NDArray[np.float64]
    #: Samples made up for what was lost or late (not for a sender's pause), in ms.
    concealed_ms: float
    #: Speech that was sent and never played, in ms: lost, late, or bridged while it was waited for.
    missed_ms: float = 0.0
    #: Time in which what was only delayed was waited for, in ms; it was played then.
    waited_ms: float = 0.0
    buffer: Buffer | None = None


def play(
    trace: Trace,
    speech: npt.NDArray[np.int16],
    buffer: Buffer | None = None,
    *,
    phase_ms: float = 0.0,
    first_ts: int = 0,
    stamps: bool = True,
) -> Played:
    """Play a trace of 8 kHz speech; timestamps count from `first_ts`. `stamps`: each packet's arrival is known."""
    b = buffer or Buffer()
    size = trace.packet_ms * SAMPLES_PER_MS
    out, positions, delays, came, missed = [], [], [], set[int](), 0
    for tick, batch in enumerate(trace.ticks(phase_ms)):
        for index, waited_ms in batch:
            if index in came:
                continue  # `source` finds it by its sequence number
            came.add(index)
            ts = int(trace.timestamp[index])
            # what the receiver knows from sequence numbers: a step in time that no lost packet explains
            spurt = int(index > 0 and ts != trace.timestamp[index - 1] + size)
            waited = int(waited_ms * SAMPLES_PER_MS) if stamps else 0
            b.put(speech[ts : ts + size], first_ts + ts, spurt, waited)
        before, made = int(b.leg.jb_play_ts), int(b.leg.jb_concealed) + int(b.leg.jb_dry_made)
        samples, hole = b.play()
        missed += hole
        out.append(samples)
        positions.append(int(b.leg.jb_play_ts))
        real = positions[-1] > before and int(b.leg.jb_concealed) + int(b.leg.jb_dry_made) == made
        if b.leg.jb_started == jitter.PLAYING and real:
            delays.append(phase_ms + tick * TICK_MS - (before - first_ts) / SAMPLES_PER_MS)
    concealed = (int(b.leg.jb_concealed) + int(b.leg.jb_dry_made)) / SAMPLES_PER_MS
    waited = int(b.leg.jb_waited) / SAMPLES_PER_MS
    missed_ms = missed / SAMPLES_PER_MS
    return Played(np.concatenate(out), np.array(positions), np.array(delays), concealed, missed_ms, waited, b)


def play_fixed(trace: Trace, delay_ms: float = 60.0, phase_ms: float = 0.0) -> tuple[float, float]:
    """A fixed buffer set by the first packet: (ms of speech that came too late, delay in ms by sending time)."""
    deliveries = dict[int, float]()
    for at, index in trace.deliveries():
        deliveries.setdefault(index, at)
    first_at, first = min((at, i) for i, at in deliveries.items())
    read = phase_ms + -(-(first_at - phase_ms) // TICK_MS) * TICK_MS
    offset = read + delay_ms - float(trace.timestamp[first]) / SAMPLES_PER_MS
    late = 0.0
    for index, at in deliveries.items():
        read = phase_ms + -(-(at - phase_ms) // TICK_MS) * TICK_MS
        due = offset + float(trace.timestamp[index]) / SAMPLES_PER_MS
        late += min(max(read - due, 0.0), trace.packet_ms)
    return late, offset
