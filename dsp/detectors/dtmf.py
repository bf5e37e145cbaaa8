"""In-band DTMF (ITU-T Q.23, Q.24), streaming, of one leg or of many.

Two stages. Windows of two blocks of 10 ms are correlated with the eight frequencies: may a row and a column be there
(`dtmf_look`)? A digit is looked for in every second window only, and nearly all of them take no more; when one is like
a digit, the windows before and behind it are looked at as well. When two in a row look alike, the digit is measured on
the samples themselves (`dtmf_digit`, `dtmf_fit`), and that alone decides: two steady sines of the right frequencies and
levels, for 30 ms at least, that explain nearly all of the energy. While a digit is on, each block is asked whether it
is still there; three blocks in a row without it (30 ms, between the 10 ms of an interruption and the 40 ms of a pause)
end it. Begin and end are placed to the sample.

Lost packets should be told (`gap`), not filled in: what is not known neither ends a digit nor speaks against one.
"""

from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors import verdicts as told_by
from dsp.detectors.banks import copy
from dsp.detectors.dtmf_digit import (
    BEGAN,
    ENDED,
    IDLE,
    MIN_TONE_SAMPLES,
    NOTHING,
    ON,
    confirm,
    end,
    fit,
    follow,
    unroll,
)
from dsp.detectors.dtmf_look import MIN_WINDOW, look_at, look_back, look_before, phasors
from dsp.detectors.dtmf_state import BLOCK, HISTORY, NEWEST
from dsp.detectors.dtmf_tables import DIGIT_CODES, STEP
from dsp.jit import kernel

FRAME = 160
#: What is quieter (mean square, -40 dBm0) may be left out by `pass_quiet`.
_QUIET = POWER_0_DBM0 * 10**-4.0
#: What is accepted when nothing else is said: a tone, and a pause that separates two.
ACCEPTED_MS = 40
SEPARATING_MS = 40
#: Samples lost in the stream that end a digit.
LONG_GAP = 480
#: Energy of the block before a window, relative to the window (two blocks), in which the same tone was on.
_FILLED = 0.3


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
    state.skipped = 0
    state.missing = 0
    state.energy = 0.0
    state.older = 0.0


@kernel
def _judge(state: Any, seen: int, window: float, older: float) -> int:
    """Note what the window looks like; what has looked so twice is measured. Gives `BEGAN`, `ENDED` as bits."""
    if seen < 0:
        state.hits = 0
        if state.blocks > 2:
            state.carried = 0
        return NOTHING
    state.hits = state.hits + 1 if seen == state.candidate and state.hits > 0 else 1
    state.candidate = seen
    if state.phase == ON and seen == state.digit:
        return NOTHING
    # A tone that is on for long enough filled the block before the window, too.
    if state.carried > 0 or (state.hits > 1 and older > _FILLED * window):
        return confirm(state, seen)
    return NOTHING


@kernel
def _listen(state: Any, window: float, older: float) -> int:
    """Look for a digit: every second window is enough, until one is like a digit."""
    if state.at % 2 != 0 and state.hits == 0:
        state.skipped = 1
        return NOTHING
    seen = look_back(state, window)
    if seen >= 0 and state.skipped:
        state.candidate = look_before(state, state.older + older)
        state.hits = 1 if state.candidate >= 0 else 0
    state.skipped = 0
    return _judge(state, seen, window, older)


@kernel
def _block(state: Any, energy: float) -> int:
    """Take in the block that has been filled, with its sum of squares; gives `BEGAN`, `ENDED` as bits."""
    window, older = energy + state.energy, state.older
    state.older = state.energy
    state.energy = energy
    state.position += BLOCK
    state.held = 0
    state.at = (state.at + 1) % HISTORY
    state.blocks = min(state.blocks + 1, HISTORY)
    if state.phase == IDLE and window < MIN_WINDOW:
        state.hits = 0
        state.skipped = 0
        return NOTHING
    if state.phase == IDLE and state.carried == 0:
        return _listen(state, window, older)
    phasors(state, 1, state.before)
    phasors(state, 0, state.now)
    state.skipped = 0
    what = follow(state) if state.phase == ON else NOTHING
    seen = -1 if state.phase == ON and state.missing == 0 else look_at(state, window)
    return what | _judge(state, seen, window, older)


@kernel
def _fill(state: Any, samples: Any, start: int, count: int) -> int:
    """Write samples into the block that is being filled, and take it in when it is full."""
    at = state.at * BLOCK + state.held
    if count == BLOCK:
        return _block(state, np.float64(copy(samples, start, state.ring, at, BLOCK)))
    for i in range(count):
        state.ring[at + i] = samples[start + i]
    state.held += count
    if state.held < BLOCK:
        return NOTHING
    at = state.at * BLOCK
    return _block(state, np.float64(copy(state.ring, at, state.ring, at, BLOCK)))


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
    if state.skipped:
        state.candidate = look_back(state, state.energy + state.older)
        state.hits = 1 if state.candidate >= 0 else 0
    oldest = max(NEWEST - state.blocks * BLOCK, NEWEST - (state.position - state.end))
    if state.hits < 1 or NEWEST - oldest < 2 * BLOCK:
        return
    # Not a constant (nothing is missing here): LLVM would make it part of `fit`, and cached code shares that by name.
    need = 2 * BLOCK - 2 * STEP + state.missing
    unroll(state)
    first, last, _ = fit(state, state.candidate, oldest, NEWEST, need)
    if first == last or NEWEST - last > 2 * STEP:
        return
    state.carried = last - first
    state.carried_digit = state.candidate
    state.carried_onset = state.position - (NEWEST - first)


@kernel
def gap(state: Any, samples: int) -> int:
    """Note that `samples` of the stream are missing: few of them neither end a digit nor speak against one.

    Gives `ENDED` when a digit was on and is over.
    """
    what = NOTHING
    state.carried = 0
    if samples >= LONG_GAP:
        what = end(state)
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
    if end(state) & ENDED:
        count = _ended(state, out, 0)
    state.position += state.held
    state.held = 0
    state.carried = 0
    _forget(state)
    return count
