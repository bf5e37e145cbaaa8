"""What a service manager is told, by a stand-in for its socket: the appliance with fakes for processes."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.app.service import up_of
from tests.app.appliance import Appliance, site_for
from tests.support.waiting import until

#: The manager's patience, as WatchdogSec= would be; half of it lies between two signs of life.
WATCHDOG_S = 2.0


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notify.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        self.lines: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)), "WATCHDOG_PID": ""}

    def read(self) -> list[str]:
        """All assignments so far."""
        while True:
            try:
                self.lines += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.lines

    def count(self, line: str) -> int:
        return self.read().count(line)

    def hears(self, line: str, limit_s: float = 30) -> None:
        """Wait for one more of it."""
        before = self.count(line)
        until(lambda: self.count(line) > before, limit_s, f"{line}; had {self.lines[-20:]}")

    def starves(self, ends: Callable[[], bool] = lambda: False) -> bool:
        """Whether no sign of life comes for as long as the manager would wait, and half of it again."""
        before, end = self.count("WATCHDOG=1"), time.monotonic() + 1.5 * WATCHDOG_S
        while time.monotonic() < end and not ends():
            time.sleep(0.05)
        return self.count("WATCHDOG=1") == before

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(tmp_path)
    yield found
    found.close()


@pytest.fixture
def managed(address: str, tmp_path: Path, manager: Manager) -> Iterator[Appliance]:
    appliance = Appliance(site_for(address, tmp_path), manager.environment)
    appliance.until_ready()
    appliance.request("front", "answer", True)
    yield appliance
    appliance.end()


def test_the_life_of_a_service(managed: Appliance, manager: Manager) -> None:
    until(lambda: manager.count("READY=1") == 1, 20)
    assert any(line.startswith("STATUS=") and "starting" in line for line in manager.read())
    until(lambda: any(line.startswith("STATUS=ready") for line in manager.read()), 20)
    until(lambda: any("calls: 0" in line for line in manager.read()), 30, "the status names the calls")
    managed.request("switch", "set calls", ["one"])
    managed.signal(signal.SIGTERM)
    until(lambda: manager.count("STOPPING=1"), 20)
    until(lambda: any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in manager.read()), 20)
    manager.hears("WATCHDOG=1")  # it lives while it drains
    managed.signal(signal.SIGTERM)
    assert managed.process.wait(30) == 0


def test_a_supervisor_that_stands_still_feeds_no_watchdog(managed: Appliance, manager: Manager) -> None:
    manager.hears("WATCHDOG=1")
    os.kill(managed.process.pid, signal.SIGSTOP)
    try:
        assert manager.starves()
    finally:
        os.kill(managed.process.pid, signal.SIGCONT)
    manager.hears("WATCHDOG=1")


def test_a_front_that_beats_and_does_not_answer_is_replaced_and_only_then_the_watchdog_starves(
    managed: Appliance, manager: Manager
) -> None:
    manager.hears("WATCHDOG=1")
    first = managed.one("front")["pid"]
    # Who has never answered may be starting, and is not judged.
    until(lambda: ["answered"] in managed.request("front", "seen"), 20)
    managed.request("front", "answer", False)
    until(lambda: managed.one("front")["pid"] not in {first, None}, 30, "another front")
    assert "no answer to OPTIONS" in managed.log
    assert manager.count("WATCHDOG=1"), "the supervisor cures it by itself first"
    # The successor (a fake) is not asked to answer: now nobody does.
    until(lambda: any("no answer to OPTIONS" in line for line in manager.read()), 40, "the status says why")
    assert manager.starves()
    managed.request("front", "answer", True)
    manager.hears("WATCHDOG=1")


def test_trunks_are_counted() -> None:
    assert up_of(b'[{"up":true},{"up":false},{"up":true}]') == "trunks up: 2 of 3"
    assert not up_of(b"[]")
    assert not up_of(b"null")
    assert not up_of(b"nothing")
