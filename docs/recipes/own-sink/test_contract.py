"""The contract of sinks, run against this one: `pytest test_contract.py`."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from edge_sink_lines import LinesSettings

from edge.forwarder.sinks.contract import Receiver, SinkContract


class InProcess(Receiver):
    """The receiver in a process of its own, so that it can be frozen and killed."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "events"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.start()

    def settings(self) -> LinesSettings:
        return LinesSettings(name="mine", type="lines", host="127.0.0.1", port=self._port, timeout_ms=500)

    def received(self) -> list[str]:
        lines = self._kept.read_bytes().splitlines() if self._kept.exists() else []
        return [json.loads(line)["id"] for line in lines]

    def start(self) -> None:
        program = Path(__file__).with_name("receiver.py")
        command = [sys.executable, str(program), "127.0.0.1", str(self._port), str(self._kept)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def refuse(self) -> None:
        self._kept.with_suffix(".full").touch()

    def accept(self) -> None:
        self._kept.with_suffix(".full").unlink()

    def remove(self) -> None:
        self.kill()


class TestLines(SinkContract):
    """What pytest finds."""

    def receiver(self, folder: Path) -> InProcess:
        return InProcess(folder)
