"""Call progress tones, streaming: dial, busy, reorder, ringback, special information, fax, modem, beep.

Each frame of 20 ms is *like a tone* when nearly all its power lies in one or two lines. In the low band (250 to 725 Hz,
where countries put their tones) that is judged on windows of 40 ms, above it, where tones have one frequency, on 20 ms.
Two like frames in a row are a *burst*; its frequencies are found once from all its windows together, to about 1 Hz.
Bursts and pauses are then held against the tables (`progress_cadence.py`).

Silence costs its energies only. What is no tone by its first two autocorrelations (speech: mostly) costs little more.
"""

import math
from typing import Any

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.lines import describe, lobes, peaks
from dsp.detectors.progress_bursts import (
    CANDIDATE,
    LOW,
    NONE,
    ON,
    PURE,
    SILENT,
    close,
    edge_of_onset,
    end_of_burst,
    run_of_silence,
    store,
)
from dsp.detectors.progress_cadence import CUT_FRONT, NOISY_BEFORE, STREAM_START, end_all, evaluate
from dsp.detectors.progress_spectrum import find_lines, high_line, low_spectrum, match, measure
from dsp.detectors.progress_state import BLOCK, BLOCKS, FRAME, WINDOWS
from dsp.jit import kernel

#: Weakest tone, all its frequencies together (-35 dBm0 is to be recognised), and the weakest frame that is looked at.
MIN_TONE = POWER_0_DBM0 * 10**-4.0
MIN_FRAME = POWER_0_DBM0 * 10**-4.2
#: Share of the power that a tone's lines have (noise 8 dB below it leaves that).
SHARE = 0.75
#: Greatest variance of cos(w) over the spectrum of what may be a tone, and where the two bands part (mean of cos(w)).
SPREAD = 0.14
LOW_FROM = 0.68
HIGH_TO = 0.9
#: Frames in a row without the tone (lost packets, clicks) that a burst bridges.
BRIDGED = 4
#: A window of a burst has at least this much of its power (the troughs of a modulated tone: 11 dB).
FADED = 0.05
#: Strongest bin of a tone of the low band (725 Hz).
LAST_LOW = 20
#: How far (Hz) a frame of the high band may be off the burst's mean.
WANDER = 20.0
#: Windows after which the frequencies are found: first (200 ms of tone), and again as the burst goes on.
FIRST_LOOK, SECOND_LOOK = 7, 12
#: Until a burst is held against the tables again (100 ms).
CHECK_EVERY = 800
#: A gap of the stream (samples) that a burst does not survive.
LONG_GAP = 640


@kernel
def _forget(state: Any) -> None:
    state.phase = NONE
    state.hits = 0
    state.misses = 0
    state.low_run = 0
    state.windows = 0
    state.analysed = 0
    state.lines = 0
    state.mask = 0
    state.next_hits = 0
    state.reversals = 0
    state.turn_age = 0
    state.am[0] = 0.0
    state.am[1] = 0.0
    state.am[2] = 0.0


@kernel
def reset(state: Any) -> None:
    """Forget everything but the country."""
    _forget(state)
    state.position = 0
    for k in range(BLOCKS):
        state.energy[k] = 0.0
    state.has_previous = 0
    state.lost = 0
    state.bursts = 0
    state.loud = 0
    state.used = 0
    state.next_check = 0
    state.label = 0
    state.cycles = 0


@kernel
def _note_turn(state: Any, phase: float, kit: Any) -> None:
    """Follow the answering tone: reversals of phase and modulation (ITU-T V.25, V.8)."""
    if abs(state.frequency - 2100.0) > 40.0:
        return
    if state.hits > 6 and 1 <= state.turn_age <= 3:
        turned = phase - state.turn - 2.0 * math.pi * state.frequency * 0.02 * state.turn_age
        if math.cos(turned) < -0.5:
            state.reversals += 1
    state.turn = phase
    state.turn_age = 1
    for b in range(4):
        at = (state.position // BLOCK + b) % 40
        energy = state.energy[BLOCKS - 4 + b]
        state.am[0] += energy * kit.am[0, at]
        state.am[1] += energy * kit.am[1, at]
        state.am[2] += energy


@kernel
def _begin(state: Any, band: int, k1: int, k2: int, hz: float, power: float, first: int) -> None:
    _forget(state)
    state.phase = CANDIDATE
    state.band = band
    state.k1, state.k2 = k1, k2
    state.frequency = hz
    state.power = power
    state.first = first


@kernel
def _hit(state: Any, hz: float, power: float, phase: float, kit: Any) -> None:
    """Take in a frame of the burst."""
    state.hits += 1
    state.misses = 0
    state.next_hits = 0
    over = min(state.hits, 16)
    state.power += (power - state.power) / over
    if state.band == 1:
        state.frequency += (hz - state.frequency) / over
        _note_turn(state, phase, kit)
    if state.phase == CANDIDATE and state.hits >= 2:
        state.phase = ON
        state.next_check = 0
        edge_of_onset(state)


@kernel
def _other(state: Any, band: int, k1: int, k2: int, hz: float, power: float, first: int) -> bool:
    """Note a tone of another frequency while one is on; whether it has taken its place."""
    alike = state.next_hits > 0 and band == state.next_band
    if alike:
        alike = abs(hz - state.next_frequency) <= WANDER if band == 1 else abs(k1 - state.next_k1) <= 1
    if not alike:
        state.next_hits = 0
        state.next_first = first
    state.next_hits += 1
    state.next_band, state.next_k1, state.next_k2, state.next_frequency = band, k1, k2, hz
    state.next_power = power
    return state.next_hits >= 2


@kernel
def _boundary(state: Any) -> int:
    """Where a burst ends whose place another tone has taken without a pause."""
    return max(state.miss_at + FRAME // 2 if state.next_band == 0 or state.band == 0 else state.miss_at + 80, 0)


@kernel
def _two_peaks(kit: Any) -> tuple[int, int]:
    both = peaks(kit.p)
    return both & 0xFF, both >> 8


@kernel
def _better_bins(state: Any, kit: Any, power: float) -> float:
    """Correct the bins of the burst, which may have been taken from a window with its onset; gives its power."""
    k1, k2 = _two_peaks(kit)
    better = lobes(kit.p, k1, k2)
    if better > 1.04 * power and (abs(k1 - state.k1) <= 1 or abs(k1 - state.k2) <= 1):
        state.k1, state.k2 = k1, k2
        return better
    return power


@kernel
def _look(
    state: Any, frame: Any, mean: float, one: float, two: float, kit: Any
) -> tuple[int, bool, int, int, float, float, float]:
    """Judge a frame that is loud enough.

    Gives the band of a tone in it (-1: none), whether it is the one that is on, its bins, Hz, power and phase.
    """
    spread = (1.0 + two) / 2.0 - one * one
    # In the troughs of a beat (two tones 25 Hz apart) noise is all that a frame holds; the window holds more.
    follows = state.phase != NONE and state.band == 0
    if spread > SPREAD and not follows:
        state.has_previous = 0
        return -1, False, 0, 0, 0.0, 0.0, 0.0
    if follows or (one >= LOW_FROM and not (state.phase != NONE and state.band == 1 and one <= HIGH_TO)):
        total = low_spectrum(state, frame, kit)
        if state.phase != NONE and state.band == 0:
            power = lobes(kit.p, state.k1, state.k2)
            if power < PURE * total and state.hits < 4:
                power = _better_bins(state, kit, power)
            if power >= SHARE * total and power >= MIN_TONE * 0.5 and power >= FADED * state.power:
                state.share += (min(power / total, 1.0) - state.share) / min(state.hits + 1, 16)
                return 0, True, state.k1, state.k2, 0.0, power, 0.0
        k1, k2 = _two_peaks(kit)
        power = lobes(kit.p, k1, k2)
        if power >= SHARE * total and power >= MIN_TONE and k1 <= LAST_LOW:
            if state.phase == NONE:
                state.share = min(power / total, 1.0)
            return 0, False, k1, k2, 0.0, power, 0.0
    else:
        state.has_previous = 0
    if one <= HIGH_TO:
        hz, power, phase = high_line(frame, kit, one, max(SHARE * mean, MIN_TONE))
        if hz >= 690.0:
            same = state.phase != NONE and state.band == 1 and abs(hz - state.frequency) <= WANDER
            if same or state.phase == NONE:
                state.share += (min(power / mean, 1.0) - state.share) / (min(state.hits, 15) + 1 if same else 1)
            return 1, same, 0, 0, hz, power, phase
    return -1, False, 0, 0, 0.0, 0.0, 0.0


@kernel
def _missed(
    state: Any,
    band: int,
    k1: int,
    k2: int,
    hz: float,
    power: float,
    first: int,
    kit: Any,
    row: int,
    verdicts: Any,
    told: Any,
) -> None:
    """Take in a frame without the tone that is on, or may be; it may hold another one (`band` >= 0)."""
    state.misses += 1
    state.turn_age += state.turn_age > 0
    if state.misses == 1:
        state.miss_at = state.position - FRAME
    if state.phase == CANDIDATE:
        if band >= 0:
            _begin(state, band, k1, k2, hz, power, first)
            state.hits = 1
        elif state.misses >= 2:
            state.phase = NONE
        return
    if band < 0:
        state.next_hits = 0
    elif _other(state, band, k1, k2, hz, power, first):
        boundary = _boundary(state)
        close(state, boundary, False, kit, row, verdicts, told)
        _begin(state, band, k1, k2, hz, power, first)
        state.hits = 2
        state.phase = ON
        edge_of_onset(state)
        state.onset = max(state.onset, boundary)
        state.marks &= ~(CUT_FRONT | NOISY_BEFORE)
        return
    if state.misses > BRIDGED:
        close(state, state.miss_at, True, kit, row, verdicts, told)
        state.loud = BRIDGED * 4


@kernel
def feed(state: Any, frame: Any, row: int, kit: Any, verdicts: Any, told: Any) -> None:
    """Take in a frame of one leg (int16[160]); as `feed_all`."""
    describe(frame, state.sums)
    _take(state, frame, row, kit, verdicts, told)


@kernel
def _take(state: Any, frame: Any, row: int, kit: Any, verdicts: Any, told: Any) -> None:
    """Take in a frame whose sums are known."""
    mean, one, two = measure(state)
    state.position += FRAME
    for k in range(BLOCKS - 4):
        state.energy[k] = state.energy[k + 4]
    for b in range(4):
        state.energy[BLOCKS - 4 + b] = state.sums[b]
    band, same, k1, k2, hz, power, phase = -1, False, 0, 0, 0.0, 0.0, 0.0
    if mean >= MIN_FRAME or (state.phase != NONE and mean >= FADED * state.power):
        band, same, k1, k2, hz, power, phase = _look(state, frame, mean, one, two, kit)
    else:
        state.has_previous = 0
    first = state.position - (FRAME if band == 1 else 2 * FRAME)
    if state.phase == NONE:
        if band >= 0:
            _begin(state, band, k1, k2, hz, power, first)
            same = True
    elif not same:
        _missed(state, band, k1, k2, hz, power, first, kit, row, verdicts, told)
    if same:
        _hit(state, hz, power, phase, kit)
    if state.phase == ON and state.band == 0:
        store(state, kit)
        if state.windows in (FIRST_LOOK, SECOND_LOOK, WINDOWS):
            find_lines(state, kit)
            state.mask = match(state, kit)
            state.analysed = state.windows
    elif state.phase == ON and state.band == 1 and state.hits == 4:
        find_lines(state, kit)
        state.mask = match(state, kit)
        state.analysed = WINDOWS
    if state.phase != NONE:
        block = run_of_silence(state)
        if block >= 0:
            if state.phase == ON:
                close(state, end_of_burst(state, block), False, kit, row, verdicts, told)
            state.phase = NONE
    if state.phase != ON:
        limit = max(LOW * state.power, SILENT)
        for b in range(4):
            state.loud += state.energy[BLOCKS - 4 + b] >= limit
    if (state.bursts > 0 or state.phase == ON) and state.position >= state.next_check:
        state.next_check = state.position + CHECK_EVERY
        evaluate(state, kit, row, verdicts, told)


@kernel
def feed_all(states: Any, frames: Any, rows: Any, count: int, verdicts: Any, told: Any, kit: Any) -> None:
    """Take in a frame of 20 ms for each of `count` legs.

    `states`: PROGRESS_STATE[slots]; `frames`: int16[slots, 160] at 8 kHz, what was lost concealed; `rows`:
    int32[count], which legs; `verdicts`: VERDICT[n], appended to, of kind TONE: code is the index in `LABELS`, cause
    the index of the country (of SIT the meaning, of CED the form), a and b the lower and the higher frequency (Hz);
    `told`: int64[2]; `kit`: the tables' record, used by one thread at a time.
    """
    # Each leg's sums are made before the one before it is judged, which cannot be predicted: they need not wait for it.
    if count > 0:
        describe(frames[rows[0]], states[rows[0]].sums)
    for i in range(count):
        slot = rows[i]
        if i + 1 < count:
            describe(frames[rows[i + 1]], states[rows[i + 1]].sums)
        _take(states[slot], frames[slot], slot, kit, verdicts, told)


@kernel
def gap(state: Any, samples: int) -> None:
    """Note that `samples` of the stream are missing and not concealed. A burst survives up to 80 ms."""
    state.position += samples
    state.has_previous = 0
    state.lost = 1
    if samples > LONG_GAP:
        state.phase = NONE
        state.bursts = 0
    elif state.phase == ON:
        state.windows = 0
        state.marks |= CUT_FRONT | STREAM_START
        state.first = max(state.first, state.position)
    for k in range(BLOCKS):
        state.energy[k] = 0.0 if state.phase != ON else state.power


@kernel
def finish(states: Any, count: int, verdicts: Any, told: Any, kit: Any) -> None:
    """End what is on in the first `count` states, since their streams are over; as `feed_all`."""
    for row in range(count):
        state = states[row]
        if state.phase == ON:
            close(state, state.position, True, kit, row, verdicts, told)
            evaluate(state, kit, row, verdicts, told)
        end_all(state, kit, row, verdicts, told)
        _forget(state)
