"""`edge plan`: what `edge reload` would do now, and which calls it would touch."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.control import NotRunningError, ask
from edge.cli.daemon import RELOAD_S, run_dir
from edge.cli.output import BAD, CONFIGURATION, FINE, complain, print_json, printable
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
)

#: Of calls that a change touches so many are named.
MOST = 5


def register(app: App) -> None:
    """Add the command."""
    app.command(plan)


def plan(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
    exit_code: Annotated[
        bool, Parameter(negative=(), help="Exit code 1 where there are changes, for scripts; 0: there are none.")
    ] = False,
) -> int:
    """Say what a reload would change: the files as they are now against what is in force.

    Nothing is changed or written. Exit code 0, 1: the appliance does not run, 78: the files have faults, for which a
    reload would be refused.
    """
    try:
        folder = run_dir(config, demo=demo, state=state)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    try:
        answer = ask(folder, {"what": "plan"}, RELOAD_S)
        if not answer["ok"]:
            complain(answer["error"])
            for fault in answer.get("errors", []):
                complain(fault)
            return CONFIGURATION if "errors" in answer else BAD
        body = answer["body"]
        calls, waiting = _calls(ask, folder)
    except NotRunningError as error:
        complain(error)
        return BAD
    for change in body["changes"]:
        change["calls"] = touched(change, calls, waiting)
    if json:
        _print_json(body)
    else:
        _print(body, len(calls))
    return BAD if exit_code and body["changes"] else FINE


def _calls(asked: Any, folder: Any) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Return the calls that are up, and who waits in which queue. Raises `NotRunningError`."""

    def of_switch(what: str) -> list[dict[str, Any]]:
        answer = asked(folder, {"what": "request", "process": "switch", "request": what, "body": {}})
        if not answer["ok"]:
            raise NotRunningError(str(answer["error"]))
        found: list[dict[str, Any]] = answer["body"]
        return found

    queues = {queue["name"]: [one["call"] for one in queue["callers"]] for queue in of_switch("queues")}
    return of_switch("calls"), queues


def touched(change: dict[str, Any], calls: Sequence[dict[str, Any]], waiting: dict[str, list[str]]) -> list[str]:
    """Name the calls that are on what changes: on that trunk, in that menu, in that queue."""
    name = change["name"]
    if change["what"] == "trunk":
        return [one["id"] for one in calls if name in {one["trunk"], *(leg["trunk"] for leg in one["legs"])}]
    if change["what"] == "menu":
        return [one["id"] for one in calls if one["menu"] == name]
    return waiting.get(name, []) if change["what"] == "queue" else []


def _print_json(body: dict[str, Any]) -> None:
    for change in body["changes"]:
        print_json({"kind": "change", **change})
    for warning in body["warnings"]:
        print_json({"kind": "warning", "message": warning})
    rest = {"changes": len(body["changes"]), "needs_restart": body["needs_restart"], "to_speak": body["to_speak"]}
    print_json({"kind": "summary", **rest})


def _print(body: dict[str, Any], calls: int) -> None:
    for warning in body["warnings"]:
        complain(f"warning: {warning}")
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for change in body["changes"]:
        print(printable(f"{signs[change['action']]} {change['what']} {change['name']}".rstrip()))
        for line in _details(change):
            print(printable(f"    {line}"))
    if body["to_speak"]:
        print(f"{body['to_speak']} texts would be spoken first, which may take a minute")
    if body["needs_restart"]:
        print(printable(f"waits for a restart: {', '.join(body['needs_restart'])}"))
    count = len(body["changes"])
    words = "1 change" if count == 1 else f"{count} changes"
    print(f"{words}; {calls} calls up" if count else "no changes: what the files say is in force")


def _details(change: dict[str, Any]) -> list[str]:
    lines = []
    for one in change["settings"]:
        later = " (restart)" if one["needs_restart"] else ""
        lines.append(f"{one['name']}: {_value(one['before'])} -> {_value(one['after'])}{later}")
    if change["versions"]:
        lines.append(f"version {' -> '.join(change['versions'])}")
    lines += [f"nodes {action}: {', '.join(names)}" for action, names in change["nodes"].items()]
    if change["sounds"]:
        lines.append(f"recorded anew: {', '.join(change['sounds'])}")
    lines += [effect["text"] for effect in change["effects"]]
    touches = change["calls"]
    if touches:
        more = f" and {len(touches) - MOST} more" if len(touches) > MOST else ""
        lines.append(f"calls on it now: {', '.join(touches[:MOST])}{more}")
    return lines


def _value(value: Any) -> str:
    return "nothing" if value in ("", None, [], {}) else str(value)
