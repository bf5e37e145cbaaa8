"""Who dies with whom.

Everything ends with the supervisor, whatever killed it: nobody is left who holds ports or audio. A worker outlives its
zygote, though: a zygote only forks, and its death must not cost a call.
"""

import os
import signal
from types import FrameType

from edge.runtime.channel import EXIT_LOST
from edge.runtime.prctl import set_death_signal


def die_with_parent(supervisor_pid: int) -> None:
    """For the supervisor's own children: SIGKILL when it ends; exits at once when it is gone already.

    The kernel watches the *thread* that forked: start children from the supervisor's main thread.
    """
    set_death_signal(signal.SIGKILL)
    if os.getppid() != supervisor_pid:  # it ended before the line above
        os._exit(EXIT_LOST)


def outlive_zygote(zygote_pid: int, supervisor_pid: int) -> None:
    """For a zygote's worker: live on under the supervisor when the zygote ends, exit when the supervisor is gone.

    The supervisor is a child subreaper: an orphan's parent is the supervisor exactly as long as that lives. The kernel
    has moved the child to its new parent before it sends the signal, so the handler needs no waiting.
    """

    def parent_ended(_number: int, _frame: FrameType | None) -> None:
        if os.getppid() != supervisor_pid:
            os._exit(EXIT_LOST)
        set_death_signal(signal.SIGUSR2)

    signal.signal(signal.SIGUSR2, parent_ended)
    signal.siginterrupt(signal.SIGUSR2, False)  # a system call of the worker must not fail for it
    set_death_signal(signal.SIGUSR2)
    if os.getppid() not in {zygote_pid, supervisor_pid}:
        os._exit(EXIT_LOST)
