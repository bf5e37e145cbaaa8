"""`edge bans`: the sources that are shut out."""

from typing import Annotated

from cyclopts import App, Parameter

from edge.cli.daemon import ask_process
from edge.cli.output import BAD, FINE, print_json, print_table, seconds
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption


def register(app: App) -> None:
    """Add the commands."""
    bans = App(name="bans", help="Sources that are shut out for what they sent.")
    bans.command(list_bans, name="list")
    bans.command(clear)
    app.command(bans)


def list_bans(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List the sources that are shut out now, the newest first."""
    found = ask_process((config, demo, state), "front", "bans", None)
    if isinstance(found, int):
        return found
    if json:
        print_json(found["bans"])
        return FINE
    rows = [
        (ban["source"], ban["cause"], _evidence(ban["evidence"]), ban["times"], seconds(ban["left_ms"]))
        for ban in found["bans"]
    ]
    print_table(("source", "cause", "evidence", "times", "left"), rows, right=("times", "left"))
    return FINE


def clear(
    source: Annotated[str, Parameter(help="Address whose ban ends; `all` for every one.")],
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """End a ban, and forget what is held against the source. Exit code 1: it is not banned."""
    found = ask_process((config, demo, state), "front", "bans", {"clear": "" if source == "all" else source})
    if isinstance(found, int):
        return found
    print(f"{found['cleared']} cleared")
    return FINE if found["cleared"] or source == "all" else BAD


def _evidence(found: dict[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in found.items())
