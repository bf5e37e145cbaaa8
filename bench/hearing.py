"""How surely prompts are told by what is heard: clips of recorded prompts, through codecs and lossy lines.

Prompts are played one after the other with pauses of chance, some of them cut short as by a key, through mu-law, A-law
or G.722 (the package of that name, none of ours), at another level, with one packet in fifty lost. The ear knows all
prompts of its collection. A clip is *right* when it was told at its place, *silent* when nothing was; everything else
that was told is *wrong*. Prompts that sound the same count as one.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr

import edge
from dsp.codecs.g711 import DECODE, ENCODE
from dsp.ear import Ear
from dsp.fingerprint import COMPARED, ENOUGH, HOP, RATE, Library, Samples
from edge.app.demo import SITE_FILE
from edge.config.errors import Findings
from edge.config.loader import inspect
from edge.config.prompts import synthesise_all
from edge.media.loader import UnreadableError, read_sound

SEED = 20261122
SOUNDS = Path("/usr/share/asterisk/sounds")
VOICES = ("en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
EXAMPLES = Path(edge.__file__).parent / "app/examples"
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
    """Play every prompt of each collection once, a quarter of them through each line."""
    chance, total = random.Random(SEED), list[Judged]()
    prompts = short = 0
    shortest_ms, seconds, begun = 1e9, 0.0, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        collections = [voice(VOICES[0], 100)] if quick else [spoken(Path(folder)), *map(voice, VOICES)]
    for collection in collections:
        fitting = [n for n in range(len(collection.sounds)) if collection.library.tellable(n)]
        prompts, short = prompts + len(collection.sounds), short + len(collection.sounds) - len(fitting)
        shortest_ms = min([shortest_ms, *(len(collection.sounds[n]) * 1000 / RATE for n in fitting)])
        chance.shuffle(fitting)
        for number, line in enumerate(LINES):
            audio, truth = played(collection, chance, fitting[number :: len(LINES) * (3 if quick else 1)], line)
            total.append(judge(collection, audio, truth))
            seconds += len(audio) / RATE
    clips = sum(one.clips for one in total)
    after = sorted(ms for one in total for ms in one.told_after_ms)
    faults = [fault for one in total for fault in one.faults]
    emit("hearing_prompts", prompts, "prompts")
    emit("hearing_prompts_too_short", short, "prompts")
    emit("hearing_clips", clips, "clips", seed=SEED)
    emit("hearing_wrong", sum(one.wrong for one in total), "clips", faults=faults)
    emit("hearing_found", round(100 * sum(one.right for one in total) / clips, 2), "%")
    emit("hearing_told_after_p50", after[len(after) // 2], "ms")
    emit("hearing_told_after_p99", after[min(len(after) - 1, len(after) * 99 // 100)], "ms")
    emit("hearing_shortest", round(shortest_ms), "ms")
    emit("hearing_cpu", round(100 * (time.process_time() - begun) / seconds, 1), "% of a core a call")


def voice(name: str, most: int | None = None) -> Collection:
    """Return the recorded prompts of a voice, or the first of them."""
    return collected(sorted((SOUNDS / name).rglob("*.wav"))[:most])


def spoken(folder: Path) -> Collection:
    """Return all that the menus of demo and examples say, by espeak-ng: one voice a language, so much of it alike."""
    sites = [SITE_FILE, *sorted(EXAMPLES.glob("*/site.toml"))]
    found = [speech for site in sites for speech in inspect(site, {"paths.state": str(folder)}).speeches]
    synthesise_all(found, Findings())
    return collected([Path(path) for path in dict.fromkeys(speech.path for speech in found)])


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


def played(
    collection: Collection, chance: random.Random, clips: list[int], line: str
) -> tuple[Samples, list[tuple[int, int, int]]]:
    """Play clips; returns what comes out of the line, and of each clip its sound, begin and length in samples."""
    parts, truth, at = [np.zeros(RATE // 2, np.int16)], list[tuple[int, int, int]](), RATE // 2
    for sound in clips:
        samples = collection.sounds[sound]
        # Long enough to be told: what a key cuts off before cannot be.
        least = int(np.searchsorted(_counted(collection, sound), ENOUGH + 60)) * HOP + RATE // 5
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
            (
                n
                for n, (sound, at, _) in enumerate(truth)
                if _near(one.start_ms, at) and alike(collection, sound, one.sound)
            ),
            None,
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


def alike(collection: Collection, one: int, other: int) -> bool:
    """Say whether two sounds are one recording, as a collection may have it by two names."""
    if one == other:
        return True
    library = collection.library
    first, second = int(library.first[one]), int(library.first[other])
    frames = int(min(library.frames[one], library.frames[other]))
    if abs(int(library.frames[one]) - int(library.frames[other])) > frames // 10:
        return False
    shares = []
    for drift in range(-3, 4):
        a = slice(first + max(0, drift), first + frames + min(0, drift))
        b = slice(second + max(0, -drift), second + frames + min(0, -drift))
        differing = np.bitwise_count((library.bits[a] ^ library.bits[b]) & library.masks[a])
        shares.append(differing.sum() / max(1, COMPARED * np.count_nonzero(library.masks[a])))
    return bool(min(shares) < 0.1)


def _near(start_ms: int, at: int) -> bool:
    return abs(start_ms - at * 1000 // RATE) <= AT_MS
