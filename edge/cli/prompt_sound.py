"""What a prompt sounds like: length, level, and what is wrong with it as a recording."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from msgspec import Struct

from dsp.loudness import measure

#: The telephone band ends at 3.4 kHz.
LEAST_RATE = 8000
#: Samples in a row at full scale that make it clipped, and samples that are near enough to it.
CLIPPED_RUN, FULL_SCALE = 3, 0.9995
#: Quieter than this it is mostly noise that is lifted with the speech.
QUIET_DBOV = -40.0
#: More silence at its ends than that makes a menu slow.
LEAD_S, TAIL_S = 0.5, 1.0
_FRAME_S = 0.02
#: What is so far below the speech is silence.
_SILENCE_DB = 35.0
#: Longer than that is no prompt, and is not looked at.
_MOST_SECONDS = 3600


class Sound(Struct, frozen=True, kw_only=True):
    """A sound file."""

    seconds: float
    rate: int
    channels: int
    #: Active speech (ITU-T P.56), -inf for silence.
    level_dbov: float
    peak_dbov: float
    #: Places where it is clipped.
    clipped: int
    lead_s: float
    tail_s: float
    #: First digits of the SHA-256 of the file.
    hash: str


class BadPromptError(Exception):
    """It can't be read; the text says why."""


def read(path: Path) -> Sound:
    """Look at a file. Raises `BadPromptError`."""
    try:
        if not path.is_file():
            raise BadPromptError("not a regular file" if path.exists() else "not there")
        with soundfile.SoundFile(path) as file:
            rate, channels = file.samplerate, file.channels
            sound: npt.NDArray[Any] = file.read(_MOST_SECONDS * rate, dtype="float64", always_2d=True)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except (OSError, RuntimeError, ValueError, MemoryError) as error:  # libsndfile's own are RuntimeErrors
        raise BadPromptError(str(error)) from error
    if not len(sound):
        raise BadPromptError("no samples")
    mono = sound.mean(axis=1)
    found = measure(mono, rate)
    lead, tail = _silences(mono, rate, found.level_dbov)
    return Sound(
        seconds=len(mono) / rate,
        rate=rate,
        channels=channels,
        level_dbov=found.level_dbov,
        peak_dbov=found.peak_dbov,
        clipped=sum(_clipped(sound[:, channel]) for channel in range(channels)),
        lead_s=lead,
        tail_s=tail,
        hash=digest,
    )


def _clipped(sound: npt.NDArray[Any]) -> int:
    """Count the runs at full scale."""
    count = 0
    for side in (sound >= FULL_SCALE, sound <= -FULL_SCALE):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], side, [False])).astype(np.int8)))
        count += int(np.count_nonzero(edges[1::2] - edges[::2] >= CLIPPED_RUN))
    return count


def _silences(sound: npt.NDArray[Any], rate: int, level_dbov: float) -> tuple[float, float]:
    """Seconds of silence before and after the sound."""
    frame = max(1, int(rate * _FRAME_S))
    padded = np.zeros(-(-len(sound) // frame) * frame)
    padded[: len(sound)] = sound
    powers = np.mean(padded.reshape(-1, frame) ** 2, axis=1)
    if not np.isfinite(level_dbov):
        return len(sound) / rate, 0.0
    loud = np.flatnonzero(powers > 10 ** ((level_dbov - _SILENCE_DB) / 10))
    if not len(loud):
        return len(sound) / rate, 0.0
    return float(loud[0]) * _FRAME_S, max(0.0, len(sound) / rate - float(loud[-1] + 1) * _FRAME_S)


def faults(sound: Sound, *, spoken: bool) -> list[tuple[str, str]]:
    """Tell what is wrong with a recording, in a word and in a sentence; `spoken`: a program made it."""
    found: list[tuple[str, str]] = []
    if not np.isfinite(sound.level_dbov):
        return [("silent", "there is nothing but silence in it")]
    if sound.rate < LEAST_RATE:
        found.append(("rate", f"{sound.rate} Hz is below the {LEAST_RATE} Hz of a telephone line"))
    if sound.clipped:
        found.append(("clipped", f"clipped at {sound.clipped} places: record it again, at a lower level"))
    if sound.level_dbov < QUIET_DBOV:
        found.append(
            ("quiet", f"speech at {sound.level_dbov:.0f} dBov is recorded too quietly: its noise will be heard")
        )
    if sound.lead_s > LEAD_S and not spoken:
        found.append(("lead", f"{sound.lead_s:.1f} s of silence at its beginning"))
    if sound.tail_s > TAIL_S and not spoken:
        found.append(("tail", f"{sound.tail_s:.1f} s of silence at its end"))
    if sound.channels > 1:
        found.append(("channels", f"{sound.channels} channels: they are mixed, which may cancel parts of it"))
    return found
