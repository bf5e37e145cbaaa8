"""Events sent again on request: a runner for each request, beside the sink's own, with a place of its own on disk.

Same ids, same bytes, in order per call; what is new does not wait for it. A request is in `delivery.db` before it is
answered, so neither a kill nor a restart loses it. Dead letters are sent again in the same way.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from edge.config.site import Sink
from edge.forwarder import replay_store
from edge.forwarder.replay_store import Chosen, Replay
from edge.forwarder.runner import SinkRunner
from edge.forwarder.sinks.base import BadSettingsError
from edge.forwarder.store import STORAGE_ERRORS, DeliveryStore, Letter
from edge.metrics.forwarder import ForwarderMetrics
from edge.runtime.clock import monotonic_ms, wall_time
from edge.runtime.logs import logger
from edge.storage.reader import Belongs, EventHead, Reader, StoredEvent

#: How often replays are looked after.
LOOK_MS = 500


class ReplayError(Exception):
    """The request can't be met; the text says why."""


class ReplayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send events of the outbox, or dead letters, again to a sink."""

    sink: str
    chosen: Chosen = Chosen()
    #: Dead letters by the id of their event; none: all of the sink.
    letters: list[str] = []
    #: Only say how many they are.
    dry_run: bool = False


class DropRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Delete dead letters of a sink, by the id of their event; none: all of them."""

    sink: str
    letters: list[str] = []


class CancelRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """End a replay."""

    id: int


class _Source:
    """What a replay sends, as a runner reads the outbox."""

    #: What lies between its events was never to be sent.
    whole = False

    def __init__(self, replay: Replay, outbox: Reader, store: DeliveryStore) -> None:
        self._replay = replay
        self._outbox = outbox
        self._store = store
        #: There is nothing more to read.
        self.exhausted = False
        #: Sequences read that are above the cursor, in order; how many were done below it.
        self._open: list[int] = []
        self._below = replay.below

    def heads_after(self, sequence: int, limit: int) -> list[EventHead]:
        replay, chosen = self._replay, self._replay.chosen
        if chosen.letters:
            found = replay_store.letter_heads(self._store.connection, replay.id, sequence, limit)
        else:
            found = self._outbox.chosen_heads(chosen, after=sequence, through=replay.through, limit=limit)
        self.exhausted = len(found) < limit
        self._open += [head.sequence for head in found]
        return found

    def done(self, cursor: int, ahead: list[list[int]]) -> tuple[int, int]:
        """Count the events that are done by a runner's place: up to the cursor, and in all."""
        below = bisect_right(self._open, cursor)
        beyond = (bisect_right(self._open, last) - bisect_left(self._open, first, lo=below) for first, last in ahead)
        return self._below + below, self._below + below + sum(beyond)

    def forget(self, cursor: int) -> None:
        """Take note that everything up to `cursor` is on disk as done."""
        below = bisect_right(self._open, cursor)
        self._below += below
        del self._open[:below]

    def event(self, sequence: int) -> StoredEvent | None:
        if self._replay.chosen.letters:
            return replay_store.letter(self._store.connection, self._replay.id, sequence)
        return self._outbox.event(sequence)

    def events_at(self, sequences: Sequence[int]) -> dict[int, StoredEvent]:
        if not self._replay.chosen.letters:
            return self._outbox.events_at(sequences)
        found = ((one, self.event(one)) for one in sequences)
        return {one: event for one, event in found if event is not None}

    def events_of(self, call: str) -> list[StoredEvent]:
        return self._outbox.events_of(call)

    def last_sequence(self) -> int:
        return self._replay.through

    def belongs(self, call: str) -> Belongs | None:
        return self._outbox.belongs(call)


class _Place:
    """Where a replay is, as a runner writes it."""

    def __init__(self, replay: Replay, source: _Source, store: DeliveryStore) -> None:
        self._id = replay.id
        self._source = source
        self._store = store

    def record(self, sink: str, cursor: int, ahead: list[list[int]], letters: Iterable[Letter], now: datetime) -> None:
        with self._store.transaction() as db:
            replay_store.record(db, self._id, cursor, ahead, self._source.done(cursor, ahead))
            self._store.put_aside(sink, letters, now)
        self._source.forget(cursor)


class _Running:
    def __init__(self, replay: Replay, source: _Source, runner: SinkRunner) -> None:
        self.replay = replay
        self.source = source
        self.runner = runner


class Replaying:
    """The replays of all sinks."""

    def __init__(
        self, site: str, state_file: Path, outbox: Reader, store: DeliveryStore, metrics: ForwarderMetrics
    ) -> None:
        self._site = site
        self._state_file = state_file
        self._outbox = outbox
        self._store = store
        self._metrics = metrics
        self._log = logger("forwarder")
        self._sinks: dict[str, Sink] = {}
        self._running: dict[int, _Running] = {}
        self._look_at_ms = 0
        self._closing: set[asyncio.Task[None]] = set()

    # --- life

    async def configure(self, sinks: Iterable[Sink]) -> None:
        """Go on with new settings; a replay to a sink that is gone waits for its return."""
        await self.close()
        self._sinks = {sink.name: sink for sink in sinks}
        self.wake(now=True)

    def wake(self, *, now: bool = False) -> None:
        """Start what waits, and end what is done; a look at the disk, and so one a second, or `now`."""
        at_ms = monotonic_ms()
        if not now and at_ms < self._look_at_ms:
            return
        self._look_at_ms = at_ms + LOOK_MS
        with suppress(*STORAGE_ERRORS):  # the disk: tried again by the next one
            for replay in replay_store.replays(self._store.connection, open_only=True):
                if replay.id not in self._running:
                    self._start(replay)
            for running in list(self._running.values()):
                if running.source.exhausted and running.runner.idle:
                    replay_store.end(self._store.connection, running.replay.id, "done", wall_time())
                    self._log.info("replay done", replay=running.replay.id, sink=running.replay.sink)
                    self._retire(running)

    def _start(self, replay: Replay) -> None:
        sink = self._sinks.get(replay.sink)
        if sink is None:
            return
        source = _Source(replay, self._outbox, self._store)
        try:
            runner = SinkRunner(
                sink,
                replay.progress,
                site=self._site,
                outbox=source,
                store=_Place(replay, source, self._store),
                metrics=self._metrics,
                on_condition=lambda _name, _text: None,  # the sink's own runner says what is wrong with it
            )
        except BadSettingsError:
            return
        self._log.info("replay starts", replay=replay.id, sink=replay.sink, after=replay.progress.cursor)
        self._running[replay.id] = _Running(replay, source, runner)
        runner.woken()

    def _retire(self, running: _Running) -> None:
        del self._running[running.replay.id]
        task = asyncio.get_running_loop().create_task(running.runner.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Stop all; they go on where they are when somebody makes them anew."""
        for running in list(self._running.values()):
            self._retire(running)
        if self._closing:
            await asyncio.wait(set(self._closing))

    # --- requests

    async def answer(self, what: str, body: bytes) -> Any:
        """Do what is asked, a JSON document for a JSON document. Raises `ReplayError`."""
        try:
            match what:
                case "replay":
                    return await self._ask(msgspec.json.decode(body, type=ReplayRequest))
                case "replays":
                    return [self._shown(replay) for replay in replay_store.replays(self._store.connection)]
                case "replay_cancel":
                    return self._cancel(msgspec.json.decode(body, type=CancelRequest).id)
                case "dead_drop":
                    request = msgspec.json.decode(body, type=DropRequest)
                    return {"dropped": replay_store.drop(self._store.connection, request.sink, request.letters)}
        except msgspec.MsgspecError as error:
            raise ReplayError(f"not a request: {error}") from None
        except STORAGE_ERRORS as error:
            raise ReplayError(f"storage does not work: {error}") from None
        raise ReplayError(f"unknown request '{what}'")

    async def _ask(self, request: ReplayRequest) -> dict[str, Any]:
        if request.sink not in self._sinks:
            raise ReplayError(f"there is no sink '{request.sink}'; there are: {', '.join(self._sinks) or 'none'}")
        db, chosen = self._store.connection, request.chosen
        if chosen.letters:
            known = replay_store.letters(db, request.sink)
            total = sum(row.replay is None and (not request.letters or row.id in request.letters) for row in known)
        else:
            # To count is to read what was chosen, which may be all of it: not on the loop.
            found = await asyncio.to_thread(_count, self._state_file, chosen)
            total = found[0]
        if request.dry_run or not total:
            return {"id": 0, "sink": request.sink, "events": total}
        if chosen.letters:
            number = replay_store.add_letters(db, request.sink, request.letters, chosen, wall_time())
        else:
            number = replay_store.add(db, request.sink, chosen, found, wall_time())
        self._log.info("replay asked for", replay=number, sink=request.sink, events=total)
        self.wake(now=True)
        return {"id": number, "sink": request.sink, "events": total}

    def _cancel(self, id_: int) -> dict[str, Any]:
        running = self._running.get(id_)
        if running is not None:
            self._retire(running)
        if not replay_store.end(self._store.connection, id_, "cancelled", wall_time()):
            raise ReplayError(f"there is no replay {id_} that goes on")
        return {"id": id_}

    def _shown(self, replay: Replay) -> dict[str, Any]:
        return {
            "id": replay.id,
            "sink": replay.sink,
            "asked": replay.asked,
            "chosen": msgspec.to_builtins(replay.chosen),
            "events": replay.total,
            "done": replay.done,
            "ended": replay.ended,
            "how": replay.how or ("running" if replay.id in self._running else "waiting"),
        }


def _count(state_file: Path, chosen: Chosen) -> tuple[int, int, int]:
    reader = Reader(state_file)
    try:
        return reader.count_chosen(chosen)
    finally:
        reader.close()
