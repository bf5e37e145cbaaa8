"""How busy this engine is: tells when it is too busy for new calls, and sends later when its work takes longer."""

from collections.abc import Callable

from dsp.plane import layout
from edge.core.load.offset import SendOffset
from edge.core.load.overload import Overload, Reading
from edge.metrics.media import EngineReading

_NS_PER_MS = 1_000_000
_BUCKETS = slice(layout.TICK_BUCKETS, layout.TICK_BUCKETS + len(layout.TICK_BOUNDS_US) + 1)


class Load:
    """Of one engine. `tell` hears each change of `overloaded`."""

    def __init__(self, plane: layout.PlaneState, percent: int, tell: Callable[[bool], None]) -> None:
        self._ctl = plane.ctl
        self._tell = tell
        self._overload = Overload(layout.TICK_BOUNDS_US, percent)
        self.take_up()
        #: Whether the loop was granted real-time priority, and its memory is locked.
        self.real_time = self.memory_locked = False

    def take_up(self) -> None:
        """Go on with the send offset that a predecessor of this process has found."""
        self._offset = SendOffset(int(self._ctl[layout.SEND_OFFSET_NS]) // _NS_PER_MS)

    @property
    def overloaded(self) -> bool:
        """Whether new calls should be refused."""
        return self._overload.on

    def set_limit(self, percent: int) -> None:
        """Change the share of a tick that makes overload."""
        self._overload.percent = percent

    def look(self, now_ms: int) -> None:
        """Read the counters; every `overload.LOOK_MS`."""
        buckets = tuple(self._ctl[_BUCKETS].tolist())
        slipped, work_ns = int(self._ctl[layout.SLIPPED_TICKS]), int(self._ctl[layout.TICK_SUM_NS])
        if self._overload.seen(Reading(buckets, slipped, work_ns), now_ms):
            self._tell(self._overload.on)
        # A tick that began late sends late, too, and no offset would help it.
        late = max(0, int(self._ctl[layout.LATE_SENDS]) - int(self._ctl[layout.LATE_TICKS]))
        if self._offset.seen(sum(buckets), late, now_ms):
            self._ctl[layout.SEND_OFFSET_NS] = self._offset.offset_ms * _NS_PER_MS

    def reading(self, engine: int) -> EngineReading:
        """Return the figures that each engine has of its own."""
        return EngineReading(
            engine=engine,
            load=self._overload.load,
            overloaded=self._overload.on,
            real_time=self.real_time,
            memory_locked=self.memory_locked,
        )
