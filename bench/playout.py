"""The playout buffer beside a fixed one of 60 ms, on the same traces: speech lost to lateness, and delay.

`python -m bench.playout` prints the table; everything is virtual time, so the figures are the same on every machine.
Delay is from the sending of a frame to its playing: the path, the wait for the tick, and the buffer. `lost` is the
share of speech whose packets never came, `late` the share that came and was not played, `gaps` the time that was made
up while delayed packets were waited for (their speech was played after that).
"""

from typing import Any

import numpy as np

from tests.support import traces
from tests.support.playing import play, play_fixed, speech_like

SECONDS = 120
SEEDS = (1, 2, 3)
FIXED_MS = 60.0
PHASE_MS = 7.0


def row(kind: str, seed: int, seconds: int = SECONDS) -> dict[str, Any]:
    """One trace through both buffers; shares in percent, times in ms."""
    trace = traces.KINDS[kind](seconds, seed)
    speech = speech_like(8 * 1000 * (seconds + 2), seed)
    played = play(trace, speech, phase_ms=PHASE_MS)
    assert played.buffer is not None
    leg = played.buffer.leg
    whole = len(trace.sent) * trace.packet_ms
    fixed_late, fixed_delay = play_fixed(trace, FIXED_MS, PHASE_MS)
    return {
        "trace": kind,
        "seed": seed,
        "lost": 100 * trace.lost / len(trace.sent),
        "late": 100 * int(leg.jb_late) * trace.packet_ms / whole,
        "gaps": 100 * int(leg.jb_waited) / 8 / whole,
        "delay_mean": float(played.delays.mean()),
        "delay_p95": float(np.percentile(played.delays, 95)),
        "underruns": int(leg.jb_underruns),
        "stretched_ms": int(leg.jb_stretched) / 8,
        "compressed_ms": int(leg.jb_compressed) / 8,
        "fixed_late": 100 * fixed_late / whole,
        "fixed_delay": fixed_delay,
    }


def table(seconds: int = SECONDS) -> list[dict[str, Any]]:
    """All traces with all seeds."""
    return [row(kind, seed, seconds) for kind in traces.KINDS for seed in SEEDS]


def main() -> None:
    print(f"{SECONDS} s of each trace, read every 20 ms; fixed buffer: {FIXED_MS:.0f} ms from the first packet on")
    print("      trace seed | lost % late % gaps %  mean ms  p95 ms  longer shorter ms | fixed: late %   ms")
    for r in table():
        print(
            f"{r['trace']:>11} {r['seed']:>4} | {r['lost']:6.2f} {r['late']:6.2f} {r['gaps']:6.2f}"
            f" {r['delay_mean']:8.1f} {r['delay_p95']:7.1f} {r['stretched_ms']:7.0f} {r['compressed_ms']:10.0f}"
            f" | {r['fixed_late']:13.2f} {r['fixed_delay']:4.0f}"
        )


if __name__ == "__main__":
    main()
