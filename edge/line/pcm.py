"""Samples as octets of a device and back: `s16le`, `u8`, `ulaw` and `alaw` (ITU-T G.711).

G.711 without numba, which would be most of a line's process.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def decoded(data: bytes, encoding: str) -> Samples:
    """Make samples of octets; of `s16le`, there is an even number of them."""
    if encoding == "s16le":
        return np.frombuffer(data, "<i2").astype(np.int16)
    octets = np.frombuffer(data, np.uint8)
    if encoding == "u8":
        return ((octets.astype(np.int16) - 128) << 8).astype(np.int16)
    return _LAWS[encoding][octets]


def encoded(samples: Samples, encoding: str) -> bytes:
    """Make octets of samples, each the nearest that the encoding has."""
    if encoding == "s16le":
        return samples.astype("<i2").tobytes()
    if encoding == "u8":
        return ((samples.astype(np.int32) + 128 >> 8) + 128).clip(0, 255).astype(np.uint8).tobytes()
    order, edges = _NEAREST[encoding]
    return order[np.searchsorted(edges, samples)].tobytes()


def _mulaw() -> Samples:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw() -> Samples:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = np.where(exponent > 0, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0), (mantissa << 4) + 8)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest(law: Samples) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    order = np.argsort(law, kind="stable").astype(np.uint8)
    values = law[order].astype(float)
    return order, (values[1:] + values[:-1]) / 2


_LAWS = {"ulaw": _mulaw(), "alaw": _alaw()}
_NEAREST = {name: _nearest(law) for name, law in _LAWS.items()}
