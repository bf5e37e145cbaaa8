"""`edge calls`: calls in progress, or all that are remembered, from the state file."""

import json as jsonlib
from typing import Annotated

from cyclopts import App, Parameter

from edge.cli import conference, pcap, vcon, waiting_calls
from edge.cli.daemon import ask_process
from edge.cli.output import FINE, print_json, print_table, seconds
from edge.cli.show import show
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
from edge.storage.turn import CallRow, StorageError


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="calls", help="Calls in progress, or all that are remembered; and what operators do with them.")
    group.default(calls)
    conference.register(group)
    waiting_calls.register(group)
    group.command(show)
    pcap.register(group)
    vcon.register(group)
    app.command(group)


def calls(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    parked: Annotated[
        bool, Parameter(name="--parked", negative=(), help="Those that wait for an order. Takes a running daemon.")
    ] = False,
    everything: Annotated[bool, Parameter(name="--all", negative=(), help="Ended calls, too.")] = False,
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> int:
    """List calls in progress, oldest first. Works when the daemon is down, too."""
    among = None
    if parked:
        found = ask_process((config, demo, state), "switch", "calls", {})
        if isinstance(found, int):
            return found
        among = [one["id"] for one in found if one["doing"] == "parked"]
    try:
        folder, _ = folders(config, demo=demo, state=state)
        rows = open_state(folder).calls(open_only=not everything, limit=limit, among=among)[::-1]
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        for row in rows:
            print_json(one_line(row))
    else:
        print_table(
            ("started", "call", "", "trunk", "from", "to", "menu", "state", "length"),
            map(_cells, rows),
            right=("length",),
        )
    return FINE


def one_line(row: CallRow) -> dict[str, object]:
    """Put a call in one JSON object; how menus are kept in the file is left out."""
    values = {key: value for key, value in row._asdict().items() if key != "menu_key"}
    return {**values, "recordings": jsonlib.loads(row.recordings)}


def _cells(row: CallRow) -> tuple[object, ...]:
    state = row.state if row.state == "open" else f"{row.outcome}" + (f" ({row.sip_code})" if row.sip_code else "")
    arrow = "in" if row.direction == "incoming" else "out"
    return row.started, row.id, arrow, row.trunk, row.caller, row.called, row.menu, state, seconds(row.duration_ms)
