"""`edge sinks list | test`: the receivers of events."""

import asyncio
import secrets
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import ask_process
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table, printable
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    at_hand,
    failed,
    usable_site,
)
from edge.config.errors import did_you_mean
from edge.config.site import Sink

NameArgument = Annotated[str, Parameter(help="Name of the sink in the site file.")]


def register(app: App) -> None:
    """Add the commands."""
    sinks = App(name="sinks", help="Receivers of events: how they are doing, and a test.")
    sinks.command(list_sinks, name="list")
    sinks.command(try_sink, name="test")
    app.command(sinks)


def list_sinks(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List the sinks: what waits for each, since when, and what went wrong last."""
    found = ask_process((config, demo, state), "forwarder", "sinks", None)
    if isinstance(found, int):
        return found
    if json:
        for sink in found:
            print_json(sink)
        return FINE
    columns = ("name", "type", "backlog", "lag", "dead", "last taken", "last error", "now")
    print_table(columns, map(_cells, found), right=("backlog", "lag", "dead"))
    return FINE


def _cells(sink: dict[str, Any]) -> tuple[object, ...]:
    error = f"{sink['last_error_at']} {sink['last_error']}" if sink["last_error"] else ""
    now = "; ".join(sink["conditions"])
    counts = (sink["backlog"], f"{sink['lag_s']:.1f} s", sink["dead_letters"])
    return sink["name"], sink["type"], *counts, sink["last_taken"], error, now


def try_sink(
    name: NameArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Send a sink an event `sink.test`, and tell each step. The appliance need not run. Exit code 1: not taken."""
    try:
        site = usable_site(config, demo=demo, overrides={} if state is None else {"paths.state": state}, menus=False)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    sinks = {sink.name: sink for sink in site.site.sinks}
    if name not in sinks:
        advice = did_you_mean(name, sinks) or f"there are: {', '.join(sinks) or 'none'}"
        complain(f"there is no sink '{name}' ({advice})")
        return USAGE
    try:
        at_hand(site, *sinks[name].secrets.values())
    except BadSiteError as error:
        return failed(error)
    return FINE if asyncio.run(_try(sinks[name], site.site.name, json)) else BAD


async def _try(sink: Sink, site: str, json: bool) -> bool:
    from edge.forwarder.sinks.trial import trial, trial_event

    good = False
    async for step in trial(sink, site, trial_event(sink.name, site, secrets.token_hex(6))):
        good = step.good
        if json:
            print_json(step._asdict())
        else:
            print(f"{'ok    ' if good else 'FAILED'} {step.name:<9} {printable(step.text)}  ({step.took_ms} ms)")
    return good
