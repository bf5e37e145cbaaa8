"""Slow twin of the speech detector: NumPy over whole lists, float64, nothing forgotten."""

import math

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors import speech as rules
from dsp.detectors import speech_tone as tones


def db(mean_square: float) -> float:
    return 10 * math.log10(mean_square / POWER_0_DBM0) if mean_square > POWER_0_DBM0 * 1e-10 else rules.NOTHING


def frequency(d, half: float, pure: float) -> float:
    near = max(-1.0, min(1.0, float(np.sum(d[:-2] * d[1:-1]) / (np.sum(d[:-2] ** 2) + 1e-9)) / pure))
    half = max(-1.0, min(1.0, half / pure))
    angles = [(2 * math.pi * turn + sign * math.acos(half)) / 4 for turn in range(3) for sign in (1, -1)]
    angle = min((a for a in angles if 0 <= a <= math.pi), key=lambda a: abs(a - math.acos(near)))
    if abs(math.cos(angle) - near) > tones.TONE_AGREES:
        return 0.0
    return (math.acos(near) if abs(half) > tones.TONE_FLAT else angle) * 8000 / (2 * math.pi)


class Speech:
    """One stream; `feed` a frame, read what the kernel's record holds under the same names."""

    def __init__(self):
        self.position = self.talking = self.onset = self.last_active = self.spurts = self.active_blocks = 0
        self.loud: list[bool] = []
        self.levels: list[float] = []
        self.softs: list[float] = []
        self.floors: list[float] = []
        self.smooth = None
        self.loudest = self.mask = rules.NOTHING
        self.tone: list[tuple[int, float]] = []  # position and frequency of each frame of the run
        self.tone_level = 0.0
        self.missed = 0

    def feed(self, frame) -> None:
        x = frame.astype(np.float64)
        level = db(np.mean(x**2))
        d = x[2:] - x[:-2]
        first, second = np.mean(d[:78] ** 2) / 2, np.mean(d[80:] ** 2) / 2
        self._tone(d, level)
        steady = self._floor((first + second) / 2)
        soft, at = db(self.smooth), self.position
        self.position += 160
        toned = len(self.tone) >= tones.TONE_FRAMES
        self.mask = max(self.mask - rules.TAIL_FADES, soft if toned or steady else rules.NOTHING)
        if toned:
            self._take_back(self.tone[0][0])
            if self.talking and self.position - self.last_active >= rules.HANG_OVER:
                self.talking = 0
            return
        if steady:
            self._take_back(self.position - 15 * 160)
        below = min(
            max((self.loudest - self.floors[-1]) * rules.BELOW_LOUDEST_SHARE, rules.BELOW_LOUDEST),
            rules.BELOW_LOUDEST_MOST,
        )
        threshold = max(
            self.floors[-1] + rules.ABOVE_FLOOR,
            rules.LEAST,
            self.loudest - below,
            self.mask - rules.TAIL_BELOW,
        )
        self._block(first, at, threshold)
        self._block(second, at + 80, threshold)
        self.loudest = max(self.loudest - rules.FORGET, soft if self.talking else rules.NOTHING)

    def _tone(self, d, level) -> None:
        p, y = d[4:-4], d[:-8] + d[8:]
        hz, power = 0.0, float(np.sum(p * p))
        if level >= tones.TONE_LEVEL and power > 0:
            a = float(np.sum(y * p)) / power
            noise = (float(np.sum(y * y)) - a * float(np.sum(y * p))) / (power * (2 + a * a))
            if abs(a) <= 2.1 and noise <= tones.TONE_NOISE:
                hz = frequency(d, a / 2, 1 - max(noise, 0))
        if self.tone:
            mean = self.mean_hz
            rising = len(self.tone) == 1 and level > self.tone_level
            near = abs(hz - mean) <= tones.TONE_DRIFT * mean
            if near and (rising or abs(level - self.tone_level) <= tones.TONE_STEP):
                self.tone.append((self.position, hz))
                self.mean_hz += (hz - mean) / min(len(self.tone), 8)
                self.missed, self.tone_level = 0, level if rising else self.tone_level
                return
            if len(self.tone) >= tones.TONE_FRAMES and self.missed < tones.TONE_BRIDGED:
                self.missed += 1
                return
        self.tone, self.missed = [], 0
        if tones.TONE_LEAST_HZ <= hz <= tones.TONE_MOST_HZ:
            self.tone, self.mean_hz, self.tone_level = [(self.position, hz)], hz, level

    def _floor(self, band) -> bool:
        self.smooth = band if self.smooth is None else 0.5 * (self.smooth + band)
        self.softs.append(db(self.smooth))
        self.levels.append(db(band))
        # The least of the present window of half a second and of the four before; a stream begins with FIRST_FLOOR.
        n = len(self.softs)
        before = (n - 1) // 25 * 25
        recent = self.softs[max(before - 4 * 25, 0) :]
        floor = min([*recent, rules.FIRST_FLOOR] if n <= 5 * 25 else recent)
        if self.talking:
            floor = min(floor, self.loudest - rules.FLOOR_BELOW_LOUDEST)
        last = self.levels[-15:]
        steady = len(last) == 15 and max(last) - min(last) <= rules.STEADY_RANGE and min(last) > rules.NOTHING
        if steady:
            floor = max(floor, sum(last) / 15)
        elif self.floors and floor < self.floors[-1] < self.softs[-1] - rules.ABOVE_FLOOR:
            floor = self.floors[-1]
        self.floors.append(floor)
        return steady

    def _block(self, mean_square, at, threshold) -> None:
        loud = db(mean_square) >= threshold - (rules.HYSTERESIS if self.talking else 0)
        self.loud = [*self.loud, loud][-8:]
        if self.talking:
            if loud and sum(self.loud[-5:]) >= rules.GO_ON_BLOCKS:
                self.last_active = at + 80
                self.active_blocks += 1
            elif at + 80 - self.last_active >= rules.HANG_OVER:
                self.talking = 0
        elif loud and sum(self.loud) >= rules.BEGIN_BLOCKS:
            self.talking = 1
            self.spurts += 1
            self.onset = max(at - (len(self.loud) - 1 - self.loud.index(True)) * 80, 0)
            self.last_active = at + 80
            self.active_blocks += 1

    def _take_back(self, start) -> None:
        self.loud = []
        if self.talking and self.onset >= start - rules.STEADY_LEAD:
            self.talking = 0
            self.spurts -= 1
            self.last_active = self.onset
        elif self.talking:
            self.last_active = min(self.last_active, max(start, self.onset))
