"""One real process of the appliance, with the test in the supervisor's place."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from edge.config.site import Site
from edge.runtime.channel import Joiner
from edge.runtime.process import Launch
from edge.vocabulary.supervision import Beat, FromChild, Health, Ready
from edge.vocabulary.wire import pack, unpacker
from tests.support.waiting import until

T = TypeVar("T")


class Child:
    """A running process; what it says on its channel is collected."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, errors: Path) -> None:
        self.process = process
        self.errors = errors
        self.heard: list[Any] = []
        self.conditions: dict[str, str] = {}
        self.beats = 0
        self._channel = channel
        self._channel.setblocking(False)
        self._joiner = Joiner()
        self._decode = unpacker(cast(Any, FromChild)).decode

    def send(self, message: Any) -> None:
        self._channel.send(pack(message))

    def listen(self) -> None:
        while True:
            try:
                packet = self._channel.recv(1 << 20)
            except (BlockingIOError, ConnectionResetError):
                return
            if not packet:
                return
            whole = self._joiner.feed(packet)
            if whole is None:
                continue
            message = self._decode(whole)
            if isinstance(message, Beat):
                self.beats += 1
            elif isinstance(message, Health):
                self.conditions[message.condition] = message.text
            else:
                self.heard.append(message)

    def next(self, kind: type[T], limit_s: float = 15) -> T:
        """Take the first message of `kind`, waiting for it."""

        def taken() -> T | None:
            self.listen()
            for message in self.heard:
                if isinstance(message, kind):
                    self.heard.remove(message)
                    return message
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.errors.read_text()[-3000:]}")
            return None

        found = until(taken, limit_s, f"a {kind.__name__} from the process")
        assert found is not None
        return found

    def active(self) -> dict[str, str]:
        """Conditions that hold now."""
        self.listen()
        return {name: text for name, text in self.conditions.items() if text}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def write_site(site: Site, path: Path) -> Path:
    path.write_bytes(pack(site))
    return path


@contextmanager
def child(
    name: str, site: Site, folder: Path, fds: dict[str, list[int]] | None = None, ready: bool = True
) -> Iterator[Child]:
    """Start process `name`; killed at the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fds = fds or {}
    launch = Launch(
        name=name,
        module=f"edge.{name}",
        incarnation=f"{name}-{os.urandom(4).hex()}",
        channel_fd=theirs.fileno(),
        site=str(write_site(site, folder / "site.msgpack")),
        fds=fds,
        link_path=str(folder / "link.sock"),
        run_dir=str(folder),
        boot_id="boot",
        supervisor_pid=os.getpid(),
    )
    passed = [theirs.fileno(), *(fd for group in fds.values() for fd in group)]
    errors = folder / f"{name}.log"
    with errors.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.app.child", name],
            env=os.environ | launch.environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
            pass_fds=passed,
            stderr=log,
            stdout=log,
        )
    theirs.close()
    running = Child(process, ours, errors)
    try:
        if ready:
            running.next(Ready, 30)
        yield running
    finally:
        running.kill()
        ours.close()
