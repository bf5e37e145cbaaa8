"""One HTTP attempt: a signed POST of an event or of a batch (Standard Webhooks; CloudEvents HTTP binding 1.0)."""

import asyncio
import base64
import hashlib
import hmac
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import punctuation
from typing import Self, cast
from urllib.parse import quote, unquote_to_bytes, urlsplit

import httpcore

from edge.config.sink_settings import SinkSettings, WebhookSettings
from edge.core.delivery.answers import result_of, retry_after_ms
from edge.forwarder.sinks import cloud_events
from edge.forwarder.sinks.base import Answer, BadSettingsError, Outgoing, Peer, Sink, SinkContext, words
from edge.forwarder.sinks.cloud_events import Posted
from edge.forwarder.sinks.reach import Outbound, Reach
from edge.runtime.clock import wall_time

#: What is read of an answer's body; the rest is cut off with the connection.
MAX_ANSWER = 64 * 1024
#: A connection that was idle for so long is not used again, seconds.
IDLE_S = 30.0

_PORTS = {"http": 80, "https": 443}
#: RFC 9110 section 5.1: a token.
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
#: What we say ourselves.
_OURS = {"host", "content-length", "content-type", "connection", "transfer-encoding", "user-agent", "accept-encoding"}

_NETWORK = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
)


#: Signs what is posted at a time, seconds since 1970 as text.
Signer = Callable[[Posted, bytes], bytes]


def signers(secret: str) -> list[Signer]:
    """Give one signer for each secret in `secret`, separated by space: two while one takes over from the other.

    Standard Webhooks 1.0.0, symmetric: HMAC-SHA256 of id, time and body. Raises BadSettingsError.
    """
    made = [_signer(one) for one in secret.split()]
    if not made:
        raise BadSettingsError("the secret is empty")
    return made


def _signer(secret: str) -> Signer:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise BadSettingsError("the secret is not base64 after `whsec_`") from error
    ready = hmac.new(key, digestmod=hashlib.sha256)

    def sign(posted: Posted, seconds: bytes) -> bytes:
        made = ready.copy()
        made.update(b"%b.%b." % (posted.id.encode(), seconds))
        made.update(posted.body)
        return b"v1," + base64.b64encode(made.digest())

    return sign


def tls_context(settings: WebhookSettings) -> ssl.SSLContext:
    """Make what connections are secured by, with our own certificate if there is one. Raises BadSettingsError."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
    except (OSError, ValueError) as error:
        raise BadSettingsError(f"certificates can't be used: {words(error)}") from error
    return context


def own_headers(settings: WebhookSettings) -> list[tuple[bytes, bytes]]:
    """Read the headers that the operator wants to be sent, each from its file. Raises BadSettingsError."""
    found = []
    for name, path in settings.header_files.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS or name.lower().startswith(("ce-", "webhook-")):
            raise BadSettingsError(f"'{name}' can't be a header of your own")
        try:
            value = Path(path).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise BadSettingsError(f"the file of header '{name}' can't be read: {words(error)}") from error
        if not value.isascii() or not value.isprintable():
            raise BadSettingsError(f"the file of header '{name}' has what no header may have")
        found.append((name.encode(), value.encode()))
    return found


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

    def __init__(self, settings: WebhookSettings, context: SinkContext) -> None:
        self._binary = settings.mode == "binary"
        self._url, authority, userinfo = read_url(settings.url)
        self._timeout_s = settings.timeout_ms / 1000
        self._signers = signers(settings.secret)
        self._tls = tls_context(settings)
        self._network = Outbound(Reach(settings.networks), context.condition)
        #: Connections between two attempts, the one used last at the end.
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()
        self._fixed: list[tuple[bytes, bytes]] = [
            (b"Host", authority),
            (b"User-Agent", _agent().encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
            *own_headers(settings),
        ]
        if userinfo:
            user, _, password = userinfo.partition(":")
            credentials = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
            self._fixed.append((b"Authorization", b"Basic " + base64.b64encode(credentials)))

    @classmethod
    def make(cls, settings: SinkSettings, context: SinkContext) -> Self:
        """Make a webhook. Raises BadSettingsError."""
        if not isinstance(settings, WebhookSettings):
            raise BadSettingsError("these are no settings of a webhook")
        kind = BatchWebhookSink if settings.mode == "batch" and cls is WebhookSink else cls
        return cast(Self, kind(settings, context))

    @property
    def peer(self) -> Peer:
        """Host and port of the URL."""
        origin = self._url.origin
        return Peer(origin.host.decode(), origin.port, self._tls if origin.scheme == b"https" else None)

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Post an event."""
        return [
            await self.post(cloud_events.binary(one) if self._binary else cloud_events.structured(one))
            for one in events
        ]

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().aclose()

    async def post(self, posted: Posted) -> Answer:
        """Send it once. Never raises for what the network or the receiver does."""
        status: int | None = None
        wish: int | None = None
        failure = Answer("unreachable")
        try:
            async with asyncio.timeout(self._timeout_s):
                headers = self._headers(posted)
                async with (
                    self._connection() as connection,
                    connection.stream("POST", self._url, headers=headers, content=posted.body) as response,
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
            connection = httpcore.AsyncHTTPConnection(
                self._url.origin, self._tls, keepalive_expiry=IDLE_S, network_backend=self._network
            )
        try:
            yield connection
        finally:
            if connection.is_available():
                self._idle.append(connection)
            else:
                await connection.aclose()

    def _headers(self, posted: Posted) -> list[tuple[bytes, bytes]]:
        seconds = str(int(wall_time().timestamp())).encode()
        return [
            *self._fixed,
            *posted.headers,
            (b"Content-Length", str(len(posted.body)).encode()),
            (b"webhook-id", posted.id.encode()),
            (b"webhook-timestamp", seconds),
            (b"webhook-signature", b" ".join(one(posted, seconds) for one in self._signers)),
        ]


class BatchWebhookSink(WebhookSink):
    """Events in batches: all of one are taken or none is, so it may have several of a call, in order."""

    max_batch = cloud_events.MAX_BATCH
    atomic = True

    @property
    def max_batch_bytes(self) -> int:
        """What bodies may take of a batch; brackets and commas are the rest."""
        return cloud_events.MAX_BATCH_BYTES - cloud_events.MAX_BATCH - 1

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Post events as one batch."""
        return [await self.post(cloud_events.batch(events))]


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


async def _drain(response: httpcore.Response) -> None:
    """Read a short body to its end, so that the connection can be used again; leave a long one."""
    size = 0
    async for part in response.aiter_stream():
        size += len(part)
        if size > MAX_ANSWER:
            return
