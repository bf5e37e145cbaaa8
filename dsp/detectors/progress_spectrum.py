"""What a frame sounds like: energies, the lines of its spectrum, and which of the tables' sounds that may be."""

import math
from typing import Any

import numpy as np

from dsp.detectors.progress_state import (
    BIN_HZ,
    BINS,
    BLOCK,
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


@sum_kernel
def measure(frame: Any, kit: Any) -> tuple[float, float, float]:
    """Fold a frame (int16[160]) into the kit and give its mean square and the first two autocorrelations by it.

    The autocorrelations are the means of cos(w) and cos(2w) over the spectrum, so that they tell at once where the
    power lies, and whether it lies in one place.
    """
    x, even, odd, block = kit.x, kit.even, kit.odd, kit.block
    for n in range(FRAME):
        x[n] = frame[n]
    total = np.float32(0.0)
    for b in range(4):
        energy = np.float32(0.0)
        for n in range(BLOCK):
            energy += x[b * BLOCK + n] * x[b * BLOCK + n]
        block[b] = energy / np.float32(BLOCK)
        total += energy
    one, two = np.float32(0.0), np.float32(0.0)
    for n in range(FRAME - 2):
        one += x[n] * x[n + 1]
        two += x[n] * x[n + 2]
    for n in range(FRAME // 2):
        a, b_ = x[FRAME // 2 + n], x[FRAME // 2 - 1 - n]
        even[n] = a + b_
        odd[n] = a - b_
    if total <= 0.0:
        return 0.0, 0.0, 0.0
    scale = FRAME / (FRAME - 2.0)
    return np.float64(total) / FRAME, scale * np.float64(one) / total, scale * np.float64(two) / total


@sum_kernel
def _low_bank(kit: Any) -> None:
    even, odd, low, z = kit.even, kit.odd, kit.low, kit.z
    for k in range(0, BINS, 4):  # four at once: the samples are loaded once for all
        a0, a1, a2, a3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        b0, b1, b2, b3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for n in range(FRAME // 2):
            e, o = even[n], odd[n]
            a0 += e * low[0, k, n]
            a1 += e * low[0, k + 1, n]
            a2 += e * low[0, k + 2, n]
            a3 += e * low[0, k + 3, n]
            b0 += o * low[1, k, n]
            b1 += o * low[1, k + 1, n]
            b2 += o * low[1, k + 2, n]
            b3 += o * low[1, k + 3, n]
        z[0, k], z[0, k + 1], z[0, k + 2], z[0, k + 3] = a0, a1, a2, a3
        z[1, k], z[1, k + 1], z[1, k + 2], z[1, k + 3] = b0, b1, b2, b3


@sum_kernel
def low_spectrum(state: Any, kit: Any) -> float:
    """Put the spectrum of the last two frames (Hann window, 40 ms) into `kit.h` and `kit.p`; its whole power.

    A line of mean square m adds m to the sum of `kit.p` over five bins round it.
    """
    _low_bank(kit)
    z, h, p, turn, previous = kit.z, kit.h, kit.p, kit.turn, state.previous
    if state.has_previous == 0:
        for k in range(BINS):
            previous[0, k] = 0.0
            previous[1, k] = 0.0
    for k in range(BINS):
        a, b, c, s = z[0, k], z[1, k], turn[0, k], turn[1, k]
        u, v = previous[0, k], previous[1, k]
        previous[0, k] = a
        previous[1, k] = b
        z[0, k] = u * c - v * s + a * c + b * s
        z[1, k] = u * s + v * c + b * c - a * s
    state.has_previous = 1
    half, quarter, scale = np.float32(0.5), np.float32(0.25), np.float32(2.0 / _PARSEVAL)
    for k in range(1, BINS - 1):
        re = half * z[0, k] + quarter * (z[0, k - 1] + z[0, k + 1])
        im = half * z[1, k] + quarter * (z[1, k - 1] + z[1, k + 1])
        h[0, k] = re
        h[1, k] = im
        p[k] = (re * re + im * im) * scale
    total = np.float32(0.0)
    for b_ in range(8):
        total += kit.weight[b_] * state.energy[state.energy.shape[0] - 8 + b_]
    return np.float64(total) / 120.0


@kernel
def peaks(kit: Any) -> tuple[int, int]:
    """Give the strongest bin of the low band and the strongest apart from it; the same one, where there is no other."""
    p = kit.p
    k1, k2 = 1, -1
    for k in range(2, BINS - 1):
        if p[k] > p[k1]:
            k1 = k
    for k in range(1, BINS - 1):
        if (k < k1 - 2 or k > k1 + 2) and (k2 < 0 or p[k] > p[k2]):
            k2 = k
    return k1, k2 if p[k2] > 0.02 * p[k1] else k1


@kernel
def lobes(kit: Any, k1: int, k2: int) -> float:
    """Power (mean square) of the lines at two bins."""
    power = 0.0
    for k in range(max(min(k1, k2) - 2, 1), min(max(k1, k2) + 3, BINS - 1)):
        if abs(k - k1) <= 2 or abs(k - k2) <= 2:
            power += kit.p[k]
    return power


@sum_kernel
def _high_bank(kit: Any, first: int, last: int) -> None:
    even, odd, high, z, p = kit.even, kit.odd, kit.high, kit.z_high, kit.p_high
    for k in range(first, last):
        a, b = np.float32(0.0), np.float32(0.0)
        for n in range(FRAME // 2):
            a += even[n] * high[0, k, n]
            b += odd[n] * high[1, k, n]
        z[0, k] = a
        z[1, k] = b
        p[k] = a * a + b * b


@kernel
def high_line(kit: Any, mean_cosine: float) -> tuple[float, float, float]:
    """Find the one line of a frame near the frequency that `mean_cosine` tells: Hz, mean square, phase; else 0.

    Where one line and little else is there, noise moves the mean by up to 200 Hz, no more.
    """
    near = math.acos(min(max(mean_cosine, -1.0), 1.0)) * 8000.0 / (2.0 * math.pi)
    middle = int(near / HIGH_HZ + 0.5) - FIRST_HIGH
    first: int = max(middle - 5, 0)
    last: int = min(middle + 6, HIGH_BINS)
    if last - first < 3:
        return 0.0, 0.0, 0.0
    _high_bank(kit, first, last)
    z, p = kit.z_high, kit.p_high
    k = first
    for other in range(first, last):
        if p[other] > p[k]:
            k = other
    if k in (first, last - 1) or p[k] <= 0.0:
        return 0.0, 0.0, 0.0
    # Between two bins of a rectangular window, whose phases count from its middle, a line divides in a known way.
    side = 1 if p[k + 1] > p[k - 1] else -1
    ratio = (z[0, k + side] * z[0, k] + z[1, k + side] * z[1, k]) / p[k]
    away = min(max(ratio, 0.0) / (1.0 + max(ratio, 0.0)), 0.6)
    loss = math.sin(math.pi * away) / (math.pi * away) if away > 1e-6 else 1.0
    power = 2.0 * p[k] / (FRAME * FRAME) / (loss * loss)
    return (FIRST_HIGH + k + side * away) * HIGH_HZ, power, math.atan2(z[1, k], z[0, k])


@kernel
def _fine(state: Any, kit: Any, first: int, last: int) -> float:
    """Put the spectrum of a whole burst, in steps of 3.125 Hz, into `kit.p_fine`; gives its greatest power."""
    count = min(state.windows, WINDOWS)
    oldest = state.windows - count
    best = 0.0
    for k in range(first, last):
        sign = 1.0 if (k + FIRST_BIN) % 2 == 0 else -1.0  # of a bin's phase from frame to frame
        for step in range(STEPS):
            re, im, flip = 0.0, 0.0, 1.0
            for m in range(count):
                weight = kit.taper[count, m] * flip
                a = state.spectrum[(oldest + m) % WINDOWS, 0, k]
                b = state.spectrum[(oldest + m) % WINDOWS, 1, k]
                c, s = kit.fine[0, step, m], kit.fine[1, step, m]
                re += weight * (a * c - b * s)
                im += weight * (a * s + b * c)
                flip *= sign
            power = (re * re + im * im) * kit.fine_gain[step]
            kit.p_fine[k * STEPS + step] = power
            best = max(best, power)
    return best


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
            fits = fits and found
        if fits and seen == (1 << kit.frequencies[sound]) - 1:
            mask |= 1 << sound
    return mask
