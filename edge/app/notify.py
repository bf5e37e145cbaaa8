"""Notices to the service manager: the protocol of sd_notify(3), spoken without its library."""

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

#: At least so often, milliseconds: the manager notices the less late, the later the last sign of life was.
FEED_MS: Final = 1000


class ServiceManager:
    """Where NOTIFY_SOCKET points to; does nothing without one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if address[:1] in {"/", "@"}:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            self._address = "\0" + address[1:] if address[0] == "@" else address
        own = environment.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        limit_us = environment.get("WATCHDOG_USEC", "")
        #: How often to call `alive`, milliseconds; 0: the manager does not watch.
        self.watchdog_ms = min(int(limit_us) // 2000, FEED_MS) if own and limit_us.isdecimal() else 0
        self._status = ""

    @property
    def listens(self) -> bool:
        """Whether there is a manager."""
        return self._socket is not None

    def tell(self, *lines: str) -> None:
        """Send assignments, as `READY=1`. A manager that does not listen is no reason to fail."""
        if self._socket is not None:
            try:
                self._socket.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return

    def alive(self) -> None:
        """Feed the watchdog."""
        self.tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in a line how things are, for `systemctl status`; told when it changes."""
        if text != self._status:
            self._status = text
            self.tell(f"STATUS={text}")

    def take_longer(self, limit_ms: int) -> None:
        """Ask for so much more time, counted from now, to start or to stop; asked again before it is over."""
        self.tell(f"EXTEND_TIMEOUT_USEC={limit_ms * 1000}")

    def reloading(self) -> None:
        """Tell that a reload began; `READY=1` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
