"""Test signals for codecs, the same on every machine and with every version of NumPy."""

import numpy as np

RATE = 16000


def noise(count: int, bits: int, seed: int = 1) -> np.ndarray:
    """Uniform integers of so many bits (int16 from 0 up for 8, else signed), by Knuth's generator."""
    state, out = seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        out.append(state >> (64 - bits))
    values = np.array(out, np.int64)
    return (values if bits <= 8 else values - (1 << (bits - 1))).astype(np.int16)


def square(count: int, half_period: int) -> np.ndarray:
    """A square wave over the whole range."""
    return np.where(np.arange(count) // half_period % 2, 32767, -32768).astype(np.int16)


def tone(hz: float, count: int, peak: float = 8000, rate: int = RATE) -> np.ndarray:
    """A sine."""
    return np.round(peak * np.sin(2 * np.pi * hz * np.arange(count) / rate)).astype(np.int16)


def speech_like(count: int, seed: int = 7) -> np.ndarray:
    """Voiced bursts and noise with levels that come and go: pulses of 100..200 Hz through two resonances."""
    pulses = np.zeros(count)
    at = 0
    steps = noise(count // 60 + 2, 8, seed)
    for step in steps:
        pulses[at] = 1
        at += 80 + int(step) % 80
        if at >= count:
            break
    x = pulses * 9000 + noise(count, 16, seed + 1) * 0.01
    for hz, width in ((600, 0.97), (2400, 0.95)):
        a1, a2 = 2 * width * np.cos(2 * np.pi * hz / RATE), -width * width
        y = np.zeros(count + 2)
        for i in range(count):
            y[i + 2] = x[i] + a1 * y[i + 1] + a2 * y[i]
        x = y[2:] * 0.3
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(count) / 4000)
    return np.clip(np.round(x * envelope), -20000, 20000).astype(np.int16)
