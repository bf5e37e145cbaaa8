"""The pool of span processes: as many as front wants, each one life of its own."""

import signal
from collections.abc import Callable
from typing import Any

from edge.app.children import Process, describe
from edge.app.starters import ForkedBy
from edge.core.supervision.lifecycle import Lifecycle
from edge.core.supervision.restart import RestartPolicy
from edge.core.supervision.stall import StallWatch
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.supervision import FromChild, SpanDied, SpanDown, SpanList, SpanUp, Stop, ToChild

#: A span that front has retired has no call: it has nothing to do but to exit.
RETIRE_MS = 3000
#: A span that ends this soon failed to start; one that ends later was ended by a call, and is replaced at once.
SHORT_LIFE_MS = 2000
#: Forks in flight; more would only queue in the zygote and delay a span that is needed now.
MAX_STARTING = 4
#: Signals that a process brings on itself, or that end one which hangs: a message may have been the cause.
_OWN_FAULT = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})

_log = logger("supervisor")


class SpanPool:
    """Starts, replaces and ends spans. Hears of each of them as its `Owner`."""

    def __init__(
        self,
        pump: Pump,
        starter: ForkedBy,
        *,
        boot_id: str,
        limit: int,
        tell_front: Callable[[ToChild], Any],
        stall: StallWatch,
    ) -> None:
        self._pump = pump
        self._starter = starter
        starter.on_status = self._status
        self._boot_id = boot_id
        self._limit = limit
        self._tell_front = tell_front
        self._stall = stall
        self._spans: dict[Incarnation, Process] = {}
        self._retired: set[Incarnation] = set()
        self._count = 0
        self._policy = RestartPolicy()
        self._paused_until_ms = 0
        self._stopping = False
        self.wanted = 1
        self.restarts = 0
        self.last_end = ""
        #: Called when a span came or went.
        self.on_change: Callable[[], None] = lambda: None

    @property
    def up(self) -> dict[Incarnation, int]:
        """The spans that front may use, with their ports."""
        return {name: span.port for name, span in self._spans.items() if span.running and name not in self._retired}

    @property
    def crash_loop(self) -> bool:
        """Whether spans fail to start again and again."""
        return self._policy.is_loop(monotonic_ms())

    def all(self) -> list[Process]:
        """All spans that have a process or wait for one."""
        return list(self._spans.values())

    def want(self, count: int) -> None:
        """Keep `count` spans (bounded by the configuration)."""
        self.wanted = max(1, min(count, self._limit))
        self.fill()

    def retire(self, name: Incarnation) -> None:
        """End a span that front does not use any more."""
        span = self._spans.get(name)
        if span is not None and name not in self._retired:
            self._retired.add(name)
            span.stop(Stop(), RETIRE_MS)

    def list_for_front(self) -> SpanList:
        """Return what a new front has to know."""
        return SpanList(self.up)

    def fill(self) -> None:
        """Start what is missing, a few at a time."""
        if self._stopping or monotonic_ms() < self._paused_until_ms:
            return
        alive = len(self._spans) - len(self._retired)
        starting = sum(span.lifecycle.state == "starting" for span in self._spans.values())
        for _ in range(min(self.wanted - alive, MAX_STARTING - starting)):
            self._start()

    def _start(self) -> None:
        self._count += 1
        name = Incarnation(f"span-{self._boot_id[:8]}-{self._count}")
        span = Process("span", self._pump, self, self._starter, Lifecycle(restart=False), self._stall)
        span.next_incarnation = lambda: name
        self._spans[name] = span
        span.want()

    def stop(self, limit_ms: int) -> None:
        """End all."""
        self._stopping = True
        for span in self.all():
            span.stop(Stop(), limit_ms)

    # --- as the owner of each span

    def process_ready(self, process: Process, port: int) -> None:
        """See `Owner`."""
        if process.incarnation not in self._retired:
            self._tell_front(SpanUp(process.incarnation, port))
        self.on_change()
        self.fill()

    def process_said(self, process: Process, message: FromChild) -> None:
        """See `Owner`. Spans have nothing to say but Ready, Beat, Health."""
        process.hung(f"a span may not say {type(message).__name__}")

    def process_lost(self, process: Process) -> None:
        """See `Owner`. Front must know at once: peers of its calls hear silence."""
        self._tell_front(SpanDown(process.incarnation))

    def process_changed(self, process: Process) -> None:
        """See `Owner`."""
        if process.lifecycle.state == "stopped" and self._spans.pop(process.incarnation, None) is not None:
            self._ended(process)
        self.on_change()

    def _status(self, process: Process, status: int) -> None:
        """Take note of how a span ended, which its zygote may tell before or after the end itself is seen."""
        if -status in _OWN_FAULT and not self._stopping:
            self._tell_front(SpanDied(process.incarnation, -status))

    def _ended(self, process: Process) -> None:
        if process.incarnation in self._retired:
            self._retired.discard(process.incarnation)
            return
        self.last_end = describe(process.lifecycle.last_status)
        if self._stopping:
            return
        if process.lifecycle.last_status is not None:
            self._status(process, process.lifecycle.last_status)
        self.restarts += 1
        now_ms = monotonic_ms()
        if now_ms - process.lifecycle.launched_ms < SHORT_LIFE_MS:
            pause_ms = self._policy.failed(now_ms - process.lifecycle.launched_ms, now_ms)
            self._paused_until_ms = now_ms + pause_ms
            if pause_ms:
                _log.error("a span failed soon after its start", pause_ms=pause_ms)
                self._pump.at(self._paused_until_ms, self.fill)
                return
        # In the next turn: this is called from within the life that ends.
        self._pump.at(now_ms, self.fill)
