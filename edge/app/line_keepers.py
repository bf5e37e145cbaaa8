"""A process for each line of the site: they come and go with a reload, each by itself."""

from collections.abc import Callable, Iterable

from edge.app.children import Process
from edge.runtime.logs import logger
from edge.vocabulary.supervision import Stop

#: What processes of lines are called: this and the line's name.
PREFIX = "line-"
#: How long one may take to end.
STOP_MS = 1500

_log = logger("supervisor")


class LineKeepers:
    """Keeps the processes; `members` are the fleet's long-lived processes, by name."""

    def __init__(self, members: dict[str, Process], make: Callable[[str], Process], names: Iterable[str]) -> None:
        self._members, self._make = members, make
        #: Nobody is started before the fleet's own are (`start`).
        self._started = False
        self._leaving: list[Process] = []
        self.processes: dict[str, Process] = {}
        for name in names:
            self._add(name)

    def start(self) -> None:
        """Start them."""
        self._started = True
        for process in self.processes.values():
            process.want()

    def follow(self, names: Iterable[str]) -> None:
        """Take another configuration: the lines of these names."""
        wanted = list(names)
        for name in [name for name in self.processes if name not in wanted]:
            process = self.processes.pop(name)
            _log.info("the site has a line no more: its process ends", line=name)
            self._members.pop(process.name, None)
            self._leaving.append(process)
            process.stop(Stop(), STOP_MS)
        for name in wanted:
            if name not in self.processes:
                self._add(name)
                if self._started:
                    self.processes[name].want()

    def all(self) -> list[Process]:
        """List them, and those that are about to end."""
        self._leaving = [process for process in self._leaving if process.lifecycle.alive]
        return [*self.processes.values(), *self._leaving]

    def _add(self, name: str) -> None:
        process = self._make(PREFIX + name)
        self.processes[name] = self._members[process.name] = process
