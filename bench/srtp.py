"""What sealing and opening a packet costs, by suite, through the kernels of the pass: `python -m bench.srtp`.

20 ms of G.711 (172 octets). CPU time of one thread, median of five rounds; a leg does both 50 times a second.
"""

import os
import statistics
import time
from typing import Any

import numpy as np

from dsp.jit import kernel
from dsp.libsrtp import SUITES
from dsp.plane import layout as lo
from dsp.plane import packets, srtp
from dsp.plane.keyring import KeyRing, Keys
from dsp.plane.work import make_work

PACKETS = 20_000
OCTETS = packets.HEADER + 160
ROUNDS = 5


@kernel
def _seal(state: Any, work: Any, first: int, sealed: Any, lengths: Any) -> None:
    for i in range(lengths.shape[0]):
        packets.build(sealed[i], 0, 0, (first + i) & 0xFFFF, 160 * i, 0x5000)
        lengths[i] = srtp.protect(state, work, 0, sealed[i], OCTETS)


@kernel
def _open(state: Any, work: Any, sealed: Any, lengths: Any) -> int:
    good = 0
    for i in range(lengths.shape[0]):
        for j in range(lengths[i]):
            work.packet[j] = sealed[i, j]
        good += srtp.unprotect(state, work, 0, lengths[i]) > 0
    return good


def measure(suite: str) -> tuple[float, float]:
    """Microseconds a packet: sealing, opening; for no suite (empty) what the loops themselves cost."""
    state = lo.map_state(bytearray(lo.state_bytes(1, 2)), 1, 2)
    work, leg = make_work(1), state.legs[0]
    leg.state, leg.generation, leg.ssrc = lo.LEG_OPEN, 1, 0x5000
    if suite:
        key = os.urandom(SUITES[suite].key_bytes)
        ring = KeyRing(state, work.srtp)
        assert ring.put(0, 1, 1, Keys(suite, key, key))
        srtp.secure(leg, 1, -1, -1, 0)
    sealed, lengths = np.zeros((PACKETS, packets.BUFFER), np.uint8), np.zeros(PACKETS, np.int64)
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, ROUNDS):  # the first is a warm-up
        begun = time.thread_time()
        _seal(state, work, number * PACKETS + PACKETS, sealed, lengths)
        middle = time.thread_time()
        good = _open(state, work, sealed, lengths)
        ended = time.thread_time()
        assert good == PACKETS, (suite, good)
        if number >= 0:
            spent[0].append((middle - begun) / PACKETS * 1e6)
            spent[1].append((ended - middle) / PACKETS * 1e6)
    return statistics.median(spent[0]), statistics.median(spent[1])


def main() -> None:
    """Print a line for each suite."""
    none = measure("")
    print(f"{'suite':26} {'seal us':>8} {'open us':>8} {'% of a core a leg':>18}")
    for suite in SUITES:
        seal, opened = (cost - base for cost, base in zip(measure(suite), none, strict=True))
        print(f"{suite:26} {seal:8.2f} {opened:8.2f} {(seal + opened) * 50 / 1e4:18.4f}")


if __name__ == "__main__":
    main()
