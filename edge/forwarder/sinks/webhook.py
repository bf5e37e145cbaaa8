"""One HTTP attempt: a signed POST of a CloudEvents document (Standard Webhooks; CloudEvents HTTP binding 1.0, 3.2)."""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from string import punctuation
from typing import Self
from urllib.parse import quote, unquote_to_bytes, urlsplit

import httpcore
from standardwebhooks import Webhook

from edge.config.sink_settings import SinkSettings, WebhookSettings
from edge.core.delivery.answers import result_of, retry_after_ms
from edge.forwarder.sinks.base import Answer, BadSettingsError, Outgoing, Peer, Sink, SinkContext, words
from edge.runtime.clock import wall_time

#: What is read of an answer's body; the rest is cut off with the connection.
MAX_ANSWER = 64 * 1024
#: A connection that was idle for so long is not used again, seconds.
IDLE_S = 30.0

_PORTS = {"http": 80, "https": 443}

_NETWORK = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
)


def signers(secret: str) -> list[Webhook]:
    """One signer for each secret in `secret`, separated by space: two while one takes over from the other."""
    try:
        made = [Webhook(one) for one in secret.split()]
    except Exception as error:  # the library has several kinds, none of them ours
        raise BadSettingsError("the secret is not base64 after `whsec_`") from error
    if not made:
        raise BadSettingsError("the secret is empty")
    return made


def _agent() -> str:
    try:
        return f"edge-appliance/{version('edge-appliance')}"
    except PackageNotFoundError:
        return "edge-appliance"


def read_url(text: str) -> tuple[httpcore.URL, bytes, str]:
    """Return where to connect and what to ask for, the value of `Host`, and the user information of a URL.

    RFC 3986; path and query are used as they are written, with all that is not printable ASCII in percent-encoding.
    Raises BadSettingsError.
    """
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("ascii"), parts.port
    except ValueError as error:
        raise BadSettingsError("the URL can't be read") from error
    if parts.scheme not in _PORTS or not host:
        raise BadSettingsError("the URL can't be read")
    target = quote(parts.path or "/", safe=punctuation)
    if parts.query:
        target += "?" + quote(parts.query, safe=punctuation)
    authority = b"[%b]" % host if b":" in host else host
    if port not in {None, _PORTS[parts.scheme]}:
        authority += b":%d" % port
    return (
        httpcore.URL(scheme=parts.scheme, host=host, port=port, target=target),
        authority,
        parts.netloc.rpartition("@")[0],
    )


class WebhookSink(Sink):
    """The HTTP side of a sink, with connections of its own. Raises BadSettingsError.

    It stands on the connections of httpcore, the transport of httpx: an attempt costs half of what it does through
    httpx, and what httpx would add (redirects, proxies and netrc of the environment, cookies) has no place under a
    signed event. There is one connection for each attempt under way; whoever calls `post` limits those.
    """

    settings = WebhookSettings

    def __init__(self, settings: WebhookSettings) -> None:
        self._url, authority, userinfo = read_url(settings.url)
        self._timeout_s = settings.timeout_ms / 1000
        self._signers = signers(settings.secret)
        self._tls = ssl.create_default_context()
        #: Connections between two attempts, the one used last at the end.
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()
        self._fixed: list[tuple[bytes, bytes]] = [
            (b"Host", authority),
            (b"User-Agent", _agent().encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
            (b"Content-Type", b"application/cloudevents+json"),
        ]
        if userinfo:
            user, _, password = userinfo.partition(":")
            credentials = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
            self._fixed.append((b"Authorization", b"Basic " + base64.b64encode(credentials)))

    @classmethod
    def make(cls, settings: SinkSettings, context: SinkContext) -> Self:  # noqa: ARG003 -- it has nothing to tell
        """Make a webhook. Raises BadSettingsError."""
        if not isinstance(settings, WebhookSettings):
            raise BadSettingsError("these are no settings of a webhook")
        return cls(settings)

    @property
    def peer(self) -> Peer:
        """Host and port of the URL."""
        origin = self._url.origin
        return Peer(origin.host.decode(), origin.port, tls=origin.scheme == b"https")

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Post an event."""
        (event,) = events
        return [await self.post(event.id, event.body)]

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().aclose()

    async def post(self, event_id: str, body: bytes) -> Answer:
        """Send `body` once. Never raises for what the network or the receiver does."""
        status: int | None = None
        wish: int | None = None
        failure = Answer("unreachable")
        try:
            async with asyncio.timeout(self._timeout_s):
                headers = self._headers(event_id, body)
                async with (
                    self._connection() as connection,
                    connection.stream("POST", self._url, headers=headers, content=body) as response,
                ):
                    status = response.status
                    wish = retry_after_ms(_header(response, b"retry-after"), wall_time())
                    await _drain(response)
        except (TimeoutError, httpcore.TimeoutException) as error:
            failure = Answer("timed_out", type(error).__name__)
        except (*_NETWORK, OSError, ValueError) as error:
            failure = Answer("unreachable", words(error))
        if status is None:
            return failure
        # The status is the answer, whatever became of the body behind it.
        result = result_of(status)
        return Answer(result, "", None if result == "accepted" else wish, status)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        while self._idle and self._idle[0].has_expired():
            await self._idle.popleft().aclose()
        while self._idle and self._idle[-1].has_expired():
            await self._idle.pop().aclose()
        if self._idle:
            connection = self._idle.pop()
        else:
            connection = httpcore.AsyncHTTPConnection(self._url.origin, self._tls, keepalive_expiry=IDLE_S)
        try:
            yield connection
        finally:
            if connection.is_available():
                self._idle.append(connection)
            else:
                await connection.aclose()

    def _headers(self, event_id: str, body: bytes) -> list[tuple[bytes, bytes]]:
        now = wall_time()
        text = body.decode()
        return [
            *self._fixed,
            (b"Content-Length", str(len(body)).encode()),
            (b"webhook-id", event_id.encode()),
            (b"webhook-timestamp", str(int(now.timestamp())).encode()),
            (b"webhook-signature", " ".join(one.sign(event_id, now, text) for one in self._signers).encode()),
        ]


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


async def _drain(response: httpcore.Response) -> None:
    """Read a short body to its end, so that the connection can be used again; leave a long one."""
    size = 0
    async for part in response.aiter_stream():
        size += len(part)
        if size > MAX_ANSWER:
            return
