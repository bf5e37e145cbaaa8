"""Prompts: finding sound files by language, and the cache of spoken texts, named by all that their sound depends on."""

import contextlib
import hashlib
import io
import os
import subprocess
import time
import wave
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from edge.config.errors import Findings, Place
from edge.config.speakers import Speaker, languages_to_try, speak, text_key

#: Tried in this order for a name without one; all are read by libsndfile.
EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".au", ".gsm")
#: Level of active speech (ITU-T P.56): -26 dB below overload is the level that speech is measured and exchanged at
#: (G.191); about -20 dBm0.
TARGET_DBOV = -26.0
#: Peaks stay this far below overload, whatever the mean.
PEAK_LIMIT_DBOV = -1.0
#: Folder, in that of a language, of recordings of texts that menus speak: they are played instead.
SPOKEN = "spoken"
#: Part of the cache's name: change it when the making changes.
_RECIPE = "2"
#: A text that was in use within this stays, whatever the cache holds: for calls in progress, and for versions that may
#: come back.
KEPT_SECONDS = 2 * 86400


class Synthesis(Struct, frozen=True, kw_only=True):
    """A text to be spoken, the file it goes to, and where the author wrote it."""

    text: str
    language: str
    path: str
    place: Place
    speaker: Speaker


class PromptUse(Struct, frozen=True, kw_only=True):
    """A sound that a menu names, or a text that it speaks, and what it found for it."""

    menu: str
    #: Language that was asked for.
    language: str
    #: Name of a sound; of a text the name that a recording of it would have.
    name: str
    #: Empty for a sound.
    text: str
    #: File that is played; empty: there is none.
    path: str
    place: Place

    @property
    def spoken(self) -> bool:
        """Whether a program speaks it."""
        return bool(self.text) and Path(self.path).parent.name == CACHE


#: Name of the cache's folder, in the state folder.
CACHE = "prompts"


def find_sound(folder: Path, language: str, name: str) -> tuple[Path | None, list[str]]:
    """Find a sound file by the name that an author wrote; also the places that were looked at (for the message)."""
    searched: list[str] = []
    for tried in languages_to_try(language):
        plain = folder / tried / name
        if plain.is_file():
            return plain, searched
        for extension in EXTENSIONS:
            candidate = plain.with_name(plain.name + extension)
            if candidate.is_file():
                return candidate, searched
        searched.append(str(plain))
    return None, searched


def spoken_name(text: str) -> str:
    """Name the recording of a text: where there is one, no program speaks it."""
    return f"{SPOKEN}/{text_key(text)}"


def sounds_in(folder: Path, language: str) -> list[str]:
    """List the names that `find_sound` would find, for suggestions."""
    names: list[str] = []
    for tried in languages_to_try(language):
        root = folder / tried
        if root.is_dir():
            names += [str(p.relative_to(root).with_suffix("")) for p in root.rglob("*") if p.suffix in EXTENSIONS]
    return names


def speech_path(state: Path, speaker: Speaker, text: str) -> Path:
    """Name the cache file of a spoken text."""
    key = "\0".join((_RECIPE, speaker.key, str(TARGET_DBOV), text)).encode()
    return state / CACHE / f"{hashlib.sha256(key).hexdigest()[:32]}.wav"


def synthesise_all(speeches: Iterable[Synthesis], findings: Findings) -> None:
    """Make what the cache does not have; a text that can't be spoken is an error where it is written."""
    for speech in speeches:
        target = Path(speech.path)
        if target.is_file():
            _note_use(target)
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_durably(target, normalised(speak(speech.speaker, speech.text)))
        except subprocess.SubprocessError as error:
            findings.error(speech.place, f"{speech.speaker.engine} failed: {str(error)[:200]}")
        except (OSError, wave.Error, EOFError, ValueError) as error:
            findings.error(speech.place, f"the spoken text cannot be written to {target}: {str(error)[:200]}")


def _note_use(path: Path) -> None:
    # The time of access is set by hand (mounts have it off); that of the change tells media's memory of another file.
    with contextlib.suppress(OSError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def clean_cache(state: Path, used: Iterable[str], most_bytes: int) -> int:
    """Delete texts that were not used for the longest time, until what is left is small enough; returns how many."""
    keep = set(used)
    now, total, others = time.time(), 0, list[tuple[float, int, Path]]()
    with contextlib.suppress(OSError):
        for path in (state / CACHE).iterdir():
            found = path.lstat()
            total += found.st_size
            if path.suffix == ".wav" and str(path) not in keep and now - found.st_atime > KEPT_SECONDS:
                others.append((found.st_atime, found.st_size, path))
    deleted = 0
    for _, size, path in sorted(others):
        if total <= most_bytes:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
            deleted += 1
    return deleted


def normalised(wav: bytes) -> bytes:
    """Bring 16-bit mono speech to `TARGET_DBOV`, with a correct header (a pipe's has none). Raises `wave.Error`."""
    # Here and not above: processes that only read a configuration have no arrays.
    import numpy as np

    from dsp.loudness import gain_to, measure

    with wave.open(io.BytesIO(wav)) as source:
        rate = source.getframerate()
        if source.getsampwidth() != 2 or source.getnchannels() != 1:
            raise wave.Error("the program did not write 16-bit mono")
        samples = np.frombuffer(source.readframes(source.getnframes()), "<i2")
    if not len(samples):
        raise ValueError("there is no sound in it")
    gain = gain_to(measure(samples.astype(np.int16), rate), TARGET_DBOV, PEAK_LIMIT_DBOV)
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes((samples * gain).astype("<i2").tobytes())
    return out.getvalue()


def write_durably(target: Path, data: bytes) -> None:
    """Write a file that is either whole or not there."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
