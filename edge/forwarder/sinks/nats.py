"""NATS JetStream: publish and wait for the stream's acknowledgement (CloudEvents NATS binding 1.0)."""

import asyncio
import json
import ssl
from collections.abc import Sequence
from typing import Any

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.client import JetStreamContext

from edge.config.sink_settings import NatsSettings
from edge.core.delivery.cloudevents import STRUCTURED, header_value, take_apart
from edge.core.delivery.template import Template, cleaner
from edge.forwarder.sinks.base import ACCEPTED, Answer, BadSettingsError, Outgoing, Peer, SinkContext, words
from edge.forwarder.sinks.server import MAYBE_OURS, Keeper, KeptSink, read_server, tls_of

#: Codes of the server for a message that the stream will never take: larger than it allows, wrong stream.
_NEVER = frozenset({10054, 10060})
#: A connection on which nothing moves is given up after two of these, seconds.
PING_S = 10
#: How long a broken connection is given to say why, seconds.
REFUSAL_S = 0.1


class NatsSink(KeptSink[Client]):
    """One connection, with many messages waiting for their acknowledgements."""

    settings = NatsSettings
    max_batch = 256
    parallel = 2

    def __init__(self, settings: NatsSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._server = read_server(settings.url, {"nats": (4222, False), "tls": (4222, True)})
        self._tls = tls_of(settings, self._server)
        self._subject = Template(settings.subject, context.site, cleaner(".*>"))
        if settings.create and not settings.stream:
            raise BadSettingsError("'create' needs the name of the stream")
        if settings.create and not self._subject.beginning.strip("."):
            raise BadSettingsError("'create' needs a subject with a beginning of its own, such as 'edge.{site}.'")
        self._keeper = Keeper(self._open, Client.close)
        #: What the server has said about our rights, since the last acceptance.
        self._refusal = ""
        #: What TLS has said of the connection that is being made.
        self._tls_fault: ssl.SSLError | None = None

    @property
    def peer(self) -> Peer:
        """The server. It speaks before TLS begins."""
        return self._server.peer()

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Publish all at once; each has an acknowledgement of its own."""
        client = None
        try:
            client = await self._keeper.get()
            # Before all of it is broken off: then it can be said of each event what has become of it.
            stream = client.jetstream(timeout=self._settings.timeout_ms / 1000 * 0.8)
            answers = await asyncio.gather(*(self._publish(stream, event) for event in events))
        except (nats.errors.Error, OSError) as error:
            return [Answer("unreachable", words(error))]
        except asyncio.CancelledError:
            self._keeper.drop(client)
            raise
        if any(answer.result == "unreachable" for answer in answers):
            self._keeper.drop(client)
        elif all(answer is ACCEPTED for answer in answers):
            self._refusal = ""
            self._context.condition("")
        return answers

    async def _publish(self, stream: JetStreamContext, event: Outgoing) -> Answer:
        subject = self._subject.fill(event.type, event.call, event.id)
        headers = {"Nats-Msg-Id": event.id, "Content-Type": STRUCTURED}
        body = event.body
        if self._settings.mode == "binary":
            parts = take_apart(body)
            headers |= {f"ce-{name}": header_value(value) for name, value in parts.attributes.items()}
            headers["Content-Type"], body = parts.content_type, parts.data
        try:
            await stream.publish(subject, body, stream=self._settings.stream or None, headers=headers)
        except nats.js.errors.NoStreamResponseError:
            name = self._settings.stream or "EDGE"
            advice = f"nats stream add {name} --subjects '{self._wanted}' --storage file --defaults"
            self._context.condition(f"no stream takes the subject {subject}; make one: {advice}")
            return Answer("failed", "no stream takes the subject")
        except nats.js.errors.APIError as error:
            text = f"{error.description} ({error.err_code})"
            self._context.condition(f"the stream does not take events: {text}")
            return Answer("refused" if error.err_code in _NEVER or error.code == 400 else "busy", text)
        except nats.errors.MaxPayloadError:
            return Answer("refused", "larger than the server's max_payload")
        except nats.errors.TimeoutError:
            if self._refusal:
                self._context.condition(self._refusal)
                return Answer("refused", self._refusal)
            return Answer("timed_out")
        except (nats.errors.Error, OSError, json.JSONDecodeError) as error:
            return Answer("unreachable", words(error))
        return ACCEPTED

    @property
    def _wanted(self) -> str:
        return f"{self._subject.beginning}>" if self._subject.beginning.endswith(".") else ">"

    async def _open(self) -> Client:
        settings = self._settings
        client = Client()
        self._tls_fault = None
        options: dict[str, Any] = {}
        if settings.credentials_file:
            options["user_credentials"] = settings.credentials_file
        elif settings.user:
            options |= {"user": settings.user, "password": settings.password}
        elif settings.password:
            options["token"] = settings.password
        if self._tls is not None:
            options |= {"tls": self._tls, "tls_hostname": self._server.host}
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        try:
            await client.connect(
                f"{'tls' if self._server.tls else 'nats'}://{host}:{self._server.port}",
                name=f"edge-{self._context.site}",
                allow_reconnect=False,
                max_reconnect_attempts=0,
                connect_timeout=max(1, settings.timeout_ms // 1000),
                ping_interval=PING_S,
                error_cb=self._said,
                **options,
            )
            if settings.create:
                await self._make_stream(client)
        except BaseException as error:
            self._keeper.drop(client)
            if isinstance(error, nats.errors.Error):
                self._context.condition(f"{self._server.host}: {words(error)}")
            if isinstance(error, OSError) and self._tls is not None:
                await self._blame_tls(error)
            raise
        return client

    async def _blame_tls(self, error: OSError) -> None:
        """Raise what says more of a connection that is gone than `error`, if there is something."""
        await asyncio.sleep(REFUSAL_S)  # why it is gone comes a moment later
        if self._tls_fault is not None:
            raise self._tls_fault from error
        # Nor does it come if we were still writing when the server had gone: asyncio then reads no more.
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            raise ConnectionError(f"closed before the log-in was answered; {MAYBE_OURS}") from error

    async def _make_stream(self, client: Client) -> None:
        stream = client.jetstream(timeout=self._settings.timeout_ms / 1000)
        try:
            await stream.stream_info(self._settings.stream)
        except nats.js.errors.NotFoundError:
            await stream.add_stream(name=self._settings.stream, subjects=[self._wanted])
            self._context.log.info("stream made", stream=self._settings.stream, subjects=self._wanted)

    async def _said(self, error: Exception) -> None:
        text = str(error)
        if "permissions violation" in text.lower():
            self._refusal = words(error)
        if isinstance(error, ssl.SSLError):
            self._tls_fault = error
        self._context.log.info("the server says", error=words(error))
