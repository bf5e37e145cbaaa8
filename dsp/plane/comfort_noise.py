"""Comfort noise: what is heard where nobody speaks, instead of dead silence.

Three things come to it. A peer that suppresses silence says in packets of payload type 13 (RFC 3389) how loud its
background is, and what spectrum it has. Where it says nothing, the level and the tilt of its own quiet frames are
taken, so that the background does not vanish in a hole. And a leg that has nothing to send may send noise of a level
that the configuration gives.

The noise is white, shaped by an all-pole lattice filter: its coefficients are the reflection coefficients of RFC 3389
as they are, it is stable for every one of them, and it may be changed while it runs. The first `ORDER` are used, as
RFC 3389 section 3 leaves it to the receiver. Level changes take some 30 ms.
"""

from typing import Any

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.jit import i64, kernel, sum_kernel
from dsp.plane.layout import CN_ORDER

#: RFC 3389 has no more than a telephone's spectrum needs.
ORDER = CN_ORDER
#: Mean square at 0 dBov, the overload point of the codec (a square wave of full scale).
POWER_0_DBOV = 32124.0**2
#: Reflection coefficients are held this far off the unit circle, where the filter would ring.
_LARGEST_K = 0.97
#: Own measure: what is louder than -40 dBm0 is no background.
_MOST = POWER_0_DBM0 * 1e-4
#: A frame: the floor comes down fast, and goes up by 1 dB a second.
_FALL = 0.3
_RISE = 10 ** (0.1 / 50)
#: Mean square below which nothing is worth to be generated (half a step of 16 bits).
_LEAST = 0.25
#: A sample: share of the way to the wanted level (at 8 kHz a time constant of 32 ms).
_GLIDE = 1.0 / 256.0
#: 32-bit congruential generator (Knuth, TAOCP 3.3.4), its upper half is used.
_A, _C = 1664525, 1013904223
#: Makes uniform numbers of -1..1 have the power 1.
_UNIFORM = 3.0**0.5


@sum_kernel
def _power_and_lag(samples: Any, n: int) -> tuple[float, float]:
    """Mean square of `samples[:n]`, and the mean product of neighbours."""
    power = float(samples[0]) * float(samples[0])
    lag = 0.0
    for i in range(1, n):
        value = float(samples[i])
        power += value * value
        lag += value * float(samples[i - 1])
    return power / n, lag / n


@kernel
def measure(leg: Any, samples: Any, n: int) -> None:
    """Note a real frame `samples[:n]` (int16): the leg's own background is its quietest ones."""
    power, lag = _power_and_lag(samples, n)
    if leg.cn_floor == 0.0:
        leg.cn_floor = power + 1e-3 if power < _MOST else 0.0
    elif power < leg.cn_floor:
        leg.cn_floor += _FALL * (power - leg.cn_floor)
    else:
        leg.cn_floor = min(leg.cn_floor * _RISE, _MOST)
    if 1.0 < power < 2.0 * leg.cn_floor:
        leg.cn_tilt += 0.1 * (min(max(-lag / power, -_LARGEST_K), _LARGEST_K) - leg.cn_tilt)


@kernel
def take(leg: Any, data: Any, offset: int, size: int, newest: bool) -> None:
    """Take the payload `data[offset:offset + size]` of a comfort noise packet (RFC 3389 section 3).

    `size` is at least 1. A packet that is not the `newest` is only counted: audio that followed on it has come first.
    """
    leg.cn_packets += 1
    if not newest:
        return
    leg.cn_level = POWER_0_DBOV * 10.0 ** (-(i64(data[offset]) & 0x7F) / 10.0)
    leg.cn_told = 1
    leg.cn_order = min(size - 1, ORDER)
    for i in range(leg.cn_order):
        k = (min(i64(data[offset + 1 + i]), 254) - 127) * 258.0 / 32768.0  # section 3.2; 255 is not used
        leg.cn_k[i] = min(max(k, -_LARGEST_K), _LARGEST_K)


@kernel
def voice(leg: Any) -> None:
    """Note that the peer sends audio: its last word on the background does not count any more."""
    leg.cn_told = 0


@kernel
def prepare(leg: Any) -> bool:
    """Choose what the next samples shall be like; whether there is anything to be heard."""
    power = leg.cn_level
    if leg.cn_told == 0:
        power = leg.cn_floor
        leg.cn_order = 1
        leg.cn_k[0] = leg.cn_tilt
    if power < _LEAST and leg.cn_gain < 0.5:
        leg.cn_gain = 0.0
        return False
    # An all-pole lattice lets so much through: the excitation is the weaker.
    for i in range(leg.cn_order):
        power *= 1.0 - leg.cn_k[i] * leg.cn_k[i]
    leg.cn_wanted = power**0.5
    return True


@kernel
def _white(seed: int) -> int:
    return (_A * seed + _C) & 0xFFFFFFFF


@kernel
def sample(leg: Any) -> float:
    """Generate one sample; only while `prepare` says that there is something."""
    leg.cn_seed = _white(leg.cn_seed)
    leg.cn_gain += (leg.cn_wanted - leg.cn_gain) * _GLIDE
    value = leg.cn_gain * _UNIFORM * ((leg.cn_seed >> 15) / 65536.0 - 1.0)
    order = leg.cn_order
    for i in range(order - 1, -1, -1):
        k = leg.cn_k[i]
        value -= k * leg.cn_state[i]
        leg.cn_state[i + 1] = leg.cn_state[i] + k * value
    leg.cn_state[0] = value
    return value


@kernel
def idle(leg: Any, out: Any, n: int, level_dbm0: int) -> None:
    """Fill `out[:n]` with white noise of `level_dbm0` (0: with silence), for a leg that has nothing to send."""
    if level_dbm0 >= 0:
        for i in range(n):
            out[i] = 0
        return
    peak = _UNIFORM * (POWER_0_DBM0 * 10.0 ** (level_dbm0 / 10.0)) ** 0.5
    seed = leg.cn_idle_seed
    for i in range(n):
        seed = _white(seed)
        out[i] = round(peak * ((seed >> 15) / 65536.0 - 1.0))
    leg.cn_idle_seed = seed
