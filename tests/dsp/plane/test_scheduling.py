"""What the kernel grants the loop's thread, and what ends it when it runs wild."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dsp.plane import scheduling
from dsp.plane.scheduling import Service

ROOT = Path(__file__).parents[3]

# A process of its own: priority and limits stay. The thread gives way to nobody until the kernel ends it.
CODE = """
import faulthandler, os, signal, sys, threading
from dsp.plane.scheduling import be_punctual
faulthandler.enable()
faulthandler.register(signal.SIGXCPU, chain=True)
cores = os.sched_getaffinity(0)

def engine():
    core = max(cores)
    service = be_punctual(core, real_time=sys.argv[1] != "without")
    assert os.sched_getaffinity(threading.get_native_id()) == {core}
    print(service.name, os.sched_getscheduler(0) == os.SCHED_RR, flush=True)
    while sys.argv[1] == "wild":
        pass

thread = threading.Thread(target=engine)
thread.start()
thread.join()
assert os.sched_getaffinity(0) == cores, "of this thread only"
assert os.sched_getscheduler(0) == os.SCHED_OTHER
"""


def run(how: str) -> tuple[str, bool, subprocess.CompletedProcess[str]]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    name, realtime = done.stdout.split()
    return name, realtime == "True", done


def test_the_loop_gets_the_best_that_is_allowed() -> None:
    name, realtime, done = run("tame")
    assert done.returncode == 0, done.stderr
    assert realtime == (Service[name] is Service.REAL_TIME)
    if os.geteuid() == 0:
        assert realtime


def test_who_wants_none_gets_none_whatever_is_allowed() -> None:
    name, realtime, done = run("without")
    assert done.returncode == 0, done.stderr
    assert not realtime
    assert name != Service.REAL_TIME.name


@pytest.mark.skipif(os.geteuid() != 0, reason="real-time priority is for root here")
def test_a_real_time_loop_that_never_sleeps_is_ended_and_says_where_it_was() -> None:
    _, realtime, done = run("wild")
    assert realtime
    assert done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}
    if done.returncode == -signal.SIGXCPU:
        assert "in engine" in done.stderr


@pytest.mark.parametrize(
    ("limit", "priority"), [(7, 7), (49, 49), (50, 10), (99, 10), (0, 10), (resource.RLIM_INFINITY, 10)]
)
def test_it_is_what_the_limit_names_below_the_kernel_s_threads(
    monkeypatch: pytest.MonkeyPatch, limit: int, priority: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(scheduling.resource, "getrlimit", lambda _which: (limit, limit))
    monkeypatch.setattr(scheduling.resource, "setrlimit", lambda _which, _limits: None)
    monkeypatch.setattr(
        scheduling.os, "sched_setscheduler", lambda _thread, _policy, param: asked.append(param.sched_priority)
    )
    assert scheduling.be_punctual() is scheduling.Service.REAL_TIME
    assert asked == [priority]
