"""HTTP/1.1 as a webhook needs it: one POST at a time on a connection that is kept (RFC 9112).

h11 judges what comes, asyncio carries it. Redirects, proxies of the environment and cookies have no place under signed
events.
"""

import asyncio
import select
import ssl
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, cast

import h11

from edge.forwarder.sinks.reach import Outbound

#: What is read of an answer's body; the rest is cut off with the connection.
MAX_ANSWER = 64 * 1024
#: What an answer's head may take.
MAX_HEAD = 32 * 1024
#: A connection that was idle for so long is not used again, seconds.
IDLE_S = 30.0

Headers = Sequence[tuple[bytes, bytes]]


class Target(NamedTuple):
    """What a URL means for whoever posts to it."""

    secure: bool
    host: str
    port: int
    #: Path and query.
    path: bytes


class Reply:
    """What came of a POST so far: its status counts from then on, whatever becomes of the body behind it."""

    __slots__ = ("retry_after", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.retry_after: str | None = None


class Connection(asyncio.Protocol):
    """A connection to one receiver."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self._reply = Reply()
        self._over: asyncio.Future[None] | None = None
        self._size = 0
        self._used_s = 0.0

    async def post(self, path: bytes, headers: Headers, body: bytes, reply: Reply) -> None:
        """Post once; fills `reply`. Raises OSError, h11.ProtocolError; then it is closed."""
        http = self._http
        request = h11.Request(method=b"POST", target=path, headers=list(headers))
        parts = [http.send(request), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage())]
        if self._transport is None:
            raise ConnectionResetError("the connection was closed")
        self._reply, self._size = reply, 0
        self._over = self._loop.create_future()
        self._transport.write(b"".join(part for part in parts if part))
        try:
            await self._over
        except BaseException:
            self.abort()
            raise
        finally:
            self._over = None
            self._used_s = self._loop.time()

    @property
    def usable(self) -> bool:
        """Whether it can take another POST."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._http.our_state is not h11.IDLE:
            return False
        return self._loop.time() - self._used_s < IDLE_S and not _readable(transport)

    def abort(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = cast(asyncio.Transport, transport)
        self._used_s = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._over is None:
            self.abort()  # nobody has asked anything
            return
        self._read(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Take it that nothing more comes: an answer may be whole by that."""
        if self._over is not None and error is None:
            self._read(b"")
        self._fail(error or ConnectionResetError("the connection was closed before there was an answer"))
        self._transport = None

    def _read(self, data: bytes) -> None:
        http = self._http
        try:
            http.receive_data(data)
            while (event := http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    self._head(event)
                elif isinstance(event, h11.Data):
                    self._size += len(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._done()
                    return
                elif not isinstance(event, h11.InformationalResponse):
                    break  # ConnectionClosed, PAUSED: nothing more comes
                if self._size > MAX_ANSWER:
                    self.abort()
                    self._succeed()
                    return
        except h11.ProtocolError as error:
            self.abort()
            self._fail(error)

    def _head(self, response: h11.Response) -> None:
        self._reply.status = response.status_code
        wish = next((value for name, value in response.headers if name == b"retry-after"), None)
        self._reply.retry_after = None if wish is None else wish.decode("latin-1")

    def _done(self) -> None:
        http = self._http
        if http.our_state is h11.DONE and http.their_state is h11.DONE and not http.trailing_data[0]:
            http.start_next_cycle()
        else:
            self.abort()
        self._succeed()

    def _succeed(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)


class Connections:
    """The connections to one receiver: whoever posts limits how many there are."""

    def __init__(self, target: Target, tls: ssl.SSLContext | None, outbound: Outbound) -> None:
        self._target = target
        self._tls = tls if target.secure else None
        self._outbound = outbound
        #: Between two POSTs, the one used last at the end.
        self._idle: deque[Connection] = deque()

    async def post(self, headers: Headers, body: bytes, reply: Reply) -> None:
        """Post once; fills `reply`. Raises OSError, h11.ProtocolError."""
        connection = self._kept() or await self._open()
        try:
            await connection.post(self._target.path, headers, body, reply)
        finally:
            if connection.usable:
                self._idle.append(connection)
            else:
                connection.abort()

    def _kept(self) -> Connection | None:
        while self._idle and not self._idle[0].usable:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _open(self) -> Connection:
        return await self._outbound.connect(Connection, self._target.host, self._target.port, self._tls)

    async def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # that is done at the next turn of the loop


def _readable(transport: asyncio.Transport) -> bool:
    """Whether something waits to be read: between two answers that can only be the end of the connection."""
    carrier = transport.get_extra_info("socket")
    if carrier is None or carrier.fileno() < 0:
        return True  # it is being closed
    poll = select.poll()
    poll.register(carrier.fileno(), select.POLLIN)
    return bool(poll.poll(0))
