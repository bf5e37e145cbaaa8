"""The life of one supervised process, over all its incarnations: wait, start, run, hang, end, and again."""

from dataclasses import dataclass
from typing import Literal

from edge.core.deadline import Deadline
from edge.core.supervision.restart import Ladder, RestartPolicy

#: A running process that says nothing for so long is hung.
SILENCE_MS = 4000
#: The same while it starts. Generous: killing a slow start on a busy machine only makes the machine busier.
START_MS = 30_000
#: From SIGABRT to SIGKILL, and between two SIGKILLs.
ABORT_MS = 500
#: EX_CONFIG: the process refuses its configuration; trying again won't help.
REFUSED = 78

State = Literal["stopped", "waiting", "starting", "running", "aborting", "stopping", "refused"]


# --- inputs


@dataclass(frozen=True, slots=True)
class Want:
    """It should run (again)."""


@dataclass(frozen=True, slots=True)
class Begun:
    """There is a process now (a launch by a zygote may have waited for it)."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It does its job."""


@dataclass(frozen=True, slots=True)
class Beat:
    """It lives."""


@dataclass(frozen=True, slots=True)
class Ended:
    """It ended, or could not be started. `status`: exit code, -N for signal N, None when nobody knows."""

    status: int | None


@dataclass(frozen=True, slots=True)
class Hung:
    """Somebody found out otherwise that it hangs or broke its protocol."""


@dataclass(frozen=True, slots=True)
class Left:
    """It goes on as another process (a standby that took over); there is none here until it is wanted again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """It was told to end, and must have by `limit_ms` from now."""

    limit_ms: int


@dataclass(frozen=True, slots=True)
class Passed:
    """The deadline is here."""


Input = Want | Begun | Ready | Beat | Ended | Hung | Left | Stop | Passed


# --- actions


@dataclass(frozen=True, slots=True)
class Launch:
    """Start it now."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Send SIGABRT, so that it prints where it hangs."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Send SIGKILL."""


@dataclass(frozen=True, slots=True)
class Slowed:
    """A crash loop began; tell somebody."""

    pause_ms: int


@dataclass(frozen=True, slots=True)
class GaveUp:
    """It refused its configuration and stays down until the next `Want`."""


Action = Launch | Abort | Kill | Slowed | GaveUp


@dataclass(frozen=True)
class Patience:
    """How long a process may be silent, milliseconds; None: it is let be silent, or start, for ever."""

    start_ms: int | None = START_MS
    silence_ms: int | None = SILENCE_MS
    #: From SIGABRT (for the traceback) to SIGKILL.
    abort_ms: int = ABORT_MS


class Lifecycle:
    """One process. With `restart` False an end is the end (spans: their pool decides about successors)."""

    def __init__(self, patience: Patience | None = None, *, restart: bool = True, ladder: Ladder | None = None) -> None:
        self._patience = patience if patience is not None else Patience()
        self._restart = restart
        self._policy = RestartPolicy(ladder)
        self._deadline: Deadline | None = None
        self.state: State = "stopped"
        #: When the present life was launched (CLOCK_MONOTONIC, milliseconds).
        self.launched_ms = 0
        #: When it gave its last sign of life, or was excused for giving none.
        self.heard_ms = 0
        #: Lives after the first, and how the last one ended.
        self.restarts = 0
        self.last_status: int | None = None
        self.ended_ms: int | None = None
        self.crash_loop = False
        self._lives = 0

    @property
    def deadline(self) -> Deadline | None:
        """When to pass `Passed`."""
        return self._deadline

    @property
    def alive(self) -> bool:
        """Whether there is, as far as we know, a process."""
        return self.state in {"starting", "running", "aborting", "stopping"}

    def handle(self, event: Input, now_ms: int) -> list[Action]:
        """Take an input; returns what to do, in order."""
        match event:
            case Want():
                return self._want(now_ms)
            case Begun():
                if self.state == "starting":
                    self._expect_life(self._patience.start_ms, now_ms)
            case Ready() | Beat():
                self._sign_of_life(now_ms, ready=isinstance(event, Ready))
            case Ended(status):
                return self._ended(status, now_ms)
            case Hung():
                return self._hung(now_ms)
            case Left():
                self._left()
            case Stop(limit_ms):
                self._stop(limit_ms, now_ms)
            case Passed():
                return self._passed(now_ms)
        return []

    def _want(self, now_ms: int) -> list[Action]:
        if self.state == "refused":
            self._policy.forgive()
            self.crash_loop = False
        elif self.state != "stopped":
            return []
        return self._launch(now_ms)

    def _launch(self, now_ms: int) -> list[Action]:
        self.state = "starting"
        self.launched_ms = now_ms
        self.restarts += self._lives > 0
        self._lives += 1
        self._deadline = None
        return [Launch()]

    def _expect_life(self, limit_ms: int | None, now_ms: int) -> None:
        self.heard_ms = now_ms
        self._deadline = None if limit_ms is None else Deadline(now_ms + limit_ms, f"{self.state}: no sign of life")

    def _sign_of_life(self, now_ms: int, *, ready: bool) -> None:
        if ready and self.state == "starting":
            self.state = "running"
        if self.state == "running":
            self._expect_life(self._patience.silence_ms, now_ms)
        elif self.state == "starting":
            self._expect_life(self._patience.start_ms, now_ms)

    def _hung(self, now_ms: int) -> list[Action]:
        if self.state not in {"starting", "running"}:
            return []
        self.state = "aborting"
        self._deadline = Deadline(now_ms + self._patience.abort_ms, "aborting: time for the traceback is over")
        return [Abort()]

    def _left(self) -> None:
        self.state = "stopped"
        self._deadline = None
        self._lives = 0  # its successor is no restart

    def _stop(self, limit_ms: int, now_ms: int) -> None:
        if self.alive:
            self.state = "stopping"
            self._deadline = Deadline(now_ms + limit_ms, "stopping: did not end in time")
        else:
            self.state = "stopped"
            self._deadline = None

    def _passed(self, now_ms: int) -> list[Action]:
        if self._deadline is None or now_ms < self._deadline.at_ms:
            return []
        if self.state == "waiting":
            return self._launch(now_ms)
        if self.state in {"starting", "running"}:
            return self._hung(now_ms)
        # Once more each second: a SIGKILL can only fail to end a process that waits in the kernel.
        self._deadline = Deadline(now_ms + ABORT_MS, f"{self.state}: killed, still there")
        return [Kill()]

    def _ended(self, status: int | None, now_ms: int) -> list[Action]:
        if not self.alive:
            return []
        self.last_status = status
        self.ended_ms = now_ms
        self._deadline = None
        if self.state == "stopping" or not self._restart:
            self.state = "stopped"
            return []
        if status == REFUSED:
            self.state = "refused"
            return [GaveUp()]
        pause_ms = self._policy.failed(now_ms - self.launched_ms, now_ms)
        looped = self._policy.is_loop(now_ms)
        actions: list[Action] = [Slowed(pause_ms)] if looped and not self.crash_loop else []
        self.crash_loop = looped
        if pause_ms == 0:
            return actions + self._launch(now_ms)
        self.state = "waiting"
        self._deadline = Deadline(now_ms + pause_ms, "waiting: pause before the next start")
        return actions

    def status_known(self, status: int) -> None:
        """How the last life ended became known only now (its zygote reaped it)."""
        if self.last_status is None:
            self.last_status = status
