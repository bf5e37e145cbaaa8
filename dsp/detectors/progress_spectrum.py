"""What a frame sounds like: energies, the lines of its spectrum, and which of the tables' sounds that may be."""

import math
from typing import Any

import numpy as np

from dsp.detectors.banks import project
from dsp.detectors.lines import refine, window
from dsp.detectors.progress_state import (
    BIN_HZ,
    BINS,
    FIRST_BIN,
    FIRST_HIGH,
    FRAME,
    HIGH_BINS,
    HIGH_HZ,
    LINES,
    STEPS,
    WINDOWS,
)
from dsp.jit import kernel, sum_kernel

#: Sum of the squared Hann window of 320 samples, times 320 (Parseval's theorem).
_PARSEVAL = 120.0 * 320.0
#: A line is at most this far below the strongest one (11.5 dB: a line's image in the bins beside is 14 dB below it),
#: and this far (Hz, and what so many windows resolve) from any other.
WEAKEST_LINE = 0.07
_APART = 10.0
_RESOLVED = 150.0
_IMAGE = 0.12
#: How far (bins) a line of the high band is thought to be from the strongest bin, and its share of power in that one.
_MOST_AWAY = 0.6
_MOST_LOST = (math.sin(math.pi * _MOST_AWAY) / (math.pi * _MOST_AWAY)) ** 2


@kernel
def measure(state: Any) -> tuple[float, float, float]:
    """Give the mean square of the frame whose sums are `state.sums`, and by it the first two autocorrelations.

    The autocorrelations are the means of cos(w) and cos(2w) over the spectrum, so that they tell at once where the
    power lies, and whether it lies in one place.
    """
    sums = state.sums
    mean = 0.25 * (np.float64(sums[0]) + sums[1] + sums[2] + sums[3])
    if mean <= 0.0:
        return 0.0, 0.0, 0.0
    scale = 1.0 / ((FRAME - 2.0) * mean)
    return mean, scale * sums[4], scale * sums[5]


@sum_kernel
def low_spectrum(state: Any, frame: Any, kit: Any) -> float:
    """Put the spectrum of the last two frames (Hann window, 40 ms) into `kit.h` and `kit.p`; its whole power.

    A line of mean square m adds m to the sum of `kit.p` over five bins round it.
    """
    z = kit.z
    project(frame, kit.low, 0, 1, 3, z[0], z[1])
    known = np.float32(state.has_previous)
    window(z, known, state.previous, kit.turn, kit.h, kit.p, np.float32(2.0 / _PARSEVAL))
    state.has_previous = 1
    energy = state.energy[state.energy.shape[0] - 8 :]
    total = np.float32(0.0)
    for b in range(8):
        total += kit.weight[b] * energy[b]
    return np.float64(total) / 120.0


@kernel
def high_line(frame: Any, kit: Any, mean_cosine: float, least: float) -> tuple[float, float, float]:
    """Find the one line of a frame near the frequency that `mean_cosine` tells: Hz, mean square, phase.

    All are 0 when there is none of `least`. Where one line and little else is there, noise moves the mean by up to
    200 Hz, no more.
    """
    near = math.acos(min(max(mean_cosine, -1.0), 1.0)) * 8000.0 / (2.0 * math.pi)
    middle = int(near / HIGH_HZ + 0.5) - FIRST_HIGH
    first: int = max(middle - 5, 0)
    last: int = min(middle + 6, HIGH_BINS)
    if last - first < 3:
        return 0.0, 0.0, 0.0
    z, group = kit.z_high, first // 4
    project(frame, kit.high, group, 2, 2, z[0], z[1])
    real, imaginary = z[0], z[1]
    first -= 4 * group
    last -= 4 * group
    k, best = first, np.float32(0.0)
    for other in range(first, last):
        power = real[other] * real[other] + imaginary[other] * imaginary[other]
        if power > best:
            k, best = other, power
    if k in (first, last - 1) or 2.0 * best < least * (_MOST_LOST * FRAME * FRAME):
        return 0.0, 0.0, 0.0
    # Between two bins of a rectangular window, whose phases count from its middle, a line divides in a known way.
    before = real[k - 1] * real[k - 1] + imaginary[k - 1] * imaginary[k - 1]
    after = real[k + 1] * real[k + 1] + imaginary[k + 1] * imaginary[k + 1]
    side = 1 if after > before else -1
    ratio = np.float64(real[k + side] * real[k] + imaginary[k + side] * imaginary[k]) / best
    away = min(max(ratio, 0.0) / (1.0 + max(ratio, 0.0)), _MOST_AWAY)
    loss = math.sin(math.pi * away) / (math.pi * away) if away > 1e-6 else 1.0
    mean_square = 2.0 * np.float64(best) / (FRAME * FRAME) / (loss * loss)
    if mean_square < least:
        return 0.0, 0.0, 0.0
    hz = (FIRST_HIGH + 4 * group + k + side * away) * HIGH_HZ
    return hz, mean_square, math.atan2(imaginary[k], real[k])


@kernel
def _fine(state: Any, kit: Any, first: int, last: int) -> float:
    """Put the spectrum of a whole burst, in steps of 3.125 Hz, into `kit.p_fine`; gives its greatest power."""
    count = min(state.windows, WINDOWS)
    oldest = state.windows - count
    best = np.float32(0.0)
    for k in range(first, last):
        row = 2 * count + (k + FIRST_BIN) % 2
        best = max(best, refine(state.spectrum, oldest, k, kit.fine, row, kit.fine_gain, kit.p_fine))
    return np.float64(best)


@kernel
def _keep(state: Any, hz: float, power: float) -> None:
    """Put a line among the burst's, by strength, unless it is the flank of a stronger one.

    The windows after its end hold nothing of it: they part no lines, and the flanks of a short beep are wide.
    """
    held = max(min(state.windows - state.misses, WINDOWS), 1)
    for i in range(state.lines):
        if abs(state.line_hz[i] - hz) < max(_APART, _RESOLVED / held):
            if power > state.line_power[i]:
                state.line_hz[i], state.line_power[i] = hz, power
            return
    place = state.lines
    while place > 0 and state.line_power[place - 1] < power:
        place -= 1
    if place >= LINES:
        return
    state.lines = min(state.lines + 1, LINES)
    for i in range(state.lines - 1, place, -1):
        state.line_hz[i], state.line_power[i] = state.line_hz[i - 1], state.line_power[i - 1]
    state.line_hz[place], state.line_power[place] = hz, power


@kernel
def _drop_images(state: Any) -> None:
    """Remove what a strong line leaves 50 Hz (the rate of windows) beside it."""
    kept = 1
    for i in range(1, state.lines):
        hz, power = state.line_hz[i], state.line_power[i]
        image = False
        for j in range(kept):
            away = abs(state.line_hz[j] - hz)
            image = image or (37.0 < away < 63.0 and power < _IMAGE * state.line_power[j])
        if not image:
            state.line_hz[kept], state.line_power[kept] = hz, power
            kept += 1
    state.lines = min(state.lines, kept)


@kernel
def find_lines(state: Any, kit: Any) -> None:
    """Find the frequencies of the burst from all its windows: up to four, 10 Hz and more apart."""
    state.lines = 0
    if state.band == 1:
        _keep(state, state.frequency, state.power)
        return
    first, last = max(min(state.k1, state.k2) - 2, 1), min(max(state.k1, state.k2) + 3, BINS - 1)
    best = _fine(state, kit, first, last)
    p = kit.p_fine
    for i in range(first * STEPS + 1, last * STEPS - 1):
        if p[i] >= WEAKEST_LINE * best and p[i] > p[i - 1] and p[i] >= p[i + 1]:
            # the vertex of a parabola through the logarithms
            a, b, c = math.log(p[i - 1] + 1e-9), math.log(p[i] + 1e-9), math.log(p[i + 1] + 1e-9)
            bend = a - 2.0 * b + c
            shift = 0.5 * (a - c) / bend if bend < -1e-9 else 0.0
            hz = (FIRST_BIN + (i // STEPS) + (i % STEPS - STEPS // 2 + shift) / STEPS) * BIN_HZ
            _keep(state, hz, p[i])
    _drop_images(state)


@kernel
def match(state: Any, kit: Any) -> int:
    """Tell which kinds of sound the burst's lines may be, as a mask: each line is one of the kind's, and all are there.

    The bands beside a modulated frequency may be there or not: how deep the modulation is, is not known.
    """
    mask = 0
    for sound in range(kit.sounds):
        tolerance, modulation = kit.tolerance[sound], kit.modulation[sound]
        seen = 0
        fits = state.lines > 0
        for i in range(state.lines):
            hz = state.line_hz[i]
            found = False
            for j in range(kit.frequencies[sound]):
                nominal = kit.hz[sound, j]
                if abs(hz - nominal) <= tolerance * nominal:
                    found = True
                    seen |= 1 << j
                elif modulation > 0.0 and abs(abs(hz - nominal) - modulation) <= 0.25 * modulation + 2.0:
                    found = True
            if not found:
                fits = False
                break
        if fits and seen == (1 << kit.frequencies[sound]) - 1:
            mask |= 1 << sound
    return mask
