"""Speech activity, level, noise floor, clipping and dead air of one stream: cheap enough to be always on.

A frame of 20 ms is described by six sums. Hearing is done on d[n] = x[n] - x[n-2], which lets 0.5 to 3.5 kHz pass and
keeps out what cars and mains hum with (-20 dB at 60 Hz), scaled so that 1 kHz keeps its level. Voice is what stands out
of the noise floor and out of the talker's own loudest syllables by so much, and changes: what has stayed the same for
300 ms (noise that has set in, hum, a dual tone) becomes the noise floor, and one pure tone is told by its own law,
d[n] + d[n-8] = 2 cos(4w) d[n-4], within 60 ms. Both are taken back out of a spurt that they had begun. The active level
counts blocks with voice only, as ITU-T P.56 does; levels are of the whole band.

Begin and end of a spurt are known to a block of 10 ms. Packets that were lost and made up are fed as audio.
"""

import math
from typing import Any

import numpy as np

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors import verdicts as say
from dsp.detectors.speech_state import BLOCK, FRAME, STEADY, WINDOW_FRAMES, WINDOWS
from dsp.detectors.speech_sums import (
    LEVEL,
    LEVEL_BAND,
    LEVEL_FIRST,
    LEVEL_SECOND,
    LEVEL_SMOOTH,
    NOTHING,
    PP,
    SMOOTH,
    WHOLE,
    YP,
    YY,
    hear,
    renew,
)
from dsp.detectors.speech_tone import TONE_FRAMES, follow_tone
from dsp.jit import kernel

#: What verdicts of kind LEVEL are about.
CLIPPING = 1
DEAD_AIR = 2
#: Causes of the end of a spurt: it fell silent; it was no voice (`start` is then the begin that was told).
SILENCE = 0
NO_VOICE = 1
LOST = 2

#: Noise floor that a stream is thought to have before anything is known of it.
FIRST_FLOOR = -60.0
#: Voice is this much above the noise floor, at least so loud, and at most this much below the loudest syllables (dB):
#: by a share of what these are above the floor, so that soft ends of words count where it is quiet, and other people's
#: voices in the background do not, whose pauses are not silence either.
ABOVE_FLOOR = 9.0
LEAST = -50.0
BELOW_LOUDEST = 19.0
BELOW_LOUDEST_MOST = 30.0
BELOW_LOUDEST_SHARE = 0.6
#: The least level of some seconds is no floor where it is the softest syllable of somebody who does not pause.
FLOOR_BELOW_LOUDEST = 25.0
#: In a spurt it may be softer by so much.
HYSTERESIS = 3.0
#: The loudest syllables are forgotten at this rate (dB a frame: 2 dB/s).
FORGET = 0.04
#: Blocks of the last eight that are loud when a spurt begins: 50 ms of 80. What is shorter is a click.
BEGIN_BLOCKS = 5
#: Blocks of the last five that are loud while it goes on.
GO_ON_BLOCKS = 3
#: Silence that ends a spurt (200 ms).
HANG_OVER = 1600
#: Levels of a sound that does not change stay within so much (dB) for `STEADY` frames.
STEADY_RANGE = 4.0
#: A steady sound may begin its spurt this much before it is steady all over.
STEADY_LEAD = 480
#: A room goes on sounding after a tone: softer by so much (dB), and fading by so much a frame (T60 = 1.2 s).
TAIL_BELOW = 6.0
TAIL_FADES = 1.0
#: The ends of G.711's scales are 32124 and 32256; what clipped before the encoder comes out there.
CLIPPED = 32000
#: One such sample has that much energy (but for what rounding may take).
_CLIPPED_ENERGY = 0.999 * CLIPPED**2
#: Clipping is told after this many frames with it (of a run that no clean second breaks), and is over after a second.
CLIPPING_FRAMES = 5
CLEAN_FRAMES = 50
#: Dead air: nothing above this level for 10 s.
DEAD_LEVEL = -55.0
DEAD_AFTER = 80000

_EIGHT = 0xFF
_FIVE = 0x1F


@kernel
def reset(state: Any) -> None:
    """Forget everything."""
    state.position = 0
    state.talking = 0
    state.onset = 0
    state.last_active = 0
    state.spurts = 0
    state.recent = 0
    state.frames = 0
    state.active_blocks = 0
    state.active_power = 0.0
    state.clipped = 0
    state.clipped_frames = 0
    state.zero_frames = 0
    state.filled = 0
    state.steady = 0
    state.tone_frames = 0
    state.told_onset = 0
    state.told_clipping = 0
    state.told_dead = 0
    state.clip_run = 0
    state.clean_run = 0
    state.silent_since = 0


@kernel
def decibel(mean_square: float) -> float:
    """Level of a mean square in dBm0, `NOTHING` at the least."""
    ratio = mean_square / POWER_0_DBM0
    return 10.0 * math.log10(ratio) if ratio > 1e-10 else NOTHING


@kernel
def _clipped(frame: Any) -> int:
    count = 0
    for n in range(FRAME):
        if frame[n] >= CLIPPED or frame[n] <= -CLIPPED:
            count += 1
    return count


@kernel
def _levels(state: Any, level: float, soft: float) -> None:
    """Follow noise floor and talker's level by the frame's, and by its mean with those before."""
    if state.filled == 0:
        state.floor = FIRST_FLOOR
        state.loudest = NOTHING
        state.mask = NOTHING
        state.window = 0
        for k in range(WINDOWS):
            state.minima[k] = FIRST_FLOOR
    renew(state.levels, np.float32(level), state.range)
    state.filled = min(state.filled + 1, STEADY)
    if state.window >= WINDOW_FRAMES:
        for k in range(WINDOWS - 1):
            state.minima[k] = state.minima[k + 1]
        state.minima[WINDOWS - 1] = soft
        state.window = 0
    state.minima[WINDOWS - 1] = min(state.minima[WINDOWS - 1], soft)
    state.window += 1
    floor = state.minima[0]
    for k in range(1, WINDOWS):
        floor = min(floor, state.minima[k])
    if state.talking:
        floor = min(floor, state.loudest - FLOOR_BELOW_LOUDEST)
    state.steady = 0
    low, high = state.range[0], state.range[1]
    if state.filled == STEADY and high - low <= STEADY_RANGE and low > NOTHING:
        state.steady = 1
        total = 0.0
        for k in range(1, STEADY + 1):
            total += state.levels[k]
        floor = max(floor, total / STEADY)
    elif floor < state.floor < soft - ABOVE_FLOOR:
        # What set in as noise goes on under the voice; only a soft moment shows that it has gone.
        floor = state.floor
    state.floor = floor


@kernel
def _bits(value: int) -> int:
    count = 0
    while value:
        value &= value - 1
        count += 1
    return count


@kernel
def _block(state: Any, level: float, at: int, threshold: float) -> None:
    """Judge a block of this level that begins at `at`."""
    loud = 1 if level >= threshold - (HYSTERESIS if state.talking else 0.0) else 0
    state.recent = ((state.recent << 1) | loud) & _EIGHT
    if state.talking:
        if loud and _bits(state.recent & _FIVE) >= GO_ON_BLOCKS:
            state.last_active = at + BLOCK
            state.active_blocks += 1
        elif at + BLOCK - state.last_active >= HANG_OVER:
            state.talking = 0
    elif loud and _bits(state.recent) >= BEGIN_BLOCKS:
        first = 7
        while not (state.recent >> first) & 1:
            first -= 1
        state.talking = 1
        state.spurts += 1
        state.onset = max(at - first * BLOCK, 0)
        state.last_active = at + BLOCK
        state.active_blocks += 1


@kernel
def _take_back(state: Any, start: int) -> None:
    """Take out of the spurt what is heard since `start`: it is no voice."""
    state.recent = 0
    if state.talking == 0:
        return
    if state.onset >= start - STEADY_LEAD:
        state.talking = 0
        state.spurts -= 1
        state.last_active = state.onset
    else:
        state.last_active = min(state.last_active, max(start, state.onset))


@kernel
def _measure(state: Any, frame: Any) -> None:
    hear(frame, np.float32(state.smooth), np.float32(1.0 if state.filled == 0 else 0.5), state.heard)


@kernel
def feed(state: Any, frame: Any) -> None:
    """Take in a frame (int16[160] at 8 kHz)."""
    _measure(state, frame)
    _judge(state, frame)


@kernel
def _judge(state: Any, frame: Any) -> None:
    """Take in a frame that has been measured."""
    heard = state.heard
    whole, level = np.float64(heard[WHOLE]), np.float64(heard[LEVEL])
    state.smooth = heard[SMOOTH]
    state.frames += 1
    if whole == 0.0:
        state.zero_frames += 1
    clipped = _clipped(frame) if whole >= _CLIPPED_ENERGY else 0
    if clipped:
        state.clipped += clipped
        state.clipped_frames += 1
        state.clip_run += 1
        state.clean_run = 0
    else:
        state.clean_run += 1
        if state.clean_run >= CLEAN_FRAMES:
            state.clip_run = 0
    follow_tone(state, frame, np.float64(heard[YP]), np.float64(heard[PP]), np.float64(heard[YY]), level)
    soft = np.float64(heard[LEVEL_SMOOTH])
    _levels(state, np.float64(heard[LEVEL_BAND]), soft)
    state.level = level
    at = state.position
    state.position += FRAME
    if level > DEAD_LEVEL:
        state.silent_since = state.position
    state.mask -= TAIL_FADES
    if state.tone_frames >= TONE_FRAMES or state.steady:
        state.mask = max(state.mask, soft)
    if state.tone_frames >= TONE_FRAMES:
        _take_back(state, state.tone_start)
        if state.talking and state.position - state.last_active >= HANG_OVER:
            state.talking = 0
        return
    if state.steady:
        _take_back(state, state.position - STEADY * FRAME)
    # Threshold by what was known before: a voice that sets in must not be measured by itself.
    below = min(max((state.loudest - state.floor) * BELOW_LOUDEST_SHARE, BELOW_LOUDEST), BELOW_LOUDEST_MOST)
    threshold = max(state.floor + ABOVE_FLOOR, LEAST, state.loudest - below, state.mask - TAIL_BELOW)
    state.threshold = threshold
    before = state.active_blocks
    _block(state, np.float64(heard[LEVEL_FIRST]), at, threshold)
    _block(state, np.float64(heard[LEVEL_SECOND]), at + BLOCK, threshold)
    state.active_power += (state.active_blocks - before) * whole / FRAME
    state.loudest = max(state.loudest - FORGET, soft if state.talking else NOTHING)


@kernel
def gap(state: Any, samples: int) -> None:
    """Note that `samples` are missing and nothing stands for them: a spurt goes on over 200 ms, and ends otherwise."""
    if samples <= 0:
        return
    state.position += samples
    state.recent = 0
    state.tone_frames = 0
    state.filled = min(state.filled, 1)
    if state.talking and state.position - state.last_active >= HANG_OVER:
        state.talking = 0


@kernel
def _tell_spurt(state: Any, row: int, verdicts: Any, told: Any) -> None:
    told_onset = state.told_onset - 1
    if told_onset >= 0 and (state.talking == 0 or state.onset != told_onset):
        spoke = state.last_active > told_onset
        cause = SILENCE if spoke else NO_VOICE
        end = max(state.last_active, told_onset)
        say.tell(
            verdicts, told, row, say.SPEECH, 0, say.END, cause, told_onset, end, state.position,
            active_level(state), state.floor, 0.0,
        )  # fmt: skip
        state.told_onset = 0
    if state.talking and state.told_onset == 0:
        say.tell(
            verdicts, told, row, say.SPEECH, 0, say.BEGIN, 0, state.onset, state.onset, state.position,
            state.level, state.floor, 0.0,
        )  # fmt: skip
        state.told_onset = state.onset + 1


@kernel
def _tell_levels(state: Any, row: int, verdicts: Any, told: Any) -> None:
    at = state.position
    clipping = 1 if state.clip_run >= CLIPPING_FRAMES else 0
    if clipping != state.told_clipping:
        phase = say.BEGIN if clipping else say.END
        start = at - FRAME if clipping else at - CLEAN_FRAMES * FRAME
        state.told_clipping = clipping
        say.tell(
            verdicts, told, row, say.LEVEL, CLIPPING, phase, 0, start, start, at, state.level,
            float(state.clipped), float(state.clipped_frames),
        )  # fmt: skip
    dead = 1 if at - state.silent_since >= DEAD_AFTER else 0
    if dead != state.told_dead:
        phase = say.BEGIN if dead else say.END
        start = state.silent_since if dead else at - FRAME
        state.told_dead = dead
        say.tell(verdicts, told, row, say.LEVEL, DEAD_AIR, phase, 0, start, start, at, state.level, state.floor, 0.0)


@kernel
def feed_all(states: Any, frames: Any, rows: Any, count: int, verdicts: Any, told: Any) -> None:
    """Take in a frame of each of `count` legs.

    `rows` (int32) are their places in `states` (SPEECH_STATE) and in `frames` (int16[slots, 160]). Verdicts (VERDICT):

    - SPEECH, BEGIN and END of each spurt: `start`, `end`; at the end `level` is the active level so far, `a` the noise
      floor (dBm0); the END of what turned out to be no voice has the cause `NO_VOICE`.
    - LEVEL, BEGIN and END: code `CLIPPING` (`a` clipped samples, `b` frames with them, so far) and `DEAD_AIR`.
    """
    # Each leg is measured before the one before it is judged: whether that is voice cannot be predicted, and what has
    # been begun of the next one would wait for it, or be thrown away.
    if count > 0:
        _measure(states[rows[0]], frames[rows[0]])
    for i in range(count):
        row = rows[i]
        state = states[row]
        if i + 1 < count:
            _measure(states[rows[i + 1]], frames[rows[i + 1]])
        _judge(state, frames[row])
        if state.talking != 0 or state.told_onset != 0:
            _tell_spurt(state, row, verdicts, told)
        _tell_levels(state, row, verdicts, told)


@kernel
def active_level(state: Any) -> float:
    """Level of the voice where there was voice (dBm0), `NOTHING` when there was none."""
    return decibel(state.active_power / state.active_blocks) if state.active_blocks > 0 else NOTHING
