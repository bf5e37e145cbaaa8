"""`edge events`: the events that backends get, straight from the outbox."""

import json as jsonlib
import time
from collections.abc import Iterator

from cyclopts import App

from edge.cli import events_dead
from edge.cli.event_selection import CallOption, Selection, SinceOption, TypeOption, UntilOption, selection
from edge.cli.events_replay import cancel, replay, replays
from edge.cli.events_verify import verify
from edge.cli.output import FINE, console, print_table, printable
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    LimitOption,
    StateOption,
    UsageError,
    failed,
    state_and_zone,
)
from edge.cli.state import open_state
from edge.storage.reader import Reader, StoredEvent
from edge.storage.turn import StorageError

#: How often `tail` looks for new events; the outbox has no notification for readers.
_LOOK_SECONDS = 0.2
_PAGE = 500


def register(app: App) -> None:
    """Add the commands."""
    events = App(name="events", help="Events: list them, follow them, see whether all are there, send them again.")
    events.command(list_events, name="list")
    events.command(tail, name="tail")
    events.command(verify, name="verify")
    events.command(replay, name="replay")
    events.command(replays, name="replays")
    events.command(cancel, name="cancel")
    events_dead.register(events)
    app.command(events)


def newest(reader: Reader, chosen: Selection, limit: int = 0) -> list[StoredEvent]:
    """Read the newest `limit` events that fit, in order; 0: all of them."""
    if chosen.call:
        found = [event for event in reader.events_of(chosen.call) if chosen.fits(event)]
        return found[-limit:] if limit > 0 else found
    found = []
    begin, end = chosen.sequences(reader)
    # Backwards in pages: the newest few of a large outbox are found without reading it all.
    while end > begin and not 0 < limit <= len(found):
        after = max(begin, end - _PAGE)
        page = [event for event in reader.events_after(after, end - after) if event.sequence <= end]
        found = [event for event in page if chosen.fits(event)] + found
        end = after
    return found[-limit:] if limit > 0 else found


def list_events(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    call: CallOption = None,
    type: TypeOption = None,  # noqa: A002 -- the option's name
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> int:
    """List events, oldest first. Works when the daemon is down, too."""
    try:
        folder, zone = state_and_zone(config, demo=demo, state=state)
        chosen = selection(call=call, kind=type, since=since, until=until, zone=zone)
        rows = newest(open_state(folder), chosen, limit)
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
    since: SinceOption = None,
    limit: LimitOption = 10,
    json: JsonOption = False,
) -> int:
    """Follow events as they are committed, after the newest `--limit`; ends with Ctrl-C."""
    try:
        folder, zone = state_and_zone(config, demo=demo, state=state)
        for row in follow(open_state(folder), selection(call=call, kind=type, since=since, zone=zone), limit):
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


def follow(reader: Reader, chosen: Selection, limit: int) -> Iterator[StoredEvent]:
    """Give the newest `limit` events that fit, then new ones for ever."""
    last = reader.last_sequence()
    yield from (event for event in newest(reader, chosen, limit) if event.sequence <= last)
    while True:
        page = reader.events_after(last, _PAGE)
        for event in page:
            last = event.sequence
            if chosen.fits(event):
                yield event
        if len(page) < _PAGE:
            time.sleep(_LOOK_SECONDS)


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
