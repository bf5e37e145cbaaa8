"""sd_notify(3) against a real socket."""

import os
import socket
from pathlib import Path

import pytest

from edge.app.notify import ServiceManager


@pytest.mark.parametrize("abstract", [False, True])
def test_notices_arrive(tmp_path: Path, abstract: bool) -> None:
    name = f"@edge-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.setblocking(False)
        notices = ServiceManager({"NOTIFY_SOCKET": name})
        notices.tell("READY=1", "STATUS=ready")
        notices.alive()
        notices.reloading()
        assert manager.recv(1000) == b"READY=1\nSTATUS=ready"
        assert manager.recv(1000) == b"WATCHDOG=1"
        assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    ServiceManager({}).tell("READY=1")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 1000),
        ({"WATCHDOG_USEC": "1000000"}, 500),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 1000),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({}, 0),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environment: dict[str, str], expected: int) -> None:
    assert ServiceManager(environment).watchdog_ms == expected
