"""Voices for calls that somebody or something answers: recorded prompts of Debian's packages, and espeak-ng.

Speakers and languages are split in two: detectors are developed on one half, and judged on the other, in which there is
no speaker, language or synthetic voice of the first.
"""

import functools
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
import soxr

from bench.accuracy.signals import RATE, Signal

SOUNDS = Path("/usr/share/asterisk/sounds")
Half = Literal["development", "held_out"]

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
}

#: Sounds that nobody speaks, and what is no speech of one person who answers.
_NO_SPEECH = ("beep", "tone", "silence", "monkeys", "weasels", "letters", "phonetic", "glorious", "join", "leave")

#: What espeak-ng says: (voice, short greetings, greetings of people at work, announcements of machines).
_TEXTS: dict[Half, list[tuple[str, list[str], list[str], list[str]]]] = {
    "development": [
        (
            "en",
            ["Hello?", "Yes?", "Hi.", "Hello, Peter speaking.", "Smith.", "Good morning."],
            [
                "Smith and Partners, good morning, how can I help?",
                "City library, this is Anna, what can I do for you?",
                "Thank you for calling Northern Motors, Mike speaking.",
                "Doctor Miller's practice, good afternoon.",
            ],
            [
                (
                    "Hello, you have reached the Johnson family. We are not at home, so please leave your name"
                    " and number after the tone, and we will call you back."
                ),
                "The person you are calling is not available. Please leave a message after the beep.",
                "Hi, this is Tom. I'm not here at the moment. Leave a message, and I will call you back soon.",
                "Welcome to Northern Motors. Our office is closed. We are open from Monday to Friday, nine to five.",
            ],
        ),
        (
            "de",
            ["Hallo?", "Ja bitte?", "Müller.", "Guten Tag."],
            [
                "Schmidt und Söhne, guten Tag, was kann ich für Sie tun?",
                "Praxis Doktor Weber, Sie sprechen mit Frau Klein.",
            ],
            [
                (
                    "Guten Tag, Sie sind mit dem Anschluss von Familie Schulz verbunden. Wir sind nicht erreichbar."
                    " Bitte hinterlassen Sie eine Nachricht nach dem Signalton."
                ),
                (
                    "Der Teilnehmer ist zur Zeit nicht erreichbar. Versuchen Sie es später noch einmal, sprechen Sie"
                    " auch nach dem Ton."
                ),
            ],
        ),
    ],
    "held_out": [
        (
            "pt",
            ["Alô?", "Sim?", "Pois não.", "Bom dia."],
            [
                "Silva e Associados, bom dia, em que posso ajudar?",
                "Farmácia Central, boa tarde, fala a Maria.",
            ],
            [
                (
                    "Olá, você ligou para a família Souza. Não podemos atender. Deixe o seu recado após o sinal, e nós"
                    " ligaremos mais tarde."
                ),
                "Sua chamada está sendo encaminhada para a caixa postal. Grave a sua mensagem após o sinal.",
            ],
        ),
        (
            "nl",
            ["Hallo?", "Ja?", "De Vries.", "Goedemorgen."],
            [
                "Bakkerij Jansen, goedemiddag, waarmee kan ik u helpen?",
                "Gemeente Utrecht, u spreekt met Karin de Boer.",
            ],
            [
                (
                    "Hallo, dit is de voicemail van Piet Bakker. Ik ben niet thuis. Spreek een bericht in na de"
                    " piep, dan bel ik u zo snel mogelijk terug."
                ),
                "De persoon die u belt is niet bereikbaar. U kunt na de toon een bericht inspreken.",
            ],
        ),
        (
            "pl",
            ["Halo?", "Słucham?", "Tak?", "Dzień dobry."],
            ["Kancelaria Nowak, dzień dobry, w czym mogę pomóc?", "Sekretariat szkoły, Anna Kowalska, słucham."],
            [
                (
                    "Dzień dobry, tu automatyczna sekretarka. Nie mogę odebrać telefonu. Proszę zostawić wiadomość po"
                    " sygnale, oddzwonię najszybciej jak to możliwe."
                ),
            ],
        ),
    ],
}
_VARIANTS: dict[Half, Sequence[str]] = {"development": ("m1", "f1", "m3"), "held_out": ("m2", "f2", "m5", "f4")}
_RATES: dict[Half, Sequence[int]] = {"development": (150, 180), "held_out": (140, 165, 195)}

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
    for at, variant in enumerate(_VARIANTS[half][: 1 if quick else None]):
        for rate in _RATES[half][: 1 if quick else None]:
            _synthetic(half, variant, rate, 35 + 15 * at, out)
    return out


def _synthetic(half: Half, variant: str, rate: int, pitch: int, out: Voices) -> None:
    for language, short, company, whole in _TEXTS[half]:
        voice = f"{language}+{variant}"
        sorts: list[tuple[list[str], list[Phrase]]] = [(short, out.short), (company, out.company), (whole, out.whole)]
        for texts, phrases in sorts:
            said: list[Any] = [_cut(f"{voice} {rate}", spoken(text, voice, rate, pitch)) for text in texts]
            phrases += [one for one in said if one is not None and (phrases is not out.company or one.seconds <= 3.5)]
