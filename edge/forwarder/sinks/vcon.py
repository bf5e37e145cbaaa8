"""Calls as vCons (`edge.core.vcon`), one when a call has ended: a file in a folder, or an event that is posted.

They are made of what the outbox has of the call, so one that comes again is the same document.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge.config.sink_settings import VconFileSettings, VconWebhookSettings
from edge.core.vcon import NotEndedError, vcon
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Sink, SinkContext, words
from edge.forwarder.sinks.webhook import WebhookSink

#: Type of the event that has a vCon as its data; its id is `<call>.vcon`.
CREATED = "vcon.created"
MEDIA_TYPE = "application/vcon"


class _Maker:
    """Makes documents of calls, beside the loop: a recording may have many megabytes."""

    def __init__(self, context: SinkContext, inline_mb: int) -> None:
        self._context = context
        self._largest = inline_mb * 1_000_000

    async def make(self, event: Outgoing) -> bytes | None:
        """Return the document of the call that has ended; None: it can never be made."""
        if event.type != "call.ended" or event.call is None:
            return None
        history = self._context.history(event.call)
        try:
            return await asyncio.to_thread(lambda: msgspec.json.encode(vcon(history, self._content)))
        except NotEndedError as error:
            self._context.log.warning("a call has no vCon: its first events are kept no more", error=words(error))
            return None

    def _content(self, path: str) -> bytes | None:
        try:
            with Path(path).open("rb") as file:
                return file.read() if os.fstat(file.fileno()).st_size <= self._largest else None
        except OSError as error:
            self._context.log.warning("a recording is not in its vCon", error=words(error))
            return None


class VconFileSink(Sink):
    """A file for each call."""

    settings = VconFileSettings
    parallel = 1

    def __init__(self, settings: VconFileSettings, context: SinkContext) -> None:
        self._folder = Path(settings.folder)
        self._context = context
        self._maker = _Maker(context, settings.inline_mb)

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Write the call of each event; a file is whole, or it is not there."""
        answers = []
        for event in events:
            body = await self._maker.make(event)
            answers.append(ACCEPTED if body is None else await self._write(event, body))
        return answers

    async def _write(self, event: Outgoing, body: bytes) -> Answer:
        folder = self._folder / event.time[:10].replace("-", "/")
        path = folder / f"{event.call}.vcon.json"
        try:
            await asyncio.to_thread(_write_whole, path, body)
        except OSError as error:
            self._context.condition(f"{self._folder}: {words(error)}")
            return Answer("busy", words(error))
        self._context.condition("")
        return ACCEPTED


def _write_whole(path: Path, body: bytes) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


class VconWebhookSink(WebhookSink):
    """An event `vcon.created` for each call, posted as every other event."""

    settings = VconWebhookSettings

    def __init__(self, settings: VconWebhookSettings, context: SinkContext) -> None:
        super().__init__(settings, context)
        self._maker = _Maker(context, settings.inline_mb)
        self._source = f"edge/{context.site}"

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Post the call of each event."""
        answers: list[Answer] = []
        for event in events:
            body = await self._maker.make(event)
            answers += [ACCEPTED] if body is None else await super().deliver([self._event(event, body)])
        return answers

    def _event(self, ended: Outgoing, body: bytes) -> Outgoing:
        document = {
            "specversion": "1.0",
            "id": f"{ended.call}.vcon",
            "source": self._source,
            "type": CREATED,
            "subject": ended.call,
            "time": ended.time,
            "datacontenttype": MEDIA_TYPE,
            "data": msgspec.Raw(body),
        }
        return ended._replace(id=f"{ended.call}.vcon", type=CREATED, body=msgspec.json.encode(document))
