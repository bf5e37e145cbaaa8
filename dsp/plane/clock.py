"""Clocks and the crash hook of the engine, as kernels."""

from typing import Any

from dsp.jit import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    SIGKILL,
    TIMER_ABSTIME,
    c_clock_gettime,
    c_clock_nanosleep,
    c_getpid,
    c_kill,
    kernel,
)
from dsp.plane.layout import CRASH_PHASE

_NS = 1_000_000_000


@kernel
def monotonic_ns(timespec: Any) -> int:
    """CLOCK_MONOTONIC in ns; `timespec` is scratch, int64[2]."""
    c_clock_gettime(CLOCK_MONOTONIC, timespec.ctypes.data)
    return timespec[0] * _NS + timespec[1]


@kernel
def wall_ns(timespec: Any) -> int:
    """CLOCK_REALTIME in ns, for NTP stamps only."""
    c_clock_gettime(CLOCK_REALTIME, timespec.ctypes.data)
    return timespec[0] * _NS + timespec[1]


@kernel
def sleep_until(timespec: Any, instant_ns: int) -> None:
    """Sleep until an instant of CLOCK_MONOTONIC; returns early when a signal comes."""
    timespec[0] = instant_ns // _NS
    timespec[1] = instant_ns % _NS
    c_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, timespec.ctypes.data, 0)


@kernel
def crash_point(ctl: Any, phase: int) -> None:
    """Kill this process here when a test asked for it."""
    if ctl[CRASH_PHASE] == phase:
        ctl[CRASH_PHASE] = 0
        c_kill(c_getpid(), SIGKILL)
