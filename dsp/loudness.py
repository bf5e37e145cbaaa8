"""How loud speech is: the active speech level of ITU-T P.56 (method B), and the gain that brings a sound to a level.

P.56 averages over the time in which somebody speaks, so pauses don't make a prompt louder than its neighbour. Levels
are in dBov: 0 dBov is the power of a full-scale square wave (ITU-T G.191).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: Time constant of the envelope, hangover, and margin between threshold and level (P.56, table 1).
TIME_CONSTANT_S = 0.03
HANGOVER_S = 0.2
MARGIN_DB = 15.9
#: Thresholds are the powers of two below full scale, as for 16 bits.
_BITS = 16
#: Samples that the envelope is found of in one go; short enough for `g ** -n` to stay small at 8 kHz.
_BLOCK = 256


class Loudness(NamedTuple):
    """Active speech level and highest sample in dBov (-inf for silence), and the share of the time that is speech."""

    level_dbov: float
    activity: float
    peak_dbov: float


def _smoothed(samples: npt.NDArray[np.float64], g: float) -> npt.NDArray[np.float64]:
    """Exponential average, one state after the other: `y = g y + (1 - g) x`."""
    blocks = -(-len(samples) // _BLOCK)
    padded = np.zeros(blocks * _BLOCK)
    padded[: len(samples)] = samples
    powers = g ** np.arange(1, _BLOCK + 1)
    own = np.cumsum(padded.reshape(blocks, _BLOCK) / powers, axis=1) * powers * (1.0 - g)
    state, starts, carry = 0.0, np.zeros(blocks), float(powers[-1])
    for block, last in enumerate(own[:, -1].tolist()):
        starts[block] = state
        state = state * carry + last
    return np.asarray((own + starts[:, None] * powers).reshape(-1)[: len(samples)])


def _active(envelope: npt.NDArray[np.float64], threshold: float, hangover: int) -> int:
    """Count the samples that are above the threshold, or were so within the hangover."""
    at = np.where(envelope >= threshold, np.arange(len(envelope)), -hangover - 1)
    last = np.maximum.accumulate(at)
    return int(np.count_nonzero(np.arange(len(envelope)) - last < hangover))


def measure(samples: npt.NDArray[Any], rate: int) -> Loudness:
    """Measure a sound: float samples in -1 to 1, or int16, at `rate` Hz."""
    sound = samples.astype(np.float64) / (32768.0 if samples.dtype == np.int16 else 1.0)
    energy = float(np.dot(sound, sound))
    if energy <= 0.0:
        return Loudness(-math.inf, 0.0, -math.inf)
    peak = 20 * math.log10(float(np.max(np.abs(sound))))
    g = math.exp(-1.0 / (TIME_CONSTANT_S * rate))
    envelope = _smoothed(_smoothed(np.abs(sound), g), g)
    before: tuple[float, float] | None = None
    for j in range(-_BITS + 1, 0):
        count = _active(envelope, 2.0**j, math.ceil(HANGOVER_S * rate))
        if count == 0:
            break
        level, threshold = 10 * math.log10(energy / count), 20 * math.log10(2.0**j)
        excess = level - threshold - MARGIN_DB
        if excess <= 0.0:
            if before is not None:  # between the two thresholds: P.56 finds the place by interpolation
                share = before[1] / (before[1] - excess)
                level = before[0] + share * (level - before[0])
            return Loudness(level, energy / 10 ** (level / 10) / len(sound), peak)
        before = (level, excess)
    # So short or so even that no threshold lies within the margin: all that is loud enough to be counted.
    level = before[0] if before is not None else 10 * math.log10(energy / len(sound))
    return Loudness(level, min(1.0, energy / 10 ** (level / 10) / len(sound)), peak)


def gain_to(found: Loudness, target_dbov: float, peak_limit_dbov: float = -1.0) -> float:
    """Return the factor that brings a sound to a level, its peaks below a limit; 1 for silence."""
    if math.isinf(found.level_dbov):
        return 1.0
    return float(10 ** (min(target_dbov - found.level_dbov, peak_limit_dbov - found.peak_dbov) / 20))
