"""What the kernel counts of running, and of waiting for it."""

import os
import subprocess
import sys
import time

from edge.runtime.processor import share_of
from tests.support.waiting import until

SPIN = "import os; os.sched_setaffinity(0, {%d})\nwhile True: pass"


def test_two_that_share_a_core_wait_for_each_other_and_who_sleeps_does_not() -> None:
    core = max(os.sched_getaffinity(0))
    spinners = [subprocess.Popen([sys.executable, "-S", "-c", SPIN % core]) for _ in range(2)]
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        until(lambda: all(share_of(one.pid).waited_ms > 100 and share_of(one.pid).ready for one in spinners), 60)
        before = share_of(sleeper.pid)
        time.sleep(0.3)
        assert share_of(sleeper.pid) == before
        assert not before.ready
    finally:
        for one in (*spinners, sleeper):
            one.kill()
            one.wait()


def test_who_is_gone_has_had_nothing_that_anybody_knows() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert share_of(gone.pid) == (0, 0, False)
