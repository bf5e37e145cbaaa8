"""One pure tone in what the speech detector hears, which is no voice (`speech.py`)."""

import math
from typing import Any

import numpy as np

from dsp.detectors.speech_state import FRAME
from dsp.jit import kernel, sum_kernel

#: A pure tone: at least so loud; noise beside it at most so much of its power; one frequency, one level.
TONE_LEVEL = -45.0
TONE_NOISE = 0.06
TONE_AGREES = 0.07
TONE_FLAT = 0.97
TONE_LEAST_HZ = 350.0
TONE_MOST_HZ = 3000.0
TONE_DRIFT = 0.012
TONE_STEP = 3.0
#: Frames after which a tone is no voice, and frames without it that do not end it.
TONE_FRAMES = 3
TONE_BRIDGED = 1


@sum_kernel
def _neighbours(frame: Any) -> float:
    """Sum of d[n] d[n-1] over d's energy: tells which of the frequencies that the tone's law leaves open it is."""
    total = np.float32(0.0)
    energy = np.float32(1e-9)
    for n in range(FRAME - 4):
        a = np.float32(frame[n + 2]) - np.float32(frame[n])
        total += a * (np.float32(frame[n + 3]) - np.float32(frame[n + 1]))
        energy += a * a
    return np.float64(total) / np.float64(energy)


@kernel
def _frequency(frame: Any, half: float, pure: float) -> float:
    """Frequency (Hz) of the tone of which cos(4w) = `half`; 0 when neighbouring samples speak against a pure tone.

    `pure`: the tone's share of the power; noise makes correlations smaller by it.

    The law alone would take 800 Hz with 1200 Hz, an open vowel, for one tone.
    """
    near = min(max(_neighbours(frame) / pure, -1.0), 1.0)
    half = min(max(half / pure, -1.0), 1.0)
    rough = math.acos(near)
    folded = math.acos(half)
    best = 0.0
    far = 10.0
    for turn in range(3):
        for sign in (-1.0, 1.0):
            w = (2.0 * math.pi * turn + sign * folded) / 4.0
            if 0.0 <= w <= math.pi and abs(w - rough) < far:
                far = abs(w - rough)
                best = w
    if abs(math.cos(best) - near) > TONE_AGREES:
        return 0.0
    if abs(half) > TONE_FLAT:
        best = rough  # the cosine is flat there: a little noise would move it far
    return best * 8000.0 / (2.0 * math.pi)


@kernel
def follow_tone(state: Any, frame: Any, yp: float, pp: float, yy: float, level: float) -> None:
    """Go on with the run of frames that hold one pure tone, begin one, or end it."""
    hz = 0.0
    if level >= TONE_LEVEL and pp > 0.0:
        a = yp / pp
        noise = (yy - a * yp) / (pp * (2.0 + a * a))
        if abs(a) <= 2.1 and noise <= TONE_NOISE:
            hz = _frequency(frame, a / 2.0, 1.0 - max(noise, 0.0))
    rising = state.tone_frames == 1 and level > state.tone_level
    same = (
        state.tone_frames > 0
        and abs(hz - state.tone_hz) <= TONE_DRIFT * state.tone_hz
        and (rising or abs(level - state.tone_level) <= TONE_STEP)
    )
    if same:
        state.tone_frames += 1
        state.tone_missed = 0
        state.tone_end = state.position + FRAME
        if rising:
            state.tone_level = level
        state.tone_hz += (hz - state.tone_hz) / min(state.tone_frames, 8)
        return
    if state.tone_frames >= TONE_FRAMES and state.tone_missed < TONE_BRIDGED:
        state.tone_missed += 1  # the phase reversals of ANSam (V.8), a lost packet
        return
    state.tone_frames = 0
    if TONE_LEAST_HZ <= hz <= TONE_MOST_HZ:
        state.tone_frames = 1
        state.tone_missed = 0
        state.tone_start = state.position
        state.tone_end = state.position + FRAME
        state.tone_hz = hz
        state.tone_level = level
