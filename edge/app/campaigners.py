"""The dialer comes with the first campaign of the site, and goes after the last one: once its attempts are closed."""

from collections.abc import Callable

from edge.app.children import Process
from edge.app.relay import Relay, count_of
from edge.runtime.logs import logger
from edge.runtime.pump import Pump, Timer
from edge.vocabulary.supervision import Stop

#: How often it is asked whether attempts are open, once there are no campaigns.
LOOK_MS = 500
#: Then it may take so long to end.
STOP_MS = 2000

_log = logger("supervisor")


class Campaigners:
    """Keeps `process` for as long as it is needed; `members` are the fleet's long-lived processes, by name.

    Calls that a campaign began go on when it is gone, and the dialer with them: what becomes of them is written down.
    """

    def __init__(
        self, members: dict[str, Process], relay: Relay, pump: Pump, make: Callable[[], Process], *, wanted: bool
    ) -> None:
        self._members, self._relay, self._pump, self._make = members, relay, pump, make
        self._wanted = wanted
        #: Nobody is started before the fleet's own are (`start`).
        self._started = False
        self._timer: Timer | None = None
        self.process: Process | None = None
        if wanted:
            self._add()

    def start(self) -> None:
        """Start it, if there are campaigns."""
        self._started = True
        if self.process is not None:
            self.process.want()

    def follow(self, *, wanted: bool) -> None:
        """Take another configuration; `wanted`: it has campaigns."""
        self._wanted = wanted
        if wanted:
            self._rest()
            if self.process is None:
                _log.info("the site has campaigns now: the dialer is started")
                self._add()
                if self._started and self.process is not None:
                    self.process.want()
        elif self.process is not None and self._timer is None:
            _log.info("the site has no campaigns any more: the dialer ends with its last attempt")
            self._timer = self._pump.every(LOOK_MS, self._look)

    def ended(self) -> None:
        """Look whether it has gone: call when any process has changed."""
        process = self.process
        if process is None or process.lifecycle.state != "stopped" or self._members.get(process.name) is process:
            return
        self.process = None
        if self._wanted:  # campaigns have come back meanwhile
            self.follow(wanted=True)

    def stop(self) -> None:
        """Look no more: the appliance stops."""
        self._rest()

    def _add(self) -> None:
        self.process = self._make()
        self._members[self.process.name] = self.process

    def _look(self) -> None:
        if self.process is None:
            self._rest()
        elif self.process.lifecycle.state == "refused":
            self._end()
        else:
            self._relay.request(self.process, "attempts", b"{}", self._counted, limit_ms=LOOK_MS)

    def _counted(self, body: bytes, error: str | None) -> None:
        # Without an answer there may be some: it is being restarted and takes them up again.
        if self._timer is not None and error is None and count_of(body) == 0:
            self._end()

    def _end(self) -> None:
        self._rest()
        process = self.process
        if process is not None:
            _log.info("the last attempt is closed: the dialer is stopped")
            del self._members[process.name]
            process.stop(Stop(), STOP_MS)
            self.ended()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
