"""The detectors' cost and promptness: real-time channels a core beside spandsp's `dtmf_rx`, and onset to verdict.

Both work on the same frames, leg after leg by 20 ms, in one process bound to one core, in turns: recorded speech where
every leg talks all the time, which is the worst case for what leaves silence early, and speech with the pauses that a
conversation has (ITU-T P.59), with a key now and then in both. CPU time of the thread counts, so that others on the
machine disturb little; the medians of the turns are compared. spandsp is called from C.
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
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from bench import spandsp
from bench.accuracy import signals
from dsp.analysis import detectors
from dsp.detectors import dtmf, offline
from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.tones.generator import COLUMNS_HZ, ROWS_HZ

SEED = 20_261_122
LEGS = 400
FRAME = 160
TURNS = 3
PROMPTS = Path("/usr/share/asterisk/sounds")
#: What people talk at on a line.
SPEECH_DBM0 = -18.0

#: Means of how long somebody talks, and then listens, in a conversation (ITU-T P.59), ms; both fall off exponentially.
TALKS_MS, LISTENS_MS = 1004.0, 1587.0
#: What a line has then.
LINE_DBM0 = -65.0

Frames = npt.NDArray[np.int16]
#: Feeds int16[ticks, legs, 160].
Feed = Callable[[Frames], None]


def speech(seconds: float, dice: np.random.Generator) -> npt.NDArray[np.int16]:
    """Recorded prompts one after the other, with their own short pauses, at `SPEECH_DBM0`, through G.711."""
    files = sorted(PROMPTS.rglob("*.wav"))
    if not files:
        raise RuntimeError(f"no recorded speech in {PROMPTS} (scripts/install-test-peers)")
    parts: list[npt.NDArray[np.float64]] = []
    length = 0
    while length < seconds * signals.RATE:
        sound, rate = soundfile.read(files[int(dice.integers(len(files)))], dtype="int16")
        if rate == signals.RATE and sound.ndim == 1 and signals.level(sound) > -40.0:
            parts.append(signals.at_level(sound, SPEECH_DBM0))
            length += len(sound)
    return signals.line(np.concatenate(parts)[: round(seconds * signals.RATE)])


def key(digit: int, ms: float, dice: np.random.Generator, level: float = -10.0) -> npt.NDArray[np.float64]:
    """Give key `digit` (row * 4 + column) of a duration."""
    return signals.sines((ROWS_HZ[digit // 4], COLUMNS_HZ[digit % 4]), signals.count(ms), level, dice)


def listens(sound: npt.NDArray[np.int16], dice: np.random.Generator) -> None:
    """Put the line's noise where somebody listens."""
    at = int(-dice.exponential(TALKS_MS) * 8)  # it has begun before
    while at < len(sound):
        at += signals.count(dice.exponential(TALKS_MS))
        end = at + signals.count(dice.exponential(LISTENS_MS))
        quiet = sound[max(at, 0) : max(end, 0)]
        quiet[:] = signals.line(signals.noise(len(quiet), LINE_DBM0, dice))
        at = end


def talk(ticks: int, legs: int, *, pauses: bool = False) -> Frames:
    """Give int16[ticks, legs, 160]: each leg another piece of speech, and on every leg a key each 10 s or so.

    With `pauses` each is somebody in a conversation, who listens more than half of the time.
    """
    dice = np.random.default_rng(SEED)
    pool = speech(120.0, dice)
    out = np.zeros((ticks, legs, FRAME), np.int16)
    for leg in range(legs):
        start = int(dice.integers(len(pool)))
        sound = np.take(pool, np.arange(start, start + ticks * FRAME), mode="wrap")
        if pauses:
            listens(sound, dice)
        for at in range(int(dice.integers(80_000)), len(sound) - 1600, 80_000):
            pressed = signals.line(key(int(dice.integers(16)), 100, dice))
            sound[at : at + len(pressed)] = pressed
        out[:, leg] = sound.reshape(ticks, FRAME)
    return out


class SpandspFeed:
    """spandsp's `dtmf_rx` for so many legs, called by a loop in C."""

    def __init__(self, loop: Any, legs: int) -> None:
        self._loop = loop
        self.states = [spandsp.LIBRARY.dtmf_rx_init(None, None, None) for _ in range(legs)]
        self._held = (ctypes.c_void_p * legs)(*self.states)
        self._take = ctypes.cast(spandsp.LIBRARY.dtmf_rx, ctypes.c_void_p)

    def __call__(self, frames: Frames) -> None:
        """Feed int16[ticks, legs, 160]."""
        self._loop(self._take, self._held, frames.ctypes.data, *frames.shape)

    def digits(self) -> list[str]:
        """Take what each leg has heard."""
        out = ctypes.create_string_buffer(129)
        return [out.value.decode() if spandsp.LIBRARY.dtmf_rx_get(state, out, 128) else "" for state in self.states]

    def close(self) -> None:
        """Free the detectors."""
        for state in self.states:
            spandsp.LIBRARY.dtmf_rx_free(state)


@contextmanager
def spandsp_feed(legs: int) -> Iterator[SpandspFeed]:
    """Give spandsp's detectors. Raises RuntimeError without them or a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not spandsp.available():
        raise RuntimeError("spandsp or a C compiler is missing (scripts/install-test-peers)")
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/loop.so"
        source = str(Path(__file__).with_name("spandsp_loop.c"))
        subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source], check=True)
        loop = ctypes.CDLL(library).feed
    loop.restype, loop.argtypes = None, [ctypes.c_void_p] * 3 + [ctypes.c_long] * 3
    feed = SpandspFeed(loop, legs)
    try:
        yield feed
    finally:
        feed.close()


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


def fed_by_ticks(legs: int, only: str = "") -> Feed:
    """Give what the pass does with a tick: each batch kernel is called once for all legs; all detectors or one."""
    collector = offline.Collector(legs)
    feeds = [part for name, part in detectors(collector).items() if only in {"", name}]

    def feed(frames: Frames) -> None:
        for frame in frames:
            for one in feeds:
                one.feed(frame)
            collector.told[:] = 0

    return feed


def waits(count: int) -> dict[str, list[float]]:
    """Give ms from a key's onset to where the stream was when it was told, ours and spandsp's."""
    dice = np.random.default_rng(SEED)
    starts, streams = [], []
    for number in range(count):
        starts.append(int(dice.integers(800, 1600)))
        sound = np.zeros(4000)
        pressed = key(number % 16, 100, dice)
        sound[starts[-1] : starts[-1] + len(pressed)] = pressed
        streams.append(signals.line(sound + signals.noise(len(sound), -60.0, dice)))
    states = np.zeros(count, DTMF_STATE).view(np.recarray)
    told: dict[int, int] = {}
    for verdict in offline.take(dtmf.feed_all, states, np.stack(streams)):
        told.setdefault(int(verdict["row"]), int(verdict["at"]))
    ours = [(told[row] - start) / 8 for row, start in enumerate(starts) if row in told]
    theirs = []
    if spandsp.available():
        for start, sound in zip(starts, streams, strict=True):
            theirs += [(one.at - start) / 8 for one in spandsp.digit_reports(sound)[:1]]
    return {"ours": ours, "spandsp": theirs}


def _analyze_speed(minutes: float) -> float:
    """Give how many times faster than real time a stereo recording (48 kHz, 24 bit) is analysed, files and all."""
    from edge.cli.analyze import listen

    dice = np.random.default_rng(SEED)
    pool = soxr.resample(speech(60.0, dice) / 32768.0, signals.RATE, 48_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        with soundfile.SoundFile(path, "w", 48_000, 2, subtype="PCM_24") as file:
            for _ in range(round(minutes)):
                file.write(np.stack([pool, pool[::-1]], axis=1))
        listen(path)  # compiled
        start = time.thread_time()
        listen(path)
        return minutes * 60 / (time.thread_time() - start)


def _throughput(emit: Callable[..., None], mix: str, frames: Frames, count: int) -> None:
    legs = frames.shape[1]
    feeds = {name: fed_by_ticks(legs, name) for name in ("dtmf", "tones", "speech")}
    feeds["everything"] = fed_by_ticks(legs)
    with one_core(), spandsp_feed(legs) as theirs:
        figures = turns({"spandsp": theirs, **feeds}, frames, count)
    base = figures.pop("spandsp")
    for name, value in figures.items():
        beside = {"peer": "spandsp dtmf_rx", "peer_value": round(base), "ratio": round(value / base, 2)}
        emit(f"{name}{mix}_channels_per_core", round(value), "channels/core", **beside)
    for name in ("dtmf", "everything"):
        emit(f"{name}{mix}_beside_spandsp", round(figures[name] / base, 2), "times its channels")


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell channels a core, by detector and all together, and how long a key takes to be recognised."""
    for mix, pauses in (("", False), ("_in_calls", True)):
        _throughput(emit, mix, talk(100 if quick else 500, LEGS, pauses=pauses), 1 if quick else TURNS)
    taken = waits(160 if quick else 1600)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value, peer = (float(np.quantile(taken[one], share)) for one in ("ours", "spandsp"))
        beside = {"peer": "spandsp dtmf_rx", "peer_value": round(peer, 1), "ratio": round(value / peer, 2)}
        emit(f"dtmf_onset_to_verdict_{name}", round(value, 1), "ms", **beside)
    emit("analyze_speed", round(_analyze_speed(1 if quick else 10)), "times real time")
