"""`edge queue list|show`: who waits in queues, and what their agents are doing."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import Where, age, ask_process
from edge.cli.output import BAD, FINE, complain, print_json, print_table
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption

QueueArgument = Annotated[str, Parameter(help="Name of the queue.")]
_BUSY = ("previewing", "ringing", "talking", "wrap_up", "resting", "paused", "logged_out")


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="queue", help="Queues: who waits, and what agents are doing.")
    group.command(list_queues, name="list")
    group.command(show)
    app.command(group)


def list_queues(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List all queues, in the order of the site file."""
    found = _queues((config, demo, state))
    if isinstance(found, int):
        return found
    if json:
        for queue in found:
            print_json(queue)
        return FINE
    columns = ("queue", "waiting", "longest", "ready", *_BUSY)
    print_table(columns, map(_row, found), right=columns[1:])
    return FINE


def show(
    queue: QueueArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show the callers of a queue, the next one first, and its agents."""
    found = _queues((config, demo, state))
    if isinstance(found, int):
        return found
    one = next((one for one in found if one["name"] == queue), None)
    if one is None:
        complain(f"there is no queue '{queue}'")
        return BAD
    if json:
        print_json(one)
        return FINE
    callers = [
        (
            caller["position"],
            caller["call"],
            age(caller["waited_s"]),
            f"{caller['estimate_min']} min",
            caller["priority"] or "",
            ", ".join(caller["wants"]),
            caller["agent"],
        )
        for caller in one["callers"]
    ]
    print_table(("place", "call", "waits", "estimated", "priority", "wants", "rung"), callers, right=("place",))
    agents = [
        (agent["name"], agent["tier"], agent["state"], age(agent["for_s"]), agent["call"], ", ".join(agent["skills"]))
        for agent in one["agents"]
    ]
    print_table(("agent", "tier", "is", "for", "call", "skills"), agents, right=("tier",))
    return FINE


def _queues(where: Where) -> list[dict[str, Any]] | int:
    found: list[dict[str, Any]] | int = ask_process(where, "switch", "queues", {})
    return found


def _row(queue: dict[str, Any]) -> tuple[object, ...]:
    states = [agent["state"] for agent in queue["agents"]]
    longest = max((caller["waited_s"] for caller in queue["callers"]), default=None)
    shown = age(longest) if longest is not None else ""
    return queue["name"], len(queue["callers"]), shown, *(states.count(state) for state in ("ready", *_BUSY))
