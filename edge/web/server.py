"""uvicorn on the inherited listener, with limits on connections and on slow senders."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import contextmanager
from typing import Any, ClassVar

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from edge.metrics.web import WebMetrics, label_of

#: A request's header and body must be here this long after its connection, or after the answer before it.
REQUEST_S = 5.0
#: An idle connection is closed after this.
KEEP_ALIVE_S = 5
#: Connections at once; more are closed at once.
MAX_CONNECTIONS = 128
MAX_HEADER = 16 * 1024
#: Who does not take what was sent, with some 64 KB waiting, is cut off after this. A stream goes on where it was.
READER_S = 10.0
#: Longest message of a WebSocket's peer: nothing that it says is looked at.
MAX_SAID = 4096
#: What stopping gives answers under way.
GRACE_S = 1

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class _Reader(asyncio.Protocol):
    """What both protocols share: the count of connections, and that a peer which does not read is cut off."""

    metrics: ClassVar[WebMetrics]
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    connections: set[Any]
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.metrics.connections.set(len(self.connections))

    def pause_writing(self) -> None:
        # The peer owes us reading from now on.
        if self._stuck is None:
            self._stuck = self.loop.call_later(READER_S, self._cut_off)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._has_read()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_read()
        super().connection_lost(exc)
        self.metrics.connections.set(len(self.connections))

    def _has_read(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _cut_off(self) -> None:
        self._stuck = None
        self.metrics.closed.labels("slow_reader").inc()
        self.transport.abort()


class _Guarded(_Reader, H11Protocol):
    """uvicorn's HTTP/1.1 protocol with a deadline for every request and a bound on connections."""

    transport: asyncio.Transport
    _late: asyncio.TimerHandle | None = None
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.metrics.closed.labels("too_many").inc()
            transport.abort()
            return
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        self._unwatch()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Time runs while the peer owes us its first request, or the rest of one that it began."""
        state = self.conn.their_state
        begun = self.cycle is None or bool(self.conn.trailing_data[0])
        owed = not self._upgraded and (state is h11.SEND_BODY or (state is h11.IDLE and begun))
        if not owed or self.transport.is_closing():
            self._unwatch()
            return
        self._unset_keepalive_if_required()  # not idle: our deadline ends it, and counts it
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_S, self._too_late)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        self.metrics.closed.labels("too_slow").inc()
        self.transport.abort()


class _Socket(_Reader, WSProtocol):
    """uvicorn's protocol of WebSockets, counted among the connections, and cut off when it is not read."""

    transport: asyncio.Transport


def guarded(metrics: WebMetrics) -> type[asyncio.Protocol]:
    """Return the protocol that counts in `metrics`."""
    return type("Guarded", (_Guarded,), {"metrics": metrics})


def counted(app: App, metrics: WebMetrics) -> App:
    """Count and time what `app` answers."""

    async def measure(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path = label_of(scope["path"])
        status = ["5xx"]

        async def note(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                status[0] = f"{message['status'] // 100}xx"
            await send(message)

        try:
            with metrics.request_seconds.labels(path).time():
                await app(scope, receive, note)
        finally:
            metrics.requests.labels(path, status[0]).inc()

    return measure


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone: the supervisor says by message when to stop."""
        yield


def make_server(app: App, metrics: WebMetrics, tls: ssl.SSLContext | None = None) -> uvicorn.Server:
    """Make the server; run it by `serve(sockets=[...])`, end it by `should_exit = True`. `tls`: for HTTPS."""
    config = uvicorn.Config(
        counted(app, metrics),
        http=guarded(metrics),
        ws=type("Socket", (_Socket,), {"metrics": metrics}),
        ws_max_size=MAX_SAID,
        ws_per_message_deflate=False,
        lifespan="on",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEADER,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=128,
    )
    server = _Server(config)
    if tls is not None:
        config.load()
        config.ssl = tls
    return server


def inherited(fd: int) -> socket.socket:
    """Return the listener that the supervisor opened; our own copy of the descriptor, so closing it closes nothing."""
    listener = socket.socket(fileno=fd).dup()
    listener.setblocking(False)
    return listener
