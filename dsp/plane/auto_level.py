"""Automatic level: quiet talkers are lifted slowly towards the nominal speech level, their pauses are not.

The level is the mean power of the frames that hold speech (as ITU-T P.56 means it, without its hang-over): those that
stand out of the noise floor, which is the least power of late. Only such frames move anything, so noise between words
keeps the gain that the words have. Nothing is ever lowered below the level it came with.
"""

import math
from typing import Any

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.jit import kernel
from dsp.plane.gain import UNITY
from dsp.plane.levels import mean_square

#: Nominal active speech level: -20 dBm0, which is -26 dB below overload (ITU-T P.56 and G.100.1).
TARGET_DB = -20.0
MAX_DB = 15.0
#: A frame (20 ms) moves the gain at most by this: 3 dB/s up, 12 dB/s down.
UP_DB = 0.06
DOWN_DB = 0.24
#: Speech is louder than the floor by this factor (10 dB), and than -50 dBm0.
ABOVE_FLOOR = 10.0
LEAST = POWER_0_DBM0 * 1e-5
#: Below it (-75 dBm0) is what encoders make of nothing; it says nothing of a floor.
NOTHING = POWER_0_DBM0 * 10**-7.5
#: The floor rises by 1 dB/s and falls within some frames; the speech level has a time constant of 1 s of speech.
FLOOR_RISE = 10 ** (0.1 / 50)
FLOOR_FALL = 0.25
SMOOTH = 0.02
#: Peaks are kept below overload.
PEAK = 30000.0


@kernel
def _note(leg: Any, power: float) -> bool:
    """Follow floor and speech level; whether the frame holds speech."""
    if power < NOTHING:
        return False
    if leg.al_floor == 0.0:
        leg.al_floor = power
    elif power < leg.al_floor:
        leg.al_floor += (power - leg.al_floor) * FLOOR_FALL
    else:
        leg.al_floor *= FLOOR_RISE
    if power < LEAST or power < leg.al_floor * ABOVE_FLOOR:
        return False
    if leg.al_power == 0.0:
        leg.al_power = power
    leg.al_power += (power - leg.al_power) * SMOOTH
    return True


@kernel
def gain(leg: Any, frame: Any, length: int) -> int:
    """Gain (Q12) for the frame `frame[:length]` (int16) of a leg whose level is looked after."""
    if _note(leg, mean_square(frame, length)):
        level_db = 10.0 * math.log10(leg.al_power / POWER_0_DBM0)
        wanted = min(max(TARGET_DB - level_db, 0.0), MAX_DB)
        leg.al_gain_db += min(max(wanted - leg.al_gain_db, -DOWN_DB), UP_DB)
    if leg.al_gain_db == 0.0:
        return UNITY
    factor = 10.0 ** (leg.al_gain_db / 20.0)
    peak = 1.0
    for i in range(length):
        peak = max(peak, abs(float(frame[i])))
    return int(UNITY * max(min(factor, PEAK / peak), 1.0))
