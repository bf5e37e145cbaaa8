"""Trying a sink step by step, for `edge sinks test`: by itself, whether an appliance runs or not."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from msgspec import structs

from edge.config.sink_settings import SinkSettings
from edge.config.site import Sink as SinkOfSite
from edge.forwarder.sinks.base import BadSettingsError, Outgoing, Peer, Sink, SinkContext, deliver, words
from edge.forwarder.sinks.kinds import class_of, settings_from
from edge.runtime.clock import rfc3339, wall_time
from edge.runtime.logs import logger

#: How long a server is given to refuse our certificate, seconds.
REFUSAL_S = 0.3
#: What a step does: it returns what is to be said of it, or raises.
Act = Callable[[], Awaitable[str]]


class Step(NamedTuple):
    """One step."""

    #: `settings`, `resolve`, `connect`, `tls`, `log in`, `publish`.
    name: str
    good: bool
    text: str
    took_ms: int


class _FailedError(Exception):
    """A step has failed; the text says why."""


async def trial(sink: SinkOfSite, site: str, event: Outgoing | None) -> AsyncIterator[Step]:
    """Try it; ends with the first step that fails. Without an event nothing is sent. Raises nothing."""
    said: list[str] = []
    made: list[tuple[Sink, SinkSettings]] = []

    async def settings() -> str:
        kind = class_of(sink.type)
        read = settings_from(sink, kind)
        # A short time: somebody waits. Nothing is sent twice here.
        read = structs.replace(read, timeout_ms=min(read.timeout_ms, 10_000))
        made.append((kind.make(read, SinkContext(site, logger("sinks"), said.append)), read))
        return f"type {sink.type}"

    async def publish() -> str:
        return await _publish(*made[0], event, said)

    steps: list[tuple[str, Act]] = [("settings", settings)]
    while steps:
        name, act = steps.pop(0)
        began = time.monotonic()
        try:
            text, good = await act(), True
        except (BadSettingsError, _FailedError) as error:
            text, good = str(error), False
        except Exception as error:  # of sinks of packages, too
            text, good = words(error), False
        yield Step(name, good, text, round((time.monotonic() - began) * 1000))
        if not good:
            break
        if name == "settings":
            client, read = made[0]
            steps = [*_ways(client.peer, read.timeout_ms / 1000)]
            steps += [("log in", lambda: _log_in(*made[0])), *(one for one in [("publish", publish)] if event)]
    for client, _ in made:
        await client.close()


async def _publish(client: Sink, settings: SinkSettings, event: Outgoing | None, said: list[str]) -> str:
    if event is None:
        raise AssertionError("there is nothing to publish")
    (answer,) = await deliver(client, [event], settings.timeout_ms)
    if answer.result == "accepted":
        return f"taken: {event.id}"
    why = [str(answer.status or ""), answer.error, *(text for text in said[-1:] if text)]
    raise _FailedError(": ".join([answer.result, *filter(None, why)]))


async def _log_in(client: Sink, settings: SinkSettings) -> str:
    async with asyncio.timeout(settings.timeout_ms / 1000):
        await client.connect()
    return "done"


def _ways(peer: Peer | None, limit_s: float) -> Iterator[tuple[str, Act]]:
    """Give the steps below the sink's protocol."""
    if peer is None:
        return
    found: list[str] = []

    async def resolve() -> str:
        async with asyncio.timeout(limit_s):
            loop = asyncio.get_running_loop()
            rows = await loop.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
        found.extend(dict.fromkeys(str(row[4][0]) for row in rows))
        return f"{peer.host} is {', '.join(found)}"

    async def connect() -> str:
        async with asyncio.timeout(limit_s):
            _, writer = await asyncio.open_connection(peer.host, peer.port)
        address = writer.get_extra_info("peername")
        writer.close()
        return f"{address[0]}, port {address[1]}"

    async def tls() -> str:
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_connection(
                peer.host, peer.port, ssl=peer.tls, server_hostname=peer.host
            )
        version, certificate = writer.get_extra_info("ssl_object").version(), writer.get_extra_info("peercert")
        # Who refuses our certificate says so when TLS 1.3 is established with us already (RFC 8446, section 4.4.3).
        with suppress(TimeoutError):
            async with asyncio.timeout(REFUSAL_S):
                await reader.read(1)
        writer.close()
        return f"{version}, certificate good until {certificate.get('notAfter', '?')}"

    yield "resolve", resolve
    yield "connect", connect
    if peer.tls is not None:
        yield "tls", tls


def trial_event(sink: str, site: str, number: str) -> Outgoing:
    """Make the event that is sent."""
    from edge.vocabulary.events import Envelope
    from edge.vocabulary.site_events import SinkTest
    from edge.vocabulary.wire import to_json

    id_, now = f"{site}.test-{number}", rfc3339(wall_time())
    envelope = Envelope(
        id=id_, source=f"edge/{site}", type="sink.test", subject=site, time=now, callseq=0, data=SinkTest(sink=sink)
    )
    return Outgoing(id_, "sink.test", site, now, to_json(envelope))
