"""Clocks and the crash hook of the engine, as kernels."""

from typing import Any

from dsp.jit import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    SIGKILL,
    SIOCGSTAMPNS,
    TIMER_ABSTIME,
    c_clock_gettime,
    c_clock_nanosleep,
    c_getpid,
    c_ioctl,
    c_kill,
    kernel,
)
from dsp.plane.layout import ARRIVAL_STAMPS, CRASH_PHASE, TICK_NS

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
def arrival_ns(ctl: Any, stamp: Any, fd: int, now_ns: int, now_wall_ns: int) -> int:
    """When the datagram that was read last from `fd` came, on the clock of `now_ns`.

    `now_wall_ns` is the wall time at `now_ns`; `stamp` is scratch, int64[2]. Without stamps, and where the stamp can't
    be true (the wall clock was set), it is `now_ns`. Costs 0.13 us, one system call.
    """
    if ctl[ARRIVAL_STAMPS] == 0 or c_ioctl(fd, SIOCGSTAMPNS, stamp.ctypes.data) < 0:
        return now_ns
    age = now_wall_ns - (stamp[0] * _NS + stamp[1])
    return now_ns - age if -TICK_NS < age < _NS else now_ns


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
