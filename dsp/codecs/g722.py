"""G.722 at 64 kbit/s (ITU-T G.722 mode 1): sub-band ADPCM in integers, bit for bit as the recommendation has it.

The names of blocks are those of clauses 3, 5 and 6. A codec's state is a row of int64 words that the caller keeps, with
all zeros as its valid start, so it may lie in shared memory: the scale factors' logarithms are kept (NB), and the
quantizer steps (DET), which start at 32 and 8, follow from them.

Two samples of 16 kHz make one octet. The filter banks run over a whole block at once, tap by tap, which the compiler
turns into SIMD; the predictors are serial by nature and take nearly all of the time.
"""

from typing import Any

import numpy as np

from dsp.codecs.state_words import G722_BAND, G722_PAST, G722_WORDS
from dsp.jit import i64, kernel

# --- a band's words: reconstructed signal RLT, partial one PLT, poles A, zeros B, differences D, log scale factor NB
_RLT = 0  # 2 words, newest first
_PLT = 2  # 2
_POLES = 4  # 2
_ZEROS = 6  # 6
_DIFFERENCES = 12  # 6, newest first
_NB = 18
_BAND = G722_BAND

_PAST = G722_PAST
#: Words of an encoder's and of a decoder's state.
WORDS = G722_WORDS
_HISTORY = 2 * _BAND

#: Octets (pairs of samples) that are taken in one go; longer blocks go by pieces.
_BLOCK = 160
#: Shape of the scratch memory (int32) that `encode` and `decode` need.
SCRATCH = (4, _BLOCK + _PAST)

#: Quadrature mirror filter (table 11), first half; the second mirrors it.
_QMF = np.array([3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876], np.int32)
# The two branches of the polyphase form.
_EVEN = np.ascontiguousarray(np.concatenate([_QMF, _QMF[::-1]])[0::2])
_ODD = np.ascontiguousarray(np.concatenate([_QMF, _QMF[::-1]])[1::2])

#: Decision levels of the 6-bit quantizer (table 14, Q6).
_Q6 = np.array(
    [
        0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
        1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
    ],
    np.int64,
)  # fmt: skip
#: Output levels by code: 6 bits (table 20, QQ6), 4 bits (table 16, QQ4), 2 bits (table 18, QQ2).
_MAGNITUDES6 = [
    24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944,
    4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728,
]  # fmt: skip
_QQ6 = np.array(
    [-136] * 4 + [-m for m in _MAGNITUDES6] + _MAGNITUDES6 + [432, 136, -432, -136],
    np.int64,
)
_MAGNITUDES4 = [20456, 12896, 8968, 6288, 4240, 2584, 1200]
_QQ4 = np.array([0, *[-m for m in _MAGNITUDES4], *_MAGNITUDES4, 0], np.int64)
_QQ2 = np.array([-7408, -1616, 7408, 1616], np.int64)
#: Steps of the scale factors' logarithms by code (tables 15 and 19 folded into one look-up each).
_WL = np.array([-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60], np.int64)
_WH = np.array([798, -214, 798, -214], np.int64)
#: The antilogarithm (table 17, ILB): 2048 * 2 ** (i / 32), rounded as the table has it.
_ILB = np.array(
    [
        2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960,
        3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
    ],
    np.int64,
)  # fmt: skip
_NB_LOW_MAX = 18432
_NB_HIGH_MAX = 22528
#: Shift of the scale factor at NB = 0.
_LOW = 8
_HIGH = 10


@kernel
def _saturate(value: int) -> int:
    return min(max(value, -32768), 32767)


@kernel
def _limit15(value: int) -> int:
    return min(max(value, -16384), 16383)


@kernel
def _step(nb: int, shift: int) -> int:
    """Blocks SCALEL and SCALEH: the quantizer's step from the logarithm of the scale factor."""
    down = shift - (nb >> 11)
    mantissa = _ILB[(nb >> 6) & 31]
    return (mantissa << -down if down < 0 else mantissa >> down) << 2


@kernel
def _scale(nb: int, step: int, limit: int) -> int:
    """Blocks LOGSCL and LOGSCH."""
    return min(max(((nb * 127) >> 7) + step, 0), limit)


@kernel
def _zero_part(s: Any, at: int) -> int:
    """Block FILTEZ: what the six zeros predict."""
    total = 0
    for i in range(5, -1, -1):
        doubled = _saturate(2 * s[at + _DIFFERENCES + i])
        total = _saturate(total + ((doubled * s[at + _ZEROS + i]) >> 15))
    return total


@kernel
def _pole_part(s: Any, at: int) -> int:
    """Block FILTEP: what the two poles predict."""
    first = (s[at + _POLES] * _saturate(2 * s[at + _RLT])) >> 15
    second = (s[at + _POLES + 1] * _saturate(2 * s[at + _RLT + 1])) >> 15
    return _saturate(first + second)


@kernel
def _adapt_poles(s: Any, at: int, partial: int) -> None:
    """Blocks UPPOL2 and UPPOL1."""
    same1 = (partial < 0) == (s[at + _PLT] < 0)
    same2 = (partial < 0) == (s[at + _PLT + 1] < 0)
    a1, a2 = s[at + _POLES], s[at + _POLES + 1]
    quadrupled = _saturate(4 * a1)
    turned = _saturate(-quadrupled) if same1 else quadrupled
    a2 = (turned >> 7) + (128 if same2 else -128) + ((a2 * 32512) >> 15)
    a2 = min(max(a2, -12288), 12288)
    a1 = _saturate(((a1 * 32640) >> 15) + (192 if same1 else -192))
    bound = 15360 - a2
    s[at + _POLES] = min(max(a1, -bound), bound)
    s[at + _POLES + 1] = a2


@kernel
def _adapt_zeros(s: Any, at: int, difference: int) -> None:
    """Block UPZERO, and the delay line of the differences."""
    gain = 128 if difference != 0 else 0
    for i in range(6):
        toward = gain if (difference < 0) == (s[at + _DIFFERENCES + i] < 0) else -gain
        s[at + _ZEROS + i] = _saturate(((s[at + _ZEROS + i] * 32640) >> 15) + toward)
    for i in range(5, 0, -1):
        s[at + _DIFFERENCES + i] = s[at + _DIFFERENCES + i - 1]
    s[at + _DIFFERENCES] = difference


@kernel
def _adapt(s: Any, at: int, difference: int, zeros: int, predicted: int) -> None:
    """Blocks RECONS, PARREC, the predictor's adaptation and its delay lines."""
    partial = _saturate(zeros + difference)
    _adapt_poles(s, at, partial)
    _adapt_zeros(s, at, difference)
    s[at + _PLT + 1] = s[at + _PLT]
    s[at + _PLT] = partial
    s[at + _RLT + 1] = s[at + _RLT]
    s[at + _RLT] = _saturate(predicted + difference)


@kernel
def _code_low(error: int, step: int) -> int:
    """Block QUANTL: the 6-bit code of a prediction error."""
    magnitude = error if error >= 0 else -(error + 1)
    low, high = 1, 30
    while low < high:  # the levels grow, so the first one above the magnitude is found by halves
        mid = (low + high) >> 1
        if magnitude < (_Q6[mid] * step) >> 12 if mid < 30 else True:
            high = mid
        else:
            low = mid + 1
    if error >= 0:
        return 62 - low
    return 64 - low if low < 3 else 34 - low


@kernel
def low_band_code(s: Any, sample: int) -> int:
    """Encode a sample of the lower band (15 bits): the 6-bit code."""
    at = 0
    zeros = _zero_part(s, at)
    predicted = _saturate(_pole_part(s, at) + zeros)
    step = _step(s[at + _NB], _LOW)
    code = _code_low(_saturate(sample - predicted), step)
    difference = (step * _QQ4[code >> 2]) >> 15
    s[at + _NB] = _scale(s[at + _NB], _WL[code >> 2], _NB_LOW_MAX)
    _adapt(s, at, difference, zeros, predicted)
    return code


@kernel
def high_band_code(s: Any, sample: int) -> int:
    """Encode a sample of the higher band (15 bits): the 2-bit code."""
    at = _BAND
    zeros = _zero_part(s, at)
    predicted = _saturate(_pole_part(s, at) + zeros)
    step = _step(s[at + _NB], _HIGH)
    error = _saturate(sample - predicted)
    magnitude = error if error >= 0 else -(error + 1)
    code = (2 if error >= 0 else 0) + (0 if magnitude >= (564 * step) >> 12 else 1)
    difference = (step * _QQ2[code]) >> 15
    s[at + _NB] = _scale(s[at + _NB], _WH[code], _NB_HIGH_MAX)
    _adapt(s, at, difference, zeros, predicted)
    return code


@kernel
def low_band_sample(s: Any, code: int) -> int:
    """Decode a 6-bit code to a sample of the lower band (15 bits)."""
    at = 0
    zeros = _zero_part(s, at)
    predicted = _saturate(_pole_part(s, at) + zeros)
    step = _step(s[at + _NB], _LOW)
    sample = _limit15(predicted + ((step * _QQ6[code]) >> 15))
    difference = (step * _QQ4[code >> 2]) >> 15
    s[at + _NB] = _scale(s[at + _NB], _WL[code >> 2], _NB_LOW_MAX)
    _adapt(s, at, difference, zeros, predicted)
    return sample


@kernel
def high_band_sample(s: Any, code: int) -> int:
    """Decode a 2-bit code to a sample of the higher band (15 bits)."""
    at = _BAND
    zeros = _zero_part(s, at)
    predicted = _saturate(_pole_part(s, at) + zeros)
    step = _step(s[at + _NB], _HIGH)
    difference = (step * _QQ2[code]) >> 15
    s[at + _NB] = _scale(s[at + _NB], _WH[code], _NB_HIGH_MAX)
    sample = _limit15(predicted + difference)
    _adapt(s, at, difference, zeros, predicted)
    return sample


@kernel
def _recall(s: Any, first: Any, second: Any) -> None:
    """Put the past of both phases in front of a block."""
    for i in range(_PAST):
        first[i] = s[_HISTORY + i]
        second[i] = s[_HISTORY + _PAST + i]


@kernel
def _keep(s: Any, first: Any, second: Any, count: int) -> None:
    for i in range(_PAST):
        s[_HISTORY + i] = first[count + i]
        s[_HISTORY + _PAST + i] = second[count + i]


@kernel
def _filter(taps: Any, x: Any, count: int, out: Any) -> None:
    """Convolve: `out[i]` = sum of `taps[k] * x[i + k]`; the past is in `x[:11]`."""
    for i in range(count):
        out[i] = 0
    for k in range(12):
        tap = taps[k]
        for i in range(count):
            out[i] += tap * x[i + k]


@kernel
def _encode_block(s: Any, samples: Any, start: int, count: int, out: Any, offset: int, scratch: Any) -> None:
    first, second, even, odd = scratch[0], scratch[1], scratch[2], scratch[3]
    _recall(s, first, second)
    for i in range(count):
        first[_PAST + i] = samples[start + 2 * i]
        second[_PAST + i] = samples[start + 2 * i + 1]
    _filter(_EVEN, first, count, even)
    _filter(_ODD, second, count, odd)
    _keep(s, first, second, count)
    for i in range(count):
        a, b = i64(even[i]), i64(odd[i])
        low = low_band_code(s, _limit15((a + b) >> 14))
        high = high_band_code(s, _limit15((b - a) >> 14))
        out[offset + i] = (high << 6) | low


@kernel
def encode(s: Any, samples: Any, count: int, out: Any, offset: int, scratch: Any) -> None:
    """Encode `samples[:count]` (int16, 16 kHz, `count` even) into `out[offset:offset + count // 2]` (uint8).

    `s` is int64[WORDS], `scratch` int32[SCRATCH].
    """
    done = 0
    pairs = count // 2
    while done < pairs:
        n = min(pairs - done, _BLOCK)
        _encode_block(s, samples, 2 * done, n, out, offset + done, scratch)
        done += n


@kernel
def _decode_block(s: Any, codes: Any, offset: int, count: int, out: Any, start: int, scratch: Any) -> None:
    total, difference, first, second = scratch[0], scratch[1], scratch[2], scratch[3]
    _recall(s, total, difference)
    for i in range(count):
        code = i64(codes[offset + i])
        low = low_band_sample(s, code & 63)
        high = high_band_sample(s, code >> 6)
        total[_PAST + i] = low + high
        difference[_PAST + i] = low - high
    _filter(_EVEN, total, count, second)
    _filter(_ODD, difference, count, first)
    _keep(s, total, difference, count)
    for i in range(count):
        out[start + 2 * i] = _saturate(i64(first[i]) >> 11)
        out[start + 2 * i + 1] = _saturate(i64(second[i]) >> 11)


@kernel
def decode(s: Any, codes: Any, offset: int, count: int, out: Any, scratch: Any) -> None:
    """Decode `codes[offset:offset + count]` (uint8) into `out[:2 * count]` (int16, 16 kHz).

    `s` is int64[WORDS], `scratch` int32[SCRATCH].
    """
    done = 0
    while done < count:
        n = min(count - done, _BLOCK)
        _decode_block(s, codes, offset + done, n, out, 2 * done, scratch)
        done += n
