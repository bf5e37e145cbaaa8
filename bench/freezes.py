"""`edge bench freezes`: how long until a process that is stopped (SIGSTOP) is found out and replaced.

Each process of a real appliance (campaigns, a simulated modem) is stopped in turn, with a call up; measured are the
time until the supervisor has noticed it (its log says so), and until another one runs in its place and the appliance is
ready. Last the supervisor, which nobody but systemd can
replace: the time from its stop until the watchdog fires, which is `WatchdogSec` (`[service]`) from its last word.
"""

import json
import os
import re
import signal
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.campaigns import town_site
from tests.support.modem import Simulator
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until

Emit = Callable[..., None]
_LIMIT_S = 60
#: What the supervisor says then, of media and of all others.
_NOTICED = re.compile(rb'"event":"process (?:hangs|aborted)"')
_UNIT = Path(__file__).parents[1] / "systemd" / "edge.service"
_LINE = """[[lines]]
name = "gsm"
profile = "huawei-e1750"
port = "{modem.port}"
sound_port = "{modem.sound}"
did = "100"
"""


class Freeze(NamedTuple):
    """Seconds from a process's stop."""

    noticed: float
    replaced: float


def measure(emit: Emit, *, quick: bool) -> None:
    """Stop every kind of process, `quick` once, else three times, and the supervisor."""
    found: dict[str, list[Freeze]] = {}
    supervisor_s = 0.0
    calls_cut = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        address() as own,
        address() as there,
        Simulator("huawei", Path(folder) / "gsm") as modem,
        _Manager(Path(folder) / "notify") as manager,
    ):
        edge = Appliance(own, Path(folder))
        town_site(edge, there, there, _LINE.format(modem=modem))
        menu = edge.folder / "menus" / "main.yaml"
        menu.write_text(menu.read_text().replace("wait: 2s", "wait: 1h"))
        try:
            edge.start(environment=manager.environment)
            until(lambda: {"line-gsm", "dialer", "media-standby"} <= _living(edge).keys(), _LIMIT_S, "all are there")
            names = sorted(_living(edge))
            with Softphone(there) as phone:
                call = _answered(phone, edge)
                for name in names * (1 if quick else 3):
                    found.setdefault(name, []).append(_freeze(edge, name, names))
                    if call.state == "ended":
                        calls_cut += 1
                        call = _answered(phone, edge)
                call.bye()
            supervisor_s = manager.freeze(edge)
        finally:
            edge.stop()
    for name, freezes in sorted(found.items()):
        figure = f"freeze_{name.replace('-', '_')}"
        emit(f"{figure}_noticed", round(statistics.median(one.noticed for one in freezes), 2), "s")
        emit(figure, round(statistics.median(one.replaced for one in freezes), 2), "s")
    emit("freeze_supervisor", round(supervisor_s, 2), "s")
    emit("freeze_longest", round(max(one.replaced for freezes in found.values() for one in freezes), 2), "s")
    emit("freeze_calls_cut", calls_cut, "calls")


def _answered(phone: Softphone, edge: Appliance) -> Call:
    call = phone.call(edge.uri)
    call.wait_answered()
    return call


class _Manager:
    """Stands in for systemd: it is told that the supervisor lives, and looks at the clock."""

    def __init__(self, path: Path) -> None:
        self._limit_s = int(re.findall(r"^WatchdogSec=(\d+)$", _UNIT.read_text(), re.MULTILINE)[0])
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = path
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(self._limit_s * 1_000_000)}
        self._fed = time.monotonic()

    def __enter__(self) -> "_Manager":
        self._socket.bind(str(self._path))
        self._socket.settimeout(0.1)
        threading.Thread(target=self._hear, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _hear(self) -> None:
        while self._socket.fileno() >= 0:
            try:
                if b"WATCHDOG=1" in self._socket.recv(4096):
                    self._fed = time.monotonic()
            except TimeoutError:
                continue
            except OSError:
                return

    def freeze(self, edge: Appliance) -> float:
        """Stop the supervisor; returns the seconds until the watchdog fires, and ends it as systemd does then."""
        assert edge.process is not None
        began = time.monotonic()
        edge.process.send_signal(signal.SIGSTOP)
        until(lambda: time.monotonic() >= self._fed + self._limit_s, 2 * self._limit_s, "the watchdog", every_s=0.02)
        fired_s = time.monotonic() - began
        edge.process.send_signal(signal.SIGKILL)
        edge.process.wait()
        return fired_s


def _living(edge: Appliance) -> dict[str, int]:
    """The processes that run, by name; of the spans the first."""
    status = edge.status()
    found = {p["name"]: p["pid"] for p in status["processes"] if p["state"] == "running"}
    spans = [span["pid"] for span in status["spans"] if span["state"] == "running"]
    return {**found, **({"span": spans[0]} if spans else {})}


def _freeze(edge: Appliance, name: str, names: list[str]) -> Freeze:
    """Stop `name` once all of `names` run, and wait until another one does in its place, and it is ready again."""
    until(lambda: _living(edge).keys() >= set(names) and edge.is_ready(), _LIMIT_S, "all are there")
    victim, heard = _living(edge)[name], edge.log.stat().st_size
    began = time.monotonic()
    os.kill(victim, signal.SIGSTOP)
    until(lambda: _is_noticed(edge.log, heard, victim), _LIMIT_S, f"{name} noticed", every_s=0.02)
    noticed_s = time.monotonic() - began
    until(lambda: not _exists(victim), _LIMIT_S, f"{name} ended", every_s=0.02)
    until(lambda: _living(edge).get(name, victim) != victim and edge.is_ready(), _LIMIT_S, name, every_s=0.02)
    return Freeze(noticed_s, time.monotonic() - began)


def _is_noticed(log: Path, heard: int, victim: int) -> bool:
    """Whether the supervisor's log, behind what was heard of it (octets), says that `victim` hangs."""
    with log.open("rb") as opened:
        opened.seek(heard)
        lines = [line for line in opened if line.endswith(b"\n") and _NOTICED.search(line)]
    return any(json.loads(line).get("pid") == victim for line in lines)


def _exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
