"""How the appliance ends: in which order, and how long it waits for whom."""

from collections.abc import Callable

from edge.app.children import Process
from edge.app.fleet import Fleet
from edge.app.relay import count_of
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump, Timer
from edge.vocabulary.supervision import Stop

#: How often a drain looks whether the last call has ended.
LOOK_MS = 500
#: How long calls may take to end before a stop goes on without them, and how often switch is asked.
LAST_CALLS_MS = 800
ASK_MS = 20
#: Time for each phase of the stop; together below two seconds.
PHASE_MS = (600, 400, 400, 400)

_log = logger("supervisor")


class Drainage:
    """Waits until the calls in progress have ended, or the limit is reached; then calls `empty` once."""

    def __init__(self, fleet: Fleet, pump: Pump, limit_ms: int, empty: Callable[[], None]) -> None:
        self._fleet = fleet
        self._empty = empty
        self._limit_ms = monotonic_ms() + limit_ms
        fleet.drain()
        self._timer: Timer | None = pump.every(LOOK_MS, self._look)
        self._look()

    def _look(self) -> None:
        if monotonic_ms() >= self._limit_ms:
            _log.warning("drain: time is over, calls in progress are ended")
            self._end()
            return
        self._fleet.relay.request(self._fleet.switch, "calls", b"{}", self._counted, limit_ms=LOOK_MS)

    def _counted(self, body: bytes, error: str | None) -> None:
        # Without an answer there may be calls: switch is being restarted and will take them up again.
        if self._timer is not None and error is None and count_of(body) == 0:
            _log.info("drain: the last call has ended")
            self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self.cancel()
            self._empty()

    def cancel(self) -> None:
        """Stop looking: the appliance stops at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LastCalls:
    """Has switch end all calls, and calls `over` once: when their ends are on disk, at `LAST_CALLS_MS` at the latest.

    Switch knows who plays whose part, so front's adopted calls get their BYE, too, and media finishes what it records
    while everybody is there.
    """

    def __init__(self, fleet: Fleet, pump: Pump, over: Callable[[], None]) -> None:
        self._fleet = fleet
        self._pump = pump
        self._over: Callable[[], None] | None = over
        self._limit = pump.at(monotonic_ms() + LAST_CALLS_MS, self._end)
        self._ask()

    def _ask(self) -> None:
        if self._over is not None:
            self._fleet.relay.request(self._fleet.switch, "end_calls", b"{}", self._counted, limit_ms=LAST_CALLS_MS)

    def _counted(self, body: bytes, error: str | None) -> None:
        if error is None and count_of(body):
            self._pump.at(monotonic_ms() + ASK_MS, self._ask)
        else:
            self._end()

    def _end(self) -> None:
        over, self._over = self._over, None
        self._limit.cancel()
        if over is not None:
            over()


class Shutdown:
    """Ends the processes in order; calls `gone` when the last one has, or was killed.

    Spans first: they hang up what is left, and their messages still leave through front. Then front and media (which
    finishes its recordings), then switch (which writes down what the others told it last), then all who only read.
    """

    def __init__(self, fleet: Fleet, pump: Pump, gone: Callable[[], None]) -> None:
        self._fleet = fleet
        self._pump = pump
        self._gone = gone
        self._phase = -1
        self._timer: Timer | None = None
        self._done = False
        self._next_phase()

    def _members(self) -> list[Process]:
        fleet = self._fleet
        return [
            fleet.spans.all(),
            [fleet.front, *fleet.media, *fleet.standbys.all],
            [fleet.switch],
            # The dialer hears from switch what became of its calls.
            [
                fleet.forwarder,
                fleet.web,
                *fleet.lines.all(),
                *([fleet.dialer] if fleet.dialer else []),
                fleet.media_zygote,
                fleet.span_zygote,
            ],
        ][self._phase]

    def _next_phase(self) -> None:
        self._phase += 1
        if self._timer is not None:
            self._timer.cancel()
        if self._phase == len(PHASE_MS):
            self._done = True
            self._gone()
            return
        limit_ms = PHASE_MS[self._phase]
        if self._phase == 0:
            self._fleet.standbys.stop()
            self._fleet.spans.stop(limit_ms)
        else:
            for process in self._members():
                process.stop(Stop(), limit_ms)
        # A little later than the kill, so that what was killed is also reaped.
        self._timer = self._pump.at(monotonic_ms() + limit_ms + 50, self._next_phase)
        self.look()

    def look(self) -> None:
        """Call when any process changed: goes on when the phase's processes have ended."""
        if not self._done and not any(process.lifecycle.alive for process in self._members()):
            self._next_phase()
