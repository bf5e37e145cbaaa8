"""`edge bench freezes`: how long until a process that is stopped (SIGSTOP) is found out and replaced.

Each process of a real appliance (campaigns, a simulated modem) is stopped in turn, with a call up; measured is the time
until another one runs in its place and the appliance is ready. Last the supervisor, which nobody but systemd can
replace: the time from its stop until the watchdog fires, which is `WatchdogSec` (`[service]`) from its last word.
"""

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.campaigns import town_site
from tests.support.softphone import Softphone
from tests.support.waiting import until

Emit = Callable[..., None]
_LIMIT_S = 60


def measure(emit: Emit, *, quick: bool) -> None:
    """Stop every kind of process, `quick` once, else three times."""
    found: dict[str, list[float]] = {}
    calls_cut = 0
    with tempfile.TemporaryDirectory() as folder, address() as own, address() as there:
        edge = Appliance(own, Path(folder))
        town_site(edge, there, there)
        menu = edge.folder / "menus" / "main.yaml"
        menu.write_text(menu.read_text().replace("wait: 2s", "wait: 1h"))
        try:
            edge.start()
            with Softphone(there) as phone:
                call = phone.call(edge.uri)
                call.wait_answered()
                for _ in range(1 if quick else 3):
                    for name in sorted(_living(edge)):
                        found.setdefault(name, []).append(_freeze(edge, name))
                        calls_cut += call.state == "ended"
                call.bye()
        finally:
            edge.stop()
    for name, times in sorted(found.items()):
        emit(f"freeze_{name.replace('-', '_')}", round(statistics.median(times), 2), "s")
    emit("freeze_longest", round(max(max(times) for times in found.values()), 2), "s")
    emit("freeze_calls_cut", calls_cut, "calls")


def _living(edge: Appliance) -> dict[str, int]:
    """The processes that run, by name; of the spans the first."""
    status = edge.status()
    found = {p["name"]: p["pid"] for p in status["processes"] if p["state"] == "running"}
    spans = [span["pid"] for span in status["spans"] if span["state"] == "running"]
    return {**found, **({"span": spans[0]} if spans else {})}


def _freeze(edge: Appliance, name: str) -> float:
    """Stop `name`; returns the seconds until another one runs in its place and the appliance is ready."""
    victim = _living(edge)[name]
    began = time.monotonic()
    os.kill(victim, signal.SIGSTOP)
    until(lambda: not _exists(victim), _LIMIT_S, f"{name} ended", every_s=0.02)
    until(lambda: _living(edge).get(name, victim) != victim and edge.is_ready(), _LIMIT_S, name, every_s=0.02)
    return time.monotonic() - began


def _exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
