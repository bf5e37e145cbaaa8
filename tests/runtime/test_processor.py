"""What the kernel counts of waiting for a processor."""

import os
import subprocess
import sys
import time

from edge.runtime.processor import waited_ms
from tests.support.waiting import until

SPIN = "import os; os.sched_setaffinity(0, {%d})\nwhile True: pass"


def test_two_that_share_a_core_wait_for_each_other_and_who_sleeps_does_not() -> None:
    core = max(os.sched_getaffinity(0))
    spinners = [subprocess.Popen([sys.executable, "-S", "-c", SPIN % core]) for _ in range(2)]
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        until(lambda: all(waited_ms(one.pid) > 100 for one in spinners), 60)
        before = waited_ms(sleeper.pid)
        time.sleep(0.3)
        assert waited_ms(sleeper.pid) == before
    finally:
        for one in (*spinners, sleeper):
            one.kill()
            one.wait()


def test_who_is_gone_has_waited_for_nothing_that_anybody_knows() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert waited_ms(gone.pid) == 0
