"""The event loop of a process: one thread, one epoll set, one heap of timers.

A turn is: wait, run what is readable or writable, run the timers that are due, then the after-turn callbacks. A
callback that raises is a bug of ours: it is logged with its traceback and the process exits with 70, so that the
supervisor starts it again from a known state. `SystemExit` passes through.
"""

import contextlib
import heapq
import os
import select
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable

from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger

Callback = Callable[[], None]

#: EX_SOFTWARE of sysexits.h.
EXIT_BUG = 70
#: Events taken from the kernel in one turn; the rest waits there for the next.
EVENTS_PER_TURN = 256
#: Timers run in one turn, so that a burst of them can't starve the sockets.
TIMERS_PER_TURN = 1024
#: Callbacks of other threads run in one turn.
POSTS_PER_TURN = 1024


class Timer:
    """A callback to come; `cancel()` may be called at any time, also after it fired."""

    __slots__ = ("_owner", "at_ms", "callback", "period_ms")

    def __init__(self, owner: "Pump", at_ms: int, callback: Callback, period_ms: int) -> None:
        self._owner = owner
        self.at_ms = at_ms
        self.callback: Callback | None = callback
        self.period_ms = period_ms

    @property
    def active(self) -> bool:
        """Whether it will still fire."""
        return self.callback is not None

    def cancel(self) -> None:
        """Never fire (again)."""
        if self.callback is not None:
            self.callback = None
            self._owner._timer_cancelled()  # noqa: SLF001 - a timer is a part of its pump


class Pump:
    """See the module. Not thread-safe, but for `post`."""

    def __init__(self, process: str = "pump", clock: Callable[[], int] = monotonic_ms) -> None:
        self._clock = clock
        self._log = logger(process)
        self._epoll = select.epoll()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[tuple[int, int, Timer]] = []
        self._timer_count = 0
        self._cancelled = 0
        self._after_turn: list[Callback] = []
        self._posted: deque[Callback] = deque()
        self._post_fd = -1
        self._post_lock = threading.Lock()
        self._signals: dict[int, Callback] = {}
        self._signal_pair: tuple[socket.socket, socket.socket] | None = None
        self._running = False
        #: Turns so far, and callbacks that raised: for metrics.
        self.turns = 0
        self.faults = 0

    # --- descriptors

    def watch(self, fd: int, on_readable: Callback) -> None:
        """Call `on_readable` in each turn in which `fd` is readable, at its end or in error. Replaces a former one."""
        self._readers[fd] = on_readable
        self._update(fd)

    def unwatch(self, fd: int) -> None:
        """Forget the reader of `fd`; harmless when there is none or `fd` was closed."""
        if self._readers.pop(fd, None) is not None:
            self._update(fd)

    def watch_writable(self, fd: int, on_writable: Callback) -> None:
        """Call `on_writable` in each turn in which `fd` takes data."""
        self._writers[fd] = on_writable
        self._update(fd)

    def unwatch_writable(self, fd: int) -> None:
        """Forget the writer of `fd`; harmless when there is none or `fd` was closed."""
        if self._writers.pop(fd, None) is not None:
            self._update(fd)

    def _update(self, fd: int) -> None:
        mask = (select.EPOLLIN if fd in self._readers else 0) | (select.EPOLLOUT if fd in self._writers else 0)
        if mask == 0:
            # A descriptor that was closed first is out of the set already (FileNotFoundError, or EBADF).
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)
            return
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    # --- timers

    def at(self, at_ms: int, callback: Callback) -> Timer:
        """Call back once at `at_ms` (CLOCK_MONOTONIC, milliseconds); in the next turn when that has passed."""
        return self._add(Timer(self, at_ms, callback, 0))

    def every(self, period_ms: int, callback: Callback) -> Timer:
        """Call back on the grid now + n * `period_ms` (> 0). A grid point missed by a whole period is left out."""
        if period_ms <= 0:
            raise ValueError(f"period of {period_ms} ms")
        return self._add(Timer(self, self._clock() + period_ms, callback, period_ms))

    def _add(self, timer: Timer) -> Timer:
        self._timer_count += 1  # breaks ties in the order of making; timers don't compare
        heapq.heappush(self._timers, (timer.at_ms, self._timer_count, timer))
        return timer

    def _timer_cancelled(self) -> None:
        self._cancelled += 1
        # Cancelled timers stay in the heap until due; a process that arms and cancels a lot would fill it.
        if self._cancelled > 64 and self._cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].active]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _run_timers(self) -> None:
        now_ms = self._clock()
        # Timers that are made in here belong to the next turn, even when due: no callback can hold the loop.
        newest = self._timer_count
        postponed = []
        for _ in range(TIMERS_PER_TURN):
            if not self._timers or self._timers[0][0] > now_ms:
                break
            entry = heapq.heappop(self._timers)
            timer = entry[2]
            if entry[1] > newest:
                postponed.append(entry)
                continue
            callback = timer.callback
            if callback is None:
                self._cancelled = max(0, self._cancelled - 1)
                continue
            if timer.period_ms:
                missed = (now_ms - timer.at_ms) // timer.period_ms
                timer.at_ms += (missed + 1) * timer.period_ms
                self._add(timer)
            else:
                timer.callback = None
            callback()
        for entry in postponed:
            heapq.heappush(self._timers, entry)

    # --- the rest

    def after_turn(self, callback: Callback) -> None:
        """Call back at the end of every turn, for ever, in the order of registration."""
        self._after_turn.append(callback)

    def post(self, callback: Callback) -> None:
        """From any thread: run `callback` in the loop's thread, soon."""
        with self._post_lock:
            if self._post_fd < 0:
                self._post_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                self._readers[self._post_fd] = self._run_posted
                # epoll_ctl is thread-safe, and a waiting loop sees the new descriptor.
                self._epoll.register(self._post_fd, select.EPOLLIN)
            self._posted.append(callback)
            os.eventfd_write(self._post_fd, 1)

    def _run_posted(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._post_fd)
        for _ in range(min(POSTS_PER_TURN, len(self._posted))):
            self._posted.popleft()()
        if self._posted:
            os.eventfd_write(self._post_fd, 1)

    def on_signal(self, signum: int, callback: Callback) -> None:
        """Call back in the loop when the signal came. Main thread only."""
        if self._signal_pair is None:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            self._signal_pair = (ours, theirs)
            signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
            self.watch(ours.fileno(), self._run_signals)
        self._signals[signum] = callback
        signal.signal(signum, _noted)  # the wake-up descriptor carries the number; the handler only has to exist

    def _run_signals(self) -> None:
        if self._signal_pair is None:
            return
        try:
            numbers = self._signal_pair[0].recv(4096)
        except BlockingIOError:
            return
        for number in numbers:
            callback = self._signals.get(number)
            if callback is not None:
                callback()

    def run(self) -> None:
        """Turn until `stop()`. Raises SystemExit(70) when a callback raised."""
        self._running = True
        try:
            while self._running:
                self._turn()
        except Exception:
            self.faults += 1
            self._log.exception("a callback raised; the process exits")
            raise SystemExit(EXIT_BUG) from None

    def _turn(self) -> None:
        timeout_s: float | None = None
        if self._timers:
            timeout_s = max(0, self._timers[0][0] - self._clock()) / 1000
        events = self._epoll.poll(timeout_s, EVENTS_PER_TURN)
        self.turns += 1
        for fd, mask in events:
            # Looked up each time: an earlier callback of this turn may have unwatched or replaced it.
            if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                reader = self._readers.get(fd)
                if reader is not None:
                    reader()
            if mask & (select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR):
                writer = self._writers.get(fd)
                if writer is not None:
                    writer()
        self._run_timers()
        for callback in self._after_turn:
            callback()

    def stop(self) -> None:
        """`run` returns at the end of this turn."""
        self._running = False

    def close(self) -> None:
        """Give the descriptors back. The pump can't be used any more."""
        self._epoll.close()
        if self._signal_pair is not None:
            signal.set_wakeup_fd(-1)
            for end in self._signal_pair:
                end.close()
            self._signal_pair = None
        if self._post_fd >= 0:
            os.close(self._post_fd)
            self._post_fd = -1


def _noted(_signum: int, _frame: object) -> None:
    """See `Pump.on_signal`."""
