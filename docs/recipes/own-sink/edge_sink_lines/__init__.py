"""A sink of one's own: lines of JSON over TCP. The receiver answers each with a line: `ok ID`, or `no ID reason`."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from edge.config.sink_settings import SinkSettings
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Peer, Sink, SinkContext, words


class LinesSettings(SinkSettings, frozen=True, kw_only=True):
    """What may stand in a table of `[[sinks]]` with `type = "lines"`, besides what all sinks have."""

    #: Where the receiver listens: its kind of text and its range are checked when the site file is read.
    host: Annotated[str, Meta(extra={"kind": "host"})]
    port: Annotated[int, Meta(extra={"least": 1, "most": 65535})] = 7000
    #: A secret: `${NAME}` or `file:PATH` in the file, and in no log, page or process but the forwarder.
    password: Annotated[str, Meta(extra={"secret": True})] = ""


class LinesSink(Sink):
    """One connection. Up to 50 events are under way on it, each of another call."""

    settings = LinesSettings
    max_batch = 50
    parallel = 1

    def __init__(self, settings: LinesSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def peer(self) -> Peer:
        """Where it connects to: `edge sinks test` resolves and reaches it step by step."""
        return Peer(self._settings.host, self._settings.port)

    async def connect(self) -> None:
        """Connect and log in."""
        if self._streams is None:
            reader, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
            writer.write(b"hello %b\n" % self._settings.password.encode())
            self._streams = reader, writer

    async def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Send all, then read the answers, which come in the same order."""
        try:
            await self.connect()
            assert self._streams is not None  # noqa: S101
            reader, writer = self._streams
            writer.write(b"".join(event.body + b"\n" for event in events))
            await writer.drain()
            answers = [self._read(await reader.readline(), event) for event in events]
        except OSError as error:
            await self.close()
            return [Answer("unreachable", words(error))]
        except asyncio.CancelledError:
            # It took too long: answers that come late must not be taken for those of the next events.
            await self.close()
            raise
        self._context.condition("; ".join({answer.error for answer in answers if answer.error}))
        return answers

    def _read(self, line: bytes, event: Outgoing) -> Answer:
        said, _, rest = line.decode(errors="replace").strip().partition(" ")
        id_, _, reason = rest.partition(" ")
        if not line or id_ != event.id:
            raise ConnectionError("the receiver has gone" if not line else "an answer to something else")
        return ACCEPTED if said == "ok" else Answer("refused", reason[:200])
