"""Rows of the store, made from calls and events."""

from msgspec import UNSET

from edge.core.calls.actions import Emit
from edge.core.calls.call import Call
from edge.core.calls.inputs import Incoming
from edge.storage.turn import CallRow, EventRow
from edge.vocabulary.events import AnyEvent, CallEnded, Envelope
from edge.vocabulary.site_events import SiteEvent
from edge.vocabulary.wire import to_json


def event_row(emit: Emit, time: str, site: str, menu_version: str) -> EventRow:
    """Return an event as CloudEvents 1.0 JSON (structured mode); `menu_version`: that of its call, "" without one."""
    return _row(emit.event, emit.call, emit.callseq, time, site, menu_version)


def site_event_row(event: SiteEvent, number: int, time: str, site: str) -> EventRow:
    """Return the `number`-th event that belongs to no call."""
    return _row(event, site, number, time, site)


def _row(  # noqa: PLR0917 - what an event is made of
    event: AnyEvent, subject: str, number: int, time: str, site: str, menu_version: str = ""
) -> EventRow:
    type_ = str(event.__struct_config__.tag)
    envelope = Envelope(
        id=f"{subject}.{number}",
        source=f"edge/{site}",
        type=type_,
        subject=subject,
        time=time,
        callseq=number,
        data=event,
        menuversion=menu_version or UNSET,
    )
    return EventRow(envelope.id, subject, number, type_, time, to_json(envelope))


def call_row(call: Call, boot: str, started: str) -> CallRow:
    """Return the row of a call that begins."""
    begun = call.begun
    if begun is None:
        raise RuntimeError("the call has not begun")
    if isinstance(begun, Incoming):
        direction, trunk = "incoming", begun.report.trunk
        caller, called = begun.report.caller, begun.report.called
    else:
        direction, trunk = "outgoing", begun.trunk
        caller, called = begun.caller, begun.target
    return CallRow(
        id=call.id,
        state="open",
        boot=boot,
        direction=direction,
        trunk=trunk,
        caller=caller.reveal(),
        called=called.reveal(),
        menu=begun.terms.menu,
        menu_version=begun.terms.menu_version,
        menu_key=begun.terms.menu_key,
        started=started,
        answered=None,
        ended=None,
        outcome=None,
        ended_by=None,
        sip_code=None,
        duration_ms=None,
        answered_ms=None,
        recordings="[]",
    )


def ended_row(row: CallRow, event: CallEnded, ended: str) -> CallRow:
    """Return the row of a call that ended."""
    return row._replace(
        state="ended",
        trunk=event.trunk or row.trunk,
        ended=ended,
        outcome=event.end.outcome,
        ended_by=event.end.ended_by,
        sip_code=event.end.sip_code,
        duration_ms=event.duration_ms,
        answered_ms=event.answered_ms,
        recordings=to_json(event.recordings).decode(),
    )
