"""`edge agents`: who takes calls of queues, what each is doing, and logging in and out, and pausing, for somebody."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.daemon import Where, age, ask_process
from edge.cli.output import FINE, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    usable_site,
)
from edge.config.trials import moment_ms

NameArgument = Annotated[str, Parameter(help="Name of the agent.")]
ReasonOption = Annotated[str, Parameter(help="Why: one of [presence] pause_reasons, if there are any.")]
AtOption = Annotated[str, Parameter(name="--at", help="SIP URI or number where he is; else as the site says.")]
TrunkOption = Annotated[str, Parameter(help="Trunk to dial that number on.")]


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="agents", help="Agents of queues: what they are doing, and whether they take calls.")
    group.command(list_agents, name="list")
    for command in (login, logout, pause, ready, disposition):
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


def disposition(
    name: NameArgument,
    code: Annotated[str, Parameter(help="One of the campaign's [[campaigns.results]]: its code, or its key.")],
    /,
    *,
    note: Annotated[str, Parameter(help="What is remembered about it.")] = "",
    call_at: Annotated[
        str | None, Parameter(name="--at", help="Date and time to call again (2026-11-30T14:00), of a callback.")
    ] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Say what came of an agent's last talk for a campaign, during it or for a while after. The last word counts."""
    request: dict[str, Any] = {"agent": name, "code": code, "note": note}
    try:
        if call_at is not None:
            request["at_ms"] = _moment(call_at, config, demo=demo, state=state)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    found: dict[str, Any] | int = ask_process((config, demo, state), "switch", "agent_result", request)
    if isinstance(found, int):
        return found
    _print([found], json=json)
    return FINE


def _moment(text: str, config: Path | None, *, demo: bool, state: Path | None) -> int:
    """Read a moment, which is of the site's zone where it has no offset. Raises UsageError, BadSiteError."""
    overrides: dict[str, object] = {} if state is None else {"paths.state": state}
    site = usable_site(config, demo=demo, overrides=overrides, menus=False).site
    try:
        return moment_ms(text, site.time_zone)
    except ValueError:
        raise UsageError(f"'{text[:40]}' is no date with a time, such as 2026-11-30T14:00") from None


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
    columns = (
        "agent",
        "is",
        "why",
        "leg",
        "for",
        "queues",
        "talks",
        "talk",
        "wrap-up",
        "handling",
        "occupancy",
        "paused",
        "call",
    )
    print_table(columns, map(_row, agents), right=("talks", "talk", "wrap-up", "handling", "occupancy"))


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
        _mean(agent.get("talk_s")),
        _mean(agent.get("wrap_up_s")),
        _mean(handling),
        "" if occupancy is None else f"{occupancy:.0%}",
        ", ".join(f"{reason} {age(s)}".strip() for reason, s in sorted(agent.get("paused_s", {}).items())),
        agent["call"],
    )


def _mean(seconds: int | None) -> str:
    return "" if seconds is None else age(seconds)
