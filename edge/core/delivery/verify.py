"""Whether the outbox holds what it promises: no gap in a call's numbers, one end a call and nothing after it.

Takes events in the order of the outbox, then what is known of the calls; memory is a few words for each call.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from edge.vocabulary.events import Envelope
from edge.vocabulary.site_events import SiteEvent
from edge.vocabulary.wire import json_reader

#: What can be wrong; a closed list.
Fault = Literal[
    "gap",  # numbers of the call are missing
    "repeated",  # a number that was there, or a lower one
    "second_end",
    "after_end",
    "no_end",  # the call is over, and nothing says so
    "early_end",  # the end is there, and the call goes on
    "unknown_call",
    "not_an_event",  # no CloudEvents document with data as its type has them
    "other_document",  # the document says something else than the row that it is in
]

END = "call.ended"


class Event(NamedTuple):
    """A row of the outbox; `body` is CloudEvents JSON."""

    sequence: int
    id: str
    call: str
    callseq: int
    type: str
    time: str
    body: bytes


class Finding(NamedTuple):
    """One thing that is wrong."""

    fault: Fault
    call: str
    #: Of the event that shows it; 0: none does.
    sequence: int
    text: str


class _Seen(Struct):
    """What was seen of one subject."""

    last: int
    #: All of them were events that belong to no call.
    of_site: bool
    ended: bool = False


class Verifier:
    """Judges the events that it takes, in the order of the outbox.

    `accounted(call, first, last)`: of how many of these numbers of a call it is known why they did not come.
    """

    def __init__(self, accounted: Callable[[str, int, int], int]) -> None:
        self._accounted = accounted
        self._seen: dict[str, _Seen] = {}
        self._decode = json_reader(Envelope).decode
        self.events = 0
        #: Calls that had events.
        self.calls = 0

    def take(self, event: Event) -> Iterator[Finding]:
        """Look at the next event of the outbox."""
        self.events += 1
        data = None
        try:
            envelope = self._decode(event.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield self._finding("not_an_event", event, f"no event of type {event.type}: {error}")
        else:
            data = envelope.data
            yield from self._compare(event, envelope)
        seen = self._seen.get(event.call)
        before = seen.last if seen is not None else 0
        if event.callseq <= before:
            yield self._finding("repeated", event, f"number {event.callseq} after number {before}")
        elif event.callseq > before + 1:
            yield from self._gap(event, before + 1, event.callseq - 1)
        if seen is None:
            seen = self._seen[event.call] = _Seen(event.callseq, of_site=True)
        seen.last = max(seen.last, event.callseq)
        seen.of_site &= data is None or isinstance(data, SiteEvent)
        if seen.ended:
            second = event.type == END
            yield self._finding("second_end" if second else "after_end", event, f"{event.type} after the call's end")
        seen.ended |= event.type == END

    def _gap(self, event: Event, first: int, last: int) -> Iterator[Finding]:
        missing = last - first + 1 - self._accounted(event.call, first, last)
        if missing > 0:
            numbers = f"number {first} is" if first == last else f"{missing} of the numbers {first} to {last} are"
            yield self._finding("gap", event, f"{numbers} missing")

    def _compare(self, event: Event, envelope: Envelope) -> Iterator[Finding]:
        rows: dict[str, tuple[Any, Any]] = {
            "id": (envelope.id, event.id),
            "subject": (envelope.subject, event.call),
            "callseq": (envelope.callseq, event.callseq),
            "type": (envelope.type, event.type),
            "time": (envelope.time, event.time),
            "data": (str(envelope.data.__struct_config__.tag), event.type),
        }
        wrong = [name for name, (document, row) in rows.items() if document != row]
        if event.id != f"{event.call}.{event.callseq}":
            wrong.append("id")
        if wrong:
            yield self._finding("other_document", event, f"other {', '.join(dict.fromkeys(wrong))} than its row has")

    def _finding(self, fault: Fault, event: Event, text: str) -> Finding:
        return Finding(fault, event.call, event.sequence, text)

    def close_call(self, call: str, *, ended: bool, gone: bool) -> Iterator[Finding]:
        """Look at a call that is known. `gone`: events of its time were purged, so it need not have any here."""
        seen = self._seen.pop(call, None)
        if seen is None:
            if not gone:
                yield Finding("gap", call, 0, "the call has no events")
            return
        self.calls += 1
        if ended and not seen.ended:
            yield Finding("no_end", call, 0, f"the call is over and has no {END}; its last number is {seen.last}")
        elif seen.ended and not ended:
            yield Finding("early_end", call, 0, f"there is {END}, and the call goes on")

    def close(self) -> Iterator[Finding]:
        """Look at what belongs to no call that is known."""
        for call, seen in self._seen.items():
            if not seen.of_site:
                yield Finding("unknown_call", call, 0, "its events belong to no call that is known")
