"""Speech quality against delay: PESQ (ITU-T P.862) of our playout beside pjmedia's, on the same packets.

Each trace of `tests.support.traces` carries speech of Debian's `asterisk-core-sounds-en-wav`, coded with mu-law in
packets of 20 ms. Both sides read what has arrived, and play, at the same instants every 20 ms, in virtual time. The
reference of PESQ is the speech after the codec, so only what the network and the receiver did is judged. Delay is from
mouth to ear: the instant at which a sample is played minus the instant at which it was spoken, without sound cards;
mean over all samples that were played and not made up.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from dsp.codecs import g711
from dsp.plane import jitter
from dsp.plane import layout as lo

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
#: Enough for about a minute of speech by one speaker, in sentences.
FILES = (
    "demo-congrats.wav",
    "conf-adminmenu-18.wav",
    "basic-pbx-ivr-main.wav",
    "tt-allbusy.wav",
)
RATE, FRAME, TICK_MS = 8000, 160, 20
#: Length of what PESQ compares at once.
PIECE_S = 8
SEEDS = (1, 2)
#: Our start, as the configuration has it.
START_DELAY_MS = 60


class Heard(NamedTuple):
    """What came out of a receiver."""

    samples: np.ndarray
    #: For each tick that played the stream: milliseconds from mouth to ear.
    delays_ms: np.ndarray
    #: Share of the stream that was made up.
    concealed: float


class Row(NamedTuple):
    """One trace, both receivers."""

    trace: str
    lost: float
    ours: tuple[float, float, float]
    pjmedia: tuple[float, float, float]


def speech(seconds: float) -> np.ndarray:
    """Return speech after mu-law, int16."""
    parts = [soundfile.read(SOUNDS / name, dtype="int16")[0] for name in FILES]
    samples = np.concatenate(parts)[: int(seconds * RATE) // FRAME * FRAME]
    codes = np.zeros(len(samples), np.uint8)
    g711.encode(samples, len(samples), g711.ENCODE[0], codes, 0)
    return g711.DECODE[0][codes]


def _order(arrival_ms: np.ndarray) -> list[int]:
    return [int(n) for n in np.argsort(arrival_ms, kind="stable") if np.isfinite(arrival_ms[n])]


def ours(frames: np.ndarray, arrival_ms: np.ndarray, ticks: int) -> Heard:
    """Our kernels on a trace."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    ring = np.zeros(lo.JITTER_SAMPLES, np.int16)
    jitter.reset(leg, ring, START_DELAY_MS * 8, 160, 2400)
    order, at = _order(arrival_ms), 0
    out, heard, delays, concealed = np.zeros(2 * FRAME, np.int16), [], [], 0
    for tick in range(ticks):
        while at < len(order) and arrival_ms[order[at]] <= tick * TICK_MS:
            n = order[at]
            jitter.put(leg, ring, frames[n], FRAME, jitter.unwrap(leg, n * FRAME), 0, 0)
            at += 1
        position, before = int(leg.jb_play_ts), int(leg.jb_concealed)
        hole = jitter.play(leg, ring, out)
        heard.append(out[:FRAME].copy())
        made_up = int(leg.jb_concealed) - before
        concealed += made_up
        if leg.jb_started == jitter.PLAYING and not hole and not made_up:
            delays.append(tick * TICK_MS - position / 8)
    return Heard(np.concatenate(heard), np.array(delays), concealed / frames.size)


def pjmedias(frames: np.ndarray, arrival_ms: np.ndarray, ticks: int) -> Heard:
    """pjmedia's functions on a trace; in a process of its own, for it keeps global state and may abort."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(given, frames=frames, arrival_ms=arrival_ms, ticks=ticks)
        subprocess.run([sys.executable, "-m", "bench.pjmedia", str(given), str(made)], check=True, timeout=300)
        result = np.load(made)
    index = result["index"]
    played = index >= 0
    delays = (np.arange(len(index)) - index)[played] * 10.0
    return Heard(result["heard"], delays, 1 - played.sum() / (2 * len(frames)))


def pesq_of(reference: np.ndarray, heard: Heard) -> float:
    """Mean PESQ (narrow band, MOS-LQO) over pieces of the stream."""
    import pesq

    shift = round(float(heard.delays_ms.mean()) * 8)
    size, scores = PIECE_S * RATE, []
    for start in range(0, len(reference) - size + 1, size):
        piece = heard.samples[start + shift : start + shift + size]
        if len(piece) == size:
            scores.append(pesq.pesq(RATE, reference[start : start + size], piece, "nb"))
    return float(np.mean(scores))


def measure(arrival_ms: np.ndarray, said: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """PESQ, mean delay (ms) and share made up of both receivers on one trace."""
    frames = said.reshape(-1, FRAME)
    ticks = len(frames) + 50
    results = {}
    for name, receiver in (("ours", ours), ("pjmedia", pjmedias)):
        heard = receiver(frames, arrival_ms, ticks)
        results[name] = (pesq_of(said, heard), float(heard.delays_ms.mean()), heard.concealed)
    return results


def _bernoulli(loss: float, jitter_ms: float, mean_burst: float = 1.0) -> Callable[[int, int], np.ndarray]:
    """A loss of `loss`, in bursts of `mean_burst` packets (Gilbert), with exponential delay variation."""

    def make(packets: int, seed: int) -> np.ndarray:
        dice = np.random.default_rng(seed)
        arrival = np.arange(packets) * float(TICK_MS) + 2 * TICK_MS + 1 + dice.exponential(jitter_ms, packets)
        leave, enter = 1 / mean_burst, loss / (1 - loss) / mean_burst
        bad = False
        for n in range(packets):
            bad = dice.random() >= leave if bad else dice.random() < enter
            if bad:
                arrival[n] = np.inf
        return arrival

    return make


TRACES: dict[str, Callable[[int, int], np.ndarray]] = {
    "clean": _bernoulli(0.0, 0.5),
    "loss 1 %": _bernoulli(0.01, 1),
    "loss 5 %": _bernoulli(0.05, 1),
    "loss 10 %": _bernoulli(0.10, 1),
    "burst 5 % (2.5)": _bernoulli(0.05, 1, 2.5),
    "burst 5 % (5)": _bernoulli(0.05, 1, 5),
    "jitter 10 ms": _bernoulli(0.0, 10),
    "jitter 30 ms": _bernoulli(0.0, 30),
    "loss 3 %, jitter 15 ms": _bernoulli(0.03, 15),
}


def run(seconds: float = 64, seeds: tuple[int, ...] = SEEDS, names: tuple[str, ...] = ()) -> list[Row]:
    """Measure all traces (or those of `names`); figures are means over the seeds."""
    said = speech(seconds)
    rows = []
    for name, make in TRACES.items():
        if names and name not in names:
            continue
        traces = [make(len(said) // FRAME, seed) for seed in seeds]
        results = [measure(trace, said) for trace in traces]
        mean = {
            who: tuple(float(x) for x in np.mean([result[who] for result in results], axis=0))
            for who in ("ours", "pjmedia")
        }
        lost = float(np.mean([np.isinf(trace).mean() for trace in traces]))
        rows.append(Row(name, lost, mean["ours"], mean["pjmedia"]))
    return rows


def table(rows: list[Row]) -> str:
    """Show the rows to people."""
    head = f"{'trace':24} {'lost %':>7} | {'PESQ':>5} {'delay ms':>9} {'made up %':>10} |"
    head += " pjmedia: PESQ  delay ms  made up %"
    lines = [head]
    for row in rows:
        o, p = row.ours, row.pjmedia
        mark = ("" if o[0] >= p[0] - 0.005 else "  PESQ below") + ("" if o[1] <= p[1] else "  later")
        lines.append(
            f"{row.trace:24} {100 * row.lost:7.2f} | {o[0]:5.2f} {o[1]:9.1f} {100 * o[2]:10.2f} |"
            f" {p[0]:13.2f} {p[1]:9.1f} {100 * p[2]:10.2f}{mark}"
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
    print(f"speech {options.seconds:g} s, seeds {seeds}; playout starts at {START_DELAY_MS} ms")
    print(table(run(options.seconds, tuple(options.seeds), tuple(options.trace))))


if __name__ == "__main__":
    main()
