"""Ending what tests have started."""

import contextlib
import os
import signal
import subprocess


def end_group(process: subprocess.Popen[bytes], limit_s: float = 3) -> None:
    """End a process that has a session of its own, with all that it has forked.

    Kamailio's first process now and then waits for ever for one of its own when it is told to end; those outlive it.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
