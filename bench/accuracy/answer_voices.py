"""Voices for calls that somebody or something answers: recorded prompts of Debian's packages, espeak-ng and flite.

Speakers and languages are split: detectors are developed on one part, and judged on others, in which there is no
speaker, language or synthetic voice of the first.
"""

import functools
import io
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench.accuracy.answer_texts import ENGLISH, FLITE, RATES, TEXTS, VARIANTS, Half
from bench.accuracy.signals import RATE, Signal

SOUNDS = Path("/usr/share/asterisk/sounds")

#: Folder of each recorded speaker; the package that brings it is in scripts/install-test-peers.
SPEAKERS: dict[Half, dict[str, str]] = {
    "development": {"Allison, English": "en_US_f_Allison", "Allison, Spanish": "es_MX_f_Allison"},
    "held_out": {
        "June, French": "fr_CA_f_June",
        "Carlo, Italian": "it_IT_m_Carlo",
        "Ivrvoice, Russian": "ru_RU_f_IvrvoiceRU",
        "Armelle, French": "fr",
        "Colombia, Spanish": "es",
    },
    "untouched": {"Menardi, Italian": "it_IT_f_Menardi"},
}

#: Sounds that nobody speaks, and what is no speech of one person who answers.
_NO_SPEECH = ("beep", "tone", "silence", "monkeys", "weasels", "letters", "phonetic", "glorious", "join", "leave")

BLOCK = 80


@dataclass(frozen=True, eq=False)
class Phrase:
    """Something said, cut to where the voice begins and ends."""

    speaker: str
    samples: Signal
    #: Longest pause in it, seconds.
    pause: float

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / RATE


@dataclass(frozen=True)
class Voices:
    """All phrases of one half."""

    short: list[Phrase]  #: a word or two
    company: list[Phrase]  #: two or three seconds
    machine: list[Phrase]  #: sentences to string together, of one speaker each
    whole: list[Phrase]  #: whole announcements

    def of(self, speaker: str) -> list[Phrase]:
        """Give the sentences of a speaker."""
        return [one for one in self.machine if one.speaker == speaker]


def _cut(speaker: str, samples: Signal) -> Phrase | None:
    """Cut off what is before and after the voice; by levels of 10 ms, none of them a detector's business."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    if not len(blocks):
        return None
    level = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-3)
    loud = np.flatnonzero(level > level.max() - 32)
    if len(loud) < 5:
        return None
    pause = (np.diff(loud).max() - 1) * BLOCK / RATE
    return Phrase(speaker, samples[loud[0] * BLOCK : (loud[-1] + 1) * BLOCK], float(pause))


def _read(path: Path) -> Signal:
    if path.suffix == ".gsm":
        data, rate = soundfile.read(path, format="RAW", subtype="GSM610", samplerate=RATE, channels=1, dtype="float64")
    else:
        data, rate = soundfile.read(path, dtype="float64")
    return np.asarray(data if rate == RATE else soxr.resample(data, rate, RATE)) * 32768


def _recorded(speaker: str, folder: str) -> list[Phrase]:
    files = sorted(one for one in (SOUNDS / folder).rglob("*") if one.suffix in {".wav", ".gsm"})
    phrases = []
    for path in files:
        if not any(word in str(path.relative_to(SOUNDS)) for word in _NO_SPEECH):
            phrase = _cut(speaker, _read(path))
            if phrase is not None:
                phrases.append(phrase)
    return phrases


def spoken(text: str, voice: str, rate: int, pitch: int) -> Signal:
    """Let espeak-ng say a text; at 8 kHz."""
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(rate), "-p", str(pitch), text]
    out = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    data, had = soundfile.read(io.BytesIO(out), dtype="float64")
    return np.asarray(soxr.resample(data, had, RATE)) * 32768


@functools.cache
def voices(half: Half, *, quick: bool) -> Voices:
    """Give all phrases of a half; `quick` takes fewer of the synthetic ones."""
    recorded = [one for speaker, folder in SPEAKERS[half].items() for one in _recorded(speaker, folder)]
    out = Voices(
        short=[one for one in recorded if 0.25 <= one.seconds <= 1.2 and one.pause < 0.3],
        company=[one for one in recorded if 1.7 <= one.seconds <= 3.4 and one.pause < 0.45],
        machine=[one for one in recorded if 1.0 <= one.seconds <= 8 and one.pause < 0.6],
        whole=[],
    )
    if not out.short:
        raise FileNotFoundError(f"no recorded voices in {SOUNDS}: run scripts/install-test-peers")
    for at, variant in enumerate(VARIANTS[half][: 1 if quick else None]):
        for rate in RATES[half][: 1 if quick else None]:
            for language, *texts in TEXTS[half]:
                voice = f"{language}+{variant}"
                _said(
                    f"{voice} {rate}", texts, functools.partial(spoken, voice=voice, rate=rate, pitch=35 + 15 * at), out
                )
    if half == "untouched":
        for voice in FLITE[: 1 if quick else None]:
            _said(f"flite {voice}", ENGLISH, functools.partial(_by_flite, voice=voice), out)
    return out


def _by_flite(text: str, voice: str) -> Signal:
    """Let flite say a text; at 8 kHz."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", file.name], check=True, timeout=60)
        return _read(Path(file.name))


def _said(speaker: str, texts: Sequence[list[str]], say: Callable[[str], Signal], out: Voices) -> None:
    """Add what a synthetic voice says: short greetings, those of people at work, announcements."""
    for lines, phrases in zip(texts, (out.short, out.company, out.whole), strict=True):
        said = [_cut(speaker, say(line)) for line in lines]
        phrases += [one for one in said if one is not None and (phrases is not out.company or one.seconds <= 3.5)]
