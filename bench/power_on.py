"""`edge bench power_on`: from the start of the program to the first call that is answered.

Compiled kernels and spoken prompts are there, as after an installation; with `cold` the kernel has also forgotten the
files (its page cache is dropped, where that is allowed), as after the machine was switched on.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.addresses import address
from tests.support.appliance import Appliance, write_site
from tests.support.softphone import Softphone
from tests.support.waiting import until

Emit = Callable[..., None]
_LIMIT_S = 120


def measure(emit: Emit, *, quick: bool) -> None:
    """Start it again and again; `quick` twice with a warm cache, else five times of each kind."""
    times = 2 if quick else 5
    with tempfile.TemporaryDirectory() as folder, address() as own, address() as there:
        edge = Appliance(own, Path(folder))
        write_site(edge)
        _start(edge, there)  # what is made once is made now
        kinds = {"warm": False, "cold": True} if not quick and _forget_files() else {"warm": False}
        for name, cold in kinds.items():
            found = []
            for _ in range(times):
                if cold:
                    _forget_files()
                found.append(_start(edge, there))
            emit(f"power_on_{name}_ready", round(statistics.median(one[0] for one in found), 2), "s")
            emit(f"power_on_{name}_answered", round(statistics.median(one[1] for one in found), 2), "s")
            emit(f"power_on_{name}_answered_longest", round(max(one[1] for one in found), 2), "s")


def _start(edge: Appliance, phone_at: str) -> tuple[float, float]:
    """Start and stop it once; seconds until it lets calls in, and until a phone that tries on is answered."""
    began = time.monotonic()
    edge.start(ready=False)
    try:
        until(lambda: edge.run.joinpath("control.sock").exists() and edge.is_ready(), _LIMIT_S, "ready", every_s=0.02)
        ready_s = time.monotonic() - began
        with Softphone(phone_at) as phone:
            call = phone.call(edge.uri)
            call.wait_answered()
            answered_s = time.monotonic() - began
            call.bye()
    finally:
        edge.stop()
    return ready_s, answered_s


def _forget_files() -> bool:
    """Have the kernel drop its page cache; whether it may be done here."""
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True
