"""A child that does one thing and ends; nothing of the appliance's life hangs on it."""

import os
import subprocess
import sys
from collections.abc import Callable

from edge.app.preparing import module_environment
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump


class Errand:
    """Runs `python -m module arguments`; `done(exit code)` is called once, with None when it had to be killed."""

    def __init__(
        self, module: str, arguments: list[str], pump: Pump, limit_ms: int, done: Callable[[int | None], None]
    ) -> None:
        self._pump = pump
        self._done = done
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=module_environment(),
            stdin=subprocess.DEVNULL,
            stdout=2,
            process_group=0,
        )
        self._pidfd = os.pidfd_open(self._process.pid)
        self._killed = False
        self._limit = pump.at(monotonic_ms() + limit_ms, self._kill)
        pump.watch(self._pidfd, self._ended)

    def _kill(self) -> None:
        self._killed = True
        self._process.kill()

    def _ended(self) -> None:
        status = self._process.wait()
        self._close()
        self._done(None if self._killed else status)

    def _close(self) -> None:
        self._limit.cancel()
        self._pump.unwatch(self._pidfd)
        os.close(self._pidfd)

    def cancel(self) -> None:
        """Kill it; `done` is not called."""
        self._process.kill()
        self._process.wait()
        self._close()
