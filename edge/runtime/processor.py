"""How long a process has waited for a processor."""

from pathlib import Path


def waited_ms(pid: int) -> int:
    """Return for how long the main thread of `pid` was ready to run and did not, in all; 0 where nobody counts it.

    Second figure of /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst of Linux), nanoseconds.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) // 1_000_000
    except (OSError, ValueError, IndexError):
        return 0
