"""Supervisor channel and link on an asyncio loop, for the processes whose libraries need one (forwarder, web)."""

import asyncio
from collections.abc import Callable, Coroutine

from edge.runtime.channel import SupervisorChannel
from edge.runtime.clock import monotonic_ms
from edge.runtime.link import LinkClient
from edge.runtime.logs import logger
from edge.runtime.pump import EXIT_BUG
from edge.vocabulary.reports import AnyReport

BEAT_S = 0.5


class AsyncChannel:
    """Reads the channel, writes what waits, and beats, as long as the loop turns."""

    def __init__(self, channel: SupervisorChannel) -> None:
        self._loop = asyncio.get_running_loop()
        self._channel = channel
        self._writing = False
        self._beat_timer: asyncio.TimerHandle | None = None
        self._fd = channel.fileno()
        self._loop.add_reader(self._fd, self._readable)
        self._beat()

    def close(self) -> None:
        """Take it off the loop."""
        if self._beat_timer is not None:
            self._beat_timer.cancel()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)

    def send_rest(self) -> None:
        """Call after `channel.send`: what did not go at once goes when there is room."""
        if self._channel.wants_write and not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._writable)

    def _readable(self) -> None:
        self._channel.handle_readable()
        self.send_rest()

    def _writable(self) -> None:
        self._channel.flush()
        if not self._channel.wants_write:
            self._writing = False
            self._loop.remove_writer(self._fd)

    def _beat(self) -> None:
        self._channel.beat()
        self.send_rest()
        self._beat_timer = self._loop.call_later(BEAT_S, self._beat)


class AsyncLink:
    """Connects a link, reads it, writes what waits, and connects it again when it breaks."""

    def __init__(self, link: LinkClient) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._fd = -1
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._connect()

    def report(self, body: AnyReport, then: Callable[[], None] | None = None) -> None:
        """Tell switch, as `LinkClient.report`; what finds no room goes when there is some."""
        self._link.report(body, then)
        self._settle()

    def close(self) -> None:
        """Disconnect for good."""
        if self._timer is not None:
            self._timer.cancel()
        self._forget()
        self._link.close()

    def _connect(self) -> None:
        self._timer = None
        self._link.connect()
        self._settle()

    def _readable(self) -> None:
        self._link.handle_readable()
        self._settle()

    def _writable(self) -> None:
        self._link.flush()
        self._settle()

    def _settle(self) -> None:
        """Watch the descriptor that the link has now, or wait for its next attempt."""
        if self._link.fileno() != self._fd:
            self._forget()
            self._fd = self._link.fileno()
            if self._fd >= 0:
                self._loop.add_reader(self._fd, self._readable)
        if self._fd >= 0 and self._link.wants_write != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._fd, self._writable)
            else:
                self._loop.remove_writer(self._fd)
        if self._link.next_attempt_ms is not None and self._timer is None:
            pause_ms = max(0, self._link.next_attempt_ms - monotonic_ms())
            self._timer = self._loop.call_later(pause_ms / 1000, self._connect)

    def _forget(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd, self._writing = -1, False


def run_until_stopped(process: str, serve: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> int:
    """Run `serve(stop)` on a loop and return the exit code.

    An exception that a callback or a task lets out is a bug: it is logged and ends the process with 70, so that the
    supervisor starts it anew, instead of living on by halves.
    """
    failed: list[bool] = []

    async def body() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def on_bug(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
            error = context.get("exception")
            known = error if isinstance(error, BaseException) else None
            logger(process).error("the process ends by an error", what=context.get("message"), exc_info=known)
            failed.append(True)
            stop.set()

        loop.set_exception_handler(on_bug)
        await serve(stop)

    asyncio.run(body())
    return EXIT_BUG if failed else 0
