"""Speech quality against delay: PESQ (ITU-T P.862) of our playout beside pjmedia's, on the same packets.

Each trace of `tests.support.traces` carries speech of Debian's `asterisk-core-sounds-en-wav`, coded with mu-law in
packets of 20 ms. Both sides read what has arrived, and play, at the same instants every 20 ms, in virtual time. The
reference of PESQ is the speech after the codec, so only what the network and the receiver did is judged. Delay is from
mouth to ear: the instant at which a sample is played minus the instant at which it was spoken, without sound cards;
mean over all samples that were played and not made up. PESQ compares pieces of 8 s, each aligned by the delay that it
had: a delay that changes within a piece is judged, one that differs between two pieces is in the column of delays.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from dsp.codecs import g711
from dsp.plane import concealment, jitter
from dsp.plane import layout as lo
from tests.support import traces

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
#: Enough for about a minute of speech by one speaker, in sentences.
FILES = (
    "demo-congrats.wav",
    "conf-adminmenu-18.wav",
    "basic-pbx-ivr-main.wav",
    "tt-allbusy.wav",
)
RATE, FRAME, TICK_MS = 8000, 160, 20
#: Grain of what is known of the delay: pjmedia plays halves of a packet.
SLOT, SLOT_MS = 80, 10
#: Length of what PESQ compares at once.
PIECE_S = 8
SEEDS = (1, 2)
#: Our settings, as the configuration has them.
START_MS, LEAST_MS, MOST_MS = 0, 0, 300
#: Two scores nearer than this are equal: PESQ itself differs by more from one sentence to the next.
EQUAL = 0.02

TRACES: dict[str, Callable[..., traces.Trace]] = {
    **traces.KINDS,
    "loss 1 %": partial(traces.gilbert_elliott, loss=0.01, burst=1.0),
    "loss 5 %": partial(traces.gilbert_elliott, loss=0.05, burst=1.0),
    "loss 10 %": partial(traces.gilbert_elliott, loss=0.10, burst=1.2),
}


class Given(NamedTuple):
    """A trace that carries speech."""

    trace: traces.Trace
    #: int16[n, 160]: speech by RTP time; zeros where the sender sent nothing.
    frames: np.ndarray
    #: What arrives, in order: when (ms on the receiver's grid), and which frame.
    at_ms: np.ndarray
    number: np.ndarray
    ticks: int

    def spoken_ms(self, position: np.ndarray | int) -> np.ndarray:
        """When the sample at RTP time `position` was spoken: a packet is sent when its last sample is."""
        trace = self.trace
        begun = trace.sent - trace.packet_ms
        beyond = np.maximum(position - trace.timestamp[-1], 0) * 1000 / RATE  # inside the last packet
        return np.interp(position, trace.timestamp, begun) + beyond


class Heard(NamedTuple):
    """What came out of a receiver."""

    samples: np.ndarray
    #: For each 10 ms: milliseconds from mouth to ear; NaN where it was made up.
    delays_ms: np.ndarray
    #: Share of the stream that was made up.
    concealed: float

    @property
    def delay_ms(self) -> float:
        """Mean delay of what was played."""
        return float(np.nanmean(self.delays_ms))

    def delay_of(self, begin_ms: float, end_ms: float) -> float:
        """Mean delay of what was spoken between two instants; of everything, if none of it was played."""
        spoken = np.arange(len(self.delays_ms)) * SLOT_MS - self.delays_ms
        inside = self.delays_ms[(spoken >= begin_ms) & (spoken < end_ms)]
        return float(inside.mean()) if len(inside) else self.delay_ms


class Row(NamedTuple):
    """One trace, both receivers: PESQ, mean delay (ms), share made up."""

    trace: str
    lost: float
    ours: tuple[float, float, float]
    pjmedia: tuple[float, float, float]

    @property
    def not_worse(self) -> bool:
        """Whether our PESQ reaches pjmedia's."""
        return self.ours[0] >= self.pjmedia[0] - EQUAL

    @property
    def earlier(self) -> bool:
        """Whether our mean delay is the lower one."""
        return self.ours[1] < self.pjmedia[1]


def speech(seconds: float) -> np.ndarray:
    """Return speech after mu-law, int16."""
    parts = [soundfile.read(SOUNDS / name, dtype="int16")[0] for name in FILES]
    samples = np.concatenate(parts)[: int(seconds * RATE) // FRAME * FRAME]
    codes = np.zeros(len(samples), np.uint8)
    g711.encode(samples, len(samples), g711.ENCODE[0], codes, 0)
    return g711.DECODE[0][codes]


def load(trace: traces.Trace, said: np.ndarray) -> Given:
    """Put speech on a trace."""
    frames = said.reshape(-1, FRAME).copy()
    numbers = trace.timestamp // FRAME
    silent = np.ones(len(frames), bool)
    silent[numbers[numbers < len(frames)]] = False
    frames[silent] = 0
    arrives = [(at, int(numbers[i])) for at, i in trace.deliveries() if numbers[i] < len(frames)]
    at_ms, number = (np.array(column) for column in zip(*arrives, strict=True))
    return Given(trace, frames, at_ms, number, int(trace.duration_ms / TICK_MS) + 50)


def ours(given: Given) -> Heard:
    """Our kernels on a trace."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    ring = np.zeros(lo.JITTER_SAMPLES, np.int16)
    jitter.reset(leg, ring, START_MS * 8, LEAST_MS * 8, MOST_MS * 8)
    out, heard, delays, at = np.zeros(2 * FRAME, np.int16), [], [], 0
    came = np.zeros(len(given.frames), bool)  # by sequence number, `source` knows what comes twice
    starts = set((given.trace.timestamp[given.trace.marker] // FRAME).tolist())
    for tick in range(given.ticks):
        now = tick * TICK_MS
        while at < len(given.number) and given.at_ms[at] <= now:
            n = int(given.number[at])
            if not came[n]:
                ts = jitter.unwrap(leg, n * FRAME)
                jitter.put(leg, ring, given.frames[n], FRAME, ts, int(n in starts), int((now - given.at_ms[at]) * 8))
            came[n] = True
            at += 1
        position, before, dry = int(leg.jb_play_ts), int(leg.pc_made_up), leg.jb_dry > 0
        hole = jitter.play(leg, ring, out)
        if dry:  # the play clock stood still and may have gone on from elsewhere
            position = int(leg.jb_play_ts) - FRAME
        heard.append(out[:FRAME].copy())
        made_up = int(leg.pc_made_up) - before
        real = leg.jb_started == jitter.PLAYING and not hole and not made_up and not concealment.active(leg)
        delays += 2 * [now - float(given.spoken_ms(position)) if real else np.nan]
    return Heard(np.concatenate(heard), np.array(delays), int(leg.pc_made_up) / given.frames.size)


def pjmedias(given: Given) -> Heard:
    """pjmedia's functions on a trace; in a process of its own, for it keeps global state and may abort."""
    with tempfile.TemporaryDirectory() as folder:
        into, made = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(into, frames=given.frames, at_ms=given.at_ms, number=given.number, ticks=given.ticks)
        subprocess.run([sys.executable, "-m", "bench.pjmedia", str(into), str(made)], check=True, timeout=300)
        result = np.load(made)
    index = result["index"]
    played = index >= 0
    held_ms = float(result["held"]) * 1000 / RATE
    delays = np.where(played, np.arange(len(index)) * SLOT_MS + held_ms - given.spoken_ms(index * SLOT), np.nan)
    return Heard(result["heard"], delays, 1 - played.sum() / (2 * len(given.frames)))


def pesq_of(given: Given, heard: Heard) -> float:
    """Mean PESQ (narrow band, MOS-LQO) over pieces of the stream."""
    import pesq

    reference = given.frames.ravel()
    size, scores = PIECE_S * RATE, []
    for start in range(0, len(reference) - size + 1, size):
        begin_ms, end_ms = (float(given.spoken_ms(at)) for at in (start, start + size))
        shift = round((begin_ms + heard.delay_of(begin_ms, end_ms)) * RATE / 1000) - start
        piece = heard.samples[start + shift : start + shift + size]
        if len(piece) == size:
            scores.append(pesq.pesq(RATE, reference[start : start + size], piece, "nb"))
    return float(np.mean(scores))


def measure(given: Given) -> dict[str, tuple[float, float, float]]:
    """PESQ, mean delay (ms) and share made up of both receivers on one trace."""
    results = {}
    for name, receiver in (("ours", ours), ("pjmedia", pjmedias)):
        heard = receiver(given)
        results[name] = (pesq_of(given, heard), heard.delay_ms, heard.concealed)
    return results


def run(seconds: float = 64, seeds: tuple[int, ...] = SEEDS, names: tuple[str, ...] = ()) -> list[Row]:
    """Measure all traces (or those of `names`); figures are means over the seeds."""
    said = speech(seconds)
    rows = []
    for name, make in TRACES.items():
        if names and name not in names:
            continue
        carried = [load(make(seconds, seed), said) for seed in seeds]
        results = [measure(given) for given in carried]
        mean = {
            who: tuple(float(x) for x in np.mean([result[who] for result in results], axis=0))
            for who in ("ours", "pjmedia")
        }
        lost = float(np.mean([given.trace.lost / len(given.trace.sent) for given in carried]))
        rows.append(Row(name, lost, mean["ours"], mean["pjmedia"]))
    return rows


def table(rows: list[Row]) -> str:
    """Show the rows to people."""
    head = f"{'trace':24} {'lost %':>7} | {'PESQ':>5} {'delay ms':>9} {'made up %':>10} |"
    head += " pjmedia: PESQ  delay ms  made up %"
    lines = [head]
    for row in rows:
        o, p = row.ours, row.pjmedia
        mark = ("" if row.not_worse else "  PESQ below") + ("" if row.earlier else "  later")
        lines.append(
            f"{row.trace:24} {100 * row.lost:7.2f} | {o[0]:5.2f} {o[1]:9.1f} {100 * o[2]:10.2f} |"
            f" {p[0]:13.2f} {p[1]:9.1f} {100 * p[2]:10.2f}{mark}"
        )
    lines.append(
        f"PESQ not worse on {sum(row.not_worse for row in rows)} of {len(rows)} traces, "
        f"mean delay lower on {sum(row.earlier for row in rows)}"
    )
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--trace", action="append", default=[])
    options = parser.parse_args()
    seeds = " ".join(map(str, options.seeds))
    print(f"speech {options.seconds:g} s, seeds {seeds}; playout {START_MS} ms at first, {LEAST_MS} to {MOST_MS} ms")
    print(table(run(options.seconds, tuple(options.seeds), tuple(options.trace))))


if __name__ == "__main__":
    main()
