"""Calls as they begin once somebody or something has answered: made from voices, rooms, noises, codecs. Seeds fixed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile

from bench.accuracy.answer_texts import Half
from bench.accuracy.answer_voices import Phrase, Voices, voices
from bench.accuracy.dtmf_speech import worse
from bench.accuracy.signals import (
    ALAW,
    MULAW,
    RATE,
    Samples,
    Signal,
    at_level,
    line,
    linear,
    noise,
    power,
    silence,
    sine,
)
from dsp.codecs.g711 import POWER_0_DBM0

Dice = np.random.Generator
Truth = Literal["human", "machine", "fax", "unknown"]
#: Every call is heard for so long.
SECONDS = 16.0
SEED = 20261122


@dataclass(frozen=True)
class Call:
    """What is heard from the answer on, and what it is."""

    truth: Truth
    #: Which sort of answer: `short`, `company`, `greeting`, `brief machine`...
    sort: str
    condition: str
    speaker: str
    samples: Samples
    #: Begin and end of the (first) speech; of a machine the end of its greeting. Samples.
    speech: tuple[int, int]


def _pause(dice: Dice, low_ms: float, high_ms: float) -> Signal:
    return silence(dice.uniform(low_ms, high_ms))


def _pick(phrases: list[Phrase], dice: Dice) -> Phrase:
    return phrases[int(dice.integers(len(phrases)))]


def _same(one: Phrase, level: float) -> Signal:
    return at_level(one.samples, level)


#: A sort's maker gives: lead, speech, what follows; and the speaker.
Made = tuple[Signal, Signal, Signal, str]


def _short(said: Voices, dice: Dice) -> Made:
    """Give a word, and a wait; some ask again."""
    one = _pick(said.short, dice)
    after = silence(0)
    if dice.random() < 0.4:
        again = _pick([other for other in said.short if other.speaker == one.speaker], dice)
        after = np.concatenate([_pause(dice, 1500, 3500), _same(again, -18)])
    return _pause(dice, 80, 1500), _same(one, -18), after, one.speaker


def _company(said: Voices, dice: Dice) -> Made:
    """Give a company's name, two or three seconds, and a wait."""
    one = _pick(said.company, dice)
    return _pause(dice, 80, 1500), _same(one, -18), silence(0), one.speaker


def _two_parts(said: Voices, dice: Dice) -> Made:
    """Give a word, a breath, and some more: "Smith. ... Good morning"; then a wait."""
    one = _pick(said.short, dice)
    more = [p for p in said.short + said.company if p.speaker == one.speaker and p.seconds < 2.3]
    two = _pick(more, dice)
    speech = np.concatenate([_same(one, -18), _pause(dice, 120, 420), _same(two, -18)])
    return _pause(dice, 80, 1500), speech, silence(0), one.speaker


def _asking(said: Voices, dice: Dice) -> Made:
    """Give a word, and as nobody answers, some more: "Hello? ... Hello? ... Who is there, please? ... Hello?"."""
    one = _pick(said.short, dice)
    words = [other for other in said.short if other.speaker == one.speaker]
    longer = [other for other in said.company if other.speaker == one.speaker] or words
    after = [silence(0)]
    for _ in range(int(dice.integers(1, 6))):
        more = _pick(longer if dice.random() < 0.25 else words, dice)
        after += [_pause(dice, 600, 1800), _same(more, -18)]
    return _pause(dice, 80, 1500), _same(one, -18), np.concatenate(after), one.speaker


def _strung(said: Voices, dice: Dice, least: float, gaps: tuple[float, float]) -> tuple[Signal, str]:
    """String sentences of a speaker together until it is long enough."""
    if dice.random() < 0.3:
        whole = _pick(said.whole, dice)
        return _same(whole, -18), whole.speaker
    first = _pick(said.machine, dice)
    parts = [_same(first, -18)]
    while sum(map(len, parts)) < least * RATE:
        parts += [_pause(dice, *gaps), _same(_pick(said.of(first.speaker), dice), -18)]
    return np.concatenate(parts), first.speaker


def _beep(dice: Dice) -> Signal:
    length = int(dice.uniform(0.15, 1.0) * RATE)
    tone = sine(float(dice.choice([425, 440, 480, 800, 1000, 1400, 1633, 2000])), length, dice.uniform(-20, -8))
    edge = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 40)
    return np.asarray(tone * edge)


def _greeting(said: Voices, dice: Dice) -> Made:
    """Give an announcement, and in four of five calls a beep."""
    speech, speaker = _strung(said, dice, dice.uniform(5, 10), (150, 500))
    beep = np.concatenate([_pause(dice, 200, 1200), _beep(dice)]) if dice.random() < 0.8 else silence(0)
    return _pause(dice, 150, 2500), speech, beep, speaker


def _halting(said: Voices, dice: Dice) -> Made:
    """Give an announcement with long pauses between its sentences, as private people record them."""
    speech, speaker = _strung(said, dice, dice.uniform(5, 10), (400, 900))
    return _pause(dice, 150, 2500), speech, np.concatenate([_pause(dice, 200, 1200), _beep(dice)]), speaker


def _brief(said: Voices, dice: Dice) -> Made:
    """Give two or three seconds, and at once a beep."""
    one = _pick(said.company, dice)
    return (
        _pause(dice, 150, 2500),
        _same(one, -18),
        np.concatenate([_pause(dice, 50, 500), _beep(dice)]),
        one.speaker,
    )


def _fax(_said: Voices, dice: Dice) -> Made:
    """Give CED, ANSam (V.8 section 8.1: 15 Hz, a fifth), or a calling fax's CNG."""
    level = dice.uniform(-25, -10)
    kind = int(dice.integers(3))
    if kind == 2:
        on = sine(1100 + dice.uniform(-30, 30), RATE // 2, level)
        tone = np.concatenate([np.concatenate([on, silence(3000)]) for _ in range(3)])
    else:
        length = int(dice.uniform(2.6, 4.0) * RATE)
        tone = sine(2100 + dice.uniform(-12, 12), length, level)
        if kind == 1:
            turn = np.arange(length) / RATE
            tone = tone * (1 + 0.2 * np.sin(2 * np.pi * 15 * turn)) * np.where((turn / 0.45).astype(int) % 2, -1, 1)
    return _pause(dice, 200, 2500), tone, silence(0), ("CED", "ANSam", "CNG")[kind]


def _nobody(_said: Voices, dice: Dice) -> Made:
    """Give nothing but the line, or the ringing tone of a network that answers early."""
    if dice.random() < 0.5:
        return silence(0), silence(0), silence(0), "line"
    pair = [(440.0, 480.0), (400.0, 450.0), (425.0, 425.0)][int(dice.integers(3))]
    on = sine(pair[0], int(1.5 * RATE), -16) + sine(pair[1], int(1.5 * RATE), -16, 1.0)
    return silence(0), np.concatenate([np.concatenate([on, silence(3500)]) for _ in range(3)]), silence(0), "ringing"


#: By sort: truth, maker, share of the corpus.
SORTS: dict[str, tuple[Truth, Callable[[Voices, Dice], Made], int]] = {
    "short": ("human", _short, 22),
    "company": ("human", _company, 22),
    "two parts": ("human", _two_parts, 8),
    "greeting": ("machine", _greeting, 30),
    "halting greeting": ("machine", _halting, 4),
    "brief greeting": ("machine", _brief, 4),
    "fax": ("fax", _fax, 6),
    "nobody": ("unknown", _nobody, 4),
    "asks again": ("human", _asking, 12),
}

#: What is around the voice: (noise, dB below the voice).
CONDITIONS = ("quiet", "line noise", "office", "car", "street", "hum", "room", "mobile")
#: Bad lines, by effects of sox: only of the untouched part.
LINES: dict[str, tuple[str, ...]] = {
    "narrow band": ("sinc", "400-2700"),
    "overdriven": ("gain", "14"),
    "transcoded": ("gsm",),
    "faint": ("gain", "-18"),
}
#: Of the seeds.
_HALVES = ("development", "held_out", "untouched")


def _pink(samples: int, dice: Dice, slope: float) -> Signal:
    spectrum = np.fft.rfft(dice.normal(0, 1, samples))
    hz = np.fft.rfftfreq(samples, 1 / RATE)
    shaped = spectrum / np.maximum(hz, 60.0) ** slope
    shaped[hz < 60] = 0
    return np.fft.irfft(shaped, samples)


def _babble(samples: int, said: Voices, dice: Dice) -> Signal:
    """Several people talk somewhere else."""
    out = np.zeros(samples)
    for _ in range(8):
        at = int(dice.integers(-RATE, RATE))
        while at < samples:
            one = _same(_pick(said.machine, dice), -20)
            low, high = max(at, 0), min(at + len(one), samples)
            if high > low:
                out[low:high] += one[low - at : high - at]
            at += len(one) + int(dice.uniform(0.1, 0.8) * RATE)
    return out


def _background(condition: str, samples: int, said: Voices, dice: Dice) -> tuple[Signal, float] | None:
    """Give a noise, and how far below the voice (dB) it lies."""
    match condition:
        case "line noise":
            return noise(samples, -30, dice), dice.uniform(18, 35)
        case "office":
            return _babble(samples, said, dice), dice.uniform(18, 30)
        case "car":
            return _pink(samples, dice, 1.0), dice.uniform(12, 25)
        case "street":
            slow = 1 + 0.5 * np.sin(2 * np.pi * np.cumsum(dice.normal(0.25, 0.1, samples)) / RATE)
            return _pink(samples, dice, 0.5) * slow, dice.uniform(15, 25)
        case "hum":
            turn = 2 * np.pi * 50 * np.arange(samples) / RATE
            return np.sin(turn) + 0.5 * np.sin(3 * turn) + 0.2 * np.sin(5 * turn), dice.uniform(18, 30)
    return None


def _reverberate(signal: Signal, dice: Dice) -> Signal:
    """Put it into a room: a tail of 200 to 450 ms (T60) that begins 10 dB below."""
    length = int(0.4 * RATE)
    decay = 6.91 / (dice.uniform(0.2, 0.45) * RATE)
    tail = dice.normal(0, 1, length) * np.exp(-decay * np.arange(length))
    tail *= np.sqrt(0.1 / np.sum(tail**2))
    tail[0] = 1.0
    return np.convolve(signal, tail)[: len(signal)]


def _mobile(samples: Samples) -> Samples:
    """Send it through a mobile's codec (GSM full rate)."""
    store = io.BytesIO()
    soundfile.write(store, samples, RATE, format="WAV", subtype="GSM610")
    store.seek(0)
    out, _ = soundfile.read(store, dtype="int16")
    return np.asarray(out[: len(samples)])


def make(sort: str, condition: str, said: Voices, dice: Dice, seconds: float = SECONDS) -> Call:
    """Make a call."""
    truth, maker, _ = SORTS[sort]
    lead, speech, after, speaker = maker(said, dice)
    total = int(seconds * RATE)
    whole = np.concatenate([lead, speech, after])[:total]
    whole = np.concatenate([whole, silence(0), np.zeros(total - len(whole))])
    if condition == "room":
        whole = _reverberate(whole, dice)
    voice = power(speech) or POWER_0_DBM0 * 10**-1.8
    ground = _background(condition, total, said, dice)
    if ground is not None:
        whole = whole + at_level(ground[0], 10 * np.log10(voice / POWER_0_DBM0) - ground[1])
    whole = whole * 10 ** (dice.uniform(-10, 8) / 20) + noise(total, dice.uniform(-75, -58), dice)
    samples = _mobile(linear(whole)) if condition in {"mobile", "transcoded"} else linear(whole)
    if condition in LINES:
        samples = worse(samples, LINES[condition])[:total]
    heard = line(samples.astype(np.float64), ALAW if dice.random() < 0.5 else MULAW)
    return Call(truth, sort, condition, speaker, heard, (len(lead), len(lead) + len(speech)))


def corpus(half: Half, *, quick: bool, rounds: int | None = None) -> list[Call]:
    """Make the calls of a half: each sort under each condition, `rounds` times its share."""
    said = voices(half, quick=quick)
    calls = []
    for at, sort in enumerate(SORTS):
        for which, condition in enumerate((*CONDITIONS, *LINES) if half == "untouched" else CONDITIONS):
            if sort == "nobody" and condition == "office":
                continue  # voices, after all
            dice = np.random.default_rng([SEED, _HALVES.index(half), at, which])
            share = max(1, SORTS[sort][2] // 4) if quick else SORTS[sort][2] * (rounds or 2)
            calls += [make(sort, condition, said, dice) for _ in range(share)]
    return calls
