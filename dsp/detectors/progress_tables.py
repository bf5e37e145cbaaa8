"""The tables of the call progress detector, made from the tones of countries."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from dsp.detectors import progress_state as ps
from dsp.detectors.waves import waves
from dsp.tones.cadence import MAX_COUNTRIES, recognised, steps_of
from dsp.tones.countries import COUNTRIES, EVERYWHERE
from dsp.tones.generator import SAMPLE_RATE
from dsp.tones.notation import NotationError, Sound, parse

#: Tones by code.
LABELS = ("dial", "busy", "reorder", "ringback", "sit", "fax_cng", "fax_ced", "beep", "modem")
DIAL, BUSY, REORDER, RINGBACK, SIT, FAX_CNG, FAX_CED, BEEP, MODEM = range(9)
#: What the tables of countries call them.
_NAMES = {"dial": DIAL, "busy": BUSY, "congestion": REORDER, "ring": RINGBACK}
_EVERYWHERE = {"fax_cng": FAX_CNG, "fax_ced": FAX_CED, "modem": MODEM}
#: Frequencies: 3 % (networks hold 1 to 3 %; the next tone in use is mostly 5 % away). T.30: 1100 Hz +- 38, 2100 +- 15.
TOLERANCE = 0.03
_TOLERANCES = {1100.0: 40 / 1100, 2100.0: 25 / 2100, 2225.0: 25 / 2225}


@dataclass(frozen=True)
class Tables:
    """What the kernels work with, and the countries by index."""

    kits: Any  #: PROGRESS_KIT[1], a record array
    countries: tuple[str, ...]

    @property
    def id(self) -> int:
        """Give what tells these tables from others, in any process."""
        return int(self.kits[0].id)

    @property
    def kit(self) -> Any:
        """Give the record."""
        return self.kits[0]

    def country(self, name: str) -> int:
        """Give the value of a state's `country`. Raises `KeyError` for a country that is not in the tables."""
        if name not in self.countries:
            raise KeyError(name)
        return self.countries.index(name) + 1


@dataclass
class InForce:
    """The tables of an engine: those for what begins now, and by their ids all that something may still go by."""

    now: Tables
    known: dict[int, Tables]


@dataclass
class _Cadence:
    label: int
    steps: tuple[tuple[Sound, int, int], ...]  #: sound, samples on, samples off
    countries: int


def _cadences(countries: Mapping[str, Mapping[str, str]]) -> list[_Cadence]:
    found: dict[tuple[Any, ...], _Cadence] = {}
    for bit, (country, tones) in enumerate(countries.items()):
        for name, text in tones.items():
            if not recognised(name):
                continue
            try:
                steps = steps_of(parse(text))
            except NotationError as error:
                raise NotationError(f"{country}.{name}: {error}") from error
            label = _NAMES[name.partition("-")[0]]
            one = found.setdefault((label, steps), _Cadence(label, steps, 0))
            one.countries |= 1 << bit
    for name, text in EVERYWHERE.items():
        steps = steps_of(parse(text))
        found[name,] = _Cadence(_EVERYWHERE[name], steps, -1)
    return sorted(found.values(), key=lambda one: one.label)


def _bank(kit: Any) -> None:
    """Fill in what does not depend on countries. Phases count from the middle of a frame."""
    low = (ps.FIRST_BIN + np.arange(ps.BINS)) * ps.BIN_HZ
    starts = 4 * np.arange(ps.HIGH_GROUPS)[:, None] + np.arange(8)
    high = (ps.FIRST_HIGH + starts.ravel()) * ps.HIGH_HZ
    kit["low"], kit["high"] = (waves(2 * np.pi * hz / SAMPLE_RATE) for hz in (low, high))
    quarter = np.pi / 2 * (ps.FIRST_BIN + np.arange(ps.BINS))
    kit["turn"][0], kit["turn"][1] = np.cos(quarter), np.sin(quarter)
    window = 0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(2 * ps.FRAME) - ps.FRAME + 0.5) / (2 * ps.FRAME))
    kit["weight"] = (window**2).reshape(8, ps.BLOCK).sum(axis=1)
    step = np.arange(ps.STEPS) - ps.STEPS // 2
    number = np.arange(ps.WINDOWS)
    angle = -2 * np.pi * np.outer(number, step) / (2 * ps.STEPS)
    turned = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    flip = np.where(number % 2, -1.0, 1.0)[:, None, None]  # an odd bin's phase from frame to frame
    away = step / ps.STEPS  # in bins; what the window leaves of a line beside a bin
    kit["fine_gain"] = 1 / (np.sinc(away) / (1 - away**2)) ** 2
    for count in range(1, ps.WINDOWS + 1):
        taper = np.where(number < count, 0.5 - 0.5 * np.cos(2 * np.pi * (number + 0.5) / count), 0.0)
        tapered = turned * (taper / taper.sum())[:, None, None]
        kit["fine"][2 * count], kit["fine"][2 * count + 1] = tapered, tapered * flip
    turn = 2 * np.pi * 3 * np.arange(40) / 40  # 15 Hz in blocks of 5 ms
    kit["am"][0], kit["am"][1] = np.cos(turn), np.sin(turn)


def make_tables(countries: Mapping[str, Mapping[str, str]] = COUNTRIES) -> Tables:
    """Make tables for these countries. Raises `NotationError` with country and tone for what can't be recognised."""
    if len(countries) > MAX_COUNTRIES:
        raise NotationError(f"{len(countries)} countries, at most {MAX_COUNTRIES}")
    array = ps.make_kits(1)
    kit = array[0]
    _bank(array[0])
    cadences = _cadences(countries)
    sounds = list(dict.fromkeys(sound for one in cadences for sound, _, _ in one.steps))
    if len(cadences) > ps.CADENCES or len(sounds) > ps.SOUNDS:
        raise NotationError(f"{len(cadences)} cadences of {len(sounds)} sounds: too many")
    kit.sounds = len(sounds)
    for index, sound in enumerate(sounds):
        kit.frequencies[index] = len(sound.frequencies)
        kit.hz[index, : len(sound.frequencies)] = sound.frequencies
        kit.modulation[index] = sound.modulation
        kit.tolerance[index] = _TOLERANCES.get(sound.frequencies[0], TOLERANCE)
    for label in range(ps.LABELS + 1):
        kit.label_first[label] = sum(one.label < label for one in cadences)
    for index, one in enumerate(cadences):
        kit.countries[index] = one.countries
        kit.steps[index] = len(one.steps)
        for place, (sound, on, off) in enumerate(one.steps):
            kit.step_sound[index, place] = sounds.index(sound)
            kit.made_of[index] |= 1 << sounds.index(sound)
            kit.step_on[index, place] = on
            kit.step_off[index, place] = off
    said = repr([(name, sorted(tones.items())) for name, tones in countries.items()])
    kit.id = 1 + int.from_bytes(blake2b(said.encode(), digest_size=7).digest(), "big")
    return Tables(array, tuple(countries))
