"""`edge bench calls`: what a call costs and how it is served, from the caller's side.

Each run is the load generator in a process of its own, pinned to one core, against a fresh appliance. A run that the
generator calls void (it was late, datagrams were dropped, the machine was stolen) is made again, three times at most;
a figure of a run that stayed void says so.
"""

import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import usage
from bench.appliance import SECOND_HZ, appliance, metrics, settle
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.waiting import until

GENERATOR = Path(__file__).with_name("generator.py")
TRIES = 3

Lines = dict[str, dict[str, Any]]
Emit = Callable[..., None]


def measure(emit: Emit, *, quick: bool) -> None:
    """Make all runs; `quick` keeps them short, for a look. Each figure goes to `emit(name, value, unit, **more)`."""
    length = 10 if quick else 60
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as name:
        folder = Path(name)
        _start_times(emit, folder)
        echo = _generator("--echo", "--callers", "100", "--duration", str(min(length, 30)))
        emit("echo_cpu_per_leg", echo["echo_cpu_per_leg"]["value"], "% of a core", **_void(echo))
        _steady(emit, folder / "calls-100", 100, length, echo["echo_cpu_per_leg"]["value"])
        _steady(emit, folder / "calls-300", 300, length, echo["echo_cpu_per_leg"]["value"])
        _set_up(emit, folder / "setup-20", 20, length)
        _set_up(emit, folder / "setup-100", 100, length // 2)
        _busy(emit, folder / "busy", min(length, 30))
        for method in ("rfc4733", "inband"):
            _keys(emit, folder / f"keys-{method}", method)


def _generator(*words: str) -> Lines:
    """Run the load generator on an address of its own; its figures by name."""
    with address() as at:
        done = subprocess.run(
            [sys.executable, str(GENERATOR), "--address", at, *words], capture_output=True, text=True, check=False
        )
    lines = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    found = {line["name"]: line for line in lines}
    if "void" not in found:
        raise RuntimeError(f"the generator failed: {done.stderr[-2000:]}")
    return found


def _void(lines: Lines) -> dict[str, Any]:
    return {"void": lines["void"]["reasons"]} if lines["void"]["value"] else {}


def _load(folder: Path, slots: int, *words: str, look: Callable[[Appliance], None] | None = None) -> Lines:
    """Run the generator against a fresh appliance, again while the run is void; `look` sees the last appliance."""
    lines: Lines = {}
    for attempt in range(TRIES):
        with appliance(folder.with_name(f"{folder.name}.{attempt}"), slots) as edge:
            lines = _generator(f"{edge.address}:5060", "--watch", str(edge.status()["pid"]), *words)
            settle(edge)
            if look is not None and (not lines["void"]["value"] or attempt == TRIES - 1):
                look(edge)
        if not lines["void"]["value"]:
            break
    return lines


def _steady(emit: Emit, folder: Path, callers: int, length: int, echo: float) -> None:
    """`callers` at once: a prompt each, in-band detection on, recorded in stereo."""
    found: dict[str, Any] = {}

    def look(edge: Appliance) -> None:
        done = [e["data"] for e in edge.events() if e["type"].startswith("recording.") and "started" not in e["type"]]
        found["recordings"] = sum("sha256" in data for data in done)
        found["gaps"] = sum(bool(data.get("gap_ms_left") or data.get("gap_ms_right")) for data in done)
        found["ticks"] = _tick_seconds(metrics(edge))

    lines = _load(
        folder, callers + 100, "--callers", str(callers), "--duration", str(length), "--rate", "20", look=look
    )
    void = _void(lines)
    what = f"calls_{callers}"
    emit(f"{what}_failed", lines["calls_failed"]["value"], "calls", **void)
    emit(f"{what}_recordings_complete", found["recordings"], "recordings", **void)
    emit(f"{what}_recordings_with_a_gap", found["gaps"], "recordings", **void)
    emit(f"{what}_rtp_lost", lines["rtp_lost"]["value"], "packets", **void)
    cost = lines["cpu_per_call"]["value"]
    emit(
        f"{what}_cpu_per_call", cost, "% of a core",
        peer="bare C echo", peer_value=echo, ratio=round(cost / echo, 2), **void,
    )  # fmt: skip
    for name, line in lines.items():
        if name.startswith("cpu_per_call_"):
            emit(f"{what}_{name}", line["value"], "% of a core", **void)
    emit(f"{what}_memory_pss", round(lines["memory_pss"]["value"], 1), "MB", **void)
    for share in ("p50", "p99", "p99_9"):
        emit(f"{what}_rtp_spacing_off_{share}", lines[f"rtp_spacing_off_{share}"]["value"], "ms", **void)
    emit(f"{what}_tick_p99", found["ticks"], "ms", **void)
    emit(f"{what}_generator_cpu", lines["generator_cpu"]["value"], "cores", **void)


def _tick_seconds(metrics: str) -> float:
    """Upper edge of the bucket in which 99 % of the engine's ticks lie, milliseconds."""
    found = re.findall(r'^edge_media_tick_seconds_bucket\{le="([^"]+)"\} (\S+)$', metrics, re.MULTILINE)
    buckets = [(float(edge), float(count)) for edge, count in found]
    total = buckets[-1][1]
    return next(edge for edge, count in buckets if count >= 0.99 * total) * 1000


def _set_up(emit: Emit, folder: Path, rate: int, length: int) -> None:
    lines = _load(folder, 600, "--rate", str(rate), "--hold", "2", "--duration", str(length))
    void = _void(lines)
    emit(f"setup_{rate}_calls", lines["calls"]["value"], "calls", **void)
    emit(f"setup_{rate}_failed", lines["calls_failed"]["value"], "calls", **void)
    for share in ("p50", "p90", "p99"):
        emit(f"setup_{rate}_invite_to_200_{share}", lines[f"invite_to_200_ms_{share}"]["value"], "ms", **void)
    emit(f"setup_{rate}_generator_cpu", lines["generator_cpu"]["value"], "cores", **void)


def _spin() -> None:
    while True:
        pass


@contextmanager
def _both_cores_busy() -> Iterator[None]:
    hogs = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for hog in hogs:
        hog.start()
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.join()


def _busy(emit: Emit, folder: Path, length: int) -> None:
    """Spacing of outgoing RTP while a busy loop runs on every core."""
    with _both_cores_busy():
        lines = _load(folder, 150, "--callers", "50", "--duration", str(length), "--rate", "10")
    for share in ("p50", "p99", "p99_9"):
        emit(f"busy_rtp_spacing_off_{share}", lines[f"rtp_spacing_off_{share}"]["value"], "ms", **_void(lines))
    emit("busy_calls_failed", lines["calls_failed"]["value"], "calls", **_void(lines))


def _keys(emit: Emit, folder: Path, method: str) -> None:
    """From the last packet of a key to the first packet of the prompt that follows."""
    lines = _load(
        folder, 150, "--callers", "50", "--duration", "6", "--rate", "10", "--key-method", method,
        "--next-hz", str(SECOND_HZ),
    )  # fmt: skip
    emit(f"key_{method}_without_effect", lines["keys_without_effect"]["value"], "keys", **_void(lines))
    for share in ("p50", "p99"):
        emit(f"key_{method}_to_prompt_{share}", lines[f"key_to_prompt_ms_{share}"]["value"], "ms", **_void(lines))


def _start_times(emit: Emit, folder: Path) -> None:
    """Start to ready with an empty and with a filled cache of compiled kernels; memory when idle."""
    for kind in ("cold", "warm"):
        began = time.monotonic()
        with appliance(folder / f"start-{kind}", 400, folder / "numba-cache") as edge:
            emit(f"start_to_ready_{kind}", round(time.monotonic() - began, 2), "s")
            if kind == "warm":
                until(lambda: bool(edge.status()["ready"]), 60, "ready")
                time.sleep(2)  # what was used only to start is given back
                emit("memory_pss_idle", round(usage.memory_pss_mb(usage.tree(edge.status()["pid"])), 1), "MB")
