"""Slow twins for the DTMF detector's building blocks."""

import numpy as np


def tone_power(samples, frequency: float) -> float:
    """Power (mean square) of a sine of `frequency` in samples at 8 kHz, by one complex sum."""
    n = np.arange(len(samples))
    phasor = np.sum(samples * np.exp(-2j * np.pi * frequency / 8000 * n))
    return float(2 * abs(phasor) ** 2 / len(samples) ** 2)
