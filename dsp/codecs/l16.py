"""L16: linear samples of 16 bits in network order (RFC 3551 section 4.5.11)."""

from typing import Any

from dsp.jit import i64, kernel


@kernel
def decode(data: Any, offset: int, count: int, out: Any) -> None:
    """Read `count` samples from `data[offset:offset + 2 * count]` (uint8) into `out[:count]` (int16)."""
    for i in range(count):
        value = (i64(data[offset + 2 * i]) << 8) | i64(data[offset + 2 * i + 1])
        out[i] = value - 0x10000 if value >= 0x8000 else value


@kernel
def encode(samples: Any, start: int, count: int, out: Any, offset: int) -> None:
    """Write `samples[start:start + count]` (int16) to `out[offset:offset + 2 * count]` (uint8)."""
    for i in range(count):
        value = i64(samples[start + i])
        out[offset + 2 * i] = (value >> 8) & 0xFF
        out[offset + 2 * i + 1] = value & 0xFF
