"""Events of the supervisor's own, which switch makes: told until it has them on disk."""

from collections import deque

from edge.app.fleet import Fleet
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary.site_events import ConfigurationEvent
from edge.vocabulary.wire import to_json

#: Switch may be away: it is asked again after this.
AGAIN_MS = 1000
#: That wait; more are of a switch that is away for good, and then the log must do.
MOST = 100

_log = logger("supervisor")


class Notices:
    """Tells switch, one event after the other. One may come twice, when switch ends between disk and answer."""

    def __init__(self, fleet: Fleet, pump: Pump) -> None:
        self._fleet = fleet
        self._pump = pump
        self._waiting: deque[ConfigurationEvent] = deque()
        self._asking = False

    def tell(self, event: ConfigurationEvent) -> None:
        """Have an event made."""
        if len(self._waiting) >= MOST:
            _log.warning("an event is given up", kind=type(self._waiting.popleft()).__name__)
        self._waiting.append(event)
        self._next()

    def _next(self) -> None:
        if self._asking or not self._waiting:
            return
        self._asking = True
        event = self._waiting[0]

        def answered(_body: bytes, error: str | None) -> None:
            self._asking = False
            if error is None:
                if self._waiting and self._waiting[0] is event:
                    self._waiting.popleft()
                self._next()
            else:
                self._pump.at(monotonic_ms() + AGAIN_MS, self._next)

        self._fleet.relay.request(self._fleet.switch, "notice", to_json(event), answered)
