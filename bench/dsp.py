"""The detectors' cost and promptness: real-time channels a core beside spandsp's `dtmf_rx`, and onset to verdict.

Both work on the same frames of recorded speech (every leg talks all the time; a key now and then), leg after leg by
20 ms, in one process bound to one core, in turns. CPU time of the thread counts, so that others on the machine disturb
little; the medians of the turns are compared. spandsp is called from C.
"""

import ctypes
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from bench import spandsp
from bench.accuracy import signals

SEED = 20_261_122
LEGS = 400
FRAME = 160
TURNS = 3
PROMPTS = Path("/usr/share/asterisk/sounds")
#: What people talk at on a line.
SPEECH_DBM0 = -18.0

Frames = npt.NDArray[np.int16]
#: Feeds int16[ticks, legs, 160].
Feed = Callable[[Frames], None]


def speech(seconds: float, dice: np.random.Generator) -> npt.NDArray[np.int16]:
    """Recorded prompts one after the other, without their pauses, at `SPEECH_DBM0`, through G.711."""
    files = sorted(PROMPTS.rglob("*.wav"))
    if not files:
        raise RuntimeError(f"no recorded speech in {PROMPTS} (scripts/install-test-peers)")
    parts: list[npt.NDArray[np.float64]] = []
    length = 0
    while length < seconds * signals.RATE:
        sound, rate = soundfile.read(files[int(dice.integers(len(files)))], dtype="int16")
        sound = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME) if rate == signals.RATE else sound[:0]
        loud = [frame for frame in sound if signals.level(frame) > -40.0]
        if loud:
            parts.append(signals.at_level(np.concatenate(loud), SPEECH_DBM0))
            length += len(parts[-1])
    return signals.line(np.concatenate(parts)[: round(seconds * signals.RATE)])


def key(digit: int, ms: float, dice: np.random.Generator, level: float = -10.0) -> npt.NDArray[np.float64]:
    """Give key `digit` (row * 4 + column) of a duration."""
    from dsp.tones.generator import COLUMNS_HZ, ROWS_HZ

    return signals.sines((ROWS_HZ[digit // 4], COLUMNS_HZ[digit % 4]), signals.count(ms), level, dice)


def talk(ticks: int, legs: int) -> Frames:
    """Give int16[ticks, legs, 160]: each leg another piece of speech, and on every leg a key each 10 s or so."""
    dice = np.random.default_rng(SEED)
    pool = speech(120.0, dice)
    out = np.zeros((ticks, legs, FRAME), np.int16)
    for leg in range(legs):
        start = int(dice.integers(len(pool)))
        sound = np.take(pool, np.arange(start, start + ticks * FRAME), mode="wrap")
        for at in range(int(dice.integers(80_000)), len(sound) - 1600, 80_000):
            pressed = signals.line(key(int(dice.integers(16)), 100, dice))
            sound[at : at + len(pressed)] = pressed
        out[:, leg] = sound.reshape(ticks, FRAME)
    return out


@contextmanager
def spandsp_feed(legs: int) -> Iterator[Feed]:
    """Give spandsp's `dtmf_rx` for so many legs. Raises RuntimeError without it or a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not spandsp.available():
        raise RuntimeError("spandsp or a C compiler is missing (scripts/install-test-peers)")
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/loop.so"
        source = str(Path(__file__).with_name("spandsp_loop.c"))
        subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source], check=True)
        loop = ctypes.CDLL(library).feed
    loop.restype, loop.argtypes = None, [ctypes.c_void_p] * 3 + [ctypes.c_long] * 3
    states = [spandsp.LIBRARY.dtmf_rx_init(None, None, None) for _ in range(legs)]
    take = ctypes.cast(spandsp.LIBRARY.dtmf_rx, ctypes.c_void_p)
    held = (ctypes.c_void_p * legs)(*states)

    def feed(frames: Frames) -> None:
        loop(take, held, frames.ctypes.data, *frames.shape)

    yield feed
    for state in states:
        spandsp.LIBRARY.dtmf_rx_free(state)


@contextmanager
def one_core() -> Iterator[None]:
    """Bind the process to one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def channels(feed: Feed, frames: Frames) -> float:
    """Give the real-time channels that one core would carry."""
    start = time.thread_time()
    feed(frames)
    return frames.shape[1] * frames.shape[0] * FRAME / signals.RATE / (time.thread_time() - start)


def turns(feeds: dict[str, Feed], frames: Frames, count: int) -> dict[str, float]:
    """Measure all in turns; the medians."""
    for feed in feeds.values():
        feed(frames[:50])  # compiled, and in the caches
    taken: dict[str, list[float]] = {name: [] for name in feeds}
    for _ in range(count):
        for name, feed in feeds.items():
            taken[name].append(channels(feed, frames))
    return {name: statistics.median(values) for name, values in taken.items()}
