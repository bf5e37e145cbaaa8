"""What a new life of switch makes of the calls that its predecessor left open.

Same run of the appliance: the journal is replayed, which makes the call again and shows which commands are still
without an answer. Another run: nothing of the call is left, so it ends, with its recording as it was repaired.
"""

from pathlib import Path

import msgspec

from edge.core.calls.actions import Emit, Send
from edge.core.calls.call import Call
from edge.core.calls.inputs import Abandoned, Entry, Restored, Resumed
from edge.core.menus.model import Menu
from edge.core.recording.sidecar import decode_sidecar, sidecar_path
from edge.runtime.clock import rfc3339, wall_time
from edge.runtime.logs import logger
from edge.storage.store import OpenCall, Store
from edge.storage.turn import CallRow
from edge.switch import previews, results
from edge.switch.exchange import MAX_ENDED, Exchange
from edge.switch.queueing import NOTE
from edge.switch.rows import ended_row, event_row
from edge.vocabulary.endings import EndReason
from edge.vocabulary.events import AnyEvent, CallEnded
from edge.vocabulary.ids import CallId, RecordingId
from edge.vocabulary.reports import CommandDone
from edge.vocabulary.wire import unpacker

_entry = unpacker(Entry)
_menu = unpacker(Menu)


class Rebuilt:
    """A call made again from its journal."""

    def __init__(self, call: Call, menu: Menu | None, last_ms: int) -> None:
        self.call = call
        self.menu = menu
        #: When its last input came.
        self.last_ms = last_ms
        #: Commands without a CommandDone, in order.
        self.pending: dict[str, Send] = {}
        #: Events that it has told of, with their times.
        self.told: list[tuple[AnyEvent, int]] = []


def recover(store: Store, exchange: Exchange) -> tuple[int, int]:
    """Take up or end all open calls; returns how many of each. What follows gathers in the exchange's turn."""
    resumed = ended = 0
    exchange.noticed = store.last_callseq(exchange.plan.site.name)  # the ends of calls lead to events of no call, too
    exchange.callbacks.load(store.open_callbacks())
    for call in store.last_ended(MAX_ENDED):
        exchange.note_ended(CallId(call))
    for left in store.open_calls():
        exchange.rows[CallId(left.row.id)] = left.row
        try:
            rebuilt = replay(store, left)
        except (LookupError, ValueError, TypeError, AttributeError, RuntimeError, msgspec.MsgspecError) as error:
            # A journal that this code can't read: the call must not stay open for ever, so it ends here.
            logger("switch").error("call cannot be rebuilt", call=left.row.id, error=type(error).__name__)
            _end_unreadable(store, exchange, left.row)
            ended += 1
            continue
        for event, at_ms in rebuilt.told:
            exchange.journeys.hear(exchange, rebuilt.call.id, event, at_ms)
        if left.row.boot == exchange.boot:
            _resume(exchange, rebuilt)
            resumed += 1
        else:
            _abandon(exchange, rebuilt)
            ended += 1
    exchange.queues.open(exchange.calls.values(), store.meta(NOTE).get(""))
    exchange.bridges.open()
    exchange.previews.open(store.meta(previews.NOTE).get(""))
    exchange.results.open(store.meta(results.NOTE).get(""))
    exchange.calling.open(exchange.calls.values())
    return resumed, ended


def replay(store: Store, left: OpenCall) -> Rebuilt:
    """Make a call again. Raises what a journal of other code leads to."""
    body = store.menu(left.row.menu_key) if left.row.menu_key else None
    menu = _menu.decode(body) if body is not None else None
    rebuilt = Rebuilt(Call(CallId(left.row.id), menu), menu, 0)
    for line in left.journal:
        entry = _entry.decode(line.input)
        if isinstance(entry.input, CommandDone):
            rebuilt.pending.pop(entry.input.id, None)
        for action in rebuilt.call.replay(entry, line.at_ms):
            if isinstance(action, Send):
                rebuilt.pending[action.id] = action
            elif isinstance(action, Emit):
                rebuilt.told.append((action.event, line.at_ms))
        rebuilt.last_ms = line.at_ms
        if rebuilt.call.inputs != line.number:
            raise LookupError("the journal has a gap")
    if rebuilt.call.begun is None or rebuilt.call.over:
        raise LookupError("the journal does not fit the call's row")
    return rebuilt


def _resume(exchange: Exchange, rebuilt: Rebuilt) -> None:
    call = rebuilt.call
    exchange.seats.claim((leg.id, leg.seat.slot) for leg in call.legs.values() if leg.seat and leg.media != "closed")
    for send in rebuilt.pending.values():
        exchange.send(call, send)
    exchange.adopt(call, rebuilt.menu)
    exchange.feed(call, Resumed())


def _abandon(exchange: Exchange, rebuilt: Rebuilt) -> None:
    call = rebuilt.call
    exchange.adopt(call, None)
    restored = [one for id_, path in call.recordings.items() if (one := _restored(id_, path)) is not None]
    # The clock of the former run may be another one: the call lasted at least until its last input.
    exchange.feed(call, Abandoned(restored), rebuilt.last_ms)


def give_up(exchange: Exchange) -> None:
    """End the calls whose end somebody never told, as the appliance stops.

    Those with a recording are left to the next start, which repairs it first.
    """
    for call in [call for call in exchange.calls.values() if not call.is_recorded]:
        exchange.feed(call, Abandoned([]))


def _restored(recording: RecordingId, path: str) -> Restored | None:
    """Read what the repair left beside a recording."""
    try:
        sidecar = decode_sidecar(Path(sidecar_path(path)).read_bytes())
    except OSError:
        return None
    if sidecar is None:
        return None
    return Restored(
        recording=recording,
        path=path,
        duration_ms=sidecar.duration_ms,
        gap_ms_left=sidecar.gap_ms_left,
        gap_ms_right=sidecar.gap_ms_right,
        size_bytes=sidecar.size_bytes,
        sha256=sidecar.sha256,
        repaired=sidecar.repaired,
        error=sidecar.error,
    )


def _end_unreadable(store: Store, exchange: Exchange, row: CallRow) -> None:
    end = EndReason(outcome="failed", ended_by="appliance", text="the call's journal could not be read")
    event = CallEnded(end=end, duration_ms=0, answered_ms=0, menu=row.menu, menu_version=row.menu_version)
    time = rfc3339(wall_time())
    emit = Emit(CallId(row.id), store.last_callseq(row.id) + 1, event)
    exchange.turn.events.append(event_row(emit, time, exchange.plan.site.name, row.menu_version))
    exchange.turn.calls[row.id] = ended_row(row, event, time)
    exchange.rows.pop(CallId(row.id), None)
    exchange.note_ended(CallId(row.id))
