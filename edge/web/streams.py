"""Events as they happen, by Server-Sent Events (WHATWG HTML, section 9.2) and by WebSocket (RFC 6455).

A stream reads the outbox from a place on, and only as fast as its peer takes it: nothing is kept for it in memory, and
who was away goes on where it was (`Last-Event-ID`). Who does not read at all is cut off by the connection (`server`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any

import msgspec
from litestar import Response, WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Stream
from msgspec import Struct

from edge.metrics.web import WebMetrics
from edge.storage.reader import Reader, StoredEvent
from edge.storage.turn import StorageError
from edge.web import shown
from edge.web.endpoint import Endpoint, RefusedError, Visit, read_query
from edge.web.outbox import Outbox
from edge.web.reads import EventType, Name, Place

#: Streams at once.
MAX_STREAMS = 32
#: Without events, a comment after so long: proxies take silence for the end.
HEARTBEAT_S = 15.0
#: Events read at once.
PAGE = 200
#: What a client is told to wait before it comes again, milliseconds.
RETRY_MS = 1000
#: Close code of a server that goes away (RFC 6455 section 7.4.1).
GOING_AWAY = 1001


class StreamQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events, and from where on."""

    #: Those above this place of the outbox; without it, and without `Last-Event-ID`, those that come from now on.
    after: Place | None = None
    call: Name | None = None
    type: list[EventType] = []


class Streams:
    """All streams of the process."""

    def __init__(self, outbox: Outbox, metrics: WebMetrics, stop: asyncio.Event) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._stop = stop
        self._open = 0

    def endpoints(self) -> list[Endpoint]:
        """List them; the WebSocket is no HTTP, so no document can tell of it."""
        return [
            Endpoint(
                "GET",
                "/events/stream",
                "viewer",
                "streamEvents",
                "Events as they happen",
                self.events,
                query=StreamQuery,
                media="text/event-stream",
                text=(
                    "Server-Sent Events: `id` is the place in the outbox, `event` the type, `data` the event. A client "
                    "that comes again says `Last-Event-ID` and misses nothing. `/api/v1/events/ws` has the same as a "
                    "WebSocket: "
                    'messages are `{"sequence": ..., "event": {...}}`.'
                ),
            )
        ]

    def query(self, pairs: Iterable[tuple[str, str]], last_event_id: str | None) -> StreamQuery:
        """Read what a stream is asked for; `Last-Event-ID` counts more than `after`. Raises `RefusedError`."""
        query = read_query(StreamQuery, pairs)
        return self._resumed(query, last_event_id)

    def _resumed(self, query: StreamQuery, last_event_id: str | None) -> StreamQuery:
        if not last_event_id:
            return query
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 15):
            raise RefusedError(400, "is no place of the outbox", "Last-Event-ID")
        return msgspec.structs.replace(query, after=int(last_event_id))

    async def events(self, visit: Visit) -> Response[Any]:
        """Answer with a stream of Server-Sent Events."""
        query = self._resumed(visit.query, visit.request.headers.get("last-event-id"))
        self._room()
        begin = await self._begin(query)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        lines = self._lines(begin, query, whole=visit.sees_numbers)
        return Stream(lines, media_type="text/event-stream", headers=headers)

    async def talk(self, socket: WebSocket[Any, Any, Any], query: StreamQuery, *, whole: bool) -> None:
        """Send events over a WebSocket until either side goes."""
        self._room()
        begin = await self._begin(query)
        await socket.accept()
        self._count(1)
        sending = asyncio.create_task(self._send(socket, begin, query, whole=whole))
        listening = asyncio.create_task(_until_gone(socket))
        try:
            await asyncio.wait([sending, listening], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)
            self._count(-1)

    async def _send(self, socket: WebSocket[Any, Any, Any], begin: int, query: StreamQuery, *, whole: bool) -> None:
        async for page in self._pages(begin, query):
            for one in page:
                event = shown.event_json(one.body, whole=whole).decode()
                await socket.send_text(f'{{"sequence":{one.sequence},"event":{event}}}')
        await socket.close(code=GOING_AWAY, reason="the appliance stops")

    async def _lines(self, begin: int, query: StreamQuery, *, whole: bool) -> AsyncIterator[bytes]:
        self._count(1)
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            async for page in self._pages(begin, query):
                if not page:
                    yield b": still here\n\n"
                for one in page:
                    # An event is one line: JSON has no line ends but in strings, and there they are escaped.
                    event = shown.event_json(one.body, whole=whole)
                    yield b"id: %d\nevent: %s\ndata: %s\n\n" % (one.sequence, one.type.encode(), event)
        finally:
            self._count(-1)

    async def _begin(self, query: StreamQuery) -> int:
        if query.after is not None:
            return query.after
        return await self._outbox.read(Reader.last_sequence)

    async def _pages(self, begin: int, query: StreamQuery) -> AsyncIterator[list[StoredEvent]]:
        """Give pages of events, an empty one where there was nothing for `HEARTBEAT_S`; ends with the process."""
        at, loop = begin, asyncio.get_running_loop()
        quiet_since = loop.time()
        while not self._stop.is_set():
            try:
                tip = await self._outbox.newer_than(at, 1.0)
                page = await self._outbox.read(partial(_after, at, query))
            except StorageError:
                await asyncio.sleep(1.0)
                continue
            at = page[-1].sequence if page else max(at, tip)
            if page or loop.time() - quiet_since >= HEARTBEAT_S:
                quiet_since = loop.time()
                yield page

    def _room(self) -> None:
        if self._open >= MAX_STREAMS:
            self._metrics.refused.labels("streams").inc()
            raise RefusedError(429, f"more than {MAX_STREAMS} streams", headers={"Retry-After": "5"})

    def _count(self, change: int) -> None:
        self._open += change
        self._metrics.streams.set(self._open)


def _after(at: int, query: StreamQuery, reader: Reader) -> list[StoredEvent]:
    return reader.events_after(at, PAGE, query.type, query.call or "")


async def _until_gone(socket: WebSocket[Any, Any, Any]) -> None:
    """Read, and leave aside, what the peer says, until it goes."""
    try:
        while True:
            await socket.receive_data(mode="text")
    except WebSocketDisconnect:
        return
