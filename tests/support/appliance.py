"""A whole appliance under test: `edge run` as operators start it, on an address and in a folder of its own.

Prompts are tones, so that what a caller hears says where in the menu the call is.
"""

import ctypes
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import soundfile

from tests.support.backend import SECRET
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]

#: What each prompt sounds like, Hz. Far enough from DTMF and from each other for a one-second FFT.
TONES = {"welcome": 440, "one": 550, "two": 620, "no_input": 500, "no_match": 520, "failed": 580, "ringing": 400}

MENU = """
version: 1
start: welcome
nodes:
  welcome:
    gather:
      greet_long: welcome
      first_digit_timeout: 5s
      no_input: no_input
      no_match: no_match
    choices: {1: one, 2: two, 9: connect, 0: bye}
    failed: bye
  one:
    gather: one
    choices: {2: two, 9: connect, 0: bye}
    failed: bye
  two:
    gather: two
    choices: {1: one, 0: bye}
    failed: bye
  connect:
    transfer: {to: "sip:target@TARGET", ring_timeout: 8s, ringing: ringing}
    failed: failed
  failed:
    gather: failed
    choices: {1: one, 0: bye}
    failed: bye
  bye:
    hang_up:
"""


def _die_with_the_tests() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; all its processes end with it


class Appliance:
    """One `edge run` and the ways a person has to look into it."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder
        self.state = folder / "state"
        self.run = self.state / "run"
        self.recordings = folder / "recordings"
        self.site = folder / "site.toml"
        self.log = folder / "edge.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.name = "test"
        #: Events up to this sequence are of tests before; see `forget`.
        self._forgotten = 0

    @property
    def uri(self) -> str:
        """Where a caller finds the menu."""
        return f"sip:100@{self.address}:5060"

    def start(
        self,
        ready: bool = True,
        environment: Mapping[str, str] = MappingProxyType({}),
        program: str = "edge.cli",
    ) -> None:
        """Run the daemon; with `ready` wait until it takes calls. `environment` is added to ours.

        `program`: `tests.support.unpunished` restarts who was killed at once, however often.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, "run", "--config", str(self.site)],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_the_tests,  # noqa: PLW1509 - it only makes a system call
            )
        if ready:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it takes calls; the limit has room for a cold compilation on a busy machine."""
        try:
            until(self.is_ready, 180, "ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.log_tail()}") from None

    def is_ready(self) -> bool:
        """Whether it takes calls now. An appliance that has ended is an error of the test."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"edge run ended with {self.process.returncode}: {self.log_tail()}")
        try:
            return bool(self.status()["ready"])
        except (OSError, ValueError):
            return False

    def log_tail(self, length: int = 3000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-length:] if self.log.exists() else ""

    def control(self, **request: Any) -> dict[str, Any]:
        """One request to the control socket."""
        with closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.settimeout(60)  # a reload on a busy machine
            sock.connect(str(self.run / "control.sock"))
            sock.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
        document = json.loads(answer)
        if not document["ok"]:
            raise ValueError(document["error"])
        return document

    def status(self) -> dict[str, Any]:
        """What `edge status --json` is made of."""
        return dict(self.control(what="status")["body"])

    def processes(self) -> list[dict[str, Any]]:
        """The rows of `status`, one a process."""
        return list(self.status()["processes"])

    def pid(self, name: str) -> int:
        """The process id of the process called `name`."""
        return next(int(p["pid"]) for p in self.processes() if p["name"] == name and p["pid"])

    def kill(self, name: str) -> int:
        """`kill -9` the process called `name` and return its old pid."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, old_pid: int) -> None:
        """Wait until `name` runs again under another pid and the appliance is ready."""
        until(
            lambda: any(
                p["name"] == name and p["pid"] not in (None, 0, old_pid) and p["state"] == "running"
                for p in self.processes()
            ),
            20,
            f"{name} restarted; log: {self.log_tail()}",
        )
        self.wait_ready()

    def live_calls(self) -> list[dict[str, Any]]:
        """What switch says of calls in progress."""
        return list(self.control(what="request", process="switch", request="calls", body=None)["body"])

    def hang_up(self, call: str) -> None:
        """Have a call end; ValueError when there is none of this id."""
        self.control(what="request", process="switch", request="hang_up", body={"id": call})

    def hang_up_all(self) -> set[str]:
        """Have all calls end, as a test does that leaves none to the next; returns those there were."""
        live = {call["id"] for call in self.live_calls()}
        for call in live:
            with suppress(ValueError):  # it has ended meanwhile
                self.hang_up(call)
        return live

    def events(self, call: str = "") -> list[dict[str, Any]]:
        """Events from the outbox that are not forgotten, in order."""
        path = self.state / "state.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
            chosen = "SELECT body FROM events WHERE sequence > ? ORDER BY sequence"
            rows = db.execute(chosen, (self._forgotten,)).fetchall()
        events = [json.loads(row[0]) for row in rows]
        return [event for event in events if not call or event["subject"] == call]

    def forget(self) -> None:
        """Leave out what has happened so far from all that is asked about events: another test begins."""
        with closing(sqlite3.connect(f"file:{self.state / 'state.db'}?mode=ro", uri=True, timeout=10)) as db:
            ((self._forgotten,),) = db.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchall()

    def types(self, call: str = "") -> list[str]:
        """Types of `events`."""
        return [event["type"] for event in self.events(call)]

    def last_call(self) -> str:
        """The id of the call that started last."""
        return str([e["subject"] for e in self.events() if e["type"] == "call.started"][-1])

    def wait_event(self, kind: str, call: str = "", count: int = 1, limit_s: float = 20) -> dict[str, Any]:
        """Wait for the `count`-th event of type `kind` and return it."""

        def found() -> dict[str, Any] | None:
            matching = [event for event in self.events(call) if event["type"] == kind]
            return matching[count - 1] if len(matching) >= count else None

        event = until(found, limit_s, f"event {kind} x{count}; had {self.types(call)}; log: {self.log_tail(1500)}")
        assert event is not None
        return event

    def check_histories(self) -> None:
        """Every call: one start, one end as the last event, `callseq` without a gap."""
        calls: dict[str, list[dict[str, Any]]] = {}
        for event in self.events():
            calls.setdefault(event["subject"], []).append(event)
        # The appliance's own events (its name is the subject) are a history without begin and end.
        own = calls.pop(self.name, [])
        first = own[0]["callseq"] if self._forgotten and own else 1
        assert [event["callseq"] for event in own] == list(range(first, first + len(own))), own
        for call, events in calls.items():
            types = [event["type"] for event in events]
            assert [event["callseq"] for event in events] == list(range(1, len(events) + 1)), (call, types)
            assert types[0] == "call.started", (call, types)
            assert types.count("call.started") == 1, (call, types)
            assert types.count("call.ended") == 1, (call, types)
            assert types[-1] == "call.ended", (call, types)

    def stop(self) -> int:
        """End it as Ctrl-C does and return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"edge run did not end; log: {self.log_tail()}") from None


def write_site(
    appliance: Appliance,
    *,
    target: str = "127.0.0.1:9",
    menu: str = MENU,
    sip: str = "",
    media: str = "",
    trunk: str = "",
    extra: str = "",
    slots: int = 40,
) -> None:
    """Write the site, its menu and its prompts.

    `sip`, `media`, `trunk`: more TOML for those tables, `extra` for the end.
    """
    prompts = appliance.folder / "prompts" / "en"
    menus = appliance.folder / "menus"
    for folder in (prompts, menus):
        folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(60 * 8000) / 8000
    for name, hz in TONES.items():
        soundfile.write(prompts / f"{name}.wav", 0.3 * np.sin(2 * np.pi * hz * time), 8000, subtype="PCM_16")
    (menus / "main.yaml").write_text(menu.replace("TARGET", target))
    appliance.site.write_text(
        f"""name = "{appliance.name}"
[sip]
address = "{appliance.address}"
inner_address = "{appliance.address}"
{sip}
[media]
slots = {slots}
{media}
[http]
address = "{appliance.address}"
[paths]
state = "{appliance.state}"
recordings = "{appliance.recordings}"
menus = "{menus}"
prompts = "{appliance.folder / "prompts"}"
profiles = "{appliance.folder / "profiles"}"
[[trunks]]
name = "loop"
sources = ["127.0.0.0/8"]
{trunk}
[[routes]]
number = "100"
menu = "main"
{extra}
"""
    )


def sink(url: str) -> str:
    """Site text that sends all events to `url`."""
    return f'[[sinks]]\nname = "backend"\nurl = "{url}"\nsecret = "{SECRET}"\nmax_backoff_ms = 1000\n'


@contextmanager
def appliance(address: str, folder: Path, **site: Any) -> Iterator[Appliance]:
    """A running appliance, ready for calls; `site` as in `write_site`."""
    instance = Appliance(address, folder)
    write_site(instance, **site)
    instance.start()
    try:
        yield instance
    finally:
        instance.stop()
