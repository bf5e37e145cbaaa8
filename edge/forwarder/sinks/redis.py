"""Redis Streams: XADD."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004 -- its own
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from edge.config.sink_settings import RedisSettings
from edge.core.delivery.cloudevents import take_apart
from edge.core.delivery.template import Template, cleaner
from edge.forwarder.sinks.base import ACCEPTED, Answer, BadSettingsError, Outgoing, Peer, Sink, SinkContext, words
from edge.forwarder.sinks.server import read_server, tls_of

#: The server takes nothing for now, whatever it is.
_LATER = (OutOfMemoryError, ReadOnlyError, BusyLoadingError)
#: Beginnings of errors that have no class of their own: a snapshot failed for want of room, a cluster without a quorum.
_LATER_WORDS = ("MISCONF", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "LOADING", "OOM")


class RedisSink(Sink):
    """One connection; a delivery is one pipeline."""

    settings = RedisSettings
    max_batch = 256
    parallel = 1

    def __init__(self, settings: RedisSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._server = server = read_server(settings.url, {"redis": (6379, False), "rediss": (6379, True)})
        if server.path and not server.path.isdigit():
            raise BadSettingsError("the path of the address is the number of a database")
        self._stream = Template(settings.stream, context.site, cleaner(""))
        options: dict[str, Any] = {}
        self._tls = tls_of(settings, server)
        if server.tls:
            options = {"ssl": True, "ssl_ca_certs": settings.ca_file or None, "ssl_check_hostname": True}
            options |= {"ssl_certfile": settings.cert_file or None}
            options |= {"ssl_keyfile": settings.key_file or settings.cert_file or None}
        timeout_s = settings.timeout_ms / 1000
        self._client = Redis(
            host=server.host,
            port=server.port,
            db=int(server.path or 0),
            username=settings.user or None,
            password=settings.password or None,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # the queue repeats
            client_name=f"edge-{context.site}",
            single_connection_client=False,
            max_connections=4,
            **options,
        )

    @property
    def peer(self) -> Peer:
        """The server."""
        return self._server.peer(self._tls)

    async def connect(self) -> None:
        """Connect and log in."""
        await self._client.ping()

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Add all in one pipeline; each has an answer of its own."""
        pipeline = self._client.pipeline(transaction=False)
        most = self._settings.max_length or None
        for event in events:
            stream = self._stream.fill(event.type, event.call, event.id)
            pipeline.xadd(stream, self._fields(event), maxlen=most, approximate=True)
        try:
            results = await pipeline.execute(raise_on_error=False)
        except TimeoutError as error:
            return [Answer("timed_out", words(error))]
        except (RedisError, OSError) as error:
            if isinstance(error, ResponseError | AuthenticationError):
                self._context.condition(f"{self._server.host}: {words(error)}")
            return [Answer("unreachable", words(error))]
        except asyncio.CancelledError:
            await asyncio.shield(self._client.connection_pool.disconnect(inuse_connections=True))
            raise
        answers = [self._answer(result) for result in results]
        if all(answer is ACCEPTED for answer in answers):
            self._context.condition("")
        return answers

    def _fields(self, event: Outgoing) -> dict[Any, Any]:
        if self._settings.mode == "binary":
            parts = take_apart(event.body)
            return {**parts.attributes, "datacontenttype": parts.content_type, "data": parts.data}
        return {"id": event.id, "type": event.type, "event": event.body}

    def _answer(self, result: object) -> Answer:
        if not isinstance(result, Exception):
            return ACCEPTED
        if isinstance(result, ConnectionError):
            return Answer("unreachable", words(result))
        self._context.condition(f"the server does not take events: {words(result)}")
        if isinstance(result, _LATER) or str(result).startswith(_LATER_WORDS):
            return Answer("busy", words(result))
        if isinstance(result, NoPermissionError | ResponseError):
            return Answer("refused", words(result))
        return Answer("failed", words(result))
