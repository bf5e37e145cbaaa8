"""A DTMF digit that has been noticed: measured, begun, followed, ended (`dtmf.py`).

The digit is measured on the samples themselves (`dtmf_fit.py`), and that alone decides: two steady sines of the right
frequencies and levels, for 30 ms at least, that explain nearly all of the energy. While it is on, each block is asked
whether it is still there.
"""

import math
from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.dtmf_fit import below, cleanness, edge, model, prepare, reach
from dsp.detectors.dtmf_look import MAX_REVERSE_TWIST, MAX_TWIST, MIN_TONE
from dsp.detectors.dtmf_state import BLOCK, LEAD, NEWEST, SPAN, TONES
from dsp.detectors.dtmf_tables import LOW_SPAN, NEAR, STEP, TAPER, TURNS
from dsp.jit import kernel

#: Deviation of a frequency: 1.5 % has to be accepted (1.8 % by NTT), 3.5 % refused (3.0 % by NTT).
MAX_DEVIATION = 0.024
#: Both may be off by 1.5 %, either way. In a voice they belong to one pitch, and 2:1 is within reach of some pairs.
MAX_BETWEEN = 0.036
#: Shortest tone (29 ms): 40 ms have to be accepted, 23 ms refused. Less than 30, so that in noise, too, there are two
#: blocks whose end finds a tone of 40 ms long enough.
MIN_TONE_SAMPLES = 232
#: Share of the energy that the two tones have, less what lies in the band of dial tones. Noise of 15 dB leaves 97 %.
#: The longer the tone the less will do, as over somebody's speech: nothing else is as steady for as long.
MIN_SHARE = 0.92
MIN_SHARE_LONG = 0.83
_SHARE_FALLS = (MIN_SHARE - MIN_SHARE_LONG) / 320
#: That is granted only to what is as exact as keys are (NTT: 1.8 %; Q.24: twist of +4 and -8 dB, and half a dB for the
#: measurement): a vowel that goes on comes near to a digit in one thing or two, and seldom in all of them.
EXACT_DEVIATION = 0.018
EXACT_TWIST = 10**0.45
EXACT_REVERSE_TWIST = 10**0.85
#: What lies in that band may have this power, relative to the digit (somebody's voice has its fundamental there).
MAX_LOW = 0.15
#: A dial tone may be stronger than the digit by 5 dB. It was there before the digit, with this share of the energy and
#: the same power but for 4 dB, since two of them beat.
MAX_DIAL = 3.0
_ALONE = 0.8
_AS_STRONG = 2.5
#: Blocks in a row without the digit that end it.
MISSING_TO_END = 3
#: A block holds the digit when each tone has this share of its power.
_STILL = 0.15
IDLE = 0
ON = 1
#: What `_block` tells, as bits.
NOTHING = 0
BEGAN = 1
ENDED = 2


@kernel
def unroll(state: Any) -> None:
    """Write the last blocks into `state.history` in their order: what follows measures on one piece."""
    ring, history, first = state.ring, state.history, state.at * BLOCK
    for n in range(SPAN - first):
        history[LEAD + n] = ring[first + n]
    for n in range(first):
        history[NEWEST - first + n] = ring[n]


@kernel
def _is_off(row_turn: float, column_turn: float, row: int, column: int) -> bool:
    """Whether frequencies (radians a sample) are not those of the digit."""
    a, b = row_turn / TURNS[row] - 1.0, column_turn / TURNS[column] - 1.0
    return max(abs(a), abs(b)) > MAX_DEVIATION or abs(a - b) > MAX_BETWEEN


@kernel
def _is_unfit(state: Any, row_peak: float, column_peak: float) -> bool:
    """Whether the levels of the two tones (amplitudes) are not those of a digit."""
    row_power, column_power = row_peak * row_peak / 2.0, column_peak * column_peak / 2.0
    return (
        min(row_power, column_power) < max(state.floor, MIN_TONE)
        or row_power < column_power * max(state.row_least, 1.0 / MAX_TWIST)
        or column_power < row_power * max(state.column_least, 1.0 / MAX_REVERSE_TWIST)
    )


@kernel
def _is_exact(row: int, column: int, fitted: Any) -> bool:
    """Whether frequencies and twist are those that keys have."""
    row_power, column_power = fitted[1] * fitted[1], fitted[4] * fitted[4]
    return bool(
        max(abs(fitted[0] / TURNS[row] - 1.0), abs(fitted[3] / TURNS[column] - 1.0)) <= EXACT_DEVIATION
        and column_power <= row_power * EXACT_TWIST
        and row_power <= column_power * EXACT_REVERSE_TWIST
    )


@kernel
def _is_explained(
    state: Any, gain: float, energy: float, begin: int, end: int, centre: float, fitted: Any, exact: bool
) -> bool:
    """Whether two steady sines are all there is: `gain` of `energy` (sums of squares), or of what is above 520 Hz."""
    least = MIN_SHARE
    if exact:
        least = max(MIN_SHARE - (end - begin - MIN_TONE_SAMPLES) * _SHARE_FALLS, MIN_SHARE_LONG)
    if gain >= least * energy:
        return True
    if energy * least > gain * (1.0 + MAX_DIAL) or end - begin < LOW_SPAN - STEP:
        return False  # the window's ends weigh nothing, so it may stand out a little
    share, low, tones = cleanness(state.history, end - LOW_SPAN, centre, fitted, state)
    if share < least or low > MAX_DIAL * tones:
        return False
    return bool(low <= MAX_LOW * tones or _is_dial_tone(state, begin, low))


@kernel
def _is_dial_tone(state: Any, begin: int, low: float) -> bool:
    """Whether what is below the band of the digit that begins at `begin` was there before it, alone and as strong."""
    before = begin - STEP - LOW_SPAN
    if before < NEWEST - state.blocks * BLOCK:
        return False
    alone, total = below(state.history, before, state)
    return bool(alone > _ALONE * total and alone < _AS_STRONG * low and low < _AS_STRONG * alone)


@kernel
def fit(state: Any, digit: int, oldest: int, newest: int, need: int) -> tuple[int, int, Any]:
    """Fit a digit of `need` samples at least to the end of `history[oldest:newest]`, which `unroll` has made.

    Gives (begin, end, the fitted `dtmf_fit.model`); begin = end when there is none.
    """
    row, column, history = digit // 4, 4 + digit % 4, state.history
    last = newest - TAPER
    fitted = model(history, newest - need, last - NEAR, last, row, column, TURNS[row], TURNS[column])
    if _is_off(fitted[0], fitted[3], row, column) or _is_unfit(state, fitted[1], fitted[4]):
        return newest, newest, fitted
    centre, middle = last + (TAPER - 1) / 2, last + TAPER // 2
    prepare(state.waves, row, column, fitted)
    begin, gain, energy = reach(history, state.waves, middle, oldest, -1, centre, fitted)
    end, more, more_energy = reach(history, state.waves, middle, newest, 1, centre, fitted)
    if end - begin < need - 2 * STEP:
        return newest, newest, fitted
    begin = edge(history, begin, oldest, newest, -1, centre, fitted)
    over = end < newest - STEP
    end = edge(history, end, oldest, newest, 1, centre, fitted) if over else newest
    exact = _is_exact(row, column, fitted)
    gain, energy = gain + more, energy + more_energy
    if end - begin < need or not _is_explained(state, gain, energy, begin, end, centre, fitted, exact):
        return newest, newest, fitted
    return begin, end, fitted


@kernel
def _block_power(peak: float, turn: float, tone: int) -> float:
    """Mean square that a block shows of a tone, which loses what the tone is off."""
    angle = (turn - TURNS[tone]) * BLOCK / 2.0
    loss = 1.0 if abs(angle) < 1e-6 else math.sin(angle) / angle
    return peak * peak / 2.0 * loss * loss


@kernel
def _begin(state: Any, digit: int, onset: int, end: int, fitted: Any) -> None:
    row, column = digit // 4, 4 + digit % 4
    row_turn, row_peak, _, column_turn, column_peak, _ = fitted
    state.phase = ON
    state.digit = digit
    state.onset = onset
    state.end = end
    state.missing = 0
    state.carried = 0
    state.row_turn = row_turn
    state.column_turn = column_turn
    state.row_cos, state.row_sin = math.cos(row_turn * BLOCK), math.sin(row_turn * BLOCK)
    state.column_cos, state.column_sin = math.cos(column_turn * BLOCK), math.sin(column_turn * BLOCK)
    state.row_power = _block_power(row_peak, row_turn, row)
    state.column_power = _block_power(column_peak, column_turn, column)
    row_power, column_power = row_peak * row_peak / 2.0, column_peak * column_peak / 2.0
    state.level = 10.0 * math.log10((row_power + column_power) / POWER_0_DBM0)
    state.twist = 10.0 * math.log10(column_power / row_power)
    off = max(abs(row_turn / TURNS[row] - 1.0), abs(column_turn / TURNS[column] - 1.0))
    state.deviation = 100.0 * off


@kernel
def confirm(state: Any, digit: int) -> int:
    """Measure what has looked like `digit` twice; when it is one, it begins. Gives `BEGAN`, `ENDED` as bits."""
    oldest = NEWEST - state.blocks * BLOCK
    if state.phase == IDLE:
        oldest = max(oldest, NEWEST - (state.position - state.end))  # the digit before is no part of it
    carried = state.carried > 0 and state.carried_digit == digit
    least = max(state.need, MIN_TONE_SAMPLES)
    need = max(least - state.carried, 2 * BLOCK) if carried else least
    if NEWEST - oldest < need:
        return NOTHING
    unroll(state)
    first, last, fitted = fit(state, digit, oldest, NEWEST, need)
    if first == last:
        return NOTHING
    onset = state.position - (NEWEST - first)
    if carried:
        if first - oldest > BLOCK // 2:  # it does not reach back to the gap
            return NOTHING
        onset = state.carried_onset
    what = end(state) | BEGAN
    _begin(state, digit, onset, state.position - (NEWEST - last), fitted)
    return what


@kernel
def _place_end(state: Any) -> int:
    """Place the end of the digit that was on, by the model of its last 20 ms."""
    first = NEWEST - (state.missing + 2) * BLOCK
    if first < NEWEST - state.blocks * BLOCK:
        return state.end
    unroll(state)
    row, column, history = state.digit // 4, 4 + state.digit % 4, state.history
    centre = first + (TAPER - 1) / 2
    fitted = model(history, first, first, first, row, column, state.row_turn, state.column_turn)
    if fitted[1] * fitted[1] < state.row_power * _STILL or fitted[4] * fitted[4] < state.column_power * _STILL:
        return state.end
    prepare(state.waves, row, column, fitted)
    last, _, _ = reach(history, state.waves, first + TAPER // 2, NEWEST, 1, centre, fitted)
    return state.position - (NEWEST - edge(history, last, first, NEWEST, 1, centre, fitted))


@kernel
def end(state: Any) -> int:
    """End the digit that is on, if there is one, where `state.end` says."""
    if state.phase != ON:
        return NOTHING
    state.phase = IDLE
    state.missing = 0
    state.ended_digit = state.digit
    state.ended_onset = state.onset
    state.ended_end = state.end
    state.ended_level = state.level
    state.ended_twist = state.twist
    state.ended_deviation = state.deviation
    return ENDED


@kernel
def _holds(state: Any, tone: int, c: float, s: float, power: float) -> bool:
    """Whether the new block holds a tone of the digit that is on: by level and, if it was there before, by phase."""
    re, im = np.float64(state.now[tone]), np.float64(state.now[TONES + tone])
    if 2.0 * (re * re + im * im) < _STILL * power * BLOCK * BLOCK:
        return False
    if state.missing > 0 or state.blocks < 2:
        return True
    a_re, a_im = np.float64(state.before[tone]), np.float64(state.before[TONES + tone])
    # a voice that is as loud may follow at once, but it does not go on in phase
    x, y = re * a_re + im * a_im, im * a_re - re * a_im
    return bool(x * c + y * s > 0.2 * math.sqrt((re * re + im * im) * (a_re * a_re + a_im * a_im)))


@kernel
def follow(state: Any) -> int:
    """Ask the new block whether it holds the digit that is on."""
    row, column = state.digit // 4, 4 + state.digit % 4
    if _holds(state, row, state.row_cos, state.row_sin, state.row_power) and _holds(
        state, column, state.column_cos, state.column_sin, state.column_power
    ):
        state.missing = 0
        state.end = state.position
        return NOTHING
    state.missing += 1
    if state.missing < MISSING_TO_END + state.patience:
        return NOTHING
    state.end = _place_end(state)
    state.hits = 0
    return end(state)
