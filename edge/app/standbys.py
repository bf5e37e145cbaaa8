"""A worker that stands by for each media engine, so that a death is followed by a message and not by a fork.

Forking a zygote, mapping the engine's memory and touching its pages takes longer than the tick that must not be missed.
"""

from edge.app.children import Process
from edge.app.starters import ForkedBy
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary.ids import Incarnation

#: From an engine's first tick to the order for its standby: those who were silent have their say first.
PAUSE_MS = 50

_log = logger("supervisor")


class Standbys:
    """Starts engines: from their standby, or by a fork when none is ready. `Starter` of the engines."""

    def __init__(self, forks: ForkedBy, pump: Pump) -> None:
        self._forks = forks
        self._pump = pump
        self._of: dict[str, Process] = {}
        self._stopping = False

    def add(self, engine: Process, standby: Process) -> None:
        """Let `standby` stand by for `engine`."""
        standby.role, standby.index, standby.standby = engine.role, engine.index, True
        self._of[engine.name] = standby

    @property
    def all(self) -> list[Process]:
        """All standbys, whether there is a process now or not."""
        return list(self._of.values())

    def start(self, process: Process, incarnation: Incarnation) -> None:
        """See `Starter`."""
        standby = self._of.get(process.name)
        life = standby.hand_over() if standby is not None else None
        if life is None:
            self._forks.start(process, incarnation)
            return
        process.incarnation = life.incarnation
        self._forks.moved(life.pid, process)
        process.begin(life.pid, life.end, pidfd=life.pidfd)
        _log.info("standby takes over", child=process.name, pid=life.pid)

    def cancel(self, process: Process) -> bool:
        """See `Starter`."""
        return self._forks.cancel(process)

    def ready(self, engine: Process) -> None:
        """Take note that an engine works; it gets a standby (again)."""
        standby = self._of.get(engine.name)
        if standby is not None:
            self._pump.at(monotonic_ms() + PAUSE_MS, lambda: self._want(standby))

    def _want(self, standby: Process) -> None:
        if not self._stopping:
            standby.want()

    def stop(self) -> None:
        """Take none into being any more; those that are there are told by whoever stops them."""
        self._stopping = True
