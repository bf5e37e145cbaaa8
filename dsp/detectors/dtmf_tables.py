"""Constant tables of the DTMF detector. Compiled code holds copies of them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.detectors.dtmf_state import BLOCK
from dsp.detectors.waves import waves
from dsp.tones.generator import COLUMNS_HZ, DIGITS, ROWS_HZ, SAMPLE_RATE

#: ASCII codes by row * 4 + column (ITU-T Q.23).
DIGIT_CODES = np.frombuffer(DIGITS.encode(), np.uint8).astype(np.int64)
FREQUENCIES = np.array([*ROWS_HZ, *COLUMNS_HZ], np.float64)
#: Nominal frequencies in radians a sample.
TURNS = 2 * np.pi * FREQUENCIES / SAMPLE_RATE

#: Samples of a measuring window (15 ms). Under a Hann window of this length tones of the two groups, and of dial tones,
#: do not see each other (-40 dB): they are at least 236 Hz apart, 3.5 bins.
TAPER = 120
#: Distance of two windows whose phases tell a frequency without doubt (5 ms: 100 Hz either way).
NEAR = 40
#: Window in which low tones are measured (30 ms): three blocks.
LOW_SPAN = 3 * BLOCK


def _phasors(turns: Any, places: Any, weights: Any) -> npt.NDArray[np.float32]:
    """float32[len(places), 2 * len(turns)]: weighted cosines, then negative sines."""
    angles = np.outer(places, turns)
    table = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1) * weights[:, None]
    return np.ascontiguousarray(table.astype(np.float32))


#: float32[BLOCK, 16]: phasors of a block, phases count from its start.
BLOCK_PHASORS = _phasors(TURNS, np.arange(BLOCK, dtype=np.float64), np.ones(BLOCK))
#: What `banks.project` takes for the phasors of two blocks together.
WINDOW_WAVES = waves(TURNS)
#: float32[16]: turns a block's phasors back to the start of the block before, real parts, then imaginary parts.
BLOCK_TURN = np.concatenate([np.cos(TURNS * BLOCK), -np.sin(TURNS * BLOCK)]).astype(np.float32)

_HANN = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(TAPER) + 0.5) / TAPER)
#: Sum of the window's weights.
TAPER_SUM = float(_HANN.sum())
#: float32[8, 2, TAPER]: real and imaginary weights of a tone's phasor; phases count from the window's middle.
TAPER_PHASORS = np.ascontiguousarray(
    _phasors(TURNS, np.arange(TAPER) - (TAPER - 1) / 2, _HANN).reshape(TAPER, 2, 8).transpose(2, 1, 0)
)

#: Samples of a step of the search for begin and end.
STEP = 16
_PLACES = np.arange(STEP) - (STEP - 1) / 2
#: float32[8, 4, STEP]: cosines and sines about a step's middle, and how they change with the frequency.
STEP_WAVES = np.ascontiguousarray(
    np.stack(
        [
            np.cos(np.outer(TURNS, _PLACES)),
            np.sin(np.outer(TURNS, _PLACES)),
            -_PLACES * np.sin(np.outer(TURNS, _PLACES)),
            _PLACES * np.cos(np.outer(TURNS, _PLACES)),
        ],
        axis=1,
    ).astype(np.float32)
)

_LOW_HANN = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(LOW_SPAN) + 0.5) / LOW_SPAN)
#: Weights of squares under that window.
LOW_WEIGHTS = _LOW_HANN**2
#: Bins of a 30 ms window that hold dial, ring-back and busy tones: 267 to 500 Hz, 33 Hz apart.
_LOW_BINS = 2 * np.pi * np.arange(8, 16) / LOW_SPAN
#: float32[3, BLOCK, 16]: scaled so that the sum of squares over the 16 sums is the band's part of the weighted energy.
LOW_PHASORS = np.ascontiguousarray(
    (_phasors(_LOW_BINS, np.arange(LOW_SPAN, dtype=np.float64), _LOW_HANN) * np.float32(np.sqrt(2 / LOW_SPAN))).reshape(
        3, BLOCK, 16
    )
)
