"""Lines of JSON: in a file that is rotated, and on standard output."""

import asyncio
import fcntl
import os
import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edge.config.sink_settings import FileSettings, StdoutSettings
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Sink, SinkContext, words
from edge.runtime.clock import monotonic_ms, wall_time

#: How often what was written is forced to the disk with `fsync = "second"`.
SYNC_MS = 1000


def lines_of(events: Sequence[Outgoing]) -> bytes:
    """Put each event on a line of its own. A line break between two values of JSON is as good as a space."""
    return b"".join(event.body.replace(b"\n", b" ") + b"\n" for event in events)


class LineFile:
    """A file that grows by whole lines. Every method may raise OSError, and has then added nothing."""

    def __init__(self, settings: FileSettings, now: Callable[[], datetime] = wall_time) -> None:
        self._settings = settings
        self._path = Path(settings.path)
        self._now = now
        self._fd: int | None = None
        self._unsynced_ms: int | None = None

    def append(self, data: bytes) -> None:
        """Add lines. Another writer of the file, as a replay is one, waits meanwhile."""
        fd = self._locked(len(data))
        before = os.fstat(fd).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            if self._settings.fsync == "always":
                os.fdatasync(fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, before)
            self.close()
            raise
        fcntl.flock(fd, fcntl.LOCK_UN)
        if self._settings.fsync == "second" and self._unsynced_ms is None:
            self._unsynced_ms = monotonic_ms()

    def sync(self) -> None:
        """Force to the disk what is due."""
        if self._fd is not None and self._unsynced_ms is not None and monotonic_ms() - self._unsynced_ms >= SYNC_MS:
            self._unsynced_ms = None
            os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with suppress(OSError):
                if self._settings.fsync != "never":
                    os.fdatasync(fd)
            os.close(fd)

    def _locked(self, more: int) -> int:
        """Open and lock the file, or a new one where it is full, of yesterday, or was moved away by others."""
        while True:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            fd = self._fd
            fcntl.flock(fd, fcntl.LOCK_EX)
            if self._is_ours(fd):
                _take_back_half_a_line(fd)
                if not self._is_over(fd, more):
                    return fd
                self._put_away()
            self.close()

    def _is_ours(self, fd: int) -> bool:
        try:
            there, here = self._path.stat(), os.fstat(fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def _is_over(self, fd: int, more: int) -> bool:
        status = os.fstat(fd)
        if status.st_size == 0:
            return False
        largest = self._settings.rotate_mb * 1_000_000
        written = datetime.fromtimestamp(status.st_mtime, UTC).date()
        return (0 < largest < status.st_size + more) or (self._settings.rotate_daily and written != self._now().date())

    def _put_away(self) -> None:
        stem, suffix = self._path.stem, self._path.suffix
        stamp = self._now().strftime("%Y%m%dT%H%M%S.%fZ")
        self._path.rename(self._path.with_name(f"{stem}-{stamp}{suffix}"))
        if self._settings.keep:
            older = sorted(self._path.parent.glob(f"{stem}-????????T??????.??????Z{suffix}"))
            for path in older[: -self._settings.keep]:
                path.unlink(missing_ok=True)


def _take_back_half_a_line(fd: int) -> None:
    """Cut off what stands behind the last line break: somebody died while writing it, and it comes again."""
    size = end = os.fstat(fd).st_size
    while end > 0:
        begin = max(0, end - 65536)
        at = os.pread(fd, end - begin, begin).rfind(b"\n")
        if at >= 0:
            end = begin + at + 1
            break
        end = begin
    if end < size:
        os.ftruncate(fd, end)


class _Writer:
    """Runs one write at a time on a thread. One that hangs is waited for, however long: nothing is begun beside it."""

    def __init__(self) -> None:
        self._running: asyncio.Future[None] | None = None

    @property
    def hangs(self) -> bool:
        return self._running is not None and not self._running.done()

    async def run(self, write: Callable[[], None]) -> Answer:
        if self.hangs:
            return Answer("busy", "an earlier write has not come to its end")
        self._running = asyncio.ensure_future(asyncio.to_thread(write))
        self._running.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.shield(self._running)
        except OSError as error:
            return Answer("busy", words(error))
        return ACCEPTED


class FileSink(Sink):
    """Events in a file."""

    settings = FileSettings
    max_batch = 500
    parallel = 1
    atomic = True

    def __init__(self, settings: FileSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._file = LineFile(settings)
        self._writer = _Writer()
        self._timer: asyncio.TimerHandle | None = None

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Write all events; none of them when there is no room for all."""
        data = lines_of(events)
        answer = await self._writer.run(lambda: self._file.append(data))
        self._context.condition("" if answer is ACCEPTED else f"{self._settings.path}: {answer.error}")
        if self._settings.fsync == "second" and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SYNC_MS / 1000, self._sync)
        return [answer]

    def _sync(self) -> None:
        self._timer = None
        if not self._writer.hangs:
            task = asyncio.ensure_future(self._writer.run(self._file.sync))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def close(self) -> None:
        """Close the file."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._writer.hangs:
            await self._writer.run(self._file.close)


class StdoutSink(Sink):
    """Events on standard output. Who reads it slowly is waited for."""

    settings = StdoutSettings
    max_batch = 500
    parallel = 1
    atomic = True
    #: The descriptor; tests have another.
    descriptor = 1

    def __init__(self, _settings: StdoutSettings, context: SinkContext) -> None:
        self._context = context
        self._writer = _Writer()
        self._torn = False

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Write all events."""
        data = lines_of(events)
        answer = await self._writer.run(lambda: self._write(data))
        self._context.condition("" if answer is ACCEPTED else f"standard output: {answer.error}")
        return [answer]

    def _write(self, data: bytes) -> None:
        # A line that was broken off is ended, so that it spoils no other.
        rest = memoryview(b"\n" + data if self._torn else data)
        self._torn = True
        while rest:
            try:
                rest = rest[os.write(self.descriptor, rest) :]
            except BlockingIOError:
                select.select([], [self.descriptor], [])
        self._torn = False
