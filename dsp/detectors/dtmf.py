"""In-band DTMF, streaming (ITU-T Q.23, Q.24).

The stream is cut into sub-blocks of 5 ms. Each is correlated with eight DTMF and four dial tone frequencies (a dot
product a table row: 24 of 40 samples, the only heavy part). Every decision is made on the last four sub-blocks: their
phasors are added up coherently, once at the nominal and once at the measured frequency, since the phase advance
between the two halves of the window tells how far a tone is off. A *hit* is a window that holds one pair and little
else. Four hits in a row make a digit (more than 24 ms of tone); silence of four sub-blocks or seven misses end it.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.dtmf_state import BLOCK, HISTORY, TONES, WINDOW
from dsp.jit import kernel, sum_kernel
from dsp.tones.generator import COLUMNS_HZ, DIGITS, ROWS_HZ

FREQUENCIES = np.array([*ROWS_HZ, *COLUMNS_HZ, 350, 400, 425, 440], np.float64)
#: ASCII codes by row * 4 + column.
DIGIT_CODES = np.frombuffer(DIGITS.encode(), np.uint8).astype(np.int64)


def _correlators() -> npt.NDArray[np.float32]:
    """float32[2 * TONES, BLOCK]: cosines, then negative sines."""
    turn = 2 * np.pi * np.outer(FREQUENCIES / 8000, np.arange(BLOCK))
    return np.concatenate([np.cos(turn), -np.sin(turn)]).astype(np.float32)


CORRELATORS = _correlators()
#: Rotation that lines a sub-block's phasors up with the one before: float64[TONES, 2].
_TURN = -2 * np.pi * FREQUENCIES / 8000 * BLOCK
ROTATION = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)

#: Weakest tone: -31 dBm0, 6 dB below what has to be accepted.
MIN_TONE = POWER_0_DBM0 * 10**-3.1
#: Quieter sub-blocks are not looked at when no digit is on (-40 dBm0 in all).
MIN_BLOCK = POWER_0_DBM0 * 10**-4.0
#: Column above row at most 6 dB, row above column at most 10 dB (Q.24: 4 and 8 have to be accepted).
MAX_TWIST = 10**0.6
MAX_REVERSE_TWIST = 10**1.0
#: Share of the power that the pair must have. It also sets how much of the window the tone must fill.
MIN_SHARE = 0.85
#: Share of a sub-block's power that its strongest tone has at least; half is the rule, and leakage takes from it.
STANDS_OUT = 0.2
#: A tone's neighbours in its group are at least 6 dB weaker.
MAX_NEIGHBOUR = 0.25
#: Frequency error at most (1.5 % has to be accepted, 3.5 % refused).
MAX_OFFSET = 0.022
#: A key's tones stay where they are; a voice glides (Hz between the extremes of a candidate's hits). The stronger tone
#: leaks into the measurement of the weaker one, in proportion.
MAX_DRIFT = 8.0
HITS_FOR_DIGIT = 4
MISSES_TO_END = 7
MISSES_TO_FORGET = 5
LOW_BLOCKS_TO_END = 4
#: A sub-block this far below the digit's power is silence.
LOW = 0.1
#: Samples lost in the stream that end a digit.
LONG_GAP = 480

IDLE = 0
CANDIDATE = 1
ON = 2


@kernel
def reset(state: Any) -> None:
    """Forget everything."""
    state.position = 0
    state.held = 0
    state.blocks = 0
    state.phase = IDLE
    state.hits = 0
    state.misses = 0
    state.low_run = 0
    for i in range(HISTORY):
        state.energy[i] = 0.0


@sum_kernel
def _correlate(samples: Any, correlators: Any, re: Any, im: Any) -> None:
    for tone in range(TONES):
        a = np.float32(0.0)
        b = np.float32(0.0)
        for n in range(BLOCK):
            a += samples[n] * correlators[tone, n]
            b += samples[n] * correlators[TONES + tone, n]
        re[tone] = a
        im[tone] = b


@sum_kernel
def _mean_square(samples: Any) -> float:
    total = np.float32(0.0)
    for n in range(BLOCK):
        total += samples[n] * samples[n]
    return np.float64(total) / BLOCK


@kernel
def _window_power(state: Any, tone: int, turn_re: float, turn_im: float) -> float:
    """Power (mean square) of one tone in the window, with the given rotation between sub-blocks."""
    a, b = np.float64(state.re[WINDOW - 1, tone]), np.float64(state.im[WINDOW - 1, tone])
    for k in range(WINDOW - 2, -1, -1):
        a, b = state.re[k, tone] + a * turn_re - b * turn_im, state.im[k, tone] + a * turn_im + b * turn_re
    return 2.0 * (a * a + b * b) / (WINDOW * BLOCK) ** 2


@kernel
def _offset(state: Any, tone: int, turn_re: float, turn_im: float) -> float:
    """How far a tone is off (Hz), from its phase advance between the window's halves; unambiguous within 50 Hz."""
    a_re = state.re[0, tone] + state.re[1, tone] * turn_re - state.im[1, tone] * turn_im
    a_im = state.im[0, tone] + state.re[1, tone] * turn_im + state.im[1, tone] * turn_re
    b_re = state.re[2, tone] + state.re[3, tone] * turn_re - state.im[3, tone] * turn_im
    b_im = state.im[2, tone] + state.re[3, tone] * turn_im + state.im[3, tone] * turn_re
    c_re = b_re * a_re + b_im * a_im
    c_im = b_im * a_re - b_re * a_im
    two_re = turn_re * turn_re - turn_im * turn_im
    two_im = 2.0 * turn_re * turn_im
    return math.atan2(c_re * two_im + c_im * two_re, c_re * two_re - c_im * two_im) * 100.0 / (2.0 * math.pi)


@kernel
def _exact_power(state: Any, tone: int, rotation: Any, offset: float) -> float:
    """Power of a tone at its measured frequency."""
    angle = -2.0 * math.pi * offset * BLOCK / 8000.0
    c, s = math.cos(angle), math.sin(angle)
    turn_re = rotation[tone, 0] * c - rotation[tone, 1] * s
    turn_im = rotation[tone, 0] * s + rotation[tone, 1] * c
    # within a sub-block the correlation still runs at the nominal frequency: a loss of sinc^2
    loss = (math.pi * offset * BLOCK / 8000.0) ** 2 / 3.0
    return _window_power(state, tone, turn_re, turn_im) / (1.0 - loss)


@kernel
def _strongest(state: Any, rotation: Any, first: int) -> tuple[int, float, float]:
    """Strongest of four tones from `first` on: index, its power, the next one's power."""
    best, power, second = first, -1.0, -1.0
    for tone in range(first, first + 4):
        p = _window_power(state, tone, rotation[tone, 0], rotation[tone, 1])
        if p > power:
            best, second, power = tone, power, p
        elif p > second:
            second = p
    return best, power, second


@kernel
def _may_be(state: Any) -> bool:
    """Cheap look at one sub-block inside the window: does any DTMF frequency stand out? It spares noise the rest."""
    k = WINDOW - 2
    best = 0.0
    for tone in range(8):
        best = max(best, state.re[k, tone] * state.re[k, tone] + state.im[k, tone] * state.im[k, tone])
    return 2.0 * best >= STANDS_OUT * state.energy[HISTORY - 2] * BLOCK * BLOCK


@kernel
def _judge(state: Any, rotation: Any, frequencies: Any) -> tuple[int, float, float, float, float]:
    """Judge the window: (digit index or -1, row's and column's power, row's and column's offset in Hz)."""
    miss = (-1, 0.0, 0.0, 0.0, 0.0)
    total = 0.0
    for k in range(HISTORY - WINDOW, HISTORY):
        total += state.energy[k] / WINDOW
    if total < MIN_TONE or not _may_be(state):
        return miss
    row, row_power, row_second = _strongest(state, rotation, 0)
    column, column_power, column_second = _strongest(state, rotation, 4)
    if row_second > row_power * MAX_NEIGHBOUR or column_second > column_power * MAX_NEIGHBOUR:
        return miss
    row_offset = _offset(state, row, rotation[row, 0], rotation[row, 1])
    column_offset = _offset(state, column, rotation[column, 0], rotation[column, 1])
    if abs(row_offset) > MAX_OFFSET * frequencies[row] or abs(column_offset) > MAX_OFFSET * frequencies[column]:
        return miss
    row_power = _exact_power(state, row, rotation, row_offset)
    column_power = _exact_power(state, column, rotation, column_offset)
    if row_power < MIN_TONE or column_power < MIN_TONE:
        return miss
    if column_power > row_power * MAX_TWIST or row_power > column_power * MAX_REVERSE_TWIST:
        return miss
    pair = row_power + column_power
    # A dial tone under the digit is not held against it, as long as it is weaker than the digit.
    low = _window_power(state, 8, rotation[8, 0], rotation[8, 1])
    high = 0.0
    for tone in range(9, TONES):
        high = max(high, _window_power(state, tone, rotation[tone, 0], rotation[tone, 1]))
    if low + high > pair or pair < MIN_SHARE * (total - low - high):
        return miss
    return row * 4 + column - 4, row_power, column_power, row_offset, column_offset


@kernel
def _edge(state: Any, rising: bool) -> int:
    """Place of the tone's edge, from the energies of the sub-blocks round it; `position` is the newest one's end."""
    if rising:
        for k in range(HISTORY - WINDOW - 1, HISTORY):
            share = min(state.energy[k] / state.power, 1.0)
            if share > LOW:
                return state.position - (HISTORY - k - 1) * BLOCK - np.int64(share * BLOCK)
        return state.position - WINDOW * BLOCK
    for k in range(HISTORY - 1, HISTORY - WINDOW - 1, -1):
        share = min(state.energy[k] / state.power, 1.0)
        if share > LOW:
            return state.position - (HISTORY - k) * BLOCK + np.int64(share * BLOCK)
    return state.position - BLOCK


@kernel
def _hit(
    state: Any,
    digit: int,
    row_power: float,
    column_power: float,
    row_offset: float,
    column_offset: float,
    frequencies: Any,
) -> None:
    power = row_power + column_power
    if state.phase == IDLE or (state.phase == CANDIDATE and digit != state.digit):
        state.phase = CANDIDATE
        state.digit = digit
        state.power = power
        state.hits = 0
        state.row_offset_sum = 0.0
        state.column_offset_sum = 0.0
        state.row_low = row_offset
        state.row_high = row_offset
        state.column_low = column_offset
        state.column_high = column_offset
        state.onset = _edge(state, True)
    if digit != state.digit:
        state.misses += 1
        return
    state.hits += 1
    state.misses = 0
    state.low_run = 0
    state.power = max(state.power, power)
    state.row_offset_sum += row_offset
    state.column_offset_sum += column_offset
    state.end = _edge(state, False)
    if state.phase == ON:
        return
    state.row_low = min(state.row_low, row_offset)
    state.row_high = max(state.row_high, row_offset)
    state.column_low = min(state.column_low, column_offset)
    state.column_high = max(state.column_high, column_offset)
    row_limit = MAX_DRIFT * max(1.0, math.sqrt(column_power / row_power))
    column_limit = MAX_DRIFT * max(1.0, math.sqrt(row_power / column_power))
    if state.row_high - state.row_low > row_limit or state.column_high - state.column_low > column_limit:
        state.phase = IDLE
    elif state.hits >= HITS_FOR_DIGIT:
        row = abs(state.row_offset_sum) / state.hits <= MAX_OFFSET * frequencies[state.digit // 4]
        column = abs(state.column_offset_sum) / state.hits <= MAX_OFFSET * frequencies[4 + state.digit % 4]
        state.phase = ON if row and column else IDLE


@kernel
def _ended(state: Any, out: Any, count: int) -> int:
    """Write the digit that has ended to `out[count]`; gives the new count."""
    if count < out.shape[0]:
        out[count, 0] = DIGIT_CODES[state.digit]
        out[count, 1] = state.onset
        out[count, 2] = state.end
        out[count, 3] = np.int64(round(100.0 * math.log10(state.power / POWER_0_DBM0)))
        count += 1
    state.phase = IDLE
    return count


@kernel
def _miss(state: Any, out: Any, count: int) -> int:
    state.misses += 1
    if state.phase == CANDIDATE:
        if state.misses > MISSES_TO_FORGET:
            state.phase = IDLE
        return count
    state.low_run = state.low_run + 1 if state.energy[HISTORY - 1] < LOW * state.power else 0
    if state.misses >= MISSES_TO_END or state.low_run >= LOW_BLOCKS_TO_END:
        return _ended(state, out, count)
    return count


@kernel
def _block(state: Any, correlators: Any, rotation: Any, frequencies: Any, out: Any, count: int) -> int:
    """Take in the full sub-block in `pending`."""
    power = _mean_square(state.pending)
    for k in range(HISTORY - 1):
        state.energy[k] = state.energy[k + 1]
    state.energy[HISTORY - 1] = power
    state.position += BLOCK
    if power < MIN_BLOCK and state.phase == IDLE:
        state.blocks = 0  # nothing to correlate with: the window starts anew with the next loud sub-block
        return count
    if state.blocks == 0:
        # The silent sub-blocks before belong to the window of a digit that starts now.
        for k in range(WINDOW):
            for tone in range(TONES):
                state.re[k, tone] = 0.0
                state.im[k, tone] = 0.0
    for k in range(WINDOW - 1):
        for tone in range(TONES):
            state.re[k, tone] = state.re[k + 1, tone]
            state.im[k, tone] = state.im[k + 1, tone]
    _correlate(state.pending, correlators, state.re[WINDOW - 1], state.im[WINDOW - 1])
    state.blocks += 1
    digit, row_power, column_power, row_offset, column_offset = _judge(state, rotation, frequencies)
    if digit >= 0:
        _hit(state, digit, row_power, column_power, row_offset, column_offset, frequencies)
    elif state.phase != IDLE:
        return _miss(state, out, count)
    return count


@kernel
def take(state: Any, samples: Any, length: int, correlators: Any, rotation: Any, frequencies: Any, out: Any) -> int:
    """Take `samples[:length]` (int16) in; gives the number of digits that ended.

    Each is a row of `out` (int64[n, 4]): ASCII code, onset, end (samples of the stream), level of both tones together
    (dBm0 * 10). `state.phase == ON` tells that a digit is recognised and still on.
    """
    count = 0
    at = 0
    while at < length:
        fill = state.held
        n = min(BLOCK - fill, length - at)
        for i in range(n):
            state.pending[fill + i] = samples[at + i]
        at += n
        if fill + n == BLOCK:
            state.held = 0
            count = _block(state, correlators, rotation, frequencies, out, count)
        else:
            state.held = fill + n
    return count


@kernel
def is_quiet(state: Any, power: float, length: int) -> bool:
    """Whether a packet of this mean square cannot matter, so that `pass_quiet` may stand for `take`."""
    return state.phase == IDLE and power * length < MIN_BLOCK * BLOCK


@kernel
def pass_quiet(state: Any, length: int) -> None:
    """Take in `length` samples that are too quiet to look at."""
    state.position += state.held + length
    state.held = 0
    state.blocks = 0
    for k in range(HISTORY):
        state.energy[k] = 0.0


@kernel
def skip(state: Any, length: int, out: Any) -> int:
    """Note `length` samples that the stream lost. A short gap inside a digit does not end it; as `take`."""
    state.position += length
    if length >= LONG_GAP:
        return flush(state, out)
    return 0


@kernel
def flush(state: Any, out: Any) -> int:
    """End what is on, since the stream stops; as `take`."""
    count = 0
    if state.phase == ON:
        count = _ended(state, out, 0)
    state.phase = IDLE
    state.blocks = 0
    state.held = 0
    for k in range(HISTORY):
        state.energy[k] = 0.0
    return count
