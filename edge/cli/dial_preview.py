"""`edge dial preview`: what an agent sees of the contact that he may call next, and what he wants of it."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import ask_process
from edge.cli.dial_lists import at
from edge.cli.output import FINE, USAGE, complain, print_json, print_table, printable
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption


def register(group: App) -> None:
    """Add the command."""
    group.command(preview)


def preview(
    agent: Annotated[str, Parameter(help="Name of the agent.")],
    /,
    *,
    accept: Annotated[bool, Parameter(help="Call it: the agent is rung, then the contact.", negative=())] = False,
    skip: Annotated[bool, Parameter(help="Have it come again later.", negative=())] = False,
    reject: Annotated[bool, Parameter(help="Have it never called by this campaign.", negative=())] = False,
    reason: Annotated[str, Parameter(help="Why it is skipped or rejected.")] = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show the contact that an agent looks at, or do what he wants of it."""
    wishes = [name for name, wished in (("accept", accept), ("skip", skip), ("reject", reject)) if wished]
    if len(wishes) > 1:
        complain(f"--{wishes[0]} and --{wishes[1]} exclude each other")
        return USAGE
    what = f"preview_{wishes[0]}" if wishes else "preview"
    found = ask_process((config, demo, state), "dialer", what, {"agent": agent, "reason": reason})
    if isinstance(found, int):
        return found
    if json:
        print_json(found)
    elif wishes:
        how, attempt = next(iter(found.items()))
        print(f"{printable(agent)}: {how} {printable(attempt)}")
    else:
        _print(found)
    return FINE


def _print(found: dict[str, Any]) -> None:
    number = f"{found['number']} ({found['label']})" if found["label"] else found["number"]
    then = "it is called" if found["then"] == "dial" else "it comes again later"
    lines = {
        "campaign": found["campaign"],
        "contact": f"{found['contact']} of {found['list']}",
        "number": number,
        "language": found["language"],
        **found["attributes"],
        "left": f"{found['left_s']} s, then {then}",
    }
    print_table(("", ""), [(name, value) for name, value in lines.items() if value])
    past = [
        (at(one["started_ms"]), one["campaign"], one["disposition"] or "", _said(one["results"]))
        for one in found["attempts"]
    ]
    if past:
        print()
        print_table(("called", "campaign", "became", "agents said"), past)


def _said(results: list[dict[str, Any]]) -> str:
    if not results:
        return ""
    last = results[-1]
    return f"{last['code']}: {last['note']}" if last["note"] else str(last["code"])
