#!/usr/bin/env python3
"""Hostile RTP, RTCP and SRTP by the million through the compiled pass, with every index checked.

The code is compiled with bounds checks, into a cache of its own (`dsp.jit`). First a planted read behind an array's
end must raise: without that the run proves nothing. Then rounds, each with a seed of its own; one that fails is
repeated by `NUMBA_BOUNDSCHECK=1 python -m tests.dsp.fuzz_plane PACKETS SEED`. Prints a JSON line a round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ROUND = 250_000

PLANTED = """
import numpy as np
from dsp.jit import kernel

@kernel
def read(a, i):
    return a[i]

try:
    read(np.zeros(4), 9)
except IndexError:
    print("raised")
"""


def checked(cache: Path | None = None) -> dict[str, str]:
    """Environment in which kernels check their indices; with `cache` nothing that was compiled before is used."""
    where = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    return os.environ | where | {"NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(ROOT)}


def planted_read_raises(folder: Path, environment: dict[str, str]) -> bool:
    """Whether a read behind the end is found."""
    script = folder / "planted.py"
    script.write_text(PLANTED)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout.strip() == "raised"


def one_round(packets: int, seed: int, environment: dict[str, str], limit_s: float | None = None) -> dict[str, Any]:
    """Feed `packets` by one process, for `limit_s` seconds at the most."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.dsp.fuzz_plane", str(packets), str(seed)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    spent = time.monotonic() - begun
    figures: dict[str, Any] = {"seed": seed, "packets": packets, "packets_per_second": round(packets / spent)}
    if done.returncode:
        return figures | {"failed": done.stderr[-3000:]}
    fed, refused, accepted = (int(n) for n in done.stdout.split())
    return figures | {"packets": fed, "refused": refused, "accepted": accepted}


class UncheckedError(Exception):
    """A planted read behind the end was not found: the kernels do not check, and rounds would prove nothing."""


def rounds(packets: int, first_seed: int = 1, cache: Path | None = None) -> Iterator[dict[str, Any]]:
    """Feed `packets` in rounds, each with the next seed; yields the figures of each. Raises `UncheckedError`."""
    with tempfile.TemporaryDirectory() as folder:
        environment = checked(cache)
        if not planted_read_raises(Path(folder), environment):
            raise UncheckedError("a planted read behind the end was not found")
        one_round(1, first_seed, environment)  # compiles
        for number, left in enumerate(range(packets, 0, -ROUND)):
            yield one_round(min(left, ROUND), first_seed + number, environment)


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell how many packets the kernels have survived."""
    try:
        done = list(rounds(ROUND if quick else 8 * ROUND))
    except UncheckedError as error:
        emit("fuzz_packets", 0, "packets", void=[str(error)])
        return
    emit("fuzz_packets", sum(r["packets"] for r in done), "packets")
    emit("fuzz_failed_rounds", sum("failed" in r for r in done), "rounds")


def main() -> int:
    """Run the rounds; exit status 1 when one failed."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--packets", type=int, default=2_000_000)
    words.add_argument("--seed", type=int, default=1, help="of the first round")
    words.add_argument("--cache", type=Path, help="folder for the compiled code")
    given = words.parse_args()
    failed = 0
    try:
        for figures in rounds(given.packets, given.seed, given.cache):
            failed += "failed" in figures
            print(json.dumps(figures), flush=True)
    except UncheckedError as error:
        print(json.dumps({"void": str(error)}))
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
