"""Concealment of lost samples: what is played where the stream has a hole, and the way back into the stream.

The playout buffer calls it for every sample that it plays: `good` while nothing is amiss, else `conceal` for each run
of absent samples and `resume` for each run of real ones.

The method is that of ITU-T G.711 Appendix I: the pitch is found by normalised correlation in what was played last, the
last period is repeated by overlap-add, two and then three periods take its place after 10 and 20 ms (one period alone
would sound like a buzzer), from 15 ms on it fades, and it is gone after 90 ms. The way back is a cross-fade that is the
longer the longer the hole was. What is our own:

- The fade: the Appendix has 10 and 60 ms. Of losses in bursts more is bridged so, and PESQ is higher by 0.06.
- No delay. The Appendix holds everything back by 3.75 ms, so that it can bend the last quarter period before the hole
  towards the repetition. Here that quarter has been played already, so the bend lies behind the joint.
- Where the playout buffer holds what follows, the hole is bridged from both sides, see `interpolation`.
- It works at 8 and at 16 kHz; every time below is scaled by the leg's rate.
- Noise takes the place of the fading voice: what the peer said of its background, else what was measured of it.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane import comfort_noise, interpolation
from dsp.plane.layout import CONCEAL_HISTORY

#: Samples of 8 kHz: one period's repetition (10 ms); faded to nothing (90 ms, after a sixth of that at full level).
FULL = 80
GONE = 720
#: The same where a pause of the sender is likelier than a loss: his words are not drawn out (20 ms).
BRIEF = 160
#: Pitch searched for: 66 to 200 Hz. A higher one is found as its double, which sounds the same.
PITCH_LEAST = 40
PITCH_MOST = 120
#: What is compared (20 ms), and how much of the past a template may need: three periods and a quarter.
WINDOW = 160
TEMPLATE = 3 * PITCH_MOST + PITCH_MOST // 4
#: Cross-fade back to the stream: at most 10 ms; from nothing (or noise), 5 ms.
FADE_MOST = 80
FADE_IN = 40

_MASK = CONCEAL_HISTORY - 1


@kernel
def reset(leg: Any) -> None:
    """Note that the stream breaks off: what is played next is made up. Of another rate, nothing can be made."""
    if leg.pc_at == 0 or leg.pc_wide != leg.wide:
        for i in range(CONCEAL_HISTORY):
            leg.pc_history[i] = 0
        leg.pc_at = 0
        leg.pc_wide = leg.wide
        leg.pc_lost = leg.pc_gone = GONE << leg.wide
        leg.pc_fade = 0
        leg.pc_hole = 0
        leg.pc_periods = 0


@kernel
def active(leg: Any) -> bool:
    """Whether made-up samples were played last, or the fade out of them is not over: `good` must not be called."""
    return leg.pc_lost > 0


@kernel
def _remember(leg: Any, samples: Any, start: int, n: int) -> None:
    """Append what was played to the history."""
    history = leg.pc_history
    at = leg.pc_at & _MASK
    first = min(n, CONCEAL_HISTORY - at)
    for i in range(first):
        history[at + i] = samples[start + i]
    for i in range(n - first):
        history[i] = samples[start + first + i]
    leg.pc_at += n


@kernel
def good(leg: Any, out: Any, n: int) -> None:
    """Note the real samples `out[:n]`; only while not `active`."""
    if leg.pc_wide != leg.wide:
        reset(leg)
        leg.pc_lost = 0
    comfort_noise.measure(leg, out, n)
    _remember(leg, out, 0, n)


@kernel
def _correlation(history: Any, at: int, window: int, lag: int, stride: int) -> float:
    """Normalised correlation of the `window` samples before `at` with those `lag` earlier, every `stride`-th one."""
    product = 0.0
    energy = 1.0
    for i in range(at - window, at, stride):
        then = float(history[(i - lag) & _MASK])
        product += float(history[i & _MASK]) * then
        energy += then * then
    return product / energy**0.5


@kernel
def find_pitch(leg: Any) -> int:
    """Period of what was played last, in samples of the leg's rate."""
    history, at, scale = leg.pc_history, leg.pc_at, 1 << leg.wide
    window, stride = WINDOW * scale, 2 * scale
    best, found = -1.0, PITCH_MOST * scale
    for lag in range(PITCH_LEAST * scale, PITCH_MOST * scale + 1, stride):
        value = _correlation(history, at, window, lag, stride)
        if value > best:
            best, found = value, lag
    low = max(found - stride + 1, PITCH_LEAST * scale)
    high = min(found + stride - 1, PITCH_MOST * scale)
    best = -1.0
    for lag in range(low, high + 1):
        value = _correlation(history, at, window, lag, 1)
        if value > best:
            best, found = value, lag
    return found


@kernel
def _begin(leg: Any) -> None:
    """Freeze what can be repeated: the history goes on with what is made up."""
    size = TEMPLATE << leg.wide
    for i in range(size):
        leg.pc_template[i] = leg.pc_history[(leg.pc_at - size + i) & _MASK]
    leg.pc_pitch = find_pitch(leg)
    leg.pc_gone = (BRIEF if leg.pc_brief else GONE) << leg.wide
    leg.pc_periods = 1
    leg.pc_phase = 0
    leg.pc_turn = 0
    leg.pc_step = float(leg.pc_template[size - 1]) - float(leg.pc_template[size - 1 - leg.pc_pitch])


@kernel
def _repeated(leg: Any, phase: int, periods: int) -> float:
    """Sample `phase` of the endless repetition of the last `periods` periods; the last quarter leads to the first."""
    size, pitch = TEMPLATE << leg.wide, leg.pc_pitch
    length, quarter = periods * pitch, pitch >> 2
    at = size - length + phase
    value = float(leg.pc_template[at])
    left = length - phase
    if left <= quarter:
        share = left / (quarter + 1)
        value = share * value + (1.0 - share) * leg.pc_template[at - length]
    return value


@kernel
def _voice(leg: Any) -> float:
    """Make up one sample of the voice at full level, where there is any left."""
    k, pitch = leg.pc_lost, leg.pc_pitch
    quarter = pitch >> 2
    full = FULL << leg.wide
    periods = min(1 + k // full, 3)
    if periods != leg.pc_periods:
        leg.pc_old_periods = leg.pc_periods
        leg.pc_old_phase = leg.pc_phase
        leg.pc_phase %= pitch
        leg.pc_periods = periods
        leg.pc_turn = quarter
    value = _repeated(leg, leg.pc_phase, leg.pc_periods)
    leg.pc_phase += 1
    if leg.pc_phase == leg.pc_periods * pitch:
        leg.pc_phase = 0
    if leg.pc_turn > 0:
        share = leg.pc_turn / (quarter + 1)
        value = share * _repeated(leg, leg.pc_old_phase, leg.pc_old_periods) + (1.0 - share) * value
        leg.pc_turn -= 1
        leg.pc_old_phase += 1
        if leg.pc_old_phase == leg.pc_old_periods * pitch:
            leg.pc_old_phase = 0
    if k < quarter:
        value += leg.pc_step * (1.0 - (k + 1) / (quarter + 1))
    return value


@kernel
def _bent(leg: Any) -> float:
    """Make up one sample of the voice, one period repeated, at the rate that leads to what follows."""
    k, pitch = leg.pc_lost, leg.pc_pitch
    at = k * leg.pc_rate
    whole = int(at)
    phase = whole % pitch
    leg.pc_phase = phase  # where the plain repetition goes on, if the hole turns out to be longer
    value = _repeated(leg, phase, 1)
    value += (at - whole) * (_repeated(leg, phase + 1 if phase + 1 < pitch else 0, 1) - value)
    quarter = pitch >> 2
    if k < quarter:
        value += leg.pc_step * (1.0 - (k + 1) / (quarter + 1))
    return value


@kernel
def _next(leg: Any, noisy: bool) -> float:
    """Make up one sample: the voice, and the more it fades the more of the noise, if it is `noisy`."""
    if leg.pc_hole > 0 and leg.pc_lost < leg.pc_hole + (FADE_MOST << leg.wide):
        value = _voice(leg) if leg.pc_plain else _bent(leg)
        full, gone = 2 * FULL << leg.wide, GONE << leg.wide
        if leg.pc_plain:  # it goes on as it began
            full, gone = leg.pc_gone // 6, leg.pc_gone
        if leg.pc_lost > full:
            value *= max(1.0 - (leg.pc_lost - full) / (gone - full), 0.0)
        if leg.pc_lost < leg.pc_hole:
            value = interpolation.blend(leg, leg.pc_lost, value)
        leg.pc_lost += 1
        return value
    if leg.pc_periods == 0:
        return comfort_noise.sample(leg) if noisy else 0.0
    full, gone = leg.pc_gone // 6, leg.pc_gone
    value = _voice(leg)
    if leg.pc_lost >= full:
        share = (gone - leg.pc_lost) / (gone - full)
        value *= share
        if noisy:
            value += (1.0 - share) * comfort_noise.sample(leg)
    leg.pc_lost += 1
    if leg.pc_lost >= gone:
        leg.pc_periods = 0
    return value


@kernel
def _clip(value: float) -> int:
    # -32768 would be taken for a place without a sample
    return round(min(max(value, -32767.0), 32767.0))


@kernel
def conceal(leg: Any, out: Any, start: int, n: int) -> int:
    """Fill the absent `out[start:start + n]`; gives the number of samples that were made up from what was heard."""
    if leg.pc_wide != leg.wide:
        reset(leg)
    elif leg.pc_lost == 0:
        _begin(leg)
        if leg.pc_hole > 0:
            size = TEMPLATE << leg.wide
            interpolation.prepare(leg, leg.pc_template[size - leg.pc_pitch : size])
    made_up = min(n, max(leg.pc_gone - leg.pc_lost, 0))
    noisy = comfort_noise.prepare(leg)
    if leg.pc_periods == 0 and not noisy:
        for i in range(start, start + n):
            out[i] = 0
    else:
        for i in range(start, start + n):
            out[i] = _clip(_next(leg, noisy))
    leg.pc_fade = 0
    leg.pc_made_up += made_up
    _remember(leg, out, start, n)
    return made_up


@kernel
def resume(leg: Any, out: Any, start: int, n: int) -> None:
    """Note the real samples `out[start:start + n]`, fading over to them when they follow a concealment."""
    if 0 < leg.pc_lost == leg.pc_hole and leg.pc_both and leg.pc_fade == 0:
        leg.pc_lost = 0  # as foreseen: what was made up leads to these samples
    if leg.pc_lost > 0 and leg.pc_fade == 0:
        leg.pc_fade_length = FADE_IN << leg.wide
        if leg.pc_periods > 0:
            longer = max(leg.pc_lost - (FULL << leg.wide), 0) * 2 // 5 if leg.pc_hole == 0 else 0
            leg.pc_fade_length = min((leg.pc_pitch >> 2) + longer, FADE_MOST << leg.wide)
        leg.pc_fade = leg.pc_fade_length
    noisy = leg.pc_fade > 0 and comfort_noise.prepare(leg)
    for i in range(start, min(start + n, start + leg.pc_fade)):
        share = leg.pc_fade / (leg.pc_fade_length + 1)
        out[i] = _clip((1.0 - share) * out[i] + share * _next(leg, noisy))
        leg.pc_fade -= 1
    if leg.pc_fade == 0:
        leg.pc_lost = 0
        leg.pc_hole = 0
    _remember(leg, out, start, n)
