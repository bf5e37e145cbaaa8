"""The supervisor's own look at the media engines: their tick counters, in the memory that it holds for them.

Nobody in the engine's process could tell that its loop hangs and be believed: a thread that beats may be well while the
loop is not, and the other way round.
"""

import mmap
import struct

from edge.app.children import Process
from edge.core.supervision.ticks import LOOK_MS, STILL_MS, TickWatch
from edge.media import TICK_OFFSET
from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump

_WORD = struct.Struct("=q")


class EngineWatch:
    """Ends engines whose ticks stand still; `memories` are their descriptors, in order."""

    def __init__(self, engines: list[Process], memories: list[int], pump: Pump) -> None:
        pages = [mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ) for fd in memories]
        self._watched = [(engine, page, TickWatch()) for engine, page in zip(engines, pages, strict=True)]
        pump.every(LOOK_MS, self._look)

    def _look(self) -> None:
        now_ms = monotonic_ms()
        for engine, page, watch in self._watched:
            # One that was prepared has only to begin; another maps and reads first, and is given time.
            due = engine.prepared and engine.lifecycle.state == "starting"
            if not engine.running and not due:
                watch.forget()
            elif watch.seen(_WORD.unpack_from(page, TICK_OFFSET)[0], now_ms):
                watch.forget()
                engine.hung(f"no tick for {STILL_MS} ms")
