"""Kernels as plain Python (`NUMBA_DISABLE_JIT=1`, see `make test`), where a wrong index raises an error."""

from dsp.jit import config

#: How many times as much the compiled kernels are tested with, which are some hundred times as fast.
LESS = 10 if config.DISABLE_JIT else 1


def fewer(count: int) -> int:
    """`count`, or a tenth of it, at least 1, where kernels are interpreted."""
    return max(1, count // LESS)
