"""Loud or quiet: a level detector with hang-over on a leg's incoming audio."""

from typing import Any

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.jit import kernel, sum_kernel

#: Loud is a packet of at least -45 dBm0.
LOUD = POWER_0_DBM0 * 10**-4.5
#: Samples of loud packets until it is sound (40 ms of 20 ms packets), and of quiet until it is over (300 ms).
ON_AFTER = 320
OFF_AFTER = 2400


@sum_kernel
def mean_square(samples: Any, length: int) -> float:
    """Mean square of `samples[:length]` (int16)."""
    total = 0.0
    for i in range(length):
        total += float(samples[i]) * float(samples[i])
    return total / length


@kernel
def update(leg: Any, loud: int, quiet: int) -> int:
    """Note so many `loud` and `quiet` samples of a tick: 1 sound begins, -1 it ends, 0 nothing changes."""
    if loud > 0:
        leg.lv_loud += loud
        leg.lv_quiet = 0
    elif quiet > 0:
        leg.lv_quiet += quiet
        leg.lv_loud = 0
    if leg.lv_on == 0 and leg.lv_loud >= ON_AFTER:
        leg.lv_on = 1
        return 1
    if leg.lv_on == 1 and leg.lv_quiet >= OFF_AFTER:
        leg.lv_on = 0
        return -1
    return 0
