"""What a codec costs: microseconds of one core for a leg and a tick (20 ms), by the engine's own kernels.

`python -m bench.codecs` prints, for each codec, a packet taken in (decoded, with the 8 kHz version for keys and level),
the 8 kHz version of what is played, a frame sent, and for wide legs the way up from 8 kHz. The best of several rounds
counts: other load only ever adds.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from dsp.jit import kernel
from dsp.plane import codec
from dsp.plane import layout as lo
from dsp.plane.packets import HEADER
from dsp.plane.work import make_work

NAMES = {
    lo.CODEC_PCMU: "PCMU",
    lo.CODEC_PCMA: "PCMA",
    lo.CODEC_L16: "L16/8000",
    lo.CODEC_L16_WIDE: "L16/16000",
    lo.CODEC_G722: "G722",
}
FRAMES = 2000
ROUNDS = 7


class Cost(NamedTuple):
    """Microseconds a leg and tick."""

    decode: float
    narrow: float
    encode: float
    widen: float

    @property
    def total(self) -> float:
        """Both ways, with the changes of rate of a leg that is recorded and hears prompts."""
        return sum(self)


@kernel
def _decode(state: Any, work: Any, codec_: int, octets: int, frames: int) -> None:
    row, wide = state.codec[0], state.legs[0].wide
    for _ in range(frames):
        codec.decode(row, wide, codec_, work.packet, HEADER, octets, True, work.pcm, work.pcm8, work.codec)


@kernel
def _narrow(state: Any, work: Any, frames: int) -> None:
    row, wide = state.codec[0], state.legs[0].wide
    for _ in range(frames):
        codec.narrow(row, lo.CODEC_PLAYED_DOWN, wide, work.rx[0], work.rx8[0], work.codec)


@kernel
def _encode(state: Any, work: Any, frames: int) -> None:
    row, number = state.codec[0], state.legs[0].codec
    for _ in range(frames):
        codec.encode(row, number, work.tx[0], work.packet_out, HEADER, work.codec)


@kernel
def _widen(state: Any, work: Any, frames: int) -> None:
    for _ in range(frames):
        codec.widen(state.codec[0], work.tx8[0], work.tx[0], work.codec)


def _best(function: Any, *arguments: Any) -> float:
    function(*arguments, 1)  # compiled by then
    times = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        function(*arguments, FRAMES)
        times.append(time.thread_time() - start)
    return min(times) / FRAMES * 1e6


def costs() -> dict[str, Cost]:
    """Measure all codecs on a speech-like level of noise."""
    out = {}
    for number, name in NAMES.items():
        state = lo.map_state(bytearray(lo.state_bytes(1, 2)), 1, 2)
        work = make_work(1)
        dice = np.random.default_rng(1)
        leg = state.legs[0]
        leg.codec, leg.wide = number, codec.is_wide(number)
        for array in (work.tx, work.tx8, work.rx):
            array[:] = dice.normal(0, 2000, array.shape).astype(np.int16)
        octets = codec.encode(state.codec[0], number, work.tx[0], work.packet, HEADER, work.codec)
        wide = bool(leg.wide)
        out[name] = Cost(
            _best(_decode, state, work, number, octets),
            _best(_narrow, state, work),
            _best(_encode, state, work),
            _best(_widen, state, work) if wide else 0.0,
        )
    return out


def main() -> None:
    """Print the table."""
    print(f"{'codec':<10} {'decode':>8} {'narrow':>8} {'encode':>8} {'widen':>8} {'total':>8}  us a leg and tick")
    for name, cost in costs().items():
        print(f"{name:<10} " + " ".join(f"{value:8.2f}" for value in (*cost, cost.total)))


if __name__ == "__main__":
    main()
