"""Prompts: finding sound files by language, and speaking texts with espeak-ng into a cache named by content."""

import array
import hashlib
import io
import math
import os
import subprocess
import sys
import wave
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from msgspec import Struct

from edge.config.errors import Findings, Place

#: Tried in this order for a name without one; all are read by libsndfile.
EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".au", ".gsm")
#: Mean power of active speech: -26 dB below overload is the level that speech is measured and exchanged at
#: (ITU-T P.56, G.191); about -20 dBm0.
TARGET_DBOV = -26.0
#: Peaks stay this far below overload, whatever the mean.
PEAK_LIMIT = 0.89
#: Frames quieter than this against the loudest one are pauses and don't count (a simple form of P.56's method B).
_PAUSE_DB = -30.0
_FRAME_MS = 20
_SPEAK_SECONDS = 30
#: Part of the cache's name: change it when the making changes.
_RECIPE = "1"


class Synthesis(Struct, frozen=True, kw_only=True):
    """A text to be spoken, the file it goes to, and where the author wrote it."""

    text: str
    language: str
    path: str
    place: Place


def languages_to_try(language: str) -> list[str]:
    """Name the language itself, then without its region: `en-gb`, `en`."""
    parts = language.split("-")
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


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


def sounds_in(folder: Path, language: str) -> list[str]:
    """List the names that `find_sound` would find, for suggestions."""
    names: list[str] = []
    for tried in languages_to_try(language):
        root = folder / tried
        if root.is_dir():
            names += [str(p.relative_to(root).with_suffix("")) for p in root.rglob("*") if p.suffix in EXTENSIONS]
    return names


def speech_path(state: Path, language: str, text: str) -> Path:
    """Name the cache file of a spoken text."""
    key = "\0".join((_RECIPE, language, str(TARGET_DBOV), text)).encode()
    return state / "prompts" / f"{hashlib.sha256(key).hexdigest()[:32]}.wav"


@cache
def voice_for(language: str) -> str | None:
    """Name the voice that speaks `language` here, that of the region first; None when there is none.

    Raises `FileNotFoundError` when there is no espeak-ng.
    """
    for tried in languages_to_try(language):
        # Asking for a voice is the only sure test: the list of voices does not name all that is understood.
        command = ["espeak-ng", "-q", "-v", tried, "--stdin"]
        if subprocess.run(command, input=b"", capture_output=True, timeout=_SPEAK_SECONDS, check=False).returncode == 0:
            return tried
    return None


def check_voice(language: str, place: Place, findings: Findings) -> None:
    """Find out whether a text of `language` can be spoken here."""
    try:
        voice = voice_for(language)
    except (OSError, subprocess.SubprocessError):
        findings.error(place, "a text is to be spoken, but espeak-ng is not there", "apt-get install espeak-ng")
        return
    if voice is None:
        findings.error(place, f"espeak-ng has no voice for '{language}'", "'espeak-ng --voices' lists them")


def synthesise_all(speeches: Iterable[Synthesis], findings: Findings) -> None:
    """Make what the cache does not have; a text that can't be spoken is an error where it is written."""
    for speech in speeches:
        target = Path(speech.path)
        if target.is_file():
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_durably(target, normalised(speak(speech.text, speech.language)))
        except subprocess.SubprocessError as error:
            findings.error(speech.place, f"espeak-ng failed: {str(error)[:200]}")
        except (OSError, wave.Error, EOFError, ValueError) as error:
            findings.error(speech.place, f"the spoken text cannot be written to {target}: {str(error)[:200]}")


def speak(text: str, language: str) -> bytes:
    """Speak a text with espeak-ng; a WAV file. Raises `OSError` or `subprocess.SubprocessError`."""
    voice = voice_for(language) or language
    # The text goes in by standard input: it can neither be an option nor be seen in the process list.
    done = subprocess.run(
        ["espeak-ng", "-v", voice, "-b", "1", "--stdin", "--stdout"],
        input=text.encode(),
        capture_output=True,
        timeout=_SPEAK_SECONDS,
        check=True,
    )
    return done.stdout


def normalised(wav: bytes) -> bytes:
    """Bring 16-bit mono speech to `TARGET_DBOV`, with a correct header (a pipe's has none). Raises `wave.Error`."""
    with wave.open(io.BytesIO(wav)) as source:
        rate = source.getframerate()
        if source.getsampwidth() != 2 or source.getnchannels() != 1:
            raise wave.Error("espeak-ng did not write 16-bit mono")
        samples = array.array("h", source.readframes(source.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    if not samples:
        raise ValueError("there is no sound in it")
    gain = _gain(samples, rate * _FRAME_MS // 1000)
    scaled = array.array("h", (int(sample * gain) for sample in samples))
    if sys.byteorder == "big":
        scaled.byteswap()
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes(scaled.tobytes())
    return out.getvalue()


def _gain(samples: "array.array[int]", frame: int) -> float:
    power = active_power(samples, frame)
    loudest, deepest = max(samples), min(samples)
    peak = max(loudest, -deepest)
    if not power or not peak:
        return 1.0
    wanted = 32768 * 10 ** (TARGET_DBOV / 20) / math.sqrt(power)
    return min(wanted, PEAK_LIMIT * 32767 / peak)


def active_power(samples: "array.array[int]", frame: int) -> float:
    """Mean square of the samples, pauses left out; `frame` in samples."""
    powers = [
        sum(sample * sample for sample in samples[at : at + frame]) / frame for at in range(0, len(samples), frame)
    ]
    floor = max(powers) * 10 ** (_PAUSE_DB / 10)
    active = [power for power in powers if power > floor]
    return sum(active) / len(active) if active else 0.0


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
