"""nats-server as a test's own, on its address and the usual port."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import until

PORT = 4222


class NatsServer:
    """A server with JetStream; it can be ended, frozen and started again, and keeps what it has in `folder`."""

    def __init__(self, address: str, folder: Path, *options: str) -> None:
        self.address = address
        self.url = f"nats://{address}:{PORT}"
        self._arguments = ["nats-server", "-a", address, "-p", str(PORT), "-js", "-sd", str(folder), *options]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = subprocess.Popen(self._arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens, 30, "nats-server listens")

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.address, PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it hard."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def nats_server(address: str, folder: Path, *options: str) -> Iterator[NatsServer]:
    """Have one until the end of the block."""
    server = NatsServer(address, folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
