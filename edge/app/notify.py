"""Notices to the service manager: the protocol of sd_notify(3), spoken without its library."""

import os
import socket
import time
from collections.abc import Mapping


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
        #: How often to call `alive`, milliseconds: half of what the manager allows; 0: it does not watch.
        self.watchdog_ms = int(limit_us) // 2000 if own and limit_us.isdecimal() else 0

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

    def reloading(self) -> None:
        """Tell that a reload began; `READY=1` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
