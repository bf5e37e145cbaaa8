"""What is stored and told, as the API shows it: numbers whole, or masked for who may not see them."""

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from edge.core.access.masking import masked
from edge.storage.reader import StoredEvent
from edge.storage.turn import CallbackRow, CallRow
from edge.vocabulary.api import CallbackShown, CallSummary, LegShown, RecordingShown
from edge.vocabulary.private import Private
from edge.vocabulary.wire import json_reader

if TYPE_CHECKING:
    from edge.vocabulary.events import Envelope


def _hide(value: Any) -> Any:
    if isinstance(value, Private):
        return masked(value.reveal())
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


_masking = msgspec.json.Encoder(enc_hook=_hide)


@cache
def _envelopes() -> msgspec.json.Decoder["Envelope"]:
    # Most sites have tokens of integrators only, or none: the classes of all events take a megabyte.
    from edge.vocabulary.events import Envelope

    return json_reader(Envelope)


def event_json(body: bytes, *, whole: bool) -> bytes:
    """Return an event's JSON for somebody who sees whole numbers, or for one who does not.

    What is private is known by the types of the events. One of a type that there is no more has no data then.
    """
    if whole:
        return body
    try:
        return _masking.encode(_envelopes().decode(body))
    except msgspec.MsgspecError:
        plain: dict[str, Any] = msgspec.json.decode(body)
        return msgspec.json.encode({**plain, "data": {}})


def number(text: str, *, whole: bool) -> str:
    """Return a number, or what is left of it."""
    return text if whole else masked(text)


def call_summary(row: CallRow, *, whole: bool) -> CallSummary:
    """Return a row of a call."""
    plain = row._asdict()
    wanted = {name: plain[name] for name in CallSummary.__struct_fields__ if name in plain}
    wanted["caller"], wanted["called"] = number(row.caller, whole=whole), number(row.called, whole=whole)
    wanted["recordings"] = msgspec.json.decode(row.recordings)
    return CallSummary(**wanted)


def leg_shown(leg: dict[str, Any]) -> LegShown:
    """Return a leg, of what switch says of one."""
    plain = {name: leg[name] for name in LegShown.__struct_fields__ if name in leg}
    return LegShown(**plain, muted=leg["sound"]["muted"], deaf=leg["sound"]["deaf"])


def callback_shown(row: CallbackRow, *, whole: bool) -> CallbackShown:
    """Return a request to be called back."""
    plain = row._asdict()
    wanted = {name: plain[name] for name in CallbackShown.__struct_fields__}
    return CallbackShown(**{**wanted, "number": number(row.number, whole=whole)})


#: Events that tell of a finished file, each with the field that has its id.
FILES = {"recording.completed": "recording", "recording.failed": "recording", "message.recorded": "message"}


def recording_shown(event: StoredEvent) -> RecordingShown:
    """Return the recording that an event of `FILES` tells of."""
    data = msgspec.json.decode(event.body)["data"]
    return RecordingShown(
        id=data[FILES[event.type]],
        call=event.call,
        kind="message" if event.type == "message.recorded" else "recording",
        finished=event.time,
        duration_ms=data["duration_ms"],
        size_bytes=data.get("size_bytes", 0),
        sha256=data.get("sha256", ""),
    )
