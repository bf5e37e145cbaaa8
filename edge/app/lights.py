"""Lights of the board: how it is, for somebody who stands before it and has no terminal.

Which they are is in the environment, put there by the drop-in that also lets the service write to them (`edge hw board
--write`). A light belongs to a trigger of the kernel until 0 is written to it (Linux,
Documentation/ABI/testing/sysfs-class-led), so all are put out first.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.app.fleet import Fleet
from edge.app.readiness import notes
from edge.app.relay import count_of
from edge.config.boards import LIGHTS
from edge.runtime.logs import logger
from edge.runtime.pump import Pump

#: Half of a blink; also how soon a light follows what it shows.
TURN_MS: Final = 500
_TURNS_A_COUNT: Final = 2

_log = logger("supervisor")


class Lights:
    """The lights; without any it does nothing.

    `ready`: on when the appliance is ready, blinks while it is not. `call`: on while there are calls. `fault`: on while
    something keeps it from being ready, or should be known. All are out when it does not run.
    """

    def __init__(self, environment: Mapping[str, str], fleet: Fleet, pump: Pump) -> None:
        named = (word.rpartition("=") for word in environment.get(LIGHTS, "").split())
        self._lights = [_Light(Path(folder), shows) for folder, _, shows in named]
        self._fleet = fleet
        self._pump = pump
        self._ready = False
        self._calls = 0
        self._turn = 0

    def start(self) -> None:
        """Put them out, and begin to show."""
        if self._lights:
            self.close()
            self._pump.every(TURN_MS, self._show)

    def looked(self, *, ready: bool) -> None:
        """Take note of whether it is ready."""
        self._ready = ready

    def close(self) -> None:
        """Put them out."""
        for light in self._lights:
            light.be(on=False)

    def _show(self) -> None:
        self._turn += 1
        if self._turn % _TURNS_A_COUNT == 0 and any(light.shows == "call" for light in self._lights):
            self._fleet.relay.request(self._fleet.switch, "calls", b"{}", self._counted, limit_ms=TURN_MS)
        on = {
            "ready": self._ready or self._turn % 2 == 0,
            "call": self._calls > 0,
            "fault": not self._ready or bool(notes(self._fleet)),
        }
        for light in self._lights:
            light.be(on=on.get(light.shows, False))

    def _counted(self, body: bytes, error: str | None) -> None:
        if error is None:
            self._calls = count_of(body) or 0


class _Light:
    def __init__(self, folder: Path, shows: str) -> None:
        self._folder, self.shows = folder, shows
        self._is_on: bool | None = None
        self._full = b"1"
        with contextlib.suppress(OSError):
            self._full = (folder / "max_brightness").read_bytes().strip()

    def be(self, *, on: bool) -> None:
        """Light it or put it out. One that cannot be is told of once, and no reason to fail."""
        if on == self._is_on:
            return
        first, self._is_on = self._is_on is None, on
        try:
            (self._folder / "brightness").write_bytes(self._full if on else b"0")
        except OSError as error:
            if first:
                _log.warning("a light of the board cannot be lit", light=self._folder.name, error=str(error))
