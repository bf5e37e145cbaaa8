"""Whether an engine's clock stands still: its ticks are counted in memory that it shares with who watches it."""

#: `seen` is to be called so often.
LOOK_MS = 100
#: Between two looks that lie further apart we were away ourselves, and can't say what the engine did.
GAP_MS = 250
#: A counter that stands still for so long, seen so all the time, is hung. An engine catches up with 200 ms by itself.
STILL_MS = 300


class TickWatch:
    """Watches one engine, from the look that finds it running. Times are CLOCK_MONOTONIC milliseconds."""

    def __init__(self) -> None:
        self._tick = 0
        self._since_ms = 0
        self._looked_ms: int | None = None

    def seen(self, tick: int, now_ms: int) -> bool:
        """Take a look; True when it hangs. A counter at 0 belongs to an engine that has never run: it can't hang."""
        looked_ms, self._looked_ms = self._looked_ms, now_ms
        if tick != self._tick or tick == 0 or looked_ms is None or now_ms - looked_ms > GAP_MS:
            self._tick = tick
            self._since_ms = now_ms
        return now_ms - self._since_ms >= STILL_MS

    def forget(self) -> None:
        """Begin anew: there is no engine now, or another one."""
        self._looked_ms = None
