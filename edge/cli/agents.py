"""`edge agents`: who takes calls of queues, what each is doing, and logging in and out, and pausing, for somebody."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import Where, age, ask_process
from edge.cli.output import FINE, print_json, print_table
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption

NameArgument = Annotated[str, Parameter(help="Name of the agent.")]
ReasonOption = Annotated[str, Parameter(help="Why: one of [presence] pause_reasons, if there are any.")]
AtOption = Annotated[str, Parameter(name="--at", help="SIP URI or number where he is; else as the site says.")]
TrunkOption = Annotated[str, Parameter(help="Trunk to dial that number on.")]


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="agents", help="Agents of queues: what they are doing, and whether they take calls.")
    group.command(list_agents, name="list")
    for command in (login, logout, pause, ready):
        group.command(command)
    app.command(group)


def list_agents(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List all agents; talks, handling time and occupancy count from the log-in, or the start of the appliance."""
    found: list[dict[str, Any]] | int = ask_process((config, demo, state), "switch", "agents", {})
    if isinstance(found, int):
        return found
    _print(found, json=json)
    return FINE


def login(
    name: NameArgument,
    /,
    *,
    at: AtOption = "",
    trunk: TrunkOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Let an agent take calls from now on."""
    return _wish((config, demo, state), {"agent": name, "wish": "log_in", "target": at, "trunk": trunk}, json=json)


def logout(
    name: NameArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Let an agent take no more calls. A talk goes on."""
    return _wish((config, demo, state), {"agent": name, "wish": "log_out"}, json=json)


def pause(
    name: NameArgument,
    /,
    *,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Let an agent take no calls for a while. A talk goes on; callers go on waiting for him."""
    return _wish((config, demo, state), {"agent": name, "wish": "pause", "reason": reason}, json=json)


def ready(
    name: NameArgument,
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """End an agent's pause, or his wrap-up."""
    return _wish((config, demo, state), {"agent": name, "wish": "ready"}, json=json)


def _wish(where: Where, request: dict[str, str], *, json: bool) -> int:
    found: dict[str, Any] | int = ask_process(where, "switch", "agent_wish", request)
    if isinstance(found, int):
        return found
    _print([found], json=json)
    return FINE


def _print(agents: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        for agent in agents:
            print_json(agent)
        return
    columns = ("agent", "is", "why", "leg", "for", "queues", "talks", "handling", "occupancy", "call")
    print_table(columns, map(_row, agents), right=("talks", "handling", "occupancy"))


def _row(agent: dict[str, Any]) -> tuple[object, ...]:
    occupancy, handling = agent["occupancy"], agent["handling_s"]
    return (
        agent["name"],
        agent["state"].replace("_", " ") + (" (elsewhere)" if agent["elsewhere"] else ""),
        agent["reason"],
        agent["line"],
        age(agent["for_s"]),
        ", ".join(agent["queues"]),
        agent["talks"],
        "" if handling is None else age(handling),
        "" if occupancy is None else f"{occupancy:.0%}",
        agent["call"],
    )
