"""One HTTP attempt: a signed POST of an event or of a batch (Standard Webhooks; CloudEvents HTTP binding 1.0)."""

import asyncio
import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import punctuation
from typing import ClassVar
from urllib.parse import quote, unquote_to_bytes, urlsplit

import h11

from edge.config.sink_settings import SinkSettings, WebhookSettings
from edge.core.delivery.answers import result_of, retry_after_ms
from edge.forwarder.sinks import cloud_events
from edge.forwarder.sinks.base import Answer, BadSettingsError, Outgoing, Peer, Sink, SinkContext, words
from edge.forwarder.sinks.cloud_events import Posted
from edge.forwarder.sinks.http import Connections, Reply, Target
from edge.forwarder.sinks.reach import Outbound, Reach
from edge.runtime.clock import wall_time

_PORTS = {"http": 80, "https": 443}
#: RFC 9110 section 5.1: a token.
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
#: What we say ourselves.
_OURS = {"host", "content-length", "content-type", "connection", "transfer-encoding", "user-agent", "accept-encoding"}

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


def read_url(text: str) -> tuple[Target, bytes, str]:
    """Return where to connect and what to ask for, the value of `Host`, and the user information of a URL.

    RFC 3986; path and query are used as they are written, with all that is not printable ASCII in percent-encoding.
    Raises BadSettingsError.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        authority = b"[%b]" % host.encode("ascii") if ":" in host else host.encode("ascii")
    except ValueError as error:
        raise BadSettingsError("the URL can't be read") from error
    if parts.scheme not in _PORTS or not host:
        raise BadSettingsError("the URL can't be read")
    target = quote(parts.path or "/", safe=punctuation)
    if parts.query:
        target += "?" + quote(parts.query, safe=punctuation)
    default = _PORTS[parts.scheme]
    if port not in {None, default}:
        authority += b":%d" % port
    where = Target(parts.scheme == "https", host, default if port is None else port, target.encode())
    return where, authority, parts.netloc.rpartition("@")[0]


class WebhookSink(Sink):
    """The HTTP side of a sink, with connections of its own: one for each attempt under way."""

    settings = WebhookSettings
    most_requests: ClassVar[int] = 64

    def __init__(self, settings: WebhookSettings, context: SinkContext) -> None:
        self._binary = settings.mode == "binary"
        self._url, authority, userinfo = read_url(settings.url)
        self.parallel = min(settings.requests, self.most_requests)
        self._timeout_s = settings.timeout_ms / 1000
        self._signers = signers(settings.secret)
        self._tls = tls_context(settings)
        self._connections = Connections(self._url, self._tls, Outbound(Reach(settings.networks), context.condition))
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
    def make(cls, settings: SinkSettings, context: SinkContext) -> Sink:
        """Make a webhook, or one of batches. Raises BadSettingsError."""
        if cls is WebhookSink and isinstance(settings, WebhookSettings) and settings.mode == "batch":
            return BatchWebhookSink(settings, context)
        return super().make(settings, context)

    @property
    def peer(self) -> Peer:
        """Host and port of the URL."""
        return Peer(self._url.host, self._url.port, self._tls if self._url.secure else None)

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Post an event."""
        return [
            await self.post(cloud_events.binary(one) if self._binary else cloud_events.structured(one))
            for one in events
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def post(self, posted: Posted) -> Answer:
        """Send it once. Never raises for what the network or the receiver does."""
        reply = Reply()
        failure = Answer("unreachable")
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connections.post(self._headers(posted), posted.body, reply)
        except TimeoutError as error:
            failure = Answer("timed_out", type(error).__name__)
        except (h11.ProtocolError, OSError, ValueError) as error:
            failure = Answer("unreachable", words(error))
        if reply.status is None:
            return failure
        # The status is the answer, whatever became of the body behind it.
        result = result_of(reply.status)
        wish = None if result == "accepted" else retry_after_ms(reply.retry_after, wall_time())
        return Answer(result, "", wish, reply.status)

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
    most_requests = 4

    @property
    def max_batch_bytes(self) -> int:
        """What bodies may take of a batch; brackets and commas are the rest."""
        return cloud_events.MAX_BATCH_BYTES - cloud_events.MAX_BATCH - 1

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Post events as one batch."""
        return [await self.post(cloud_events.batch(events))]
