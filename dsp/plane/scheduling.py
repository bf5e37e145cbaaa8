"""How the engine's thread is served by the kernel: its priority, its core, and what ends it should it run wild."""

import contextlib
import os
import resource
import threading
from enum import IntEnum

#: SCHED_RR priority where no limit names one: above everything that is not real-time.
_PRIORITY = 10
#: Priority of the kernel's own threads, those of interrupts among them.
_KERNEL = 50
_NICE = -10
#: A real-time thread that does not sleep for so long takes a core from everybody: SIGXCPU, then SIGKILL (setrlimit(2)).
#: The loop sleeps at least once while it catches up (`loop.BEHIND_NS`), so only a hang comes here.
RUNAWAY_US = (600_000, 1_000_000)


class Service(IntEnum):
    """What the thread was granted."""

    NORMAL = 0
    NICE = 1
    REAL_TIME = 2


def be_punctual(core: int | None = None, *, real_time: bool = True) -> Service:
    """Give the calling thread the best service that is allowed, on `core` if that is ours to use.

    Without `real_time` that is not asked for. The limit alone cannot say so: it is 0 as well where nobody has set one,
    and who has CAP_SYS_NICE needs none (sched(7)).
    """
    thread = threading.get_native_id()
    if core is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(thread, {core})
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_RTTIME, RUNAWAY_US)
    if real_time:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(_priority()))
            return Service.REAL_TIME
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, _NICE)
        return Service.NICE
    return Service.NORMAL


def _priority() -> int:
    """Give the limit (RLIMIT_RTPRIO): the unit's, or the board's."""
    limit, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    return limit if 0 < limit < _KERNEL else _PRIORITY
