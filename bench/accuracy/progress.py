"""Call progress tones: every tone of every country, at the limits; and what must not be taken for one."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench import spandsp
from bench.accuracy import NOTHING, Row, Score, loss, progress_peers, score
from bench.accuracy.signals import ALAW, MULAW, RATE, Samples, Signal, at_level, line, noise, silence, sine
from dsp.detectors import offline, progress
from dsp.detectors import progress_tables as tables
from dsp.detectors import verdicts as say
from dsp.detectors.progress_cadence import ANSWERS, MEANINGS
from dsp.detectors.progress_state import PROGRESS_STATE
from dsp.tones.countries import COUNTRIES
from dsp.tones.generator import amplitude
from dsp.tones.notation import Element, Sound, Tone, parse
from dsp.tones.rendering import DEPTH

SEED = 180
NOISE_FLOOR = -60.0
#: What the tables of countries call what the detector calls otherwise.
NAMES = {"dial": "dial", "busy": "busy", "congestion": "reorder", "ring": "ringback"}
SOUNDS = Path("/usr/share/asterisk")
#: Sounds that are tones, in the folders of speech.
TONES_AMONG_SPEECH = {"beep", "beeperr", "ascending-2tone", "descending-2tone", "confbridge-join", "confbridge-leave"}
#: Frequency and length (ms) of the first two segments; the third is 1776.7 Hz for 380 ms (Telcordia GR-1162).
SEGMENTS = {
    "intercept": ((913.8, 274), (1370.6, 274)),
    "vacant_code": ((985.2, 380), (1370.6, 274)),
    "reorder": ((913.8, 274), (1428.5, 380)),
    "no_circuit": ((985.2, 380), (1428.5, 380)),
    "reorder_interlata": ((985.2, 274), (1370.6, 380)),
    "no_circuit_interlata": ((913.8, 380), (1370.6, 380)),
    "reserved_1": ((913.8, 380), (1428.5, 274)),
    "reserved_2": ((985.2, 274), (1428.5, 274)),
}
#: Frequency and length (ms) of all three, by meaning.
SPECIAL = {
    "unspecified": ((950, 330), (1400, 330), (1800, 330)),
    **{meaning: (*segments, (1776.7, 380)) for meaning, segments in SEGMENTS.items()},
}
TABLES = tables.make_tables()


@dataclass(frozen=True)
class Shape:
    """How a tone differs from the table."""

    level: float = -13.0  #: all frequencies together, dBm0
    tune: float = 1.0
    tempo: float = 1.0
    twist: float = 0.0  #: of the second frequency, dB
    snr: float | None = None
    law: int = MULAW
    hum: float | None = None  #: dBm0 of 50 Hz


@dataclass
class Trial:
    """A stream and what is to be heard in it."""

    samples: Samples
    wanted: Sequence[str]
    country: str | None = None
    beside: Set[str] = frozenset()  #: what may be heard besides


def wave(sound: Sound, samples: int, shape: Shape, dice: np.random.Generator) -> Signal:
    """Give a sound; each burst has phases of its own."""
    if not sound.frequencies:
        return np.zeros(samples)
    out = np.zeros(samples)
    for number, hz in enumerate(sound.frequencies):
        out += sine(hz * shape.tune, samples, shape.twist if number == 1 else 0.0, dice.uniform(0, 2 * np.pi))
    if sound.modulation:
        out *= 1 + DEPTH * np.sin(2 * np.pi * sound.modulation / RATE * np.arange(samples) + dice.uniform(0, 6.28))
    weights = sum(10 ** ((shape.twist if number == 1 else 0) / 10) for number in range(len(sound.frequencies)))
    gain = 10 ** (shape.level / 20) / np.sqrt(weights) / (np.sqrt(1 + DEPTH**2 / 2) if sound.modulation else 1)
    return out * gain


def tone(
    cycle: Iterable[Element], seconds: float, shape: Shape, dice: np.random.Generator, skip: float = 0.0
) -> Signal:
    """Give a tone that repeats for so long, without its first `skip` seconds."""
    elements = list(cycle)
    parts: list[Signal] = []
    length, wanted = 0, round((seconds + skip) * RATE)
    while length < wanted:
        for one in elements:
            n = min(round(one.ms * shape.tempo * RATE / 1000) if one.ms else wanted, wanted - length)
            parts.append(wave(one.sound, n, shape, dice))
            length += n
    return np.concatenate(parts)[round(skip * RATE) :]


def received(signal: Signal, shape: Shape, dice: np.random.Generator) -> Samples:
    """What arrives of it."""
    floor = NOISE_FLOOR if shape.snr is None else shape.level - shape.snr
    out = signal + noise(len(signal), floor, dice)
    if shape.hum is not None:
        out += sine(50, len(out), shape.hum)
    return line(out, shape.law)


def heard(trials: Sequence[Trial], evidence: bool = False) -> list[list[str]]:
    """What the detector tells of each trial: labels (of SIT and CED, with `evidence`, meanings and forms), in order."""
    longest = max(len(one.samples) for one in trials)
    streams = np.zeros((len(trials), longest), np.int16)
    states = np.zeros(len(trials), PROGRESS_STATE).view(np.recarray)
    for row, one in enumerate(trials):
        streams[row, : len(one.samples)] = one.samples
        states[row].country = TABLES.country(one.country) if one.country else 0

    def feed(*arguments: object) -> None:
        progress.feed_all(*arguments, TABLES.kit)  # type: ignore[arg-type]

    out: list[list[str]] = [[] for _ in trials]
    for verdict in offline.take(feed, states, streams):
        name = tables.LABELS[verdict["code"]]
        if evidence and name == "sit":
            name = f"sit {MEANINGS[verdict['cause']]}"
        if evidence and name == "fax_ced" and verdict["phase"] == say.END:
            name = f"fax_ced {ANSWERS[verdict['cause']]}"
        elif verdict["phase"] == say.END or (evidence and name == "fax_ced"):
            continue
        if name not in trials[verdict["row"]].beside:
            out[verdict["row"]].append(name)
    return out


def judged(trials: Sequence[Trial], evidence: bool = False) -> tuple[Score, list[str]]:
    """Score the trials, and say what was wrong."""
    total, wrong = NOTHING, []
    for number, (one, found) in enumerate(zip(trials, heard(trials, evidence), strict=True)):
        result = score(list(one.wanted), found)
        total += result
        if result.misses or result.false:
            wrong.append(f"{number} {one.country}: {found}, not {list(one.wanted)}")
    return total, wrong


def grid(shape: Shape, dice: np.random.Generator, *, known: bool = True, join: bool = False) -> list[Trial]:
    """Every tone of every country, shaped: silence, some cycles, silence; with `join` from anywhere in the cycle."""
    trials = []
    for country, tones in COUNTRIES.items():
        for name, text in tones.items():
            base = name.partition("-")[0]
            if base not in NAMES:
                continue
            cycle = parse(text).cycle
            period = sum(one.ms for one in cycle) / 1000
            seconds = (4.0 if not period else max(2 * period, 4 * period if period < 2 else 0)) * shape.tempo
            skip = dice.uniform(0, period) * shape.tempo if join else 0.0
            lead = silence(0 if join else dice.uniform(100, 300))
            signal = np.concatenate(
                [lead, tone(cycle, seconds + (period if join else 0), shape, dice, skip), silence(3000)]
            )
            trials.append(Trial(received(signal, shape, dice), [NAMES[base]], country if known else None))
    return trials


def special(meaning: str) -> Tone:
    """Give a special information tone."""
    return Tone(tuple(Element(Sound((hz,)), ms) for hz, ms in SPECIAL[meaning]), ())


def _sit(shape: Shape, dice: np.random.Generator, pause: float = 0.0) -> list[Trial]:
    trials = []
    for meaning in SPECIAL:
        parts = [silence(dice.uniform(50, 250))]
        for one in special(meaning).once:
            parts += [wave(one.sound, round(one.ms * shape.tempo * 8), shape, dice), silence(pause)]
        signal = np.concatenate([*parts, silence(1500)])
        trials.append(Trial(received(signal, shape, dice), [f"sit {meaning}"]))
    return trials


def _fax(shape: Shape, dice: np.random.Generator) -> list[Trial]:
    calling = parse("1100/500,0/3000").cycle
    trials = [
        Trial(
            received(np.concatenate([silence(200), tone(calling, 7.2, shape, dice), silence(4500)]), shape, dice),
            ["fax_cng"],
        )
    ]
    for form in ANSWERS:
        t = np.arange(3 * RATE)
        phase = np.pi * (t // 3600) if "reversed" in form else 0
        signal = np.sin(2 * np.pi * 2100 * shape.tune / RATE * t + phase) * 10 ** (shape.level / 20)
        signal *= amplitude(0.0)
        if "ansam" in form:
            signal *= 1 + 0.2 * np.sin(2 * np.pi * 15 / RATE * t)
        trials.append(
            Trial(received(np.concatenate([silence(300), signal, silence(500)]), shape, dice), [f"fax_ced {form}"])
        )
    return trials


def _beeps(
    shape: Shape, dice: np.random.Generator, count: int, between: tuple[float, float] = (80, 1500)
) -> list[Trial]:
    trials = []
    for _ in range(count):
        hz, ms = dice.uniform(440, 2600), float(np.exp(dice.uniform(*np.log(between))))
        if abs(hz - 2100) < 60 or abs(hz - 1100) < 60 or abs(hz - 2225) < 60:
            continue  # those are fax's
        if hz < 470:
            ms = min(ms, 140)  # else it may be a country's
        signal = np.concatenate([silence(dice.uniform(100, 400)), sine(hz, round(ms * 8), shape.level), silence(2500)])
        trials.append(Trial(received(signal, shape, dice), ["beep"]))
    return trials


def read(path: Path) -> Signal:
    """Read a sound file as a mono signal at 8 kHz."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    mono = samples.mean(axis=1)
    return (mono if rate == RATE else soxr.resample(mono, rate, RATE)) * 32768


def recordings(folder: str, quick: bool) -> list[Samples]:
    """Recorded speech (joined to minutes) or music of Debian's packages at -15 dBm0."""
    paths = [path for path in sorted((SOUNDS / folder).rglob("*.wav")) if path.stem not in TONES_AMONG_SPEECH]
    out, parts, length = [], [], 0
    for path in paths[:: 12 if quick and folder == "sounds" else 1]:
        try:
            part = read(path)
        except (soundfile.LibsndfileError, OSError):
            continue
        parts += [part, silence(300)]
        length += len(part)
        if length > 60 * RATE:
            out.append(line(at_level(np.concatenate(parts), -15)))
            parts, length = [], 0
    if parts:
        out.append(line(at_level(np.concatenate(parts), -15)))
    return out


#: What somebody else hears of a trial.
Peer = Callable[[Trial], list[str]]


def _by_country(one: Trial) -> list[str]:
    return progress_peers.supervisory(one.samples, one.country, NAMES) if one.country else []


def _by_meaning(one: Trial) -> list[str]:
    return progress_peers.special(one.samples, SPECIAL)


def _by_fax(one: Trial) -> list[str]:
    return progress_peers.fax(one.samples)


def _row(condition: str, trials: Sequence[Trial], promised: str = "accept", least: float | None = None, note: str = "",
         evidence: bool = False, peer: Peer | None = None) -> Row:  # fmt: skip
    result, wrong = judged(trials, evidence)
    text = "; ".join(filter(None, [note, *wrong[:3]]))
    others: dict[str, Score] = {}
    if peer is not None and spandsp.available():
        others["spandsp"] = sum((score(list(one.wanted), peer(one)) for one in trials), NOTHING)
    return Row("progress", condition, promised, len(trials), result, others, least, text)  # type: ignore[arg-type]


SHAPES: dict[str, Shape] = {
    "as in the table": Shape(),
    "frequencies +1.5 %": Shape(tune=1.015),
    "frequencies -1.5 %": Shape(tune=0.985),
    "tempo +10 %": Shape(tempo=1.1),
    "tempo -10 %": Shape(tempo=0.9),
    "-5 dBm0": Shape(level=-5),
    "-35 dBm0": Shape(level=-35),
    "-35 dBm0, A-law": Shape(level=-35, law=ALAW),
    "noise 20 dB below": Shape(snr=20),
    "noise 15 dB below": Shape(snr=15),
    "twist +6 dB": Shape(twist=6),
    "twist -6 dB": Shape(twist=-6),
    "50 Hz hum 20 dB below": Shape(hum=-33),
    "-30 dBm0, +1.5 %, tempo -8 %, noise 18 dB below, A-law": Shape(-30, 1.015, 0.92, 3, 18, ALAW),
    "-8 dBm0, -1.5 %, tempo +8 %, noise 18 dB below": Shape(-8, 0.985, 1.08, -3, 18),
}


#: Packets that are lost, and of what is concealed, as in live calls, how much is recognised at least: tones, which go
#: on, and beeps, of which little may be left.
LOSSES = {0.01: (0.99, 0.97), 0.03: (0.97, 0.93), 0.05: (0.95, 0.88)}


def _lossy(dice: np.random.Generator, *, quick: bool) -> Iterator[Row]:
    """Give tones of which packets are lost: a rate, for what is lost may be most of a beep."""
    rounds = 3 if quick else 12
    sorts: list[tuple[str, list[Trial], Peer | None]] = [
        ("all countries' tones", grid(Shape(), dice), _by_country),
        ("SIT and its meaning", [one for _ in range(rounds) for one in _sit(Shape(), dice)], _by_meaning),
        ("CNG, CED and its form", [one for _ in range(rounds) for one in _fax(Shape(), dice)], _by_fax),
        ("beeps", _beeps(Shape(), dice, 20 * rounds), None),
    ]
    for share, least in LOSSES.items():
        if quick and share != 0.03:
            continue
        for how, lose in (("concealed", loss.concealed), ("silence in their place", loss.silenced)):
            for name, whole, peer in sorts:
                trials = []
                for one in whole:
                    gone = loss.chosen(len(one.samples), share, dice)
                    trials.append(Trial(lose(one.samples, gone), one.wanted, one.country, one.beside))
                condition = f"{name}, {share:.0%} of packets lost, {how}"
                promised = (least[name == "beeps"] - 0.03 * quick) if how == "concealed" else None
                yield _row(condition, trials, "rate", promised, evidence=peer in {_by_meaning, _by_fax}, peer=peer)


def _alone(name: str, shape: Shape, dice: np.random.Generator, *, quick: bool) -> Iterator[Row]:
    """Give what has one frequency at a time, and is the same in all countries."""
    plain = Shape(**{**vars(shape), "tempo": 1.0, "tune": 1 + (shape.tune - 1) / 5})
    yield _row(f"SIT and its meaning, {name}", _sit(plain, dice), evidence=True, peer=_by_meaning)
    called = Shape(**{**vars(shape), "tune": 1 + (shape.tune - 1) / 3})
    yield _row(f"CNG, CED and its form, {name}", _fax(called, dice), evidence=True, peer=_by_fax)
    yield _row(f"beeps, {name}", _beeps(shape, dice, 20 if quick else 200))


def rows(*, quick: bool) -> Iterator[Row]:
    """Make the rows."""
    dice = np.random.default_rng(SEED)
    for name, shape in SHAPES.items():
        yield _row(f"all countries' tones, {name}", grid(shape, dice), peer=_by_country)
    yield _row("all countries' tones, joined anywhere", grid(Shape(), dice, join=True), peer=_by_country)
    yield _row(
        "country not known", grid(Shape(), dice, known=False), "rate", 0.85, "some countries' busy is others' reorder"
    )
    for name, shape in list(SHAPES.items())[:: 3 if quick else 1]:
        yield from _alone(name, shape, dice, quick=quick)
    yield _row("beeps of 80 to 120 ms", _beeps(Shape(), dice, 100 if quick else 1000, (80, 120)))
    yield _row("SIT, pauses of 30 ms", _sit(Shape(), dice, 30), evidence=True, peer=_by_meaning)
    yield from _lossy(dice, quick=quick)
    for factor in (1.06, 0.94):
        off = [Trial(one.samples, [], one.country, {"beep"}) for one in grid(Shape(tune=factor), dice)]
        yield _row(f"all countries' tones, frequencies {factor - 1:+.0%}", off, "reject", peer=_by_country)
    for folder in ("sounds", "moh"):
        streams = recordings(folder, quick)
        seconds = sum(map(len, streams)) / RATE
        for known in ("us", "de", None):
            trials = [Trial(one, [], known) for one in streams]
            if trials:
                yield _row(
                    f"{'speech' if folder == 'sounds' else 'music'}, country {known}",
                    trials,
                    "reject",
                    note=f"{seconds / 3600:.2f} h",
                    peer=_by_country if known else None,
                )
