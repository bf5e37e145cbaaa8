"""Two steady sines fitted to what looked like a DTMF digit: frequencies, levels, begin and end, what is left.

The digit is measured on the samples themselves, once it has been noticed. Frequencies follow from the phases of two
Hann windows near the tone's ends. With them, the model m(n) of both tones can be held against the samples x(n)
anywhere. A sample is better explained by the tones than by their absence when (x - m)^2 < x^2; therefore the tone's
begin is where the sum of 2xm - m^2, taken back from its middle, is greatest, and its end likewise: the maximum
likelihood estimate of a change in white noise. The same sum over the tone, divided by the energy there, is the share
of it that two *steady* sines explain. Voices have formants near DTMF frequencies, but they do not hold frequency,
phase and level for 30 ms.
"""

import math
from typing import Any

import numpy as np

from dsp.detectors.banks import CORRELATIONS, correlate
from dsp.detectors.dtmf_state import BLOCK
from dsp.detectors.dtmf_tables import (
    LOW_PHASORS,
    LOW_SPAN,
    LOW_WEIGHTS,
    STEP,
    STEP_WAVES,
    TAPER,
    TAPER_PHASORS,
    TAPER_SUM,
    TURNS,
)
from dsp.jit import kernel, sum_kernel

#: A begin or end is not sought beyond so many samples (in energy of the tone) of contrary evidence: more than a pause
#: of 10 ms, which is bridged.
_CONTRARY = 160.0
_TURN = 2.0 * math.pi


@sum_kernel
def _phasor(history: Any, start: int, weights: Any) -> float:
    # As a slice: an index that might be negative for all that the compiler knows would keep it from SIMD.
    samples, total = history[start : start + TAPER], np.float32(0.0)
    for n in range(TAPER):
        total += np.float32(samples[n]) * weights[n]
    return np.float64(total)


@kernel
def _droop(turn: float, tone: int) -> float:
    """Tell what a Hann window shows of a tone's amplitude when that is off the nominal frequency."""
    bins = (turn - TURNS[tone]) * TAPER / _TURN
    if abs(bins) < 1e-6:
        return 1.0
    angle = math.pi * bins
    return math.sin(angle) / (angle * (1.0 - bins * bins))


@kernel
def _wrapped(angle: float) -> float:
    return angle - _TURN * round(angle / _TURN)


@kernel
def _wave(history: Any, first: int, near: int, last: int, tone: int, turn: float) -> tuple[float, float, float]:
    """Measure one tone: (frequency, amplitude, phase at the middle of the last window).

    Frequencies in radians a sample, expected at `turn`. The windows start at `first`, `near` and `last`; the phases of
    the latter two tell the frequency without doubt, those of the outer two tell it exactly. When all are one window, it
    is taken as it is.
    """
    real, imaginary = TAPER_PHASORS[tone, 0], TAPER_PHASORS[tone, 1]
    re, im = _phasor(history, last, real), _phasor(history, last, imaginary)
    phase, length = math.atan2(im, re), math.sqrt(re * re + im * im)
    if near < last:
        re, im = _phasor(history, near, real), _phasor(history, near, imaginary)
        turn += _wrapped(phase - math.atan2(im, re) - turn * (last - near)) / (last - near)
    if first < near:
        re, im = _phasor(history, first, real), _phasor(history, first, imaginary)
        turn += _wrapped(phase - math.atan2(im, re) - turn * (last - first)) / (last - first)
        length = (length + math.sqrt(re * re + im * im)) / 2.0
    return turn, 2.0 * length / (TAPER_SUM * _droop(turn, tone)), phase


@kernel
def model(
    history: Any, first: int, near: int, last: int, row: int, column: int, row_turn: float, column_turn: float
) -> tuple[float, float, float, float, float, float]:
    """Measure both tones by Hann windows that start at `first`, `near` and `last`; `column` counts from 4.

    Gives (row's frequency, amplitude, phase at the middle of the last window, column's): what the others take.
    Frequencies are expected at `row_turn` and `column_turn` (radians a sample).
    """
    row_turn, row_peak, row_phase = _wave(history, first, near, last, row, row_turn)
    column_turn, column_peak, column_phase = _wave(history, first, near, last, column, column_turn)
    return row_turn, row_peak, row_phase, column_turn, column_peak, column_phase


@kernel
def prepare(out: Any, row: int, column: int, fitted: Any) -> None:
    """Write the waves of a step at the model's own frequencies into `out` (float32[4, STEP]), for `reach`."""
    row_off, column_off = np.float32(fitted[0] - TURNS[row]), np.float32(fitted[3] - TURNS[column])
    for n in range(STEP):
        out[0, n] = STEP_WAVES[row, 0, n] + row_off * STEP_WAVES[row, 2, n]
        out[1, n] = STEP_WAVES[row, 1, n] + row_off * STEP_WAVES[row, 3, n]
        out[2, n] = STEP_WAVES[column, 0, n] + column_off * STEP_WAVES[column, 2, n]
        out[3, n] = STEP_WAVES[column, 1, n] + column_off * STEP_WAVES[column, 3, n]


@sum_kernel
def reach(
    history: Any, waves: Any, start: int, stop: int, direction: int, centre: float, fitted: Any
) -> tuple[int, float, float]:
    """Follow the tones from `start` towards `stop` (`direction` 1 or -1) as far as they explain what is there.

    Gives the sample where they end (going back: the first one of them), to a step, and over the way the sum of
    2xm - m^2 and of x^2, without the last step, which they may fill in part. Phases of the model are those at
    `centre`; `waves` are made by `prepare`.
    """
    row_turn, row_peak, row_phase, column_turn, column_peak, column_phase = fitted
    middle = start + direction * STEP / 2.0 - 0.5 - centre
    a, b = row_phase + row_turn * middle, column_phase + column_turn * middle
    row_cos, row_sin = row_peak * math.cos(a), row_peak * math.sin(a)
    column_cos, column_sin = column_peak * math.cos(b), column_peak * math.sin(b)
    a, b = direction * STEP * row_turn, direction * STEP * column_turn
    row_c, row_s, column_c, column_s = math.cos(a), math.sin(a), math.cos(b), math.sin(b)
    contrary = _CONTRARY * (row_peak * row_peak + column_peak * column_peak) / 2.0
    at, best_at, gain, energy, best, inner, inner_energy = start, start, 0.0, 0.0, 0.0, 0.0, 0.0
    while (stop - at) * direction >= STEP and gain > best - contrary:
        low = at if direction > 0 else at - STEP
        samples = history[low : low + STEP]
        c, s, d, t = np.float32(row_cos), np.float32(row_sin), np.float32(column_cos), np.float32(column_sin)
        more, squares = np.float32(0.0), np.float32(0.0)
        for n in range(STEP):
            x = np.float32(samples[n])
            m = c * waves[0, n] - s * waves[1, n] + d * waves[2, n] - t * waves[3, n]
            more += m * (x + x - m)
            squares += x * x
        at += direction * STEP
        if gain + np.float64(more) > best:
            best_at, best, inner, inner_energy = at, gain + np.float64(more), gain, energy
        gain += np.float64(more)
        energy += np.float64(squares)
        row_cos, row_sin = row_cos * row_c - row_sin * row_s, row_cos * row_s + row_sin * row_c
        column_cos, column_sin = (
            column_cos * column_c - column_sin * column_s,
            column_cos * column_s + column_sin * column_c,
        )
    return best_at, inner, inner_energy


@kernel
def edge(history: Any, at: int, low: int, high: int, direction: int, centre: float, fitted: Any) -> int:
    """Place an edge that `reach` found at `at` to the sample: within a step round it, between `low` and `high`."""
    row_turn, row_peak, row_phase, column_turn, column_peak, column_phase = fitted
    place = at - direction * STEP
    n = place if direction > 0 else place - 1
    a, b = row_phase + row_turn * (n - centre), column_phase + column_turn * (n - centre)
    row_cos, row_sin = row_peak * math.cos(a), row_peak * math.sin(a)
    column_cos, column_sin = column_peak * math.cos(b), column_peak * math.sin(b)
    row_c, row_s = math.cos(row_turn), direction * math.sin(row_turn)
    column_c, column_s = math.cos(column_turn), direction * math.sin(column_turn)
    gain, best = 0.0, 0.0
    for _ in range(2 * STEP):
        if n < low or n >= high:
            break
        x, m = np.float64(history[n]), row_cos + column_cos
        gain += m * (x + x - m)
        n += direction
        if gain > best:
            best, place = gain, n if direction > 0 else n + 1
        row_cos, row_sin = row_cos * row_c - row_sin * row_s, row_cos * row_s + row_sin * row_c
        column_cos, column_sin = (
            column_cos * column_c - column_sin * column_s,
            column_cos * column_s + column_sin * column_c,
        )
    return place


@kernel
def _low_band(samples: Any, part: Any, total: Any) -> float:
    """Weighted energy of what lies between 250 and 520 Hz in `samples` (30 ms).

    `part` and `total` (float32[CORRELATIONS]) are scratch memory.
    """
    for i in range(CORRELATIONS):
        total[i] = 0.0
    for block in range(LOW_SPAN // BLOCK):
        correlate(samples, block * BLOCK, LOW_PHASORS[block], part, BLOCK)
        for i in range(CORRELATIONS):
            total[i] += part[i]
    power = 0.0
    for i in range(CORRELATIONS):
        power += np.float64(total[i]) * total[i]
    return power


@kernel
def cleanness(history: Any, start: int, centre: float, fitted: Any, scratch: Any) -> tuple[float, float, float]:
    """Measure what else is there in 30 ms from `start` on: (share of the two tones above 520 Hz, energy below, theirs).

    Energies are weighted by the window, "below" is between 250 and 520 Hz. `scratch` is the detector's record.
    """
    row_turn, row_peak, row_phase, column_turn, column_peak, column_phase = fitted
    a, b = row_phase + row_turn * (start - centre), column_phase + column_turn * (start - centre)
    row_cos, row_sin = row_peak * math.cos(a), row_peak * math.sin(a)
    column_cos, column_sin = column_peak * math.cos(b), column_peak * math.sin(b)
    row_c, row_s, column_c, column_s = (
        math.cos(row_turn),
        math.sin(row_turn),
        math.cos(column_turn),
        math.sin(column_turn),
    )
    tones, rest = 0.0, 0.0
    for n in range(LOW_SPAN):
        m = row_cos + column_cos
        left = np.float64(history[start + n]) - m
        scratch.rest[n] = np.int16(min(max(left, -32768.0), 32767.0))
        tones += m * m * LOW_WEIGHTS[n]
        rest += left * left * LOW_WEIGHTS[n]
        row_cos, row_sin = row_cos * row_c - row_sin * row_s, row_cos * row_s + row_sin * row_c
        column_cos, column_sin = (
            column_cos * column_c - column_sin * column_s,
            column_cos * column_s + column_sin * column_c,
        )
    low = _low_band(scratch.rest, scratch.looked, scratch.sums)
    tones = max(tones, 1.0)
    return tones / (tones + max(rest - low, 0.0)), low, tones


@kernel
def below(history: Any, start: int, scratch: Any) -> tuple[float, float]:
    """Measure 30 ms from `start` on: (energy between 250 and 520 Hz, all energy), both weighted as by `cleanness`."""
    samples, total = history[start : start + LOW_SPAN], 0.0
    for n in range(LOW_SPAN):
        x = np.float64(samples[n])
        total += x * x * LOW_WEIGHTS[n]
    return _low_band(samples, scratch.looked, scratch.sums), total
