"""Who else calls people: callbacks of this appliance, and campaigns of others that share the store.

Callbacks are read from what switch has written, so none is missed, whoever was away meanwhile; each is an attempt at
its number from then on, which the rules see. Switch is told of numbers that campaigns have locked and that it has no
call of, so that nobody is called back there.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import OtherCall
from edge.storage.reader import StoredEvent
from edge.vocabulary.private import Private
from edge.vocabulary.site_events import CallbackAttemptEnded, CallbackAttemptStarted, CallbackHeld

#: Events that are read at once.
_PAGE = 500
#: Where nothing of ours came, it is noted after so many events how far they were read.
_NOTED = 5000


def _type(event: type[msgspec.Struct]) -> str:
    return str(event.__struct_config__.tag)


class _Started(msgspec.Struct):
    time: datetime
    data: CallbackAttemptStarted


class _Ended(msgspec.Struct):
    time: datetime
    data: CallbackAttemptEnded


class _Held(msgspec.Struct):
    time: datetime
    data: CallbackHeld


_STARTED, _ENDED, _HELD = _type(CallbackAttemptStarted), _type(CallbackAttemptEnded), _type(CallbackHeld)
_TYPES = (_STARTED, _ENDED, _HELD)


def _decoder(kind: type[msgspec.Struct]) -> Callable[[bytes], msgspec.Struct]:
    return msgspec.json.Decoder(kind, dec_hook=lambda of, value: of(value)).decode


_READ = {_STARTED: _decoder(_Started), _ENDED: _decoder(_Ended), _HELD: _decoder(_Held)}


class Events(Protocol):
    """What is read of switch's store."""

    def last_sequence(self) -> int:
        """Return the highest sequence ever given out, 0 before the first."""

    def events_after(self, sequence: int, limit: int = ..., types: tuple[str, ...] = ...) -> list[StoredEvent]:
        """Return at most `limit` events above `sequence`, in order."""


class Neighbours:
    """Raises StorageError where the campaigns' store, or switch's, does not answer: then nobody is called."""

    def __init__(self, store: CampaignStore, owner: str, events: Events, tell: Callable[[list[Private]], None]) -> None:
        """`tell`: gets the locked numbers, when they have changed."""
        self._store, self._owner, self._events, self._tell = store, owner, events, tell
        #: Up to where events were read, and what is noted of that; None: the store was not asked yet.
        self._read: int | None = None
        self._noted = 0
        #: Callbacks under way, by call; where in the events they began.
        self._begun: dict[str, tuple[int, _Started]] = {}
        self._told: list[Private] | None = None

    def forget(self) -> None:
        """Tell switch anew: it has begun a new life."""
        self._told = None

    def look(self) -> None:
        """Tell switch of the numbers that are locked, if they have changed."""
        locked = self._store.locked_for_others(self._owner)
        if locked != self._told:
            self._tell(locked)
            self._told = locked

    def read(self) -> None:
        """Take the callbacks that have come to an end."""
        last = self._events.last_sequence()
        if self._read is None or last < self._read:  # at the beginning, or the file is a new one
            self._noted = self._read = min(self._store.calls_mark(self._owner), last)
            self._begun.clear()
        found: list[OtherCall] = []
        while self._read < last:
            page = self._events.events_after(self._read, _PAGE, _TYPES)
            for event in page:
                found += self._take(event)
            self._read = page[-1].sequence if len(page) == _PAGE else last
        mark = min([self._read, *(sequence - 1 for sequence, _ in self._begun.values())])
        if found or mark - self._noted >= _NOTED:
            self._store.note_calls(self._owner, found, mark)
            self._noted = mark

    def _take(self, stored: StoredEvent) -> list[OtherCall]:
        try:
            event = _READ[stored.type](stored.body)
        except (msgspec.MsgspecError, ValueError):
            return []  # of another release, which this one cannot read
        if isinstance(event, _Started):
            self._begun[event.data.call] = stored.sequence, event
            return []
        if isinstance(event, _Held):
            # Nobody knows how it ended; that it was called is known. While it is held switch takes no attempt.
            calls = [call for call, (_, begun) in self._begun.items() if begun.data.callback == event.data.callback]
            return [_call(self._begun.pop(call)[1], event.time, None) for call in calls]
        if isinstance(event, _Ended):
            known = self._begun.pop(event.data.call, None)
            return [_call(known[1], event.time, event.data)] if known is not None and event.data.left else []
        return []


def _call(began: _Started, ended: datetime, end: CallbackAttemptEnded | None) -> OtherCall:
    known = end is not None and end.disposition != "held"
    return OtherCall(
        id=began.data.call,
        callback=began.data.callback,
        number=began.data.number,
        started_ms=_ms(began.time),
        ended_ms=_ms(ended),
        # One that nobody knows the end of is a matter of the callback that is held; here it counts as one that rang.
        disposition=end.disposition if end is not None and known else "no_answer",
        rang_ms=end.rang_ms if end is not None else None,
        answered=end is not None and end.answered,
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
