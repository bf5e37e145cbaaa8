"""Reading sound files: any format of libsndfile, mixed to mono, resampled once to 8 kHz and brought to one loudness.

It is done on a thread of its own: a slow disk or a large file then delays the play that wants it, and nothing else.
"""

import itertools
import os
import stat
import threading
from collections.abc import Callable
from queue import PriorityQueue, SimpleQueue
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from dsp.loudness import gain_to, measure
from dsp.tones.notation import NotationError, parse
from dsp.tones.rendering import cycle_samples, render
from edge.config.prompts import PEAK_LIMIT_DBOV, TARGET_DBOV
from edge.core.menus.parts import TONE
from edge.media.prompts import Stamp

RATE = 8000
#: A file may hold this many channels; more is not a prompt.
MAX_CHANNELS = 8

#: Both ends of a sound are faded over this (2.5 ms), so that files can be spliced and stopped without a click.
EDGE = 20
#: Level of tones: the least that E.180 (clause 2) allows, for they are heard at the ear, and not behind a line.
TONE_DBM0 = -15.0

_END, _URGENT, _SOMETIME = range(3)


class UnreadableError(Exception):
    """No sound can be made of the file; the text says why."""


class Loaded(NamedTuple):
    """What became of a request: samples, or the reason why there are none."""

    path: str
    stamp: Stamp
    samples: NDArray[np.int16]
    error: str = ""


def stamp_of(path: str) -> Stamp:
    """Tell the version of a file; raises `UnreadableError` when there is no regular file. Tones never change."""
    if path.startswith(TONE):
        return Stamp(0, 0)
    try:
        found = os.stat(path)  # noqa: PTH116 - once a played file, and twice as fast as pathlib's
    except (OSError, ValueError) as error:
        raise UnreadableError(str(error)) from error
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableError("not a regular file")  # opening a FIFO would wait for ever
    return Stamp(found.st_mtime_ns, found.st_size)


def read_sound(path: str, max_samples: int, *, normalise: bool = False) -> NDArray[np.int16]:
    """Read `path` as mono int16 at 8 kHz; raises `UnreadableError`, also when it is longer than `max_samples`.

    `normalise`: its active speech is brought to `TARGET_DBOV` (ITU-T P.56), as that of spoken texts is.
    """
    if path.startswith(TONE):
        return _make_tone(path.removeprefix(TONE), max_samples)
    try:
        with soundfile.SoundFile(path) as file:
            if file.channels > MAX_CHANNELS or file.samplerate <= 0:
                raise UnreadableError(f"{file.channels} channels at {file.samplerate} Hz")
            most = max_samples * file.samplerate // RATE
            # One more than allowed shows that there is more; the header's own count may lie.
            mono = file.read(most + 1, dtype="float32", always_2d=True).mean(axis=1, dtype=np.float32)
            rate = file.samplerate
    except (OSError, RuntimeError, ValueError, MemoryError) as error:  # libsndfile's own are RuntimeErrors
        raise UnreadableError(str(error)) from error
    if len(mono) > most:
        raise UnreadableError(f"longer than the {max_samples / RATE:.0f} s that the prompt memory holds")
    if len(mono) == 0:
        raise UnreadableError("no samples")
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE)
    if normalise:
        mono = mono * np.float32(gain_to(measure(mono, RATE), TARGET_DBOV, PEAK_LIMIT_DBOV))
    scaled: NDArray[np.int16] = np.clip(np.rint(_softened(mono) * 32768.0), -32768, 32767).astype(np.int16)
    return scaled


def _make_tone(text: str, max_samples: int) -> NDArray[np.int16]:
    """Make one cycle of a tone; of one that does not end a second, in which whole frequencies come round."""
    try:
        tone = parse(text)
    except NotationError as error:
        raise UnreadableError(str(error)) from error
    length = cycle_samples(tone) or RATE
    if length > max_samples:
        raise UnreadableError(f"longer than the {max_samples / RATE:.0f} s that the prompt memory holds")
    return render(tone, length, TONE_DBM0)


def _softened(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `sound` with its ends faded to zero (raised cosine); what is hardly longer than that stays as it is."""
    if len(sound) < 4 * EDGE:
        return sound
    rise = ((1.0 - np.cos(np.pi * (np.arange(EDGE) + 0.5) / EDGE)) / 2).astype(np.float32)
    sound = sound.copy()
    sound[:EDGE] *= rise
    sound[-EDGE:] *= rise[::-1]
    return sound


class Loader:
    """The thread. `wake` is called on it after each file; `results` is then emptied on the main thread."""

    def __init__(self, max_samples: int, wake: Callable[[], None], *, normalise: bool = False) -> None:
        self._max_samples = max_samples
        self._normalise = normalise
        self._wake = wake
        self._wanted: PriorityQueue[tuple[int, int, str]] = PriorityQueue()
        self._order = itertools.count()
        self._pending: set[str] = set()
        self._loaded: SimpleQueue[Loaded] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="prompt-loader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def request(self, path: str, *, urgent: bool = True) -> None:
        """Have `path` read; urgent ones (a caller waits) come before the others, also when asked for later."""
        self._pending.add(path)
        self._wanted.put((_URGENT if urgent else _SOMETIME, next(self._order), path))

    def stop(self) -> None:
        """End the thread after the file it reads; does not wait."""
        self._wanted.put((_END, 0, ""))

    def results(self) -> list[Loaded]:
        """Take what was read since the last call."""
        return [self._loaded.get() for _ in range(self._loaded.qsize())]

    def _run(self) -> None:
        while True:
            rank, _, path = self._wanted.get()
            if rank == _END:
                return
            if path in self._pending:  # else it was read meanwhile, by a more urgent request
                self._pending.discard(path)
                self._loaded.put(self._load(path))
                self._wake()

    def _load(self, path: str) -> Loaded:
        nothing = np.zeros(0, np.int16)
        try:
            # Before reading: a file that changes meanwhile is read again at its next use.
            stamp = stamp_of(path)
        except UnreadableError as error:
            return Loaded(path, Stamp(0, 0), nothing, str(error))
        try:
            return Loaded(path, stamp, read_sound(path, self._max_samples, normalise=self._normalise))
        except UnreadableError as error:
            return Loaded(path, stamp, nothing, str(error))
