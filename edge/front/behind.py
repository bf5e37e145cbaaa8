"""Whether front falls behind what comes in: then it answers new calls with 503 while it still can."""

#: Behind for so long: no new calls.
BEHIND_MS = 200
#: Not behind for so long: they are welcome again.
CAUGHT_UP_MS = 1000
#: Turns that are further apart than this are not one stretch.
_GAP_MS = 50


class Behind:
    """Told of each turn of reading that left something in the socket."""

    def __init__(self) -> None:
        self._since_ms = 0
        self._last_ms = -CAUGHT_UP_MS
        self._long = False
        self._on = False

    def behind(self, now_ms: int) -> None:
        """Note that a whole turn's worth was read, and there may be more."""
        if now_ms - self._last_ms > _GAP_MS:
            self._since_ms = now_ms
        self._last_ms = now_ms
        self._long = self._long or now_ms - self._since_ms >= BEHIND_MS

    def look(self, now_ms: int) -> bool | None:
        """Return whether new calls are to be refused from now on; None: nothing changed."""
        on = self._long or (self._on and now_ms - self._last_ms < CAUGHT_UP_MS)
        self._long = False
        if on == self._on:
            return None
        self._on = on
        return on
