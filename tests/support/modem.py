"""A modem without hardware: a program of its own that speaks the dialogue of several models on a pty or a TCP port.

It knows nothing of what it tests. Tests start it by `Simulator`, plug it in and out, and play the network: who calls,
who answers, what is lost. It is driven by JSON, a line each, over a socket: `{"do": "ring", "number": "+4930123456"}`.

    python -m tests.support.modem --model huawei --folder /tmp/x [--tcp 127.0.0.1:5000]

prints `{"port": ..., "sound": ..., "control": ...}` when it is there. Sound of `serial_pcm` models is s16 on a
second pty; of a voice modem it is in the control stream, shielded by <DLE>.
"""

import argparse
import contextlib
import json
import os
import pty
import selectors
import socket
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.modem_dialogue import MODELS, Modem

FRAME_S = 0.02


class Port:
    """A pty with a link to it that stays, so that it can be plugged in again; or a TCP listener."""

    def __init__(self, link: Path, tcp: str = "") -> None:
        self.link, self.tcp = link, tcp
        self.descriptor = -1
        self._far = -1
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    def plug(self) -> None:
        if self.tcp:
            host, _, port = self.tcp.rpartition(":")
            self._listener = socket.create_server((host, int(port)))
            self.descriptor = self._listener.fileno()
            return
        self.descriptor, self._far = pty.openpty()
        tty.setraw(self._far, termios.TCSANOW)
        os.set_blocking(self.descriptor, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._far))

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        for end in (self._client, self._listener):
            if end is not None:
                end.close()
        self._client = self._listener = None
        for descriptor in (self.descriptor, self._far) if not self.tcp else ():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.descriptor = self._far = -1

    def read(self) -> bytes:
        if self._listener is not None:
            if self._client is None:
                self._client, _ = self._listener.accept()
                self.descriptor = self._client.fileno()
                return b""
            try:
                data = self._client.recv(4096)
            except ConnectionResetError:  # killed with something unread
                data = b""
            if not data:
                self._client.close()
                self._client, self.descriptor = None, self._listener.fileno()
            return data
        try:
            return os.read(self.descriptor, 4096)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._client is not None:
                self._client.sendall(data)
            elif self.descriptor >= 0 and not self.tcp:
                os.write(self.descriptor, data)


class Program:
    """The modem on its ports, and the socket that tests talk to."""

    def __init__(self, model: str, folder: Path, tcp: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.control = Port(folder / "port", tcp)
        self.sound = Port(folder / "sound")
        self.modem = Modem(model, self.control.write, self.sound.write)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(folder / "control"))
        self._server.listen()
        self._folder = folder
        self._plugged = False
        self._next = time.monotonic()

    def run(self) -> None:
        """Work until the test goes away."""
        self._plug()
        where = self.control.tcp or str(self.control.link)
        paths = {"port": where, "sound": str(self.sound.link), "control": str(self._folder / "control")}
        print(json.dumps(paths), flush=True)
        client, _ = self._server.accept()
        asked = client.makefile("r")
        while True:
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ)
                for port in (self.control, self.sound) if self._plugged else ():
                    selector.register(port.descriptor, selectors.EVENT_READ, port)
                ready = [key for key, _ in selector.select(self._pause_s())]
            for key in ready:
                if key.fileobj is not client:
                    self._take(key.data)
            self.modem.run_due()
            self._frames()
            if any(key.fileobj is client for key in ready):
                line = asked.readline()
                if not line:
                    return
                client.sendall(json.dumps(self._do(json.loads(line))).encode() + b"\n")

    def _pause_s(self) -> float | None:
        waits = [self.modem.wait_s(), max(0.0, self._next - time.monotonic()) if self.modem.sounding else None]
        # A master whose other end nobody has open is always ready; a breath keeps that from spinning.
        return min((wait for wait in waits if wait is not None), default=0.5)

    def _take(self, port: Port) -> None:
        data = port.read()
        if not data:
            time.sleep(0.002)
        elif port is self.control:
            self.modem.feed(data)
        else:
            self.modem.hear(data)

    def _frames(self) -> None:
        now = time.monotonic()
        if not self.modem.sounding:
            self.modem.end_loop()
        if not self.modem.sounding or now - self._next > 1:
            self._next = now
        while self.modem.sounding and self._next <= now:
            self.modem.frame()
            self._next += FRAME_S

    def _plug(self) -> None:
        self.control.plug()
        self.sound.plug()
        self._plugged = True

    def _do(self, asked: dict[str, Any]) -> dict[str, Any]:
        what = asked.pop("do")
        if what == "set":
            for name, value in asked.items():
                getattr(self.modem.set, name)
                setattr(self.modem.set, name, value)
        elif what == "unplug":
            self.control.unplug()
            self.sound.unplug()
            self._plugged = False
            self.modem.call, self.modem.sounding, self.modem.in_sound = None, False, False
        elif what == "plug":
            self.modem.restart(told=False)
            self._plug()
        elif what == "play":
            self.modem.play(Path(asked["path"]).read_bytes())
        elif what == "record":
            Path(asked["path"]).write_bytes(bytes(self.modem.recorded))
        elif what == "say":
            self.modem.line(*asked["lines"])
        elif what == "write":
            self.control.write(bytes.fromhex(asked["hex"]))
        elif what != "tell":
            getattr(self.modem, what)(**asked)
        return self.modem.tell()


class Simulator:
    """A modem for a test: the program is started and ended here, and does what it is told."""

    def __init__(self, model: str, folder: Path, *, tcp: str = "") -> None:
        command = [
            sys.executable,
            "-m",
            "tests.support.modem",
            "--model",
            model,
            "--folder",
            str(folder),
            *(("--tcp", tcp) if tcp else ()),
        ]
        root = Path(__file__).resolve().parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        self._program = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert self._program.stdout is not None
        paths = json.loads(self._program.stdout.readline())
        #: The control port (a path, or host:port), and the port of sound.
        self.port: str = paths["port"]
        self.sound: str = paths["sound"]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(paths["control"])
        self._answers = self._socket.makefile("r")

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """Tell it something: a method of `Modem`, or `set`, `plug`, `unplug`, `play`, `record`, `say`, `write`."""
        self._socket.sendall(json.dumps({"do": what, **more}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer

    def tell(self) -> dict[str, Any]:
        """Get how it stands: `log` of commands, `call`, `keys`, `sent` messages, `sounding`..."""
        return self.do("tell")

    def close(self) -> None:
        """End it."""
        self._answers.close()
        self._socket.close()
        self._program.wait(10)
        if self._program.stdout is not None:
            self._program.stdout.close()

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def two_modems(own: str, folder: Path) -> Iterator[tuple[Simulator, Simulator]]:
    """An LTE modem in another box (TCP, at address `own`) and an analogue one; their far ends hear no echo."""
    with Simulator("simcom", folder / "box", tcp=f"{own}:5000") as box, Simulator("voice", folder / "fxo") as fxo:
        for modem in (box, fxo):
            modem.do("set", loop=False, ring_ms=4000)
        yield box, fxo


def main() -> None:
    """Be a modem."""
    parser = argparse.ArgumentParser(description="A modem without hardware.")
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tcp", default="")
    asked = parser.parse_args()
    Program(asked.model, asked.folder, asked.tcp).run()


if __name__ == "__main__":
    main()
