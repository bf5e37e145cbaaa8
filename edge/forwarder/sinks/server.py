"""What sinks with a server share: its address, TLS, and a connection that is made when it is needed."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from edge.config.sink_settings import ServerSettings
from edge.forwarder.sinks.base import BadSettingsError, Peer, Sink

C = TypeVar("C")

#: What letting go of a connection may take, seconds.
SHUT_S = 2.0
#: What is said where the server closes at the log-in, and what TLS said of it cannot be had.
MAYBE_OURS = "TLS: it may want another certificate of ours ('cert_file')"


class Server(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    tls: bool
    #: Behind the slash, without it.
    path: str

    def peer(self, tls: ssl.SSLContext | None = None) -> Peer:
        """Give it as `edge sinks test` wants it; `tls`: it begins with the connection."""
        return Peer(self.host, self.port, tls)


def read_server(url: str, ports: dict[str, tuple[int, bool]]) -> Server:
    """Read an address. `ports`: scheme -> default port, and whether it is TLS. Raises BadSettingsError."""
    try:
        parts = urlsplit(url)
        default, tls = ports[parts.scheme]
        host, port = parts.hostname or "", parts.port or default
    except (ValueError, KeyError) as error:
        known = " or ".join(f"{scheme}://" for scheme in ports)
        raise BadSettingsError(f"the address can't be read; it begins with {known}") from error
    if not host:
        raise BadSettingsError("the address has no host")
    return Server(host, port, tls, unquote(parts.path.removeprefix("/")))


def tls_context(ca_file: str, cert_file: str = "", key_file: str = "") -> ssl.SSLContext:
    """Make a client's context. Raises BadSettingsError."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if cert_file:
            context.load_cert_chain(cert_file, key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadSettingsError(f"the certificates can't be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_of(settings: ServerSettings, server: Server) -> ssl.SSLContext | None:
    """Make the context of a server; None: it has no TLS. Raises BadSettingsError."""
    return tls_context(settings.ca_file, settings.cert_file, settings.key_file) if server.tls else None


class Keeper(Generic[C]):
    """Holds one connection: `get` opens it when there is none, `drop` lets go of it without waiting."""

    def __init__(self, open_it: Callable[[], Awaitable[C]], shut: Callable[[C], Awaitable[object]]) -> None:
        self._open = open_it
        self._shut = shut
        self._held: C | None = None
        self._lock = asyncio.Lock()
        self._shutting: set[asyncio.Task[None]] = set()

    async def get(self) -> C:
        """Return the connection. Raises what opening it raises."""
        async with self._lock:
            if self._held is None:
                self._held = await self._open()
            return self._held

    def drop(self, connection: C | None) -> None:
        """Use this one no more: something is wrong with it. Another one that was opened meanwhile stays."""
        if connection is None:
            return
        if self._held is connection:
            self._held = None
        task = asyncio.get_running_loop().create_task(self._let_go(connection))
        self._shutting.add(task)
        task.add_done_callback(self._shutting.discard)

    async def close(self) -> None:
        """Let go of the connection, and wait until that is done."""
        self.drop(self._held)
        if self._shutting:
            await asyncio.wait(set(self._shutting))

    async def _let_go(self, connection: C) -> None:
        with suppress(Exception):  # it is given up: whatever goes wrong with that is nobody's concern
            async with asyncio.timeout(SHUT_S):
                await self._shut(connection)


class KeptSink(Sink, Generic[C]):
    """A sink that holds one connection."""

    _keeper: Keeper[C]

    async def connect(self) -> None:
        """Connect, log in, and look for what is to be there."""
        await self._keeper.get()

    async def close(self) -> None:
        """Close the connection."""
        await self._keeper.close()
