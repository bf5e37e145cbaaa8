"""What a process has had of the processors."""

from pathlib import Path

from edge.core.supervision.starving import Share


def share_of(pid: int) -> Share:
    """Say what the main thread of `pid` has had; nothing where nobody counts it.

    /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst of Linux): nanoseconds of running, and of being ready
    to run, these only up to the last time that it ran. /proc/PID/stat (proc(5)): whether it is ready now.
    """
    try:
        ran, waited = Path(f"/proc/{pid}/schedstat").read_text().split()[:2]
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return Share(int(ran) // 1_000_000, int(waited) // 1_000_000, state == "R")
    except (OSError, ValueError, IndexError):
        return Share(0, 0, False)
