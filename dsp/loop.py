"""What a loop does to sound: a signal that is played into it, and what is read off the recording of what comes back.

The loop is a cable from a card's output to its input, or a call to somebody who says what he hears. Measured are the
delay (cross-correlation with a sweep, ITU-T O.131 does so with noise), the gain at each frequency and at each level,
distortion, the noise floor, and how far the clocks of both sides drift apart or sound is lost between.

All at 8 kHz. Levels are dBm0 as in ITU-T G.711: a sine of full scale has +3.17 less the 0.02 that 16 bits have more.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dsp.codecs.g711 import POWER_0_DBM0

RATE: Final = 8000
#: Hz, thirds of an octave over the telephone band and what lies beside it.
FREQUENCIES: Final = (200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 3400, 3700)
#: dBm0, of a tone of 1 kHz. The last ones are where things clip.
LEVELS: Final = (-45, -35, -25, -20, -15, -10, -6, -3, 0, 2)
LEVEL_DBM0: Final = -12.0
#: Edges of the telephone band: outside of them nothing is promised by anybody.
BAND: Final = (300, 3400)
#: The most that a loop may take; a call by satellite to an echo has 1.2 s.
LONGEST_S: Final = 2.5
#: Least likeness of what was heard and the sweep (1: the same): noise alone has less than 0.1.
LEAST_LIKENESS: Final = 0.25
#: A clock may be so wrong; what differs more is sound that was lost or came twice.
_MOST_DRIFT_PPM: Final = 1500.0
#: Both halves drift alike, if it is a clock.
_ALIKE_PPM: Final = 400.0

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

_SWEEP_S, _TONE_S, _STEP_S, _NOISE_S = 0.4, 0.25, 0.25, 1.0
#: Samples that may have been lost, or come too much, until a sweep: so far away it is looked for.
_FAR = round(0.8 * RATE)
_SKIP = 400  # samples at the begin of a tone that are left to whatever rings or regulates
_LEAST = 1e-9


class NothingHeardError(Exception):
    """What was played did not come back; the text says what was heard instead."""


class SoundLostError(NothingHeardError):
    """It came back, and then it did not: so much was lost on the way that the rest was not found again."""


def _samples(seconds: float) -> int:
    return round(seconds * RATE)


def amplitude(level_dbm0: float) -> float:
    """Peak of a sine of that level, in steps of int16."""
    return math.sqrt(2 * POWER_0_DBM0 * 10 ** (level_dbm0 / 10))


def level(power: float) -> float:
    """Power (mean of squares) in dBm0; -96 where there is nothing."""
    return max(10 * math.log10(max(power, _LEAST) / POWER_0_DBM0), -96.0)


def _sweep(first: float, last: float) -> Floats:
    count = _samples(_SWEEP_S)
    t = np.arange(count) / RATE
    wave = np.sin(2 * np.pi * (first * t + (last - first) * t**2 / (2 * _SWEEP_S)))
    edge = _samples(0.02)
    window = np.ones(count)
    window[:edge] = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    window[-edge:] = window[:edge][::-1]
    return np.asarray(wave * window * amplitude(LEVEL_DBM0))


def _tone(hz: float, seconds: float, level_dbm0: float) -> Floats:
    t = np.arange(_samples(seconds)) / RATE
    # No edges: the begin and the end of a tone are not looked at.
    return np.asarray(np.sin(2 * np.pi * hz * t) * amplitude(level_dbm0))


def _sweeps() -> tuple[Floats, Floats, Floats]:
    """Give the marks: up, down, up. Neighbours are unlike, so none is taken for another."""
    up = _sweep(*BAND)
    return up, up[::-1], up


class Signal:
    """What is played. Positions are samples from its begin."""

    def __init__(self) -> None:
        parts: list[Floats] = []
        self._length = 0

        def add(part: Floats) -> int:
            parts.append(part)
            at, self._length = self._length, self._length + len(part)
            return at

        def rest(seconds: float) -> int:
            return add(np.zeros(_samples(seconds)))

        first, second, third = _sweeps()
        rest(0.2)
        #: Begins of the three sweeps.
        self.marks = [add(first)]
        rest(0.3)
        self.noise = rest(_NOISE_S)
        self.tones = [add(_tone(hz, _TONE_S, LEVEL_DBM0)) for hz in FREQUENCIES]
        rest(0.3)
        self.marks.append(add(second))
        rest(0.3)
        self.steps = [add(_tone(1000, _STEP_S, step)) for step in LEVELS]
        rest(0.3)
        self.marks.append(add(third))
        rest(0.1)
        self.samples: Samples = np.concatenate(parts).round().clip(-32768, 32767).astype(np.int16)

    @property
    def seconds(self) -> float:
        """How long it takes, without what comes back later."""
        return self._length / RATE


@dataclass(frozen=True)
class Step:
    """A tone of 1 kHz at one level."""

    played_dbm0: float
    heard_dbm0: float
    #: Everything but the tone, as a share of all that was heard.
    distortion_percent: float


@dataclass(frozen=True)
class Measured:
    """What a loop does."""

    #: Samples (8 kHz) from the begin of the signal to where it begins in the recording.
    lag: float
    #: Likeness of the first sweep, 0 to 1.
    likeness: float
    #: Clock of the recording against that of the playing; None: sound was lost, so it cannot be told.
    drift_ppm: float | None
    #: Samples that were lost (less than 0) or came twice, beyond any drift.
    slipped: int
    noise_dbm0: float
    #: (Hz, dB).
    gains: list[tuple[int, float]]
    steps: list[Step]

    @property
    def gain_db(self) -> float:
        """Gain at 1 kHz."""
        return next(db for hz, db in self.gains if hz == 1000)

    @property
    def ripple_db(self) -> float:
        """How far the gains within the telephone band lie apart."""
        inside = [db for hz, db in self.gains if BAND[0] <= hz <= BAND[1]]
        return max(inside) - min(inside)

    @property
    def clips_at_dbm0(self) -> float | None:
        """Lowest level from which on all tones come back 1 dB too quiet or 10 % distorted; None: never.

        Levels are those played. Steps that hardly rise above the noise are not judged, and what spoils quiet tones and
        no louder ones is the coarseness of few bits.
        """
        loud = [step for step in self.steps if step.heard_dbm0 > self.noise_dbm0 + 25]
        usual = [step.heard_dbm0 - step.played_dbm0 for step in loud if step.played_dbm0 <= -15]
        if not usual:
            return None
        gain = float(np.median(usual))
        clips = None
        for step in sorted(loud, key=lambda one: one.played_dbm0, reverse=True):
            if step.heard_dbm0 - step.played_dbm0 >= gain - 1 and step.distortion_percent <= 10:
                break
            clips = step.played_dbm0
        return clips

    def recommended(self) -> tuple[int, int]:
        """Give gains (in, out) in whole dB that make a loop neither louder nor quieter.

        What is said is lowered until the loudest speech (0 dBm0 peaks) does not clip; the rest is put to what is heard.
        """
        clips = self.clips_at_dbm0
        out = 0 if clips is None else max(-40, min(0, math.floor(clips - 3)))
        return max(-40, min(40, round(-self.gain_db) - out)), out


def measure(recorded: Samples, signal: Signal) -> Measured:
    """Read a recording that began when the signal was begun to be played. Raises `NothingHeardError`."""
    heard = recorded.astype(np.float64)
    sweeps = _sweeps()
    first = signal.marks[0]
    window = (0, first + _samples(LONGEST_S) + len(sweeps[0]))
    begin, likeness = _find(heard, sweeps[0], *window)
    if likeness < LEAST_LIKENESS:
        loudest = level(float(np.max(np.square(heard), initial=0.0)) / 2)
        raise NothingHeardError(
            f"the signal did not come back (likeness {likeness:.2f}); the loudest that was heard is {loudest:.0f} dBm0"
        )
    places = [begin]
    for mark, sweep in zip(signal.marks[1:], sweeps[1:], strict=True):
        near = round(begin + mark - first)
        place, like = _find(heard, sweep, near - _FAR, near + len(sweep) + _FAR)
        if like < LEAST_LIKENESS:
            raise SoundLostError(f"the signal stopped coming back after {(near - begin) / RATE:.1f} s")
        places.append(place)
    drift, slipped = _drift(places, signal.marks)

    def cut(at: int, seconds: float) -> Floats:
        """Give what was heard of the samples from `at` on."""
        start = round(float(np.interp(at, signal.marks, places)))
        if at > signal.marks[-1] or at < first:
            start = round(at + begin - first)
        return heard[max(start, 0) :][: _samples(seconds)]

    noise = cut(signal.noise, _NOISE_S)[_SKIP:]
    gains = []
    for hz, at in zip(FREQUENCIES, signal.tones, strict=True):
        power, _ = _fundamental(cut(at, _TONE_S)[_SKIP:-_SKIP], hz)
        gains.append((hz, level(power) - LEVEL_DBM0))
    steps = []
    for played, at in zip(LEVELS, signal.steps, strict=True):
        power, share = _fundamental(cut(at, _STEP_S)[_SKIP:-_SKIP], 1000)
        steps.append(Step(played, round(level(power), 2), round(100 * share, 2)))
    return Measured(
        lag=round(begin - first, 2),
        likeness=round(likeness, 3),
        drift_ppm=drift,
        slipped=slipped,
        noise_dbm0=round(level(float(np.mean(np.square(noise))) if len(noise) else 0.0), 1),
        gains=[(hz, round(db, 2)) for hz, db in gains],
        steps=steps,
    )


def _drift(places: list[float], marks: list[int]) -> tuple[float | None, int]:
    """Tell a clock from lost sound: a clock drifts alike in both halves."""
    halves = [
        ((places[n + 1] - places[n]) - (marks[n + 1] - marks[n])) / (marks[n + 1] - marks[n]) * 1e6 for n in range(2)
    ]
    over = (places[2] - places[0]) - (marks[2] - marks[0])
    whole = over / (marks[2] - marks[0]) * 1e6
    if abs(halves[0] - halves[1]) > _ALIKE_PPM or abs(whole) > _MOST_DRIFT_PPM:
        return None, round(over)
    return round(float(whole), 1), 0


def _find(heard: Floats, sweep: Floats, start: int, end: int) -> tuple[float, float]:
    """Find a sweep between two places: where it begins (to a part of a sample), and how alike it is."""
    start = max(start, 0)
    part = heard[start : max(end, start)]
    if len(part) < len(sweep):
        return float(start), 0.0
    size = 1 << (len(part) + len(sweep) - 1).bit_length()
    spectrum: Any = np.fft.rfft(part, size) * np.conj(np.fft.rfft(sweep, size))
    correlation = np.fft.irfft(spectrum, size)[: len(part) - len(sweep) + 1]
    sums = np.concatenate([[0.0], np.cumsum(part**2)])
    energy = sums[len(sweep) :] - sums[: len(correlation)]
    # Quiet places are left out: there anything is like anything.
    floor = max(float(energy.max()) * 1e-3, float(len(sweep)))
    alike = np.abs(correlation) / np.sqrt(np.maximum(energy, floor) * float(np.sum(sweep**2)))
    at = int(np.argmax(alike))
    place = float(at)
    if 0 < at < len(correlation) - 1:
        before, here, after = np.abs(correlation[at - 1 : at + 2])
        bend = before - 2 * here + after
        if bend < 0:
            place += 0.5 * (before - after) / bend
    return float(start + place), float(alike[at])


def _fundamental(part: Floats, hz: float) -> tuple[float, float]:
    """Give the power of a tone, and the share (of amplitudes) that is not it. Clocks may differ by a little."""
    if len(part) < 2 * _SKIP:
        return 0.0, 0.0
    part = part - part.mean()
    window = np.hanning(len(part))
    turns = np.exp(-2j * np.pi * hz * np.arange(len(part)) / RATE)
    peak = 2 * abs(np.sum(part * window * turns)) / np.sum(window)
    power = float(peak) ** 2 / 2
    whole = float(np.sum((part * window) ** 2) / np.sum(window**2))
    return power, math.sqrt(max(whole - power, 0.0) / whole) if whole > 0 else 0.0
