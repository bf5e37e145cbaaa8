#!/usr/bin/env python3
"""Session timers at RFC 4028's floor of 90 s in real time, both roles side by side over three refreshes, by SIPp.

The scenarios check each header; a call that is not refreshed in time, or hung up, fails SIPp.
"""

import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.support.addresses import address
from tests.support.appliance import appliance
from tests.support.waiting import until

SCENARIOS = Path(__file__).parents[1] / "tests" / "system" / "sipp"
CALLS = 5
LIMIT_S = 240


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Tell how many calls lived through three refreshes; the time is the RFC's, so there is no quick form."""
    calls = 1 if quick else CALLS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        at = stack.enter_context(address())
        edge = stack.enter_context(appliance(at, folder, menu=MENU))
        runs = {}
        for name in ("refreshed", "refreshes"):
            own = stack.enter_context(address())
            runs[name] = _sipp(folder, own, f"{at}:5060", str(SCENARIOS / f"{name}.xml"), calls)
        codes = {name: run.wait(LIMIT_S) for name, run in runs.items()}
        # The phones have heard of the end a moment before it is on disk.
        until(lambda: edge.types().count("call.ended") >= edge.types().count("call.started"), 20, "all ends")
        edge.check_histories()
        ends = [e["data"]["end"]["outcome"] for e in edge.events() if e["type"] == "call.ended"]
    emit("session_timer_calls", 2 * calls, "calls of three refreshes, half of them by us")
    for name, code in codes.items():
        emit(f"session_timer_{name}_failed", int(code != 0), "runs")
    emit("session_timer_calls_cut", 2 * calls - ends.count("completed"), "calls")


MENU = """version: 1
start: stay
nodes:
  stay:
    gather: {greet_long: welcome, first_digit_timeout: 300s}
    choices: {1: stay}
    failed: bye
  bye:
    hang_up:
"""


def _sipp(folder: Path, own: str, to: str, scenario: str, calls: int) -> subprocess.Popen[bytes]:
    with (folder / f"sipp-{own}.log").open("wb") as log:
        return subprocess.Popen(
            ["sipp", to, "-sf", scenario, "-s", "100", "-m", str(calls), "-r", "2", "-i", own, "-p", "5060",
             "-mi", own, "-nostdin", "-timeout", f"{LIMIT_S}s", "-timeout_error", "-trace_err"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
