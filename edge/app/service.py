"""What the service manager is told of the appliance: that it is ready, how it is, and that it lives."""

from typing import Any

import msgspec

from edge.app.fleet import Fleet
from edge.app.health import Health
from edge.app.notify import ServiceManager
from edge.app.relay import count_of
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump, Timer

#: What keeps calls away may last (a disk that is read-only, a compiler at its first start), and ending the start for
#: it would help nobody: from then on it is up as it is, and its status says what is wrong.
READY_MS = 60_000
#: How often the status is told anew, and how much more time is asked for each time while it drains.
STATUS_MS = 5000
_MORE_MS = 6 * STATUS_MS

_log = logger("supervisor")


class Service:
    """Speaks to the manager. Without one it does nothing."""

    def __init__(self, manager: ServiceManager, health: Health, fleet: Fleet, pump: Pump) -> None:
        self._manager = manager
        self._health = health
        self._fleet = fleet
        self._pump = pump
        self._ready = False
        self._leaving = False
        self._late: Timer | None = None
        self._reason = "starting"
        self._figures: dict[str, str] = {}
        self._fault = ""

    def start(self) -> None:
        """Begin to speak."""
        self._late = self._pump.at(monotonic_ms() + READY_MS, self._be_ready)
        if self._manager.watchdog_ms:
            self._pump.every(self._manager.watchdog_ms, self._feed)
        if self._manager.listens:
            self._pump.every(STATUS_MS, self._look)

    def looked(self, reason: str) -> None:
        """Take note of why it is not ready; empty: it is."""
        self._reason = reason
        if not reason:
            self._be_ready()
        self._say()

    def reloading(self, *, begins: bool) -> None:
        """Tell that files are being loaded, or are no more."""
        if begins:
            self._manager.reloading()
        else:
            self._manager.tell("READY=1")

    def leaving(self) -> None:
        """Tell that it stops, and ask for time for as long as it takes."""
        self._leaving = True
        self._manager.tell("STOPPING=1")
        self._manager.take_longer(_MORE_MS)

    def _be_ready(self) -> None:
        if not self._ready and not self._leaving:
            self._ready = True
            self._manager.tell("READY=1")
        if self._late is not None:
            self._late.cancel()

    def _feed(self) -> None:
        fault = self._health.fault()
        if fault != self._fault:
            self._fault = fault
            log = _log.error if fault else _log.info
            log("the watchdog is not fed" if fault else "the watchdog is fed again", reason=fault)
            self._say()
        if not fault:
            self._manager.alive()

    def _look(self) -> None:
        if self._leaving:
            self._manager.take_longer(_MORE_MS)
        relay = self._fleet.relay
        relay.request(self._fleet.switch, "calls", b"{}", self._calls, limit_ms=STATUS_MS)
        relay.request(self._fleet.front, "trunks", b"{}", self._trunks, limit_ms=STATUS_MS)

    def _calls(self, body: bytes, error: str | None) -> None:
        count = None if error is not None else count_of(body)
        self._set("calls", "" if count is None else f"calls: {count}")

    def _trunks(self, body: bytes, error: str | None) -> None:
        self._set("trunks", "" if error is not None else up_of(body))

    def _set(self, name: str, text: str) -> None:
        self._figures[name] = text
        self._say()

    def _say(self) -> None:
        state = self._fault or self._reason or "ready"
        figures = [self._figures.get(name, "") for name in ("calls", "trunks")]
        self._manager.status("; ".join([state, *filter(None, figures)]))


def up_of(body: bytes) -> str:
    """Say how many trunks are up, of front's answer; empty: it names none that is watched."""
    try:
        trunks: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    listed = trunks if isinstance(trunks, list) else []
    known = [one["up"] for one in listed if isinstance(one, dict) and isinstance(one.get("up"), bool)]
    return f"trunks up: {sum(known)} of {len(known)}" if known else ""
