"""Reading `state.db` beside the loop: on one thread, with one read-only connection."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from edge.storage.reader import Reader
from edge.storage.turn import StorageError

T = TypeVar("T")

#: How often those who wait for new events look; switch has no word for web.
LOOK_S = 0.05


class Outbox:
    """What switch has committed. Its methods raise `StorageError`."""

    def __init__(self, state: Path) -> None:
        self._reader = Reader(state / "state.db")
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._tip = -1
        self._moved = asyncio.Event()

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Have `work` read, and return what it found."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._reader)

    async def newer_than(self, sequence: int, limit_s: float) -> int:
        """Wait for an event above `sequence`, `limit_s` at the most; return the highest sequence there is now."""
        self._tip = max(self._tip, await self.read(Reader.last_sequence))
        if self._tip > sequence:
            return self._tip
        self._waiting += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(limit_s):
                while self._tip <= sequence:
                    moved = self._moved
                    await moved.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._tip

    async def _look(self) -> None:
        """Look for new events for all who wait; one look at a time, however many they are."""
        try:
            while self._waiting:
                await asyncio.sleep(LOOK_S)
                try:
                    tip = await self.read(Reader.last_sequence)
                except StorageError:
                    continue
                if tip != self._tip:
                    self._tip = tip
                    moved, self._moved = self._moved, asyncio.Event()
                    moved.set()
        finally:
            self._looking = None

    def close(self) -> None:
        """End the thread."""
        self._thread.submit(self._reader.close)
        self._thread.shutdown(wait=True)
