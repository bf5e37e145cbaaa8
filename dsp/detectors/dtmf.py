"""In-band DTMF (ITU-T Q.23, Q.24), streaming, of one leg or of many.

Two stages. Each block of 10 ms is correlated with the eight frequencies, and the last two blocks together are looked
at: may a row and a column be there (`dtmf_look`)? That is all that nearly every block takes. When two windows in a row
look alike, the digit is measured on the samples themselves (`dtmf_fit`), and that alone decides: two steady sines of
the right frequencies and levels, for 30 ms at least, that explain nearly all of the energy. While a digit is on, each
block is asked whether it is still there; three blocks in a row without it (30 ms, between the 10 ms of an interruption
and the 40 ms of a pause) end it. Begin and end are placed to the sample.

Lost packets should be told (`gap`), not filled in: what is not known neither ends a digit nor speaks against one.
"""

import math
from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors import verdicts as told_by
from dsp.detectors.dtmf_fit import below, cleanness, edge, model, prepare, reach
from dsp.detectors.dtmf_look import MAX_REVERSE_TWIST, MAX_TWIST, MIN_TONE, MIN_WINDOW, look_at
from dsp.detectors.dtmf_state import BLOCK, HISTORY, SPAN, TONES
from dsp.detectors.dtmf_tables import (
    BLOCK_PHASORS,
    DIGIT_CODES,
    LOW_SPAN,
    NEAR,
    STEP,
    TAPER,
    TURNS,
)
from dsp.jit import copy, correlate, kernel, move

FRAME = 160
#: What is quieter (mean square, -40 dBm0) may be left out by `pass_quiet`.
_QUIET = POWER_0_DBM0 * 10**-4.0
#: Deviation of a frequency: 1.5 % has to be accepted (1.8 % by NTT), 3.5 % refused (3.0 % by NTT).
MAX_DEVIATION = 0.024
#: Both may be off by 1.5 %, either way. In a voice they belong to one pitch, and 2:1 is within reach of some pairs.
MAX_BETWEEN = 0.036
#: Shortest tone (29 ms): 40 ms have to be accepted, 23 ms refused. Less than 30, so that in noise, too, there are two
#: blocks whose end finds a tone of 40 ms long enough.
MIN_TONE_SAMPLES = 232
ACCEPTED_MS = 40
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
SEPARATING_MS = 40
#: Samples lost in the stream that end a digit.
LONG_GAP = 480
#: Energy of the block before a window, relative to the window (two blocks), in which the same tone was on.
_FILLED = 0.3
#: A block holds the digit when each tone has this share of its power.
_STILL = 0.15
IDLE = 0
ON = 1
#: What `_block` tells, as bits.
NOTHING = 0
BEGAN = 1
ENDED = 2


@kernel
def reset(state: Any) -> None:
    """Forget everything."""
    state.position = 0
    state.held = 0
    state.phase = IDLE
    state.end = 0
    _forget(state)
    state.carried = 0


@kernel
def limit(
    state: Any, min_tone_ms: int, min_pause_ms: int, min_level_dbm0: int, max_twist_db: int, max_reverse_db: int
) -> None:
    """Be stricter than Q.24 has it; 0 leaves a limit where it is.

    A tone of `min_tone_ms` (40 to 80) is accepted and one that is 17 ms shorter is not; a pause of `min_pause_ms`
    (40 to 70) separates two digits. `min_level_dbm0` (-31 to -1) is that of the weaker tone, the twists say how far the
    column may be above the row (dB, up to 6), and the row above the column (up to 10).
    """
    state.need = max((min_tone_ms - ACCEPTED_MS) * 8, 0) + MIN_TONE_SAMPLES if min_tone_ms > 0 else 0
    state.patience = max((min_pause_ms - SEPARATING_MS) // 10, 0)
    state.floor = POWER_0_DBM0 * 10.0 ** (min_level_dbm0 / 10.0) if min_level_dbm0 < 0 else 0.0
    state.row_least = 10.0 ** (-max_twist_db / 10.0) if max_twist_db > 0 else 0.0
    state.column_least = 10.0 ** (-max_reverse_db / 10.0) if max_reverse_db > 0 else 0.0


@kernel
def _forget(state: Any) -> None:
    """Forget the samples: what follows does not join them."""
    state.blocks = 0
    state.hits = 0
    state.missing = 0
    state.energy = 0.0
    state.older = 0.0
    for i in range(2 * TONES):
        state.now[i] = 0.0


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
    if before < state.at * BLOCK + SPAN - state.blocks * BLOCK:
        return False
    alone, total = below(state.history, before, state)
    return bool(alone > _ALONE * total and alone < _AS_STRONG * low and low < _AS_STRONG * alone)


@kernel
def _fit(state: Any, digit: int, oldest: int, newest: int, need: int) -> tuple[int, int, Any]:
    """Fit a digit of `need` samples at least to the end of `history[oldest:newest]`.

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
def _confirm(state: Any, digit: int) -> int:
    """Measure what has looked like `digit` twice; when it is one, it begins. Gives `BEGAN`, `ENDED` as bits."""
    newest = state.at * BLOCK + SPAN
    oldest = newest - state.blocks * BLOCK
    if state.phase == IDLE:
        oldest = max(oldest, newest - (state.position - state.end))  # the digit before is no part of it
    carried = state.carried > 0 and state.carried_digit == digit
    least = max(state.need, MIN_TONE_SAMPLES)
    need = max(least - state.carried, 2 * BLOCK) if carried else least
    if newest - oldest < need:
        return NOTHING
    begin, end, fitted = _fit(state, digit, oldest, newest, need)
    if begin == end:
        return NOTHING
    onset = state.position - (newest - begin)
    if carried:
        if begin - oldest > BLOCK // 2:  # it does not reach back to the gap
            return NOTHING
        onset = state.carried_onset
    what = _end(state) | BEGAN
    _begin(state, digit, onset, state.position - (newest - end), fitted)
    return what


@kernel
def _place_end(state: Any) -> int:
    """Place the end of the digit that was on, by the model of its last 20 ms."""
    newest = state.at * BLOCK + SPAN
    seen = newest - state.missing * BLOCK
    first = seen - 2 * BLOCK
    if first < newest - state.blocks * BLOCK:
        return state.end
    row, column, history = state.digit // 4, 4 + state.digit % 4, state.history
    centre = first + (TAPER - 1) / 2
    fitted = model(history, first, first, first, row, column, state.row_turn, state.column_turn)
    if fitted[1] * fitted[1] < state.row_power * _STILL or fitted[4] * fitted[4] < state.column_power * _STILL:
        return state.end
    prepare(state.waves, row, column, fitted)
    end, _, _ = reach(history, state.waves, first + TAPER // 2, newest, 1, centre, fitted)
    return state.position - (newest - edge(history, end, first, newest, 1, centre, fitted))


@kernel
def _end(state: Any) -> int:
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
def _follow(state: Any) -> int:
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
    return _end(state)


@kernel
def _block(state: Any, energy: float) -> int:
    """Take in the block that has been filled, with its sum of squares; gives `BEGAN`, `ENDED` as bits."""
    window, older = energy + state.energy, state.older
    start = state.at * BLOCK
    state.older = state.energy
    state.energy = energy
    state.position += BLOCK
    state.held = 0
    state.at = (state.at + 1) % HISTORY
    state.blocks = min(state.blocks + 1, HISTORY)
    if state.phase == IDLE and window < MIN_WINDOW:
        state.hits = 0
        for i in range(2 * TONES):
            state.now[i] = 0.0
        return NOTHING
    move(state.now, state.before)
    correlate(state.history, start, BLOCK_PHASORS, state.now, BLOCK)
    what = _follow(state) if state.phase == ON else NOTHING
    seen = -1 if state.phase == ON and state.missing == 0 else look_at(state, window)
    if seen < 0:
        state.hits = 0
        if state.blocks > 2:
            state.carried = 0
        return what
    state.hits = state.hits + 1 if seen == state.candidate and state.hits > 0 else 1
    state.candidate = seen
    if state.phase == ON and seen == state.digit:
        return what
    # A tone that is on for long enough filled the block before the window, too.
    if state.carried > 0 or (state.hits > 1 and older > _FILLED * window):
        what |= _confirm(state, seen)
    return what


@kernel
def _fill(state: Any, samples: Any, start: int, count: int) -> int:
    """Write samples into the block that is being filled, at both of its places, and take it in when it is full."""
    at = state.at * BLOCK + state.held
    if count == BLOCK:
        return _block(state, np.float64(copy(samples, start, state.history, at, at + SPAN, BLOCK)))
    for i in range(count):
        state.history[at + i] = samples[start + i]
        state.history[at + SPAN + i] = samples[start + i]
    state.held += count
    if state.held < BLOCK:
        return NOTHING
    at = state.at * BLOCK
    return _block(state, np.float64(copy(state.history, at, state.history, at, at + SPAN, BLOCK)))


@kernel
def _tell(state: Any, what: int, row: int, verdicts: Any, told: Any) -> None:
    if what & ENDED:
        told_by.tell(
            verdicts, told, row, told_by.DTMF, DIGIT_CODES[state.ended_digit], told_by.END, 0,
            state.ended_onset, state.ended_end, state.position,
            state.ended_level, state.ended_twist, state.ended_deviation,
        )  # fmt: skip
    if what & BEGAN:
        told_by.tell(
            verdicts, told, row, told_by.DTMF, DIGIT_CODES[state.digit], told_by.BEGIN, 0,
            state.onset, state.end, state.position, state.level, state.twist, state.deviation,
        )  # fmt: skip


@kernel
def feed_all(states: Any, frames: Any, rows: Any, count: int, verdicts: Any, told: Any) -> None:
    """Take one frame (20 ms) of each of `count` legs in.

    `states` is DTMF_STATE[legs], `frames` int16[legs, 160], `rows` int32 the legs' indices in both. Verdicts
    (`VERDICT`) are appended to `verdicts`: kind DTMF, code the digit's ASCII, phases BEGIN and END, level of both tones
    together, `a` the twist (column above row, dB), `b` the greater deviation of the two frequencies (percent). `told`
    (int64[2]) counts them, and those that found no room.
    """
    for i in range(count):
        row = rows[i]
        state, samples = states[row], frames[row]
        start = 0
        while start < FRAME:
            part = min(BLOCK - state.held, FRAME - start)
            what = _fill(state, samples, start, part)
            start += part
            if what != NOTHING:
                _tell(state, what, row, verdicts, told)


@kernel
def _ended(state: Any, out: Any, count: int) -> int:
    """Write the digit that has ended to `out[count]`; gives the new count."""
    if count < out.shape[0]:
        out[count, 0] = DIGIT_CODES[state.ended_digit]
        out[count, 1] = state.ended_onset
        out[count, 2] = state.ended_end
        out[count, 3] = np.int64(round(10.0 * state.ended_level))
        count += 1
    return count


@kernel
def take(state: Any, samples: Any, length: int, out: Any) -> int:
    """Take `samples[:length]` (int16) of one leg in, any number of them; gives the number of digits that ended.

    Each is a row of `out` (int64[n, 4]): ASCII code, onset, end (samples of the stream), level of both tones together
    (dBm0 * 10). `state.phase == ON` tells that a digit is recognised and still on.
    """
    count, start = 0, 0
    while start < length:
        part = min(BLOCK - state.held, length - start)
        what = _fill(state, samples, start, part)
        start += part
        if what & ENDED:
            count = _ended(state, out, count)
    return count


@kernel
def is_quiet(state: Any, power: float, length: int) -> bool:
    """Whether a packet of this mean square cannot matter, so that `pass_quiet` may stand for `take`."""
    return state.phase == IDLE and power * length < _QUIET * BLOCK


@kernel
def pass_quiet(state: Any, length: int) -> None:
    """Take in `length` samples that are too quiet to look at."""
    state.position += state.held + length
    state.held = 0
    state.carried = 0
    _forget(state)


@kernel
def _carry(state: Any) -> None:
    """Remember a tone that was not on for long enough when a gap came."""
    newest = state.at * BLOCK + SPAN
    oldest = max(newest - state.blocks * BLOCK, newest - (state.position - state.end))
    if state.hits < 1 or newest - oldest < 2 * BLOCK:
        return
    # Not a constant (nothing is missing here): LLVM would make it part of `_fit`, and cached code shares that by name.
    need = 2 * BLOCK - 2 * STEP + state.missing
    begin, end, _ = _fit(state, state.candidate, oldest, newest, need)
    if begin == end or newest - end > 2 * STEP:
        return
    state.carried = end - begin
    state.carried_digit = state.candidate
    state.carried_onset = state.position - (newest - begin)


@kernel
def gap(state: Any, samples: int) -> int:
    """Note that `samples` of the stream are missing: few of them neither end a digit nor speak against one.

    Gives `ENDED` when a digit was on and is over.
    """
    what = NOTHING
    state.carried = 0
    if samples >= LONG_GAP:
        what = _end(state)
    elif state.phase == IDLE and state.held == 0:
        _carry(state)
    state.position += state.held + samples
    state.held = 0
    missing = state.missing
    _forget(state)
    state.missing = missing
    return what


@kernel
def skip(state: Any, length: int, out: Any) -> int:
    """As `gap`, and what ended as by `take`."""
    return _ended(state, out, 0) if gap(state, length) & ENDED else 0


@kernel
def flush(state: Any, out: Any) -> int:
    """End what is on, since the stream stops; as `take`."""
    count = 0
    if _end(state) & ENDED:
        count = _ended(state, out, 0)
    state.position += state.held
    state.held = 0
    state.carried = 0
    _forget(state)
    return count
