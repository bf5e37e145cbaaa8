"""An appliance for measuring: `edge run` with a site of its own, tone prompts, recording and in-band detection on."""

import ctypes
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
#: Tones of the two prompts, far from each other and from DTMF.
FIRST_HZ, SECOND_HZ = 440, 620
PROMPT_S = 150
READY_S = 300.0

MENU = """version: 1
start: first
nodes:
  first:
    gather: {greet_long: first, first_digit_timeout: 60s}
    choices: {5: second}
    failed: bye
  second:
    gather: {greet_long: second, first_digit_timeout: 60s}
    choices: {5: first}
    failed: bye
  bye:
    hang_up:
"""


def free_address() -> str:
    """Return a loopback address on which nobody speaks SIP."""
    while True:
        address = f"127.{secrets.randbelow(100) + 100}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, 5060))
            except OSError:
                continue
            return address


class Appliance:
    """A running `edge run`."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder
        self.state = folder / "state"
        self.start_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def write(self, slots: int) -> None:
        """Write site, menu and prompts."""
        prompts = self.folder / "prompts" / "en"
        menus = self.folder / "menus"
        for folder in (prompts, menus):
            folder.mkdir(parents=True)
        at = np.arange(PROMPT_S * 8000) / 8000
        for name, hz in (("first", FIRST_HZ), ("second", SECOND_HZ)):
            soundfile.write(prompts / f"{name}.wav", 0.3 * np.sin(2 * np.pi * hz * at), 8000, subtype="PCM_16")
        (menus / "main.yaml").write_text(MENU)
        (self.folder / "site.toml").write_text(
            f'name = "bench"\n'
            f'[sip]\naddress = "{self.address}"\ninner_address = "{self.address}"\nmax_spans = 120\n'
            f"[media]\nslots = {slots}\n"
            f'[http]\naddress = "{self.address}"\n'
            f'[paths]\nstate = "{self.state}"\nrecordings = "{self.folder}/recordings"\n'
            f'menus = "{menus}"\nprompts = "{self.folder}/prompts"\n'
            f'[[trunks]]\nname = "load"\nsources = ["127.0.0.0/8"]\n'
            f'[[routes]]\nnumber = "demo"\nmenu = "main"\n'
        )

    def start(self, environment: dict[str, str] | None = None) -> None:
        """Start and wait until it takes calls; `start_s` tells how long that took."""
        began = time.monotonic()
        with (self.folder / "edge.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli", "run", "--config", str(self.folder / "site.toml")],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_us,  # noqa: PLW1509 - it only makes a system call
            )
        self.wait(self._takes_calls, READY_S, "ready for calls")
        self.start_s = time.monotonic() - began

    def wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for `condition`."""
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end or self._process is None or self._process.poll() is not None:
                log = (self.folder / "edge.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"the appliance is not {what}: {log}")
            time.sleep(0.01)

    def _takes_calls(self) -> bool:
        try:
            return bool(self.status()["takes_calls"])
        except (OSError, ValueError):
            return False

    def status(self) -> dict[str, Any]:
        """What `edge status --json` is made of."""
        with closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.settimeout(10)
            sock.connect(str(self.state / "run" / "control.sock"))
            sock.sendall(b'{"what": "status"}\n')
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        return dict(json.loads(answer)["body"])

    def metrics(self) -> str:
        """The text of `/metrics`."""
        with urllib.request.urlopen(f"http://{self.address}:8080/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def events(self) -> list[dict[str, Any]]:
        """All events, in order."""
        with closing(sqlite3.connect(f"file:{self.state / 'state.db'}?mode=ro", uri=True, timeout=10)) as db:
            return [json.loads(row[0]) for row in db.execute("SELECT body FROM events ORDER BY sequence")]

    def settle(self) -> None:
        """Wait until no call is in progress."""
        self.wait(lambda: self.status()["calls"] == 0, 60, "without calls")

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _end_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; all its processes end with it


@contextmanager
def appliance(folder: Path, slots: int, environment: dict[str, str] | None = None) -> Iterator[Appliance]:
    """Run an appliance in `folder`, ready for calls."""
    instance = Appliance(free_address(), folder)
    instance.write(slots)
    try:
        instance.start(environment)
        yield instance
    finally:
        instance.stop()
