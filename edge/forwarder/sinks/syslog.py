"""Syslog (RFC 5424) over UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425) and the socket of the system's logger."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from edge.config.sink_settings import SyslogSettings
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Peer, SinkContext, words
from edge.forwarder.sinks.server import Keeper, KeptSink, read_server, tls_context

#: Severity of all events: informational (RFC 5424 section 6.2.1).
_SEVERITY = 6
_PORTS = {"udp": (514, False), "tcp": (514, False), "tls": (6514, True)}


class _Stream(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Datagrams(NamedTuple):
    socket: socket.socket


_Way = _Stream | _Datagrams


def message(event: Outgoing, facility: int, host: str) -> bytes:
    """Write an event as a message: header of RFC 5424 section 6.2, no structured data, the document as MSG."""
    head = f"<{facility * 8 + _SEVERITY}>1 {event.time or '-'} {host[:255]} edge {os.getpid()} {event.type[:32]} - "
    return head.encode("ascii", "replace") + event.body


class SyslogSink(KeptSink[_Way]):
    """One connection or socket. What the system has taken counts as taken: the protocol has no acknowledgement."""

    settings = SyslogSettings
    max_batch = 128
    parallel = 1

    def __init__(self, settings: SyslogSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._kind = urlsplit(settings.url).scheme
        self._path = urlsplit(settings.url).path
        self._server = None if self._kind == "unix" else read_server(settings.url, _PORTS)
        self._tls = tls_context(settings.ca_file) if self._kind == "tls" else None
        self._keeper = Keeper(self._open, _shut)

    @property
    def peer(self) -> Peer | None:
        """The receiver, where it is asked for connections."""
        return None if self._server is None or self._kind == "udp" else self._server.peer(self._tls)

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Send all."""
        way: _Way | None = None
        data = [message(event, self._settings.facility, self._context.site) for event in events]
        try:
            way = await self._keeper.get()
            if isinstance(way, _Stream) and (way.reader.at_eof() or way.writer.is_closing()):
                # The receiver has gone since: what is written now would be lost without a word.
                self._keeper.drop(way)
                way = await self._keeper.get()
            answers = await _send(way, data)
        except OSError as error:
            self._keeper.drop(way)
            self._context.condition(f"{self._settings.url}: {words(error)}")
            return [Answer("unreachable", words(error))]
        except asyncio.CancelledError:
            self._keeper.drop(way)
            raise
        self._context.condition("")
        return answers

    async def _open(self) -> _Way:
        if self._server is None:
            return _Datagrams(await _datagram_socket(socket.AF_UNIX, self._path))
        if self._kind == "udp":
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self._server.host, self._server.port, type=socket.SOCK_DGRAM)
            return _Datagrams(await _datagram_socket(found[0][0], found[0][4]))
        return _Stream(*await asyncio.open_connection(self._server.host, self._server.port, ssl=self._tls))


async def _datagram_socket(family: int, address: object) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, address)  # type: ignore[arg-type]
    except BaseException:
        made.close()
        raise
    return made


async def _shut(way: _Way) -> None:
    if isinstance(way, _Datagrams):
        way.socket.close()
        return
    way.writer.close()
    with suppress(OSError):
        await way.writer.wait_closed()


async def _send(way: _Way, messages: list[bytes]) -> list[Answer]:
    if isinstance(way, _Stream):
        way.writer.write(b"".join(b"%d %b" % (len(one), one) for one in messages))
        await way.writer.drain()
        return [ACCEPTED] * len(messages)
    loop = asyncio.get_running_loop()
    answers = []
    for one in messages:
        try:
            await loop.sock_sendall(way.socket, one)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            answers.append(Answer("refused", f"{len(one)} bytes are too long for a datagram"))
        else:
            answers.append(ACCEPTED)
    return answers
