"""How loud a line is, in each direction: level and peak of the last half second, and what was clipped."""

import math
import time
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

#: A reading is of so long, and is none any more when nothing has come for so long.
WINDOW_S: Final = 0.5
_OLD_S: Final = 2.0
#: Power of 0 dBm0: a sine of the largest value of G.711 has +3.17 (ITU-T G.711, table 5).
_POWER_0_DBM0: Final = (32124 / 10 ** (3.17 / 20)) ** 2 / 2
#: Digital silence.
_LEAST_DBM0: Final = -96.0
#: What is at least so loud is somebody or something, and no noise of a line.
LOUD_DBM0: Final = -45.0
_FULL: Final = 32767


class Level(NamedTuple):
    """A reading, in dBm0; the peak is that of a sine of this height."""

    dbm0: float
    peak_dbm0: float


class Meter:
    """One direction. Fed by one thread, read by any."""

    def __init__(self, rate: int, gain_db: float = 0.0) -> None:
        """`gain_db` is put to all readings: what is measured before a gain is told as it is behind it."""
        self._rate, self._gain_db = rate, gain_db
        #: Samples at full scale.
        self.clipped = 0
        #: For how long it was loud (`LOUD_DBM0`) in all.
        self.loud_s = 0.0
        self._power, self._count, self._peak = 0.0, 0, 0
        self._last: Level | None = None
        self._last_s = 0.0

    def take(self, samples: Samples) -> None:
        """Measure what passes."""
        if not len(samples):
            return
        wide = samples.astype(np.int32)
        height = int(np.abs(wide).max())
        if height >= _FULL:
            self.clipped += int(np.count_nonzero(np.abs(wide) >= _FULL))
        power = float(np.dot(samples.astype(float), samples.astype(float)))
        if self._dbm0(power / len(samples)) >= LOUD_DBM0:
            self.loud_s += len(samples) / self._rate
        self._power += power
        self._count += len(samples)
        self._peak = max(self._peak, height)
        if self._count >= WINDOW_S * self._rate:
            self._last = Level(self._dbm0(self._power / self._count), self._dbm0(self._peak**2 / 2))
            self._last_s = time.monotonic()
            self._power, self._count, self._peak = 0.0, 0, 0

    @property
    def level(self) -> Level | None:
        """The newest reading; None: nothing passes."""
        return self._last if time.monotonic() - self._last_s < _OLD_S else None

    def _dbm0(self, power: float) -> float:
        return max(_LEAST_DBM0, 10 * math.log10(power / _POWER_0_DBM0) + self._gain_db) if power > 0 else _LEAST_DBM0
