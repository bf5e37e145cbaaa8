"""`edge callbacks`: who is to be called back, until when, how often that was tried, and what people say of it."""

import json as jsonlib
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from edge.cli.callbacks_report import report
from edge.cli.daemon import Where, ask_process
from edge.cli.output import BAD, FINE, complain, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    LimitOption,
    StateOption,
    UsageError,
    failed,
    folders,
)
from edge.cli.state import open_state
from edge.runtime.clock import rfc3339
from edge.storage.turn import CallbackRow, StorageError

WhyOption = Annotated[str, Parameter(help="For those who read the events.")]
IdArgument = Annotated[str, Parameter(help="The request's id.")]


def register(app: App) -> None:
    """Add the commands."""
    callbacks = App(name="callbacks", help="Requests to be called back.")
    callbacks.command(list_callbacks, name="list")
    callbacks.command(show)
    callbacks.command(close)
    callbacks.command(call)
    callbacks.command(hold)
    callbacks.command(release)
    callbacks.command(report)
    app.command(callbacks)


def list_callbacks(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    everything: Annotated[bool, Parameter(name="--all", negative=(), help="Closed ones, too.")] = False,
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> int:
    """List requests to be called back, that which is late first at the top. Works when the daemon is down, too."""
    try:
        folder, _ = folders(config, demo=demo, state=state)
        rows = open_state(folder).callbacks(open_only=not everything, limit=limit)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    now = datetime.now(UTC)
    if json:
        for row in rows:
            print_json(one_line(row, now))
    else:
        columns = (
            "latest",
            "",
            "callback",
            "number",
            "reason",
            "times",
            "age",
            "not before",
            "node",
            "attempts",
            "state",
        )
        print_table(columns, (_cells(row, now) for row in rows), right=("times", "age"))
    return FINE


def show(
    callback: IdArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show all of a request. Exit code 1: there is none of that id."""
    try:
        folder, _ = folders(config, demo=demo, state=state)
        row = open_state(folder).callback(callback)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if row is None:
        complain(f"there is no callback {callback!r}")
        return BAD
    found = one_line(row, datetime.now(UTC))
    if json:
        print_json(found)
    else:
        print_table(("", ""), [(name, _shown(value)) for name, value in found.items() if value not in ("", None, {})])
    return FINE


def close(
    callback: IdArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Close a request: nobody needs to call any more. Exit code 1: it is not open."""
    return _ask("close_callback", "closed", (config, demo, state), {"id": callback, "why": why})


def call(
    callback: IdArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Call somebody back now, whatever the hours and his window. Exit code 1: it is not open, or nobody may be."""
    return _ask("call_callback", "is called as soon as there is room", (config, demo, state), {"id": callback})


def hold(
    callback: IdArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Hold a request: nobody is called until it is released. Exit code 1: it is not open."""
    return _ask("hold_callback", "held", (config, demo, state), {"id": callback, "why": why})


def release(
    callback: IdArgument,
    /,
    *,
    why: WhyOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Release a request that is held: it is called again, in its window. Exit code 1: it is not held."""
    return _ask("release_callback", "released", (config, demo, state), {"id": callback, "why": why})


def _ask(what: str, done: str, where: Where, body: dict[str, str]) -> int:
    found = ask_process(where, "switch", what, body)
    if isinstance(found, int):
        return found
    print(f"{found['callback']} {done}")
    return FINE


def one_line(row: CallbackRow, now: datetime) -> dict[str, object]:
    """Put a request in one JSON object, with its age and whether it is late."""
    age = now - datetime.fromisoformat(row.requested)
    return {
        **row._asdict(),
        "attributes": jsonlib.loads(row.attributes),
        "age_seconds": max(0, round(age.total_seconds())),
        "overdue": overdue(row, now),
    }


def overdue(row: CallbackRow, now: datetime) -> bool:
    """Say whether somebody should have called by now."""
    return row.state != "closed" and row.latest < rfc3339(now)


def _cells(row: CallbackRow, now: datetime) -> tuple[object, ...]:
    state = f"closed ({row.closed_by})" if row.state == "closed" else row.state
    if row.state == "open" and row.next:
        state = f"open, again {row.next}"
    late = "LATE" if overdue(row, now) else ""
    age = _span((now - datetime.fromisoformat(row.requested)).total_seconds())
    reason = f"{row.reason} ({row.runs})" if row.runs else row.reason
    tried = f"{row.attempts} {row.last}".rstrip() if row.attempts or row.last else ""
    return row.latest, late, row.id, row.number, reason, row.times, age, row.not_before, row.node, tried, state


def _span(seconds: float) -> str:
    """Show an age as people say it."""
    minutes = max(0, round(seconds / 60))
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes < 48 * 60 else f"{minutes // 1440}d"


def _shown(value: object) -> object:
    if isinstance(value, dict):
        return " ".join(f"{name}={one}" for name, one in value.items())
    return value
