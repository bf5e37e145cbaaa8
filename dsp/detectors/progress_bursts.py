"""A burst of tone: where it begins and ends, and what is kept of it (`progress.py`)."""

from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.progress_cadence import (
    CLEAR,
    CUT_BACK,
    CUT_FRONT,
    HIGH,
    NOISY_BEFORE,
    SINGLE,
    STREAM_START,
    special_information,
)
from dsp.detectors.progress_spectrum import find_lines, match
from dsp.detectors.progress_state import BINS, BLOCK, BLOCKS, BURSTS, FRAME, WINDOWS
from dsp.jit import kernel

#: A pause is at least this far below the tone (8 dB), or below -45 dBm0.
LOW = 0.16
SILENT = POWER_0_DBM0 * 10**-4.5
#: What the lines of a dial tone or a beep have at least (noise 10 dB below), which voices and instruments seldom reach.
PURE = 0.9
#: Blocks of silence (30 ms) that end a burst.
ENDS = 6

NONE, CANDIDATE, ON = 0, 1, 2


@kernel
def edge_of_onset(state: Any) -> None:
    """Set onset and flags of a burst that has just been recognised."""
    e, power = state.energy, state.power
    start_of = state.position - BLOCKS * BLOCK
    begin = BLOCKS - 1
    low_run = 0
    earliest = state.first - (FRAME if state.band == 0 else 120)
    i = BLOCKS - 1
    while i >= 0 and start_of + i * BLOCK >= earliest and low_run < ENDS:
        if e[i] >= LOW * power:
            begin, low_run = i, 0
        else:
            low_run += 1
        i -= 1
    state.onset = start_of + begin * BLOCK
    if begin > 0:
        share = min(e[begin - 1] / power, 1.0)  # the block before holds the edge, or this one does
        own = min(e[begin] / power, 1.0)
        state.onset += np.int64((1.0 - own) * BLOCK) - np.int64(share * BLOCK if share < 0.25 and own > 0.8 else 0.0)
    state.onset = max(state.onset, 0)
    quiet = 0
    for k in range(max(begin - 13, 0), max(begin - 1, 0)):
        quiet += e[k] < max(LOW * power, SILENT)
    state.marks = HIGH if state.band == 1 else 0
    if quiet >= min(10, max(begin - 2, 0)):
        state.marks |= CLEAR
    if state.onset < 2 * BLOCK or state.lost:
        state.marks |= STREAM_START
    if state.marks & CLEAR == 0 or state.marks & STREAM_START:
        state.marks |= CUT_FRONT
    since = (state.position - state.onset) // BLOCK
    if state.loud - since > ENDS:
        state.marks |= NOISY_BEFORE
    state.lost = 0


@kernel
def _is_steady(state: Any, end: int) -> bool:
    """Whether the last 120 ms of a burst, but for 10 ms at its edges, have one level, as what machines make has."""
    least, most = 1e30, 0.0
    for k in range(BLOCKS):
        start = state.position - (BLOCKS - k) * BLOCK
        if start >= state.onset + 2 * BLOCK and start + BLOCK <= end - 2 * BLOCK:
            least = min(least, state.energy[k])
            most = max(most, state.energy[k])
    return least >= 0.5 * most


@kernel
def close(state: Any, end: int, cut: bool, kit: Any, row: int, verdicts: Any, told: Any) -> None:
    """Put the burst that is on among those that have ended."""
    if state.windows <= WINDOWS or state.band == 1:
        find_lines(state, kit)
        state.mask = match(state, kit)
    if state.bursts == BURSTS:
        for i in range(BURSTS - 1):
            state.b_start[i] = state.b_start[i + 1]
            state.b_end[i] = state.b_end[i + 1]
            state.b_mask[i] = state.b_mask[i + 1]
            state.b_flags[i] = state.b_flags[i + 1]
            state.b_low_hz[i] = state.b_low_hz[i + 1]
            state.b_high_hz[i] = state.b_high_hz[i + 1]
            state.b_power[i] = state.b_power[i + 1]
        state.bursts -= 1
    i = state.bursts
    flags = state.marks | (CUT_BACK if cut else 0)
    if state.lines == 1 and state.share >= PURE and _is_steady(state, end):
        flags |= SINGLE
    state.b_start[i], state.b_end[i] = state.onset, max(end, state.onset + 1)
    state.b_mask[i], state.b_flags[i], state.b_power[i] = state.mask, flags, state.power
    first, second = state.line_hz[0], state.line_hz[1]
    state.b_low_hz[i] = min(first, second) if state.lines > 1 else first
    state.b_high_hz[i] = max(first, second) if state.lines > 1 else 0.0
    state.bursts = i + 1
    state.loud = 0
    state.phase = NONE
    state.next_check = 0
    special_information(state, row, verdicts, told)


@kernel
def store(state: Any, kit: Any) -> None:
    """Keep the window's spectrum; of a bridged frame as well, for lines are found by how phases go on."""
    at = state.windows % WINDOWS
    known = np.float32(1.0 if state.has_previous else 0.0)
    for k in range(BINS):
        state.spectrum[at, 0, k] = known * kit.h[0, k]
        state.spectrum[at, 1, k] = known * kit.h[1, k]
    state.windows += 1


@kernel
def run_of_silence(state: Any) -> int:
    """Count silent blocks in a row; the number of the frame's block at which the burst is over, or -1."""
    for b in range(4):
        if state.energy[BLOCKS - 4 + b] < max(LOW * state.power, 0.0):
            state.low_run += 1
            if state.low_run == ENDS:
                return b
        else:
            state.low_run = 0
    return -1


@kernel
def end_of_burst(state: Any, block: int) -> int:
    """Place of the edge before a run of silence whose last block is the frame's `block`."""
    i = BLOCKS - 4 + block - ENDS  # the last block that is not silent
    share = min(state.energy[i] / state.power, 1.0) if i >= 0 else 0.0
    rest = min(state.energy[i + 1] / state.power, 1.0)
    end = state.position - (BLOCKS - i) * BLOCK
    return end + np.int64((share if share < 0.7 else 1.0) * BLOCK) + (np.int64(rest * BLOCK) if share >= 0.7 else 0)
