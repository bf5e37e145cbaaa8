"""A quick look at the last two blocks (20 ms): which DTMF digit they may hold, if any.

It is generous, since the measurement (`dtmf_fit`) decides; but it is all that nearly every block takes, so it is cheap.
"""

import math
from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.banks import correlate, join, move, project, rank
from dsp.detectors.dtmf_state import BLOCK, HISTORY, TONES
from dsp.detectors.dtmf_tables import BLOCK_PHASORS, BLOCK_TURN, TURNS, WINDOW_WAVES
from dsp.jit import kernel

#: Weakest tone: -31 dBm0 (mean square), 6 dB below what has to be accepted.
MIN_TONE = POWER_0_DBM0 * 10**-3.1
#: Quieter windows are not looked at when no digit is on.
MIN_WINDOW = 2 * BLOCK * MIN_TONE
#: Column above row at most 6 dB, row above column at most 10 dB: 2 dB beyond what Q.24 has for AT&T.
MAX_TWIST = 10**0.6
MAX_REVERSE_TWIST = 10**1.0
#: Share of all energy: a strong dial tone may be under the digit.
_SHARE = 0.15
#: As sum of squared phasors to sum of squared samples; what a tone is off may cost it 4 dB in the window.
_LEAST = np.float32(_SHARE * 10**-0.4 * BLOCK)
#: Power of the second in a group, relative to the strongest.
_NEIGHBOUR = np.float32(0.5)
#: Widen the limits of level and twist.
_LEVEL = 0.5
_TWIST = 2.0
_DEVIATION = 0.032
#: The same for the window's powers at the nominal frequencies, which may show a tone that is off by 4 dB too little.
_UP = np.float32(MAX_TWIST * _TWIST * 10**0.4)
_DOWN = np.float32(MAX_REVERSE_TWIST * _TWIST * 10**0.4)
#: Cosine of the phase advance over a block at that deviation.
_ADVANCE = np.cos(np.minimum(_DEVIATION * TURNS * BLOCK, np.pi))


@kernel
def _place(powers: Any, first: int, power: float) -> int:
    for tone in range(first, first + 3):
        if powers[tone] >= power:
            return tone
    return first + 3


@kernel
def _exact_power(state: Any, tone: int) -> float:
    """Mean square of a tone in the window at its own frequency, 0 when that is too far off."""
    c, s = np.float64(BLOCK_TURN[tone]), np.float64(BLOCK_TURN[TONES + tone])
    re, im = np.float64(state.now[tone]), np.float64(state.now[TONES + tone])
    a_re, a_im = np.float64(state.before[tone]), np.float64(state.before[TONES + tone])
    b_re, b_im = re * c - im * s, re * s + im * c
    a, b = math.sqrt(a_re * a_re + a_im * a_im), math.sqrt(b_re * b_re + b_im * b_im)
    if b_re * a_re + b_im * a_im < a * b * _ADVANCE[tone]:
        return 0.0
    return 2.0 * (a + b) * (a + b) / (2 * BLOCK) ** 2


@kernel
def _is_like(powers: Any, energy: float) -> bool:
    """Whether two of the tones stand out (`powers` by `banks.rank`) of a window of `energy`, one of each group."""
    row_best, column_best, row_next, column_next = powers[8], powers[12], powers[16], powers[20]
    alone = (row_next <= row_best * _NEIGHBOUR) & (column_next <= column_best * _NEIGHBOUR)
    even = (column_best <= row_best * _UP) & (row_best <= column_best * _DOWN)
    return bool(alone & even & (row_best + column_best >= _LEAST * energy))


@kernel
def _digit(state: Any, energy: float) -> int:
    """Judge what is like a digit by the phasors of both blocks; row * 4 + column, or -1."""
    powers = state.looked
    row, column = _place(powers, 0, powers[8]), _place(powers, 4, powers[12])
    row_power = _exact_power(state, row)
    column_power = _exact_power(state, column)
    if min(row_power, column_power) < MIN_TONE * _LEVEL:
        return -1
    if (row_power + column_power) * 2 * BLOCK < _SHARE * energy:
        return -1
    if column_power > row_power * MAX_TWIST * _TWIST or row_power > column_power * MAX_REVERSE_TWIST * _TWIST:
        return -1
    return row * 4 + column - 4


@kernel
def look_at(state: Any, energy: float) -> int:
    """Digit (row * 4 + column) that the last two blocks may hold, of `energy` (sum of squares), or -1.

    Takes their phasors, `state.before` and `state.now`.
    """
    if state.blocks < 2 or energy < MIN_WINDOW:
        return -1
    powers = state.looked
    join(state.before, state.now, BLOCK_TURN, powers)
    rank(powers, powers)
    return _digit(state, energy) if _is_like(powers, energy) else -1


@kernel
def phasors(state: Any, back: int, out: Any) -> None:
    """Measure the block `back` blocks before the newest one, into `out`."""
    correlate(state.ring, (state.at + HISTORY - 1 - back) % HISTORY * BLOCK, BLOCK_PHASORS, out, BLOCK)


@kernel
def look_back(state: Any, energy: float) -> int:
    """As `look_at`, of blocks whose phasors are not known; afterwards they are."""
    if state.blocks < 2 or energy < MIN_WINDOW:
        return -1
    if state.at % 2 == 0:  # both lie in one piece
        powers = state.looked
        first = (state.at + HISTORY - 2) % HISTORY * BLOCK
        project(state.ring[first:], WINDOW_WAVES, 0, 1, 1, powers[:TONES], powers[TONES:])
        rank(powers, powers)
        if not _is_like(powers, energy):
            return -1
    phasors(state, 1, state.before)
    phasors(state, 0, state.now)
    return look_at(state, energy)


@kernel
def look_before(state: Any, energy: float) -> int:
    """As `look_at`, of the window that ended a block ago, of `energy`; leaves the phasors as they are."""
    if state.blocks < 3 or energy < MIN_WINDOW:
        return -1
    move(state.now, state.sums)
    move(state.before, state.now)
    phasors(state, 2, state.before)
    seen = look_at(state, energy)
    move(state.now, state.before)
    move(state.sums, state.now)
    return seen
