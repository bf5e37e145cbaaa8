"""Slow twins of the DTMF detector's measurements: whole sums in float64, every place tried."""

import numpy as np


def tone_power(samples, frequency: float) -> float:
    """Power (mean square) of a sine of `frequency` in samples at 8 kHz, by one complex sum."""
    n = np.arange(len(samples))
    phasor = np.sum(samples * np.exp(-2j * np.pi * frequency / 8000 * n))
    return float(2 * abs(phasor) ** 2 / len(samples) ** 2)


def fitted(samples, row_hz: float, column_hz: float):
    """Least squares fit of two sines: (amplitudes, model as a function of places)."""

    def basis(places):
        angles = [2 * np.pi * hz / 8000 * np.asarray(places, float) for hz in (row_hz, column_hz)]
        return np.stack([f(a) for a in angles for f in (np.cos, np.sin)], axis=1)

    weights, *_ = np.linalg.lstsq(basis(np.arange(len(samples))), np.asarray(samples, float), rcond=None)
    peaks = np.hypot(weights[0], weights[1]), np.hypot(weights[2], weights[3])
    return peaks, lambda places: basis(places) @ weights


def span(samples, inside: int, m) -> tuple[int, int]:
    """Begin and end of the tones round the place `inside`: the greatest sums of 2xm - m^2 either way."""
    gain = m * (2 * np.asarray(samples, float) - m)
    back, on = np.cumsum(gain[:inside][::-1]), np.cumsum(gain[inside:])
    return inside - 1 - int(np.argmax(back)), inside + 1 + int(np.argmax(on))
