"""Slow twins of the call progress detector's building blocks: float64, by definition."""

from itertools import pairwise

import numpy as np


def window_power(samples, hz: float) -> float:
    """|sum of x(n) w(n) e^-jwn|^2 of 320 samples under a Hann window that is centred on them."""
    n = np.arange(len(samples)) - (len(samples) - 1) / 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * n / len(samples))
    return float(abs(np.sum(samples * window * np.exp(-2j * np.pi * hz / 8000 * n))) ** 2)


def window_energy(samples) -> float:
    """Mean square under that window."""
    n = np.arange(len(samples)) - (len(samples) - 1) / 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * n / len(samples))
    return float(np.sum((samples * window) ** 2) / np.sum(window**2))


def autocorrelation(samples, lag: int) -> float:
    """By the mean square, unbiased."""
    x = np.asarray(samples, np.float64)
    mean = np.sum(x[:-lag] * x[lag:]) / (len(x) - lag)
    return float(mean / np.mean(x**2))


def explains(steps, bursts, tempo: float, slack: int) -> int:
    """How many of the newest bursts (start, end) a cadence (samples on, off) explains, at its best alignment."""

    def near(length, wanted):
        return wanted * (1 - tempo) - slack <= length <= wanted * (1 + tempo) + slack

    best = 0
    for step in range(len(steps)):
        for count in range(len(bursts), 0, -1):
            newest = bursts[-count:]
            order = [(step - count + 1 + i) % len(steps) for i in range(count)]
            fits = all(near(end - start, steps[at][0]) for (start, end), at in zip(newest, order, strict=True))
            pauses = [b[0] - a[1] for a, b in pairwise(newest)]
            fits = fits and all(near(p, steps[at][1]) for p, at in zip(pauses, order[:-1], strict=True))
            if fits:
                best = max(best, count)
                break
    return best
