"""What a short-lived child works out for the supervisor: the effective configuration and the sizes of shared memory.

In a child, because a loader that waits (speech synthesis, a slow disk) must not keep the supervisor from restarting
media, and because the sizes are known by modules that import numpy, which must not be in the supervisor.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

import edge
from edge.config.packed import PackedSite
from edge.config.pinned import Pin
from edge.config.site import Paths
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump
from edge.vocabulary.site_events import LoadedBy
from edge.vocabulary.wire import unpacker

#: Synthesis of many prompts takes its time; more than this is a hang.
LIMIT_MS = 300_000


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A menu is to have a former version, or to follow its file again; or it is to be told what a reload would do."""

    what: Literal["rollback", "release", "plan"]
    menu: str = ""
    #: Its beginning will do; empty: the one before.
    version: str = ""
    #: Where the effective configuration with its secrets can be read.
    base: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a configuration comes from."""

    #: Site file; empty with `demo`.
    config: str = ""
    demo: bool = False
    #: By dotted name, as `sip.port`.
    overrides: dict[str, str | int] = {}
    #: Who wants it.
    by: LoadedBy = "start"
    #: Instead of files: change the configuration that is in force.
    order: Order | None = None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a source: a site with sizes, or errors (`file:line:column: text`), and warnings."""

    site: PackedSite | None = None
    sizes: dict[str, int] = {}
    errors: list[str] = []
    warnings: list[str] = []
    #: Menus that are held at a version, whatever their files say.
    pins: list[Pin] = []
    #: What was asked for by the order `plan`: a `edge.app.planning.Plan`, as JSON.
    plan: bytes = b""
    #: What the files that were read looked like; empty: not known, they changed meanwhile.
    signature: str = ""


_decode = unpacker(Prepared).decode
_paths = unpacker(Paths).decode
#: Longer than the paths of a site.
_MOST_PATHS = 1 << 17


def _start(source: Source, who: socket.socket | None = None) -> subprocess.Popen[bytes]:
    shared = () if who is None else (who.fileno(),)
    return subprocess.Popen(
        [sys.executable, "-m", "edge.app.prepare", msgspec.json.encode(source).decode(), *map(str, shared)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        process_group=0,
        pass_fds=shared,
        env=module_environment(),
    )


def module_environment() -> Mapping[str, str]:
    """Return an environment in which children find this very code, installed or not, wherever they are started."""
    root = str(Path(edge.__file__).parents[1])
    paths = [root, *(p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != root)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _result(output: bytes, status: int | None) -> Prepared:
    try:
        return _decode(output)
    except msgspec.DecodeError:
        return Prepared(errors=[f"the configuration could not be loaded: the loader ended with {status}"])


class Begun:
    """A loading for the start, when nothing runs yet: begun here, and waited for in `wait`."""

    def __init__(self, source: Source) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _start(source, theirs)

    def wait(self, claim: Callable[[Paths], object]) -> Prepared:
        """Wait for what comes of it, once.

        `claim` is called before anything is written into the site's folders; what it raises ends the loading.
        """
        with self._ours:
            return _attended(self._process, self._ours, claim)


def _attended(process: subprocess.Popen[bytes], ours: socket.socket, claim: Callable[[Paths], object]) -> Prepared:
    ours.settimeout(LIMIT_MS / 1000)
    try:
        asked = ours.recv(_MOST_PATHS)
        if asked:  # else there are faults, and nothing to write
            claim(_paths(asked))
            ours.send(b"1")
        output, _ = process.communicate(timeout=LIMIT_MS / 1000)
    except (subprocess.TimeoutExpired, TimeoutError):
        process.kill()
        output, _ = process.communicate()
    except BaseException:  # refused, or Ctrl-C while the loader works
        process.kill()
        process.wait()
        raise
    return _result(output, process.returncode)


class Preparing:
    """Loads `source` without blocking; `done` is called once."""

    def __init__(self, source: Source, pump: Pump, done: Callable[[Prepared], None]) -> None:
        self._pump = pump
        self._done = done
        self._output = bytearray()
        self._process = _start(source)
        if self._process.stdout is None:
            raise AssertionError("asked for a pipe")
        self._pipe = self._process.stdout
        pump.watch(self._pipe.fileno(), self._read)
        self._limit = pump.at(monotonic_ms() + LIMIT_MS, self._process.kill)

    def _read(self) -> None:
        data = self._pipe.read1(1 << 20)  # type: ignore[attr-defined]
        if data:
            self._output += data
            return
        self._pump.unwatch(self._pipe.fileno())
        self._pipe.close()
        self._limit.cancel()
        self._done(_result(bytes(self._output), self._process.wait()))

    def cancel(self) -> None:
        """Give up: the supervisor stops."""
        if not self._pipe.closed:
            self._pump.unwatch(self._pipe.fileno())
            self._pipe.close()
            self._limit.cancel()
            self._process.kill()
            self._process.wait()
