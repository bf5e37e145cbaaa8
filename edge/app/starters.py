"""The two ways to start a process: a new interpreter, or a fork of a warm zygote."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from edge.app.children import Process, describe
from edge.app.preparing import module_environment
from edge.app.sockets import Sockets
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.process import Launch
from edge.runtime.pump import Pump
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.supervision import Exited, Fork, Forked, Reload

_log = logger("supervisor")

#: A secret that is shorter than this may stand in a variable by chance.
_LONG = 8
#: A zygote that does not answer an order in this time is hung.
FORK_MS = 5000


@dataclass
class Surroundings:
    """What all children of one `edge run` have in common. The paths of the site change with a reload."""

    sockets: Sockets
    #: The effective configuration without its secrets, and with them for those processes whose job they are.
    site_path: str
    secret_site_path: str
    run_dir: str
    boot_id: str
    environment: Mapping[str, str]
    #: Values that no child may find in its environment: the site file may have taken them from ours.
    secrets: frozenset[str] = frozenset()
    #: The configuration was reloaded since zygotes read theirs.
    reloaded: bool = False


def without(secrets: frozenset[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that hold one of `secrets`, alone or (a long one) among others."""
    long = [secret for secret in secrets if len(secret) >= _LONG]
    return {
        name: value
        for name, value in environment.items()
        if value not in secrets and not any(secret in value for secret in long)
    }


class Recipe(NamedTuple):
    """How to execute a process: its package and the descriptors it inherits, by name."""

    module: str
    fds: tuple[str, ...] = ()
    zygote: bool = False
    #: Comes before other programs of the machine.
    prompt: bool = False
    #: Its job needs the passwords and keys of the site file; nobody else is given them.
    secrets: bool = False
    #: Standard output is its own to use: events go there, where a sink says so.
    stdout: bool = False


class Executed:
    """Starts a process as a new interpreter that inherits its descriptors under the same numbers."""

    def __init__(self, name: str, recipe: Recipe, surroundings: Surroundings) -> None:
        self._name = name
        self._recipe = recipe
        self._surroundings = surroundings

    def start(self, process: Process, incarnation: Incarnation) -> None:
        """See `Starter`."""
        around = self._surroundings
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = {name: around.sockets.fds[name] for name in self._recipe.fds if name in around.sockets.fds}
        launch = Launch(
            name=self._name,
            module=self._recipe.module,
            zygote=self._recipe.zygote,
            prompt=self._recipe.prompt,
            incarnation=incarnation,
            channel_fd=theirs.fileno(),
            site=around.secret_site_path if self._recipe.secrets else around.site_path,
            fds=fds,
            link_path=around.sockets.link_path,
            run_dir=around.run_dir,
            boot_id=around.boot_id,
            supervisor_pid=os.getpid(),
        )
        try:
            popen = subprocess.Popen(
                [sys.executable, "-m", "edge.app.child", process.name],
                env={**without(around.secrets, module_environment()), **around.environment, **launch.environment()},
                stdin=subprocess.DEVNULL,
                # Standard output belongs to the command that runs us, and to nobody who is not made for it.
                stdout=None if self._recipe.stdout else 2,
                pass_fds=[theirs.fileno(), *(fd for group in fds.values() for fd in group)],
                process_group=0,  # Ctrl-C is for the supervisor alone
            )
        except OSError as error:
            ours.close()
            process.cannot_start(str(error))
            return
        finally:
            theirs.close()
        process.begin(popen.pid, ours, popen)

    def cancel(self, process: Process) -> bool:  # noqa: ARG002 - nothing ever waits here
        """See `Starter`."""
        return False


class _Order(NamedTuple):
    process: Process
    ours: socket.socket


class ForkedBy:
    """Starts processes as forks of the zygote process `zygote`; orders wait until it is ready."""

    def __init__(self, zygote: Process, surroundings: Surroundings, pump: Pump) -> None:
        self._zygote = zygote
        self._surroundings = surroundings
        self._pump = pump
        self._ordered: dict[int, _Order] = {}
        self._waiting: list[tuple[Process, Incarnation]] = []
        self._count = 0
        self._workers: dict[int, Process] = {}
        #: Called when it became known how a worker ended.
        self.on_status: Callable[[Process, int], None] = lambda _process, _status: None

    def start(self, process: Process, incarnation: Incarnation) -> None:
        """See `Starter`."""
        self._waiting.append((process, incarnation))
        self.serve()

    def serve(self) -> None:
        """Order what waits; called again when the zygote becomes ready."""
        while self._waiting and self._zygote.running:
            self._order(*self._waiting.pop(0))

    def cancel(self, process: Process) -> bool:
        """See `Starter`."""
        before = len(self._waiting)
        self._waiting = [order for order in self._waiting if order[0] is not process]
        return len(self._waiting) < before

    def _order(self, process: Process, incarnation: Incarnation) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._count += 1
        number = self._count
        channel = self._zygote.channel
        with theirs:
            sent = channel is not None and channel.send_fork(
                Fork(number, incarnation, process.role, process.index, process.standby), theirs.fileno()
            )
        if not sent:
            ours.close()
            self._waiting.insert(0, (process, incarnation))
            self._zygote.hung("it does not take orders")
            return
        self._ordered[number] = _Order(process, ours)
        self._pump.at(monotonic_ms() + FORK_MS, lambda: self._overdue(number))

    def _overdue(self, number: int) -> None:
        if number in self._ordered:
            self._zygote.hung("it does not answer an order to fork")

    def forked(self, message: Forked) -> None:
        """Its zygote answered."""
        order = self._ordered.pop(message.id, None)
        if order is None:
            return
        if message.pid == 0:
            order.ours.close()
            order.process.cannot_start(message.error or "fork failed")
            return
        self._workers[message.pid] = order.process
        order.process.begin(message.pid, order.ours)
        if self._surroundings.reloaded:
            # It was born with the site of its zygote; this waits in its channel and is the first that it reads.
            order.process.send(Reload(self._surroundings.site_path))

    def exited(self, message: Exited) -> None:
        """Its zygote reaped a worker: how that ended is known only now."""
        process = self._workers.pop(message.pid, None)
        if process is not None:
            process.lifecycle.status_known(message.status)
            _log.info("worker reaped", child=process.name, pid=message.pid, status=describe(message.status))
            self.on_status(process, message.status)

    def moved(self, pid: int, process: Process) -> None:
        """Take note that `pid` is the life of `process` from now on."""
        if pid in self._workers:
            self._workers[pid] = process

    def zygote_lost(self) -> None:
        """Its zygote ended. What it had forked lives on; orders without an answer are given again.

        A worker that was forked and not told of finds its channel closed, and exits.
        """
        orders = list(self._ordered.values())
        self._ordered.clear()
        self._workers.clear()
        for order in orders:
            order.ours.close()
            # The lost worker may have greeted others under its incarnation; the next attempt gets a new one.
            order.process.cannot_start("its zygote ended first")
