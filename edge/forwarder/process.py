"""The process: what wakes it, and what the supervisor asks."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import msgspec

from edge.config.site import Site
from edge.forwarder.replaying import ReplayError, Replaying
from edge.forwarder.roster import Sinks
from edge.forwarder.store import BUSY_S, DeliveryStore, NewerSchemaError
from edge.metrics.forwarder import ForwarderMetrics
from edge.metrics.library import generate_latest
from edge.runtime.aio import AsyncChannel, AsyncLink, run_until_stopped
from edge.runtime.link import LinkClient
from edge.runtime.logs import logger
from edge.runtime.process import EXIT_CONFIG, ProcessContext, read_site
from edge.storage.reader import Reader
from edge.vocabulary.commands import AnyCommand, Wake
from edge.vocabulary.ids import CommandId
from edge.vocabulary.supervision import Drain, Reload, Replied, Request, Scrape, Scraped, Stop

#: Fallback when no wake comes, as while switch is down.
POLL_S = 1.0


class Forwarder:
    """The process on the running loop."""

    def __init__(self, context: ProcessContext, stop: asyncio.Event) -> None:
        self._stop = stop
        self._log = logger("forwarder")
        self._metrics = ForwarderMetrics()
        self._site = context.site
        self._state = Path(context.site.paths.state)
        self._reloads: asyncio.Queue[Site] = asyncio.Queue()
        self._woken = asyncio.Event()
        self._sinks: Sinks | None = None
        self._replaying: Replaying | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._channel = context.channel
        self._on_loop = AsyncChannel(context.channel)
        self._channel.on(Stop, lambda _message: self._stop_now())
        self._channel.on(Drain, lambda _message: None)  # calls that end meanwhile still have events
        self._channel.on(Reload, self._reload)
        self._channel.on(Scrape, self._scrape)
        self._channel.on(Request, self._request)
        self._link = AsyncLink(
            LinkClient(
                context.link_path, "forwarder", context.incarnation, self._command, lambda _legs: None, lambda: None
            )
        )

    async def serve(self) -> None:
        """Deliver until told to stop. Raises NewerSchemaError."""
        store = await self._open_store()
        if store is not None:
            outbox = Reader(self._state / "state.db", BUSY_S)
            self._sinks = Sinks(self._site.name, outbox, store, self._metrics, self._note)
            self._replaying = Replaying(self._site.name, self._state / "state.db", outbox, store, self._metrics)
            await self._deliver(self._sinks, self._replaying)
            outbox.close()
            store.close()
        self._link.close()
        self._on_loop.close()

    async def _open_store(self) -> DeliveryStore | None:
        """Open `delivery.db`, however long the disk has no room or can't be written; None: told to stop meanwhile."""
        told = False
        while not self._stop.is_set():
            try:
                store = DeliveryStore.open(self._state / "delivery.db")
            except sqlite3.Error as error:
                self._metrics.storage_errors.inc()
                self._note("delivery-storage", f"delivery waits: {error}")
                if not told:
                    self._log.error("delivery state can't be opened", error=str(error))
                    self._channel.ready()
                    told = True
                await self._pause()
            else:
                self._note("delivery-storage", "")
                return store
        return None

    async def _deliver(self, sinks: Sinks, replaying: Replaying) -> None:
        await sinks.configure(self._site.sinks)
        await replaying.configure(self._site.sinks)
        self._channel.ready()
        while not self._stop.is_set():
            while not self._reloads.empty():
                site = self._reloads.get_nowait()
                await sinks.configure(site.sinks)
                await replaying.configure(site.sinks)
            sinks.wake()
            replaying.wake()
            await self._pause()
        await replaying.close()
        await sinks.close()

    def _note(self, condition: str, text: str) -> None:
        """Tell people what keeps events here. Calls are taken as ever: events wait in the outbox."""
        self._channel.health(condition, text, note=True)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), POLL_S)
        self._woken.clear()

    def _command(self, _id: CommandId, command: AnyCommand) -> None:
        if isinstance(command, Wake):
            self._woken.set()

    def _stop_now(self) -> None:
        self._stop.set()
        self._woken.set()

    def _reload(self, message: Reload) -> None:
        self._reloads.put_nowait(read_site(message.path))
        self._woken.set()

    def _request(self, message: Request) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: Request) -> None:
        body, error = b"", None
        if self._replaying is None or self._sinks is None:
            error = "delivery.db can't be used yet"
        elif message.what == "sinks":
            body = msgspec.json.encode(self._sinks.standings())
        else:
            try:
                body = msgspec.json.encode(await self._replaying.answer(message.what, message.body))
            except ReplayError as wrong:
                error = str(wrong)
        self._channel.send(Replied(message.id, body, error))
        self._on_loop.send_rest()

    def _scrape(self, message: Scrape) -> None:
        if self._sinks is not None:
            self._sinks.measure()
        self._channel.send(Scraped(message.id, generate_latest(self._metrics.registry).decode()))
        self._on_loop.send_rest()


def main(context: ProcessContext) -> int:
    """Run the process; returns its exit code."""

    async def serve(stop: asyncio.Event) -> None:
        await Forwarder(context, stop).serve()

    try:
        return run_until_stopped("forwarder", serve)
    except NewerSchemaError as error:
        reason = str(error)
    logger("forwarder").error("delivery state can't be used", error=reason)
    return EXIT_CONFIG
