"""Eight hours against a sender whose clock is off, in virtual time: underruns after the first minute.

`python -m bench.drift [HOURS]` takes some seconds an hour. The arrival of each packet has an exponential jitter of
half a millisecond; speech-like sound with pauses, over and over.
"""

import sys
from typing import Any

import numpy as np

from dsp.jit import kernel
from dsp.plane import jitter
from dsp.plane.layout import FRAME
from tests.support.playing import Buffer, speech_like

HOURS = 8.0
PPM = (300.0, -300.0)
_TICK_MS = 20.0
_MINUTE = 3000


@kernel
def drive(
    leg: Any, ring: Any, speech: Any, jitter_ms: Any, ppm: float, stamps: bool, first: int, ticks: int, out: Any,
    frame: Any,
) -> int:  # fmt: skip
    """Run ticks `first` up to `ticks`; packet n was sent at n * 20 ms of the sender's clock. Gives the next packet.

    `frame` takes what is played.
    """
    packet = out[0]
    pace = _TICK_MS / (1.0 + ppm * 1e-6)
    for tick in range(first, ticks):
        now = tick * _TICK_MS
        while True:
            arrival = packet * pace + 23.0 + jitter_ms[packet % jitter_ms.shape[0]]
            if arrival > now:
                break
            at = packet * FRAME % (speech.shape[0] - FRAME)
            ts = jitter.unwrap(leg, (packet * FRAME) & 0xFFFFFFFF)
            waited = int((now - arrival) * 8) if stamps else 0
            jitter.put(leg, ring, speech[at : at + FRAME], FRAME, ts, 0, waited)
            packet += 1
        jitter.play(leg, ring, frame)
    out[0] = packet
    return packet


def run(hours: float, ppm: float, *, stamps: bool) -> dict[str, Any]:
    """One sender; counts are those after the first minute."""
    b, speech = Buffer(start_ms=0, least_ms=0), speech_like(8000 * 300)
    wobble = np.random.default_rng(8).exponential(0.5, 100_003)
    ticks, packet = int(hours * 3600 * 50), np.zeros(1, np.int64)
    frame = np.zeros(2 * FRAME, np.int16)
    drive(b.leg, b.ring, speech, wobble, ppm, stamps, 0, _MINUTE, packet, frame)
    names = ("jb_underruns", "jb_late", "jb_concealed", "jb_resyncs", "jb_stretched", "jb_compressed")
    before = {name: int(b.leg[name]) for name in names}
    b.leg.jb_delay_max = b.leg.jb_delay_sum = b.leg.jb_delay_ticks = 0
    drive(b.leg, b.ring, speech, wobble, ppm, stamps, _MINUTE, ticks, packet, frame)
    counts = {name.removeprefix("jb_"): int(b.leg[name]) - before[name] for name in names}
    mean = int(b.leg.jb_delay_sum) / max(int(b.leg.jb_delay_ticks), 1) / 8
    return counts | {"delay_mean_ms": round(mean, 1), "delay_max_ms": int(b.leg.jb_delay_max) / 8}


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    for ppm in PPM:
        for stamps in (True, False):
            figures = run(hours, ppm, stamps=stamps)
            kind = "kernel time stamps" if stamps else "read by the tick"
            print(f"{hours:g} h at {ppm:+.0f} ppm, {kind}: " + ", ".join(f"{k} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
