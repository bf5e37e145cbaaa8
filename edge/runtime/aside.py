"""Work whose traces must not stay in this process: done by a child, which takes its memory along."""

import contextlib
import os
from collections.abc import Callable
from typing import Any

from edge.runtime.parent import die_with_parent


def aside(work: Callable[[], Any]) -> bool:
    """Do `work` in a fork of this process and wait for it; False when it raised or was killed.

    For single-threaded processes. Only what `work` leaves outside of the process (files) is kept. The child ends with
    us.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            die_with_parent(parent)
            work()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
