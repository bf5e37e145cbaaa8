"""What may block, done beside the loop: to open and to close a port, or sound.

A modem server that is dark takes 5 s to show it, a sound server that hangs or has no processor does not return at all,
and a serial port may be held by its driver; the loop beats, and answers front, all the while.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
Then = Callable[[Any], None]


class Beside:
    """Does one thing after the other, each on a thread. All of it but the work belongs to the loop's thread."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Work, Then]] = deque()
        self._since_s = 0.0

    def do(self, work: Work, then: Then = lambda _made: None) -> None:
        """Do `work` when all before it is done; `then` is called on the loop with what it has returned."""
        self._jobs.append((work, then))
        if len(self._jobs) == 1:
            self._begin()

    @property
    def busy_for_s(self) -> float:
        """For how long the present work has been under way; 0: there is none."""
        return max(1e-9, time.monotonic() - self._since_s) if self._jobs else 0.0

    async def rest(self, limit_s: float) -> bool:
        """Wait until all is done; False when that lasts longer than `limit_s`."""
        end_s = time.monotonic() + limit_s
        while self._jobs and time.monotonic() < end_s:
            await asyncio.sleep(0.01)
        return not self._jobs

    def _begin(self) -> None:
        self._since_s = time.monotonic()
        job = asyncio.get_running_loop(), self._jobs[0][0]
        # A daemon: nobody waits at the end for what does not return.
        threading.Thread(target=self._work, args=job, name="beside", daemon=True).start()

    def _work(self, loop: asyncio.AbstractEventLoop, work: Work) -> None:
        made, bug = None, None
        try:
            made = work()
        except Exception as error:
            bug = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._done, made, bug)

    def _done(self, made: Any, bug: Exception | None) -> None:
        _, then = self._jobs.popleft()
        if self._jobs:
            self._begin()
        if bug is not None:
            raise bug
        then(made)
