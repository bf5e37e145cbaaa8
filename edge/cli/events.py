"""`edge events list | tail`: the events that backends get, straight from the outbox."""

import json as jsonlib
import time
from collections.abc import Iterator
from typing import Annotated

from cyclopts import App, Parameter

from edge.cli.output import BAD, FINE, USAGE, complain, console, print_table, printable
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    LimitOption,
    StateOption,
    UsageError,
    folders,
)
from edge.cli.state import open_state
from edge.config.checks import EVENT_TYPES
from edge.config.errors import did_you_mean
from edge.storage.reader import Reader, StoredEvent
from edge.storage.turn import StorageError

CallOption = Annotated[str | None, Parameter(name="--call", help="Events of this call only.")]
TypeOption = Annotated[str | None, Parameter(name="--type", help="Events of this type only; call.* is a group.")]

#: How often `tail` looks for new events; the outbox has no notification for readers.
_LOOK_SECONDS = 0.2
_PAGE = 500


def register(app: App) -> None:
    """Add the commands."""
    events = App(name="events", help="Events: list them, follow them.")
    events.command(list_events, name="list")
    events.command(tail, name="tail")
    app.command(events)


def newest(reader: Reader, *, call: str | None = None, kind: str | None = None, limit: int = 0) -> list[StoredEvent]:
    """Read the newest `limit` events that fit, in order; 0: all of them."""
    if call:
        found = [event for event in reader.events_of(call) if _fits(event, kind)]
        return found[-limit:] if limit > 0 else found
    found = []
    end = reader.last_sequence()
    # Backwards in pages: the newest few of a large outbox are found without reading it all.
    while end > 0 and not 0 < limit <= len(found):
        begin = max(0, end - _PAGE)
        page = [event for event in reader.events_after(begin, end - begin) if event.sequence <= end]
        found = [event for event in page if _fits(event, kind)] + found
        end = begin
    return found[-limit:] if limit > 0 else found


def _fits(event: StoredEvent, kind: str | None) -> bool:
    if kind is None:
        return True
    return event.type.startswith(kind[:-1]) if kind.endswith(".*") else event.type == kind


def _check_type(kind: str | None) -> None:
    groups = {f"{name.split('.')[0]}.*" for name in EVENT_TYPES}
    if kind is not None and kind not in EVENT_TYPES and kind not in groups:
        advice = did_you_mean(kind, [*EVENT_TYPES, *groups])
        raise UsageError(f"there is no event type '{kind}'" + (f" ({advice})" if advice else ""))


def list_events(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    call: CallOption = None,
    type: TypeOption = None,  # noqa: A002 -- the option's name
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> int:
    """List events, oldest first. Works when the daemon is down, too."""
    try:
        _check_type(type)
        folder, _ = folders(config, demo=demo, state=state)
        rows = newest(open_state(folder), call=call, kind=type, limit=limit)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        for row in rows:
            print(_line(row))
    else:
        print_table(("time", "call", "seq", "type", "data"), map(_cells, rows), right=("seq",))
    return FINE


def tail(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    call: CallOption = None,
    type: TypeOption = None,  # noqa: A002
    limit: LimitOption = 10,
    json: JsonOption = False,
) -> int:
    """Follow events as they are committed, after the newest `--limit`; ends with Ctrl-C."""
    try:
        _check_type(type)
        folder, _ = folders(config, demo=demo, state=state)
        for row in follow(open_state(folder), call=call, kind=type, limit=limit):
            if json:
                print(_line(row), flush=True)
            else:
                moment, name, sequence, kind, data = map(printable, _cells(row))
                console().print(f"{moment}  {name}  {sequence:>3}  {kind}  {data}", markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        return FINE
    except BrokenPipeError:
        return FINE
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    return FINE


def follow(reader: Reader, *, call: str | None, kind: str | None, limit: int) -> Iterator[StoredEvent]:
    """Give the newest `limit` events, then new ones for ever."""
    last = reader.last_sequence()
    yield from (event for event in newest(reader, call=call, kind=kind, limit=limit) if event.sequence <= last)
    while True:
        page = reader.events_after(last, _PAGE)
        for event in page:
            last = event.sequence
            if _fits(event, kind) and call in (None, event.call):
                yield event
        if len(page) < _PAGE:
            time.sleep(_LOOK_SECONDS)


def failed(error: UsageError | BadSiteError | StorageError) -> int:
    """Print why a reading command has nothing to show; the exit code."""
    if isinstance(error, BadSiteError):
        return error.report()
    complain(error)
    return USAGE if isinstance(error, UsageError) else BAD


def _line(event: StoredEvent) -> str:
    """One CloudEvent as one line, as backends get it."""
    return event.body.decode(errors="replace")


def _cells(event: StoredEvent) -> tuple[object, ...]:
    try:
        data = jsonlib.loads(event.body).get("data", {})
    except (ValueError, AttributeError):
        data = {}
    return event.time, event.call, event.callseq, event.type, summary(data)


def summary(data: object, *, inside: bool = False) -> str:
    """Put an event's data on one line; empty fields and the tag are left out."""
    if isinstance(data, dict):
        parts = (
            f"{key}={summary(value, inside=True)}"
            for key, value in data.items()
            if key != "type" and value not in (None, "", [], {})
        )
        text = " ".join(parts)
        return f"({text})" if inside else text
    if isinstance(data, list):
        return ",".join(summary(item, inside=True) for item in data)
    return str(data)
