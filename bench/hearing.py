"""How surely prompts are told by what is heard: clips of recorded prompts, through codecs and lossy lines.

Prompts are played one after the other with pauses of chance, some of them cut short as by a key, through mu-law, A-law
or G.722 (the package of that name, none of ours), at another level, with one packet in fifty lost. The ear knows all
prompts. A clip is *right* when it was told at its place, *silent* when nothing was; everything else that was told is
*wrong*. Prompts that sound the same count as one.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr

from dsp.codecs.g711 import DECODE, ENCODE
from dsp.fingerprint import ENOUGH, HOP, RATE, Ear, Library, Samples
from edge.media.loader import UnreadableError, read_sound

SEED = 20261122
SOUNDS = Path("/usr/share/asterisk/sounds")
VOICES = ("en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
CLIPS = 500
LONGEST_S = 20
PACKET = 160
LOSS = 1 / 50
LINES = ("mulaw", "alaw", "g722", "loss")
#: A clip that was told within so many ms of its place was told at its place.
AT_MS = 80


class Judged(NamedTuple):
    """What came of the clips of a line."""

    clips: int
    right: int
    wrong: int
    silent: int
    #: Milliseconds from the begin of each right one until it was told.
    told_after_ms: list[int]
    #: What was wrong and what was silent, for people.
    faults: list[str]


class Collection(NamedTuple):
    """Sounds and the names of their files; those that are the same audio only once."""

    names: list[str]
    sounds: list[Samples]
    library: Library


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure all lines."""
    files = [file for voice in VOICES[: 1 if quick else None] for file in sorted((SOUNDS / voice).rglob("*.wav"))]
    collection = collected(files[:200] if quick else files)
    emit("hearing_prompts", len(collection.sounds), "prompts")
    emit("hearing_prompts_too_short", sum(not tellable(collection, n) for n in range(len(collection.names))), "prompts")
    chance = random.Random(SEED)
    total, begun = list[Judged](), time.process_time()
    seconds = 0.0
    for line in LINES:
        audio, truth = played(collection, chance, (10 if quick else CLIPS) // len(LINES), line)
        total.append(judge(collection, audio, truth))
        seconds += len(audio) / RATE
    clips = sum(one.clips for one in total)
    after = sorted(ms for one in total for ms in one.told_after_ms)
    emit("hearing_clips", clips, "clips", seed=SEED)
    emit(
        "hearing_wrong", sum(one.wrong for one in total), "clips", faults=[f for one in total for f in one.faults][:20]
    )
    emit("hearing_found", round(100 * sum(one.right for one in total) / clips, 2), "%")
    emit("hearing_told_after_p50", after[len(after) // 2], "ms")
    emit("hearing_told_after_p99", after[min(len(after) - 1, len(after) * 99 // 100)], "ms")
    emit("hearing_shortest", round(shortest(collection)), "ms")
    emit("hearing_cpu", round(100 * (time.process_time() - begun) / seconds, 1), "% of a core a call")


def collected(files: list[Path]) -> Collection:
    """Read sound files as media does."""
    names, sounds, known = list[str](), list[Samples](), set[bytes]()
    for file in files:
        try:
            samples = read_sound(str(file), LONGEST_S * RATE, normalise=True)
        except UnreadableError:
            continue
        if samples.tobytes() not in known and len(samples) > PACKET:
            known.add(samples.tobytes())
            names.append(f"{file.parent.name}/{file.name}")
            sounds.append(samples)
    return Collection(names, sounds, Library(sounds))


def tellable(collection: Collection, sound: int) -> bool:
    """Say whether a sound is long enough to be told."""
    return collection.library.tellable(sound)


def shortest(collection: Collection) -> float:
    """Return the length of the shortest sound that can be told, milliseconds."""
    return min(len(one) * 1000 / RATE for n, one in enumerate(collection.sounds) if tellable(collection, n))


def played(
    collection: Collection, chance: random.Random, clips: int, line: str
) -> tuple[Samples, list[tuple[int, int, int]]]:
    """Play clips; returns what comes out of the line, and of each clip its sound, begin and length in samples."""
    parts, truth, at = [np.zeros(RATE // 2, np.int16)], list[tuple[int, int, int]](), RATE // 2
    fitting = [n for n in range(len(collection.sounds)) if tellable(collection, n)]
    for _ in range(clips):
        sound = chance.choice(fitting)
        samples = collection.sounds[sound]
        # Long enough to be told: what a key cuts off before cannot be.
        least = int(np.searchsorted(_counted(collection, sound), ENOUGH + 20)) * HOP + RATE // 5
        if chance.random() < 0.3 and least < len(samples):
            samples = samples[: chance.randint(least, len(samples))]
        truth.append((sound, at, len(samples)))
        pause = chance.randint(0, RATE // 2)
        parts += [samples, np.zeros(pause, np.int16)]
        at += len(samples) + pause
    parts.append(np.zeros(RATE, np.int16))
    gain = 10 ** (chance.uniform(-12, 3) / 20)
    whole = np.clip(np.concatenate(parts).astype(np.float64) * gain, -32768, 32767).astype(np.int16)
    return through(whole, line, chance), truth


def _counted(collection: Collection, sound: int) -> np.ndarray[Any, Any]:
    library = collection.library
    first = int(library.first[sound])
    counted: np.ndarray[Any, Any] = library.counted[first : first + int(library.frames[sound])]
    return counted


def through(samples: Samples, line: str, chance: random.Random) -> Samples:
    """Send samples through a line. Pauses are of any length, so prompts are not in step with the packets."""
    if line == "g722":
        import G722

        codec = G722.G722(16000, 64000)
        wide = soxr.resample(samples, RATE, 16000)
        coded = codec.encode(np.pad(wide, (0, -len(wide) % 320)))
        heard: Samples = soxr.resample(np.asarray(codec.decode(coded), np.int16), 16000, RATE)[: len(samples)]
        return heard
    law = int(line == "alaw")
    heard = DECODE[law][ENCODE[law][(samples.astype(np.int32) >> 2) & 0x3FFF]]
    if line == "loss":
        heard = heard.copy()
        for packet in range(len(heard) // PACKET):
            if chance.random() < LOSS:
                heard[packet * PACKET : (packet + 1) * PACKET] = 0
    return heard


def judge(collection: Collection, audio: Samples, truth: list[tuple[int, int, int]]) -> Judged:
    """Listen, and hold what is told against what was played."""
    ear = Ear(collection.library)
    told = [one for at in range(0, len(audio), PACKET) for one in ear.feed(audio[at : at + PACKET])] + ear.end()
    right, after, faults = set[int](), list[int](), list[str]()
    wrong = 0
    for one in told:
        place = next(
            (n for n, (sound, at, _) in enumerate(truth) if sound == one.sound and _near(one.start_ms, at)), None
        )
        if place is None:
            wrong += 1
            playing = [collection.names[sound] for sound, at, n in truth if at <= one.start_ms * 8 + 400 < at + n]
            faults.append(f"{one.start_ms} ms: {collection.names[one.sound]}, but it was {playing}")
        elif place not in right:
            right.add(place)
            after.append(one.told_ms - one.start_ms)
    faults += [
        f"{at // 8} ms: nothing, but it was {collection.names[sound]} ({length // 8} ms)"
        for n, (sound, at, length) in enumerate(truth)
        if n not in right
    ]
    return Judged(len(truth), len(right), wrong, len(truth) - len(right), after, faults)


def _near(start_ms: int, at: int) -> bool:
    return abs(start_ms - at * 1000 // RATE) <= AT_MS
