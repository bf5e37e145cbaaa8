"""Bursts of tone into tones: cadences (ITU-T E.180), special information tones and single beeps.

All cadences of the tables are held against the last bursts, each at every alignment. The ones that explain most of the
bursts compete; a tone is told as soon as all of them are of one label, and enough was heard for that label. So a
ringing tone whose frequencies mean nothing else is known within its first burst, one that begins like a dial tone when
the burst ends, and a dial tone when it has lasted longer than any ringing tone of these frequencies would.
"""

import math
from typing import Any

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors.progress_state import LABELS
from dsp.detectors.progress_tables import BEEP, DIAL, FAX_CED, FAX_CNG, MODEM, RINGBACK, SIT
from dsp.detectors.verdicts import BEGIN, END, ONCE, TONE, tell
from dsp.jit import kernel

#: A burst or a pause may differ from the table by 15 % (networks: 10 %) and 20 ms.
TEMPO = 0.15
SLACK = 160
#: Longest pause within a tone.
LONGEST_PAUSE = 56_000
#: Blocks (5 ms) of sound in a pause that make it none; of a new burst some have gone by before it is known.
NOISY_PAUSE = 24
#: Pause until a burst counts as over on purpose.
SETTLED = 800
#: Windows after which the lines of a burst are trusted to end a tone.
SURE = 12
#: Bursts up to which several labels are waited out; then the best fit is told.
ENOUGH = 4
#: Evidence for tones that don't end: samples.
DIAL_FOR = 8000
ANSWER_FOR = 4000
RINGING_FOR = 4000
#: Share of the power that a dial tone's lines have (noise 10 dB below).
DIAL_SHARE = 0.9
#: Bursts shorter than this are told apart from music by one more of them.
SHORT = 2400
#: Beeps (samples).
BEEP_FROM = 560
BEEP_TO = 48_000
#: A voice that hums has a fundamental of up to 400 Hz, and little else gets through; machines beep from 440 Hz up.
BEEP_HZ = 420.0

# Flags of a burst.
CLEAR = 1  # silence before it
CUT_FRONT = 2  # it may have begun earlier
CUT_BACK = 4  # it may have ended later
NOISY_BEFORE = 8  # sound in the pause before it
HIGH = 16  # of the high band
SINGLE = 32  # one frequency, and hardly anything else
STREAM_START = 64  # the stream began with it, or a gap of the stream came before
REMNANT = 128  # it may be the last one of a tone that has ended, cut short

#: Special information tone: meanings by frequency and length of the first two segments (Telcordia GR-1162).
MEANINGS = (
    "unspecified",
    "intercept",
    "vacant_code",
    "reorder",
    "no_circuit",
    "reorder_interlata",
    "no_circuit_interlata",
    "reserved_1",
    "reserved_2",
)
#: Forms of the answering tone (ITU-T V.25, V.8), by bits: reversals of phase, modulation by 15 Hz.
ANSWERS = ("ans", "ans_reversed", "ansam", "ansam_reversed")


@kernel
def _near(length: int, wanted: int, flags: int) -> bool:
    if length > wanted * (1.0 + TEMPO) + SLACK:
        return False
    return flags & (CUT_FRONT | CUT_BACK) != 0 or length >= wanted * (1.0 - TEMPO) - SLACK


@kernel
def _chain(state: Any, kit: Any, cadence: int, step: int, is_open: bool) -> tuple[int, float, int]:
    """Hold a cadence against the bursts, the newest being its burst `step`.

    Gives how many it explains (0: not even the newest, or its pause lasts too long), its misfit, and the first of them.
    """
    steps = kit.steps[cadence]
    newest = state.bursts - 1
    count, misfit = 0, 0.0
    start = state.onset
    if is_open:
        on = kit.step_on[cadence, step]
        if state.mask & (1 << kit.step_sound[cadence, step]) == 0:
            return 0, 0.0, 0
        if on > 0 and state.position - start > on * (1.0 + TEMPO) + SLACK:
            return 0, 0.0, 0
        count = 1
    elif state.position - state.b_end[newest] > kit.step_off[cadence, step] * (1.0 + TEMPO) + SLACK:
        return 0, 0.0, 0
    first = start if is_open else state.b_start[newest]
    flags = state.marks if is_open else 0
    for i in range(newest, -1, -1):
        if count > 0:
            step = (step + steps - 1) % steps
            off, pause = kit.step_off[cadence, step], start - state.b_end[i]
            if flags & NOISY_BEFORE or not _near(pause, off, 0):
                break
            misfit += abs(pause - off) / (off + 80.0)
        length, on = state.b_end[i] - state.b_start[i], kit.step_on[cadence, step]
        flags = state.b_flags[i]
        if on == 0 or state.b_mask[i] & (1 << kit.step_sound[cadence, step]) == 0 or not _near(length, on, flags):
            break
        if flags & (CUT_FRONT | CUT_BACK) == 0:
            misfit += abs(length - on) / (on + 80.0)
        count += 1
        start = state.b_start[i]
        first = start
    return count, misfit / max(count, 1), first


@kernel
def _off_tune(state: Any, kit: Any, cadence: int, is_open: bool) -> float:
    """How far the newest burst's first frequency is from the cadence's nearest one, as a share."""
    hz = state.line_hz[0] if is_open else state.b_low_hz[state.bursts - 1]
    best = 1.0
    sound = kit.step_sound[cadence, 0]
    for j in range(kit.frequencies[sound]):
        best = min(best, abs(hz / kit.hz[sound, j] - 1.0))
    return best


@kernel
def _best(state: Any, kit: Any, label: int, is_open: bool) -> tuple[int, int, float, int]:
    """Give a label's cadence that explains most of the bursts: it, how many, its misfit, the first burst's start."""
    allowed = -1 if state.country <= 0 else 1 << (state.country - 1)
    best, most, least, start = -1, 0, 0.0, 0
    sounds = state.mask if is_open else state.b_mask[state.bursts - 1]
    for cadence in range(kit.label_first[label], kit.label_first[label + 1]):
        if kit.countries[cadence] & allowed == 0 or kit.made_of[cadence] & sounds == 0:
            continue
        for step in range(kit.steps[cadence]):
            count, misfit, first = _chain(state, kit, cadence, step, is_open)
            if count == 0 or count < most:
                continue
            misfit += 4.0 * _off_tune(state, kit, cadence, is_open)
            if count > most or misfit < least - 1e-4:
                best, most, least, start = cadence, count, misfit, first
    return best, most, least, start


@kernel
def _enough(state: Any, kit: Any, label: int, cadence: int, count: int, is_open: bool) -> bool:
    """Whether so much was heard that the tone may be told."""
    length = state.position - state.onset if is_open else 0
    settled = is_open or state.position - state.b_end[state.bursts - 1] >= SETTLED
    if label in (FAX_CED, MODEM):
        return is_open and length >= ANSWER_FOR
    if label == FAX_CNG:
        return not is_open and settled
    if label == DIAL and kit.step_on[cadence, 0] == 0:
        clear = state.marks & (CLEAR | STREAM_START) != 0
        return is_open and length >= (DIAL_FOR if clear else 3 * DIAL_FOR) and state.share >= DIAL_SHARE
    whole = count - 1 if is_open else count
    if label == RINGBACK:
        if is_open:
            return whole >= 1 or length >= (RINGING_FOR if state.marks & (CLEAR | STREAM_START) else 2 * RINGING_FOR)
        flags = state.b_flags[state.bursts - 1]
        alone = flags & (CLEAR | STREAM_START) != 0 and flags & (CUT_BACK | REMNANT) == 0
        return settled and (whole >= 2 or alone)
    need = 3 if kit.step_on[cadence, 0] < SHORT or label == DIAL else 2
    return whole >= need


@kernel
def _country(state: Any, kit: Any, cadence: int) -> int:
    """Index of the country whose cadence it is: the one that was set, else the first that has it; -1: everywhere."""
    if kit.countries[cadence] == -1:
        return -1
    if state.country > 0:
        return state.country - 1
    country = 0
    while kit.countries[cadence] & (1 << country) == 0:
        country += 1
    return country


@kernel
def _level(power: float) -> float:
    level = -90.0
    if power > POWER_0_DBM0 * 1e-9:
        level = 10.0 * math.log10(power / POWER_0_DBM0)
    return level


@kernel
def _tell(state: Any, kit: Any, row: int, phase: int, is_open: bool, verdicts: Any, told: Any) -> None:
    """Tell the tone that is on, or was."""
    label = state.label - 1
    cause = _country(state, kit, state.cadence)
    if label == FAX_CED:
        cause = (1 if state.reversals > 0 else 0) + (2 if _is_modulated(state) else 0)
    low, high, power = 0.0, 0.0, 0.0
    if is_open:
        low, high = _ends(state)
        power = state.power
    elif state.bursts > 0:
        newest = state.bursts - 1
        low, high, power = state.b_low_hz[newest], state.b_high_hz[newest], state.b_power[newest]
    end = state.last if phase == END else state.position
    tell(verdicts, told, row, TONE, label, phase, cause, state.begin, end, state.position, _level(power), low, high)


@kernel
def _ends(state: Any) -> tuple[float, float]:
    """Give the burst's two strongest frequencies, the lower first; the second is 0 where there is only one."""
    if state.lines < 2:
        return state.line_hz[0], 0.0
    return min(state.line_hz[0], state.line_hz[1]), max(state.line_hz[0], state.line_hz[1])


@kernel
def _is_modulated(state: Any) -> bool:
    """Whether the answering tone is modulated by 15 Hz (V.8: its amplitude by 20 %, so its energy by 40 %)."""
    re, im, total = state.am[0], state.am[1], state.am[2]
    return 2.0 * (re * re + im * im) ** 0.5 > 0.2 * total > 0.0


@kernel
def _evidence(state: Any, kit: Any, count: int, is_open: bool) -> None:
    """Note what was heard of the tone that is on."""
    cycles = count // kit.steps[state.cadence]
    state.cycles = max(cycles, 1) if state.label in (0, DIAL + 1) else max(state.cycles, cycles)
    newest = state.bursts - 1
    if not is_open:
        state.last = state.b_end[newest]
        state.on = state.b_end[newest] - state.b_start[newest]
        if count > 1:
            state.off = state.b_start[newest] - state.b_end[newest - 1]
    else:
        if state.last == 0 or state.last >= state.onset:  # the tone was told in this burst; others may be of another
            state.last = state.position
        if count > 1:
            state.off = state.onset - state.b_end[newest]
    state.used = state.position if is_open else state.b_end[newest]


@kernel
def _beep(state: Any, row: int, verdicts: Any, told: Any) -> None:
    """Tell the newest burst, when it is a single frequency with silence round it that belongs to nothing else."""
    newest = state.bursts - 1
    start, end = state.b_start[newest], state.b_end[newest]
    flags = state.b_flags[newest]
    if start < state.used or state.b_low_hz[newest] < BEEP_HZ or flags & (CLEAR | SINGLE | CUT_BACK) != CLEAR | SINGLE:
        return
    if not BEEP_FROM <= end - start <= BEEP_TO or state.position - end < SETTLED or state.loud > 4:
        return
    state.used = end
    level, hz = _level(state.b_power[newest]), state.b_low_hz[newest]
    tell(verdicts, told, row, TONE, BEEP, ONCE, -1, start, end, state.position, level, hz, 0.0)


@kernel
def _side(hz: float, low: float, high: float) -> int:
    """Which of two frequencies it is: 0 the low one, 1 the high one, -1 neither (0.4 of the way apart)."""
    reach = 0.4 * (high - low)
    return 0 if abs(hz - low) <= reach else 1 if abs(hz - high) <= reach else -1


@kernel
def _meaning(first_hz: float, second_hz: float, first_long: bool, second_long: bool) -> int:
    """Index of the meaning in `MEANINGS`."""
    one, two = _side(first_hz, 913.8, 985.2), _side(second_hz, 1370.6, 1428.5)
    if one < 0 or two < 0:
        return 0
    code = one * 8 + two * 4 + first_long * 2 + second_long
    if code == 0:
        return 1
    if code == 8 + 2:
        return 2
    if code == 4 + 1:
        return 3
    if code == 8 + 4 + 3:
        return 4
    if code == 8 + 1:
        return 5
    if code == 3:
        return 6
    if code == 4 + 2:
        return 7
    return 8 if code == 8 + 4 else 0


@kernel
def special_information(state: Any, row: int, verdicts: Any, told: Any) -> bool:
    """Tell a special information tone, if the last three bursts are one (E.180 clause 3.8, Telcordia GR-1162).

    950, 1400 and 1800 Hz, each +-50, one after the other with pauses of up to 30 ms, 330 ms +-70 each; Telcordia's 274
    and 380 ms lie within. Half as much again is granted.
    """
    newest = state.bursts - 1
    if newest < 2:
        return False
    for i in range(3):
        at = newest - 2 + i
        if abs(state.b_low_hz[at] - (950.0 if i == 0 else 1400.0 if i == 1 else 1800.0)) > 65.0:
            return False
        if not 1640 <= state.b_end[at] - state.b_start[at] <= 3720:
            return False
        if i > 0 and state.b_start[at] - state.b_end[at - 1] > 480:
            return False
    start, end = state.b_start[newest - 2], state.b_end[newest]
    first, second = newest - 2, newest - 1
    cause = _meaning(
        state.b_low_hz[first],
        state.b_low_hz[second],
        state.b_end[first] - state.b_start[first] > 2616,
        state.b_end[second] - state.b_start[second] > 2616,
    )
    level, one, two = _level(state.b_power[newest]), state.b_low_hz[first], state.b_low_hz[second]
    tell(verdicts, told, row, TONE, SIT, ONCE, cause, start, end, state.position, level, one, two)
    state.used = end
    state.bursts = 0
    return True


@kernel
def _close_of_tone(state: Any, kit: Any) -> None:
    """Find the end of the tone that is over: the newest burst is its last one, though perhaps cut short."""
    newest = state.bursts - 1
    longest = 0
    for step in range(kit.steps[state.cadence]):
        longest = max(longest, kit.step_off[state.cadence, step])
    alike = state.b_mask[newest] & (1 << kit.step_sound[state.cadence, 0]) != 0
    if alike and state.b_start[newest] - state.last <= longest * (1.0 + TEMPO) + SLACK:
        state.last = state.b_end[newest]
    state.last = min(state.last, state.b_end[newest])


@kernel
def _drop_used(state: Any, sure: int, is_open: bool, most: int) -> int:
    """Forget the bursts of the tone that has ended (up to `sure`): no other tone is made of them.

    Gives `most`, or 0 where no burst is left.
    """
    newest = state.bursts - 1
    if newest >= 0 and state.b_start[newest] < sure:
        state.bursts = 0
    elif newest > 0:
        state.b_start[0], state.b_end[0], state.b_mask[0] = (
            state.b_start[newest],
            state.b_end[newest],
            state.b_mask[newest],
        )
        state.b_flags[0], state.b_power[0] = state.b_flags[newest], state.b_power[newest]
        state.b_low_hz[0], state.b_high_hz[0] = state.b_low_hz[newest], state.b_high_hz[newest]
        state.bursts = 1
    if state.bursts == 1:
        state.b_flags[0] |= REMNANT
    state.used = state.last
    return most if is_open or state.bursts > 0 else 0


@kernel
def evaluate(state: Any, kit: Any, row: int, verdicts: Any, told: Any) -> None:
    """Hold the bursts against the tables and tell what begins and ends."""
    is_open = state.phase == 2
    if is_open and state.analysed == 0:
        return  # too young to be held against anything
    if not is_open and state.bursts == 0:
        return
    noisy = not is_open and state.loud > NOISY_PAUSE
    is_none = noisy or (state.mask if is_open else state.b_mask[state.bursts - 1]) == 0  # it is in no table
    most, rivals, label, cadence, misfit, first, own = 0, 0, -1, -1, 0.0, 0, 0
    for other in range(LABELS):
        if is_none or kit.label_first[other] == kit.label_first[other + 1]:
            continue
        found, count, off, start = _best(state, kit, other, is_open)
        if count > 0 and other == state.label - 1:
            own = count
        if count == 0 or count < most:
            continue
        rivals = rivals + 1 if count == most else 1
        if count > most or off < misfit - 1e-4:
            label, cadence, misfit, first = other, found, off, start
        most = count
    if state.label > 0:
        if is_open and own == 0 and state.analysed < SURE:
            return
        if own > 0 and (most < own + 2 or label == state.label - 1):
            _evidence(state, kit, own, is_open)
            return
        sure = state.last
        if not is_open:
            _close_of_tone(state, kit)
        _tell(state, kit, row, END, False, verdicts, told)
        state.label = 0
        if own == 0:
            most = _drop_used(state, sure, is_open, most)
    if most > 0 and (rivals == 1 or most >= ENOUGH) and _enough(state, kit, label, cadence, most, is_open):
        state.label, state.cadence, state.begin, state.cycles = label + 1, cadence, first, 0
        state.on, state.off, state.last = 0, 0, 0
        _evidence(state, kit, most, is_open)
        _tell(state, kit, row, BEGIN, is_open, verdicts, told)
    if not is_open and most == 0 and state.bursts > 0:
        _beep(state, row, verdicts, told)
    if not is_open and state.bursts > 0 and (noisy or state.position - state.b_end[state.bursts - 1] > LONGEST_PAUSE):
        state.bursts = 0


@kernel
def end_all(state: Any, kit: Any, row: int, verdicts: Any, told: Any) -> None:
    """End the tone that is on, since the stream is over; a beep that waited for what follows is told."""
    if state.label > 0:
        if state.bursts > 0 and state.phase != 2:
            _close_of_tone(state, kit)
        _tell(state, kit, row, END, False, verdicts, told)
        state.label = 0
    elif state.bursts > 0 and state.phase != 2:
        _beep(state, row, verdicts, told)
    state.bursts = 0
