"""G.711 mu-law and A-law (ITU-T G.711 tables 1 and 2), by table.

Both laws share the kernels: `law` 0 is mu-law, 1 is A-law, as in `dsp.plane.layout.CODEC_*`. Linear samples are int16,
the 14-bit (13-bit) values of the recommendation in the upper bits.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.jit import kernel

#: Codes of silence.
MULAW_ZERO = 0xFF
ALAW_ZERO = 0xD5
#: Mean square of an int16 sine of 0 dBm0: the overload point of mu-law, 3.17 dBm0, is at 32124 (ITU-T G.711 section 4).
POWER_0_DBM0 = 32124.0**2 / 2 / 10**0.317


def _mulaw_decoder() -> npt.NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decoder() -> npt.NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _mulaw_encoder() -> npt.NDArray[np.uint8]:
    value = np.arange(16384)
    value = np.where(value >= 8192, value - 16384, value)
    biased = np.minimum(np.abs(value), 8158) + 33
    exponent = np.floor(np.log2(biased)).astype(np.int64) - 5
    mantissa = (biased >> (exponent + 1)) & 15
    return (~(np.where(value < 0, 0x80, 0) | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)


def _alaw_encoder() -> npt.NDArray[np.uint8]:
    value = np.arange(16384) >> 1
    value = np.where(value >= 4096, value - 8192, value)
    magnitude = np.where(value < 0, -value - 1, value)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 4, 0)
    mantissa = (magnitude >> np.maximum(exponent, 1)) & 15
    return ((np.where(value < 0, 0, 0x80) | exponent << 4 | mantissa) ^ 0x55).astype(np.uint8)


#: int16[2, 256]: law, code -> linear.
DECODE = np.stack([_mulaw_decoder(), _alaw_decoder()])
#: uint8[2, 16384]: law, upper 14 bits of the sample (as unsigned) -> code.
ENCODE = np.stack([_mulaw_encoder(), _alaw_encoder()])


@kernel
def decode(codes: Any, offset: int, count: int, table: Any, out: Any) -> None:
    """Decode `codes[offset:offset + count]` (uint8) into `out[:count]` (int16) with one row of `DECODE`."""
    for i in range(count):
        out[i] = table[codes[offset + i]]


@kernel
def encode(samples: Any, count: int, table: Any, out: Any, offset: int) -> None:
    """Encode `samples[:count]` (int16) into `out[offset:offset + count]` (uint8) with one row of `ENCODE`."""
    for i in range(count):
        out[offset + i] = table[(np.int64(samples[i]) & 0xFFFF) >> 2]
