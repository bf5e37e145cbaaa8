"""Recorded and synthetic speech, and music, in which no digit may be heard (talk-off).

The recordings are Debian's prompts for Asterisk in five languages and its music on hold; espeak-ng speaks with the
voices of more people, and sox makes worse lines of some of it.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from bench import spandsp
from bench.accuracy import Row, Score
from bench.accuracy import signals as s
from bench.accuracy.dtmf_trials import SPANDSP, Dice, listen

SOUNDS = Path("/usr/share/asterisk/sounds")
MUSIC = Path("/usr/share/asterisk/moh")
#: Legs that are heard at once.
LEGS = 32
#: Between recordings.
PAUSE_MS = 100

_VOICES = (
    "en+m3",
    "en+f4",
    "de+m5",
    "es+f2",
    "fr+m1",
    "it+f5",
    "ru+m2",
    "pl+f1",
    "pt+m7",
    "nl+f3",
    "sv+m4",
    "tr+croak",
)
_TEXT = (
    "one two three four five six seven eight nine zero. Please hold the line, you are number seven in the queue. "
    "Who are you? We owe you a euro. Oh, you knew you were on, no? Moon, loom, you, bee, tree. Mean, mien, money. "
)
_LINES = {
    "band 300-3400": ("sinc", "300-3400"),
    "overdriven": ("gain", "12"),
    "tempo and pitch": ("pitch", "250", "tempo", "1.15"),
    "echo": ("echo", "0.8", "0.88", "60", "0.4"),
    "GSM": ("gsm",),
}


def recordings(folder: Path) -> Iterator[tuple[str, s.Samples]]:
    """Each recording of 8 kHz in a folder, with its language or artist."""
    for path in sorted(folder.rglob("*.wav")):
        sound, rate = soundfile.read(path, dtype="int16")
        if rate == s.RATE and sound.ndim == 1 and len(sound):
            yield path.relative_to(folder).parts[0], sound


def spoken(voice: str) -> s.Samples:
    """What espeak-ng says, at 8 kHz."""
    wav = subprocess.run(
        ["espeak-ng", "-v", voice, "--stdout", _TEXT], stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout
    raw = subprocess.run(
        ["sox", "-t", "wav", "-", "-r", "8000", "-c", "1", "-b", "16", "-t", "raw", "-e", "signed", "-"],
        input=wav, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=60,
    ).stdout  # fmt: skip
    return np.frombuffer(raw, np.int16)


def worse(sound: s.Samples, effects: tuple[str, ...]) -> s.Samples:
    """Speech after a bad line."""
    plain = ["-t", "raw", "-r", "8000", "-c", "1", "-b", "16", "-e", "signed"]
    if effects == ("gsm",):
        coded = _sox([*plain, "-", "-t", "gsm", "-"], sound.tobytes())
        return np.frombuffer(_sox(["-t", "gsm", "-", *plain, "-"], coded), np.int16)
    return np.frombuffer(_sox([*plain, "-", *plain, "-", *effects], sound.tobytes()), np.int16)


def _sox(arguments: list[str], data: bytes) -> bytes:
    done = subprocess.run(
        ["sox", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=120
    )
    return done.stdout


def _legs(sounds: list[s.Samples], level: float | None, law: int) -> s.Samples:
    """Share recordings out over legs, each at a level, through G.711."""
    legs: list[list[s.Samples]] = [[] for _ in range(LEGS)]
    filled = [0] * LEGS
    for sound in sorted(sounds, key=len, reverse=True):
        leg = filled.index(min(filled))
        signal = sound.astype(np.float64) if level is None else s.at_level(sound, level)
        legs[leg] += [s.line(signal, law), np.zeros(s.count(PAUSE_MS), np.int16)]
        filled[leg] += len(sound) + s.count(PAUSE_MS)
    out = np.zeros((LEGS, -(-max(filled) // 160) * 160), np.int16)
    for leg, parts in enumerate(legs):
        if parts:
            joined = np.concatenate(parts)
            out[leg, : len(joined)] = joined
    return out


def unheard(condition: str, sounds: list[s.Samples], level: float | None, law: int = s.MULAW) -> Row:
    """Give the row of sounds without digits, each at a level (None: as it is)."""
    streams = _legs(sounds, level, law)
    heard = "".join(listen(streams))
    peers = {}
    if spandsp.available():
        # Without the zeros behind a last sound: its filters become slow there (denormal numbers), and hear nothing.
        legs = [np.ascontiguousarray(np.trim_zeros(leg, "b")) for leg in streams]
        for name, filtered in SPANDSP.items():
            digits = (spandsp.digits(leg, filtered=filtered) for leg in legs)
            peers[name] = Score(0, 0, sum(map(len, digits)))
    hours = sum(map(len, sounds)) / s.RATE / 3600
    at = "as recorded" if level is None else f"at {level:g} dBm0"
    return Row(
        "dtmf", f"{condition}, {at}", "reject", len(sounds), Score(0, 0, len(heard)), peers, None, f"{hours:.2f} hours"
    )


def pool(dice: Dice) -> s.Samples:
    """Speech without its pauses, to be heard under keys."""
    parts = [sound for _, sound in recordings(SOUNDS)]
    chosen = [parts[i] for i in dice.permutation(len(parts))[:300]]
    frames = [sound[: len(sound) // 160 * 160].reshape(-1, 160) for sound in chosen]
    return np.concatenate([frame for part in frames for frame in part if s.level(frame) > -40.0])


def _recorded(every: dict[str, list[s.Samples]], *, quick: bool) -> Iterator[Row]:
    for language, sounds in every.items():
        if sum(map(len, sounds)) < 60 * s.RATE:
            continue
        for level in (-15,) if quick else (None, -25, -20, -15, -10, -5):
            yield unheard(f"speech, {language}", sounds[:: 4 if quick else 1], level)
    if not quick:
        yield unheard("speech, all, A-law", [one for sounds in every.values() for one in sounds], -15, s.ALAW)


def _made(every: list[s.Samples], *, quick: bool) -> Iterator[Row]:
    if shutil.which("sox") and every:
        for name, effects in _LINES.items():
            yield unheard(f"speech, {name}", [worse(sound, effects) for sound in every[:: 200 if quick else 8]], -15)
    if shutil.which("espeak-ng") and shutil.which("sox"):
        spoken_by = [spoken(voice) for voice in _VOICES[:: 4 if quick else 1]]
        for level in (-15,) if quick else (-25, -15, -5):
            yield unheard("espeak-ng, twelve voices", spoken_by, level)


def rows(*, quick: bool) -> Iterator[Row]:
    """Give the talk-off rows."""
    every: dict[str, list[s.Samples]] = {}
    for language, sound in recordings(SOUNDS):
        every.setdefault(language, []).append(sound)
    if every:
        yield from _recorded(every, quick=quick)
    yield from _made([one for sounds in every.values() for one in sounds], quick=quick)
    music = [sound for _, sound in recordings(MUSIC)]
    for level in (-15,) if quick else (None, -25, -15, -5):
        if music:
            yield unheard("music on hold", [sound[: s.count(60_000)] if quick else sound for sound in music], level)
