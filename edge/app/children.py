"""One supervised process with everything that belongs to its present life: pid, pidfd, channel, conditions."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import NamedTuple, Protocol

from edge.app.channels import MAX_WAITING, ChildChannel
from edge.core.supervision import lifecycle as life
from edge.core.supervision.stall import StallWatch
from edge.core.supervision.starving import StarveWatch
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.packets import PacketSocket
from edge.runtime.processor import share_of
from edge.runtime.pump import Pump, Timer
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.supervision import Beat, FromChild, Health, Ready, TakeOver, ToChild

#: A process that closed its channel is about to end; one that does not is of no use any more.
CLOSED_MS = 1000

_log = logger("supervisor")


class Life(NamedTuple):
    """A life that is given away: process id, our end of its channel, pidfd, and what it calls itself."""

    pid: int
    end: socket.socket
    pidfd: int
    incarnation: Incarnation


class Owner(Protocol):
    """Who hears of a process."""

    def process_ready(self, process: "Process", port: int) -> None:
        """Hear that it does its job."""

    def process_said(self, process: "Process", message: FromChild) -> None:
        """Hear what it says, except for Ready, Beat and Health."""

    def process_changed(self, process: "Process") -> None:
        """Hear that its state or its conditions changed."""

    def process_lost(self, process: "Process") -> None:
        """Hear, once a life, that this life is over or can't be spoken to any more."""


class Starter(Protocol):
    """How a process is started: executed, or forked by a zygote."""

    def start(self, process: "Process", incarnation: Incarnation) -> None:
        """Start it; `process.begin` or `process.cannot_start` is called at once or later."""

    def cancel(self, process: "Process") -> bool:
        """Forget an order that nobody has begun to carry out; False when there is none."""


class Process:
    """A named process over all its lives."""

    def __init__(  # noqa: PLR0917 - what a process is made of
        self, name: str, pump: Pump, owner: Owner, starter: Starter, lifecycle: life.Lifecycle, stall: StallWatch
    ) -> None:
        self.name = name
        #: What it is called by itself, and which of several of its kind it is.
        self.role = name
        self.index = 0
        #: It is prepared and waits until `hand_over` gives its life to another.
        self.standby = False
        #: The present life was prepared as a standby, so its first deed is due at once.
        self.prepared = False
        self.lifecycle = lifecycle
        self.pid = 0
        self.incarnation = Incarnation("")
        self.conditions: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self.channel: ChildChannel | None = None
        self.port = 0
        #: Makes the name of the next life.
        self.next_incarnation: Callable[[], Incarnation] = lambda: Incarnation(name)
        self._pump = pump
        self._owner = owner
        self._starter = starter
        self._stall = stall
        self._starve = StarveWatch()
        self._pidfd = -1
        self._popen: subprocess.Popen[bytes] | None = None
        self._timer: Timer | None = None
        self._closed_timer: Timer | None = None
        self._lost = True

    # --- orders

    def want(self) -> None:
        """Start it unless it runs."""
        self._feed(life.Want())

    def stop(self, message: ToChild | None, limit_ms: int) -> None:
        """Tell it to end; it is killed after `limit_ms`."""
        if message is not None:
            self.send(message)
        self._feed(life.Stop(limit_ms))
        if self._starter.cancel(self):
            self._feed(life.Ended(None))

    def send(self, message: ToChild) -> bool:
        """Send it a message; False when there is nobody to read it."""
        return self.channel is not None and self.channel.send(message)

    def hung(self, reason: str) -> None:
        """Treat it as hung."""
        _log.error("process hangs", child=self.name, pid=self.pid, reason=reason)
        self._feed(life.Hung())

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to this very process: a pidfd can't hit a successor that got its number."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    @property
    def running(self) -> bool:
        """Whether it does its job."""
        return self.lifecycle.state == "running"

    # --- its life, as told by the starter and by the kernel

    def begin(
        self, pid: int, end: socket.socket, popen: subprocess.Popen[bytes] | None = None, pidfd: int = -1
    ) -> None:
        """Take note that a life began as `pid`, with our end of its channel; `pidfd` if there is one already."""
        self.pid = pid
        self._popen = popen
        self.prepared = pidfd >= 0
        self._lost = False
        self.channel = ChildChannel(
            PacketSocket(end, MAX_WAITING), self._pump, self._heard, self._channel_ended, self._channel_fault
        )
        try:
            self._pidfd = pidfd if pidfd >= 0 else os.pidfd_open(pid)
        except ProcessLookupError:  # forked, ended and reaped before we were told
            self._exited()
            return
        self._pump.watch(self._pidfd, self._exited)
        self._starve.begin()
        self._starve.seen(share_of(pid), monotonic_ms())
        self._feed(life.Begun())
        if self.lifecycle.state in {"aborting", "stopping"}:
            self.kill(signal.SIGTERM)  # it was given up or stopped between order and birth
        self._owner.process_changed(self)

    def hand_over(self) -> "Life | None":
        """Tell a standby to take over, and give its life away; None when it is not fit for it."""
        if not self.running or self.channel is None or not self.channel.send(TakeOver()):
            return None
        end = self.channel.part()
        if end is None:
            self.hung("it does not read that it is needed")
            return None
        life_ = Life(self.pid, end, self._pidfd, self.incarnation)
        self._pump.unwatch(self._pidfd)
        self._pidfd = -1
        self.pid = 0
        self.channel = None
        self.conditions.clear()
        self.notes.clear()
        self._lost = True
        self._feed(life.Left())
        return life_

    def cannot_start(self, error: str) -> None:
        """Take note that the starter failed."""
        _log.error("process cannot be started", child=self.name, error=error)
        self._feed(life.Ended(None))

    def _exited(self) -> None:
        if self.channel is not None:
            self.channel.drain()
            self.channel.close()
        status: int | None = None
        if self._popen is not None:
            status = self._popen.poll()
            if status is None:
                return  # the pidfd said so, but the kernel lets us wait only in a moment
        elif self._pidfd >= 0:
            status = self._reap_orphan()
        if self._pidfd >= 0:
            self._pump.unwatch(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        self._over()
        log = _log.info if status == 0 or self.lifecycle.state == "stopping" else _log.error
        log("process ended", child=self.name, pid=self.pid, status=describe(status), state=self.lifecycle.state)
        self._popen = None
        self.pid = 0
        self.channel = None
        self.port = 0
        self.conditions.clear()
        self.notes.clear()
        self._feed(life.Ended(status))

    def _reap_orphan(self) -> int | None:
        """Reap a worker whose zygote is gone (we are its parent now); None: its zygote does, and tells later."""
        try:
            found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return None
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def _over(self) -> None:
        if self._closed_timer is not None:
            self._closed_timer.cancel()
        if not self._lost:
            self._lost = True
            self._owner.process_lost(self)

    def _channel_ended(self) -> None:
        self._over()
        pid = self.pid
        self._closed_timer = self._pump.at(monotonic_ms() + CLOSED_MS, lambda: self._closed_too_long(pid))

    def _closed_too_long(self, pid: int) -> None:
        if pid == self.pid and self._pidfd >= 0:
            _log.error("process closed its channel and stays", child=self.name, pid=pid)
            self.kill()

    def _channel_fault(self, text: str) -> None:
        self._over()
        self.hung(text)

    # --- what it says

    def _heard(self, message: FromChild) -> None:
        if isinstance(message, Beat):
            self._starve.heard()
            self._feed(life.Beat())
        elif isinstance(message, Ready):
            self.port = message.port
            took_ms = monotonic_ms() - self.lifecycle.launched_ms
            _log.info("process ready", child=self.name, pid=self.pid, took_ms=took_ms)
            self._feed(life.Ready())
        elif isinstance(message, Health):
            self._health(message)
        else:
            self._owner.process_said(self, message)

    def _health(self, message: Health) -> None:
        name, text = message.condition[:100], message.text[:1000]
        held = self.notes if message.note else self.conditions
        if text:
            held[name] = text
            _log.warning("condition", child=self.name, condition=name, text=text)
        elif held.pop(name, None) is not None:
            _log.info("condition passed", child=self.name, condition=name)
        self._owner.process_changed(self)

    # --- decisions

    def _feed(self, event: life.Input) -> None:
        before = self.lifecycle.state
        for action in self.lifecycle.handle(event, monotonic_ms()):
            self._perform(action)
        self._rearm()
        if self.lifecycle.state != before:
            if self.running:
                # First: who hears that calls are welcome must know the span that takes them.
                self._owner.process_ready(self, self.port)
            self._owner.process_changed(self)

    def _perform(self, action: life.Action) -> None:
        match action:
            case life.Launch():
                self.incarnation = self.next_incarnation()
                self._starter.start(self, self.incarnation)
            case life.Abort():
                reason = self.lifecycle.deadline.reason if self.lifecycle.deadline is not None else ""
                _log.error("process aborted", child=self.name, pid=self.pid, reason=reason)
                self.kill(signal.SIGABRT)
            case life.Kill():
                _log.error("process killed", child=self.name, pid=self.pid)
                self.kill()
            case life.Slowed(pause_ms):
                _log.error("crash loop: restarts are slowed", child=self.name, pause_ms=pause_ms)
            case life.GaveUp():
                _log.error("process refuses its configuration and stays down until a reload", child=self.name)

    def _rearm(self) -> None:
        deadline = self.lifecycle.deadline
        at_ms = None if deadline is None else deadline.at_ms
        if self._timer is not None:
            if self._timer.active and self._timer.at_ms == at_ms:
                return
            # A deadline that only moved away (each beat moves it) is looked at when the old timer fires.
            if self._timer.active and at_ms is not None and self._timer.at_ms < at_ms:
                return
            self._timer.cancel()
            self._timer = None
        if at_ms is not None:
            self._timer = self._pump.at(at_ms, self._deadline_passed)

    def _deadline_passed(self) -> None:
        self._timer = None
        if self.lifecycle.state in {"starting", "running"} and self._is_excused(monotonic_ms()):
            self._feed(life.Beat())
        else:
            self._feed(life.Passed())

    def _is_excused(self, now_ms: int) -> bool:
        """Tell whether its silence, if it is silent, is not its own fault."""
        deadline, share = self.lifecycle.deadline, share_of(self.pid)
        if self._stall.excuses(now_ms):
            return True
        if deadline is None or now_ms < deadline.at_ms:
            self._starve.seen(share, now_ms)  # it was heard meanwhile
            return False
        silent_ms = now_ms - self.lifecycle.heard_ms
        excused = self._starve.excuses(share, silent_ms, now_ms)
        if excused:
            _log.warning("process gets no processor", child=self.name, pid=self.pid, silent_ms=silent_ms)
        return excused


def describe(status: int | None) -> str:
    """How a process ended, for people: `exit 1`, `SIGKILL`, `unknown`."""
    if status is None:
        return "unknown"
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
