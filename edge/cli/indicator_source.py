"""Calls as indicators count them, read from the stored events: one pass, and in memory only the calls that are open."""

import secrets
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from edge.cli.moments import now_ms
from edge.cli.state import open_state
from edge.config.trials import moment_ms
from edge.core.indicators.journey import CallRecord, Journey, Step
from edge.core.indicators.tally import DAY_MS, Counting
from edge.storage.reader import Reader
from edge.vocabulary.events import CallEnded, CallStarted
from edge.vocabulary.wire import json_reader

K = TypeVar("K", bound=Hashable)


def _decoder(kind: type) -> Any:
    document = msgspec.defstruct("Document", [("data", kind)])
    return json_reader(document)


_DECODERS: dict[str, Any] = {str(kind.__struct_config__.tag): _decoder(kind) for kind in get_args(Step)}
_BEGIN = str(CallStarted.__struct_config__.tag)


class Counted(Struct):
    """What came of a counting."""

    #: Calls that have not ended yet.
    open: int = 0
    #: Events that could not be read.
    unreadable: int = 0


def count(
    folder: Path,
    group: Callable[[CallRecord], K | None],
    served: Mapping[str, Collection[str]],
    *,
    begin_ms: int,
    repeat_days: int,
) -> tuple[Counting[K], Counted]:
    """Count the calls of a state folder that began at `begin_ms` or later. Raises `StorageError`."""
    counted = Counted()
    counting = Counting[K](group, now_ms=now_ms(), key=secrets.token_bytes(16), repeat_ms=repeat_days * DAY_MS)
    for call in records(open_state(folder), served, begin_ms, counted):
        counting.take(call)
    return counting, counted


def records(
    reader: Reader, served: Mapping[str, Collection[str]], begin_ms: int, counted: Counted
) -> Iterator[CallRecord]:
    """Give the calls that ended, in the order of their ends."""
    open_calls: dict[str, Journey] = {}
    for row in reader.every_event(tuple(_DECODERS)):
        at_ms = moment_ms(row.time)
        begins = row.type == _BEGIN and at_ms >= begin_ms
        if not begins and row.call not in open_calls:
            continue  # its call began before
        try:
            event = _DECODERS[row.type].decode(row.body).data
        except msgspec.MsgspecError:
            counted.unreadable += 1
            continue
        if begins:
            open_calls[row.call] = Journey(row.call)
        journey = open_calls[row.call]
        if not isinstance(event, CallEnded):
            journey.take(event, at_ms)
            continue
        del open_calls[row.call]
        record = journey.ended(event, at_ms, served.get(event.menu, ()))
        if record is not None:
            yield record
    counted.open = len(open_calls)
