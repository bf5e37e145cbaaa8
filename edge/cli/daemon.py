"""`edge run`, `status`, `reload`, `stop`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.control import NotRunningError, ask
from edge.cli.output import BAD, FINE, USAGE, complain, console, print_json, print_table, printable
from edge.cli.site import (
    DEFAULT_FILE,
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
    whereabouts,
)

#: A reload may have to synthesise prompts.
RELOAD_S = 310.0


def register(app: App) -> None:
    """Add the commands."""
    for command in (run, status, reload, stop):
        app.command(command)


def run(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    sip_address: Annotated[str | None, Parameter(help="Address of SIP; instead of the site's.")] = None,
    sip_port: Annotated[int | None, Parameter(help="Port of SIP.")] = None,
    http_address: Annotated[str | None, Parameter(help="Address of HTTP.")] = None,
    http_port: Annotated[int | None, Parameter(help="Port of HTTP.")] = None,
    media_address: Annotated[str | None, Parameter(help="Address of RTP.")] = None,
    media_first_port: Annotated[int | None, Parameter(help="First port of RTP.")] = None,
) -> int:
    """Run the appliance in the foreground.

    SIGTERM lets calls end first; SIGINT or a second SIGTERM stops now; SIGHUP loads the configuration anew.
    """
    from edge.app.preparing import Source
    from edge.app.start import become_supervisor

    if demo and config is not None:
        complain("--demo and --config exclude each other")
        return USAGE
    given = {
        "paths.state": None if state is None else str(state.absolute()),
        "sip.address": sip_address,
        "sip.port": sip_port,
        "http.address": http_address,
        "http.port": http_port,
        "media.address": media_address,
        "media.first_port": media_first_port,
    }
    overrides = {name: value for name, value in given.items() if value is not None}
    file = "" if demo else str((config or DEFAULT_FILE).absolute())
    return become_supervisor(Source(config=file, demo=demo, overrides=overrides))


def run_dir(config: Path | None, *, demo: bool, state: Path | None) -> Path:
    """Find the folder of the control socket; raises UsageError, BadSiteError."""
    if state is not None and config is None:
        return state / "run"
    # What is wrong with a menu, or with another table of the site, does not hide a running appliance.
    # Nor does a secret that this shell does not have.
    overrides = {} if state is None else {"paths.state": str(state)}
    return Path(whereabouts(config, demo=demo, overrides=overrides).paths.run)


#: The options of a command that say which appliance is meant: config, demo, state.
Where = tuple[Path | None, bool, Path | None]


def ask_process(where: Where, process: str, what: str, body: Any) -> Any:
    """Ask a process of the appliance; what it answers, or an exit code (int) after the fault was told."""
    answer = ask_appliance(where, {"what": "request", "process": process, "request": what, "body": body})
    if isinstance(answer, int):
        return answer
    if not answer["ok"]:
        complain(answer["error"])
        return BAD
    return answer["body"]


def ask_appliance(where: Where, request: dict[str, Any], limit_s: float = 10.0) -> dict[str, Any] | int:
    """Ask the appliance; the answer, or an exit code after the fault was told."""
    config, demo, state = where
    try:
        return ask(run_dir(config, demo=demo, state=state), request, limit_s)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    except NotRunningError as error:
        complain(error)
        return BAD


def status(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """Show processes, spans, calls, and what keeps the appliance from being ready.

    Exit code 0: ready, 1: not ready or not running.
    """
    answer = ask_appliance((config, demo, state), {"what": "status"})
    if isinstance(answer, int):
        return answer
    document = answer["body"]
    if json:
        print_json(document)
    else:
        _show(document)
    return FINE if document["ready"] else BAD


def _show(document: dict[str, Any]) -> None:
    out = console()
    calls = "unknown" if document["calls"] is None else document["calls"]
    out.print(
        f"{printable(document['name'])}: {'ready' if document['ready'] else 'NOT READY'}, {document['mode']}, "
        f"up {age(document['uptime_s'])}, pid {document['pid']}",
        markup=False,
    )
    out.print(
        f"SIP {document['sip']}, HTTP {document['http']}; calls: {calls}; "
        f"new calls: {'let in' if document['takes_calls'] else 'refused'}",
        markup=False,
    )
    for reason in document["conditions"]:
        out.print(f"  {printable(reason['process'])}: {printable(reason['text'])}", markup=False)
    for note in document["notes"]:
        out.print(f"  note: {printable(note['condition'])}: {printable(note['text'])}", markup=False)
    if document["needs_restart"]:
        out.print(f"  waits for a restart: {', '.join(document['needs_restart'])}", markup=False)
    for line in _configuration(document["configuration"]):
        out.print(f"  {printable(line)}", markup=False)
    out.print()
    rows = [
        (p["name"], p["pid"], p["state"], age(p["uptime_s"]), p["restarts"], _last(p)) for p in document["processes"]
    ]
    spans = document["spans"]
    up = sum(span["state"] == "running" for span in spans)
    rows.append(
        ("spans", "", f"{up} of {document['spans_wanted']}", "", document["span_restarts"], document["span_last_exit"])
    )
    print_table(("process", "pid", "state", "up", "restarts", "last end"), rows, right=("pid", "restarts"))
    _show_trunks(document.get("trunks") or [])
    _show_trials(document.get("trials") or [])
    _show_queues(document.get("queues") or [])


def _configuration(document: dict[str, Any]) -> list[str]:
    """Say what is not as the files say."""
    lines = []
    refused = document["refused"]
    if refused:
        lines.append(
            f"configuration: {refused['faults']} faults at {refused['at']} ({refused['by']}), what was loaded at "
            f"{document['loaded']} stays: {refused['errors'][0]}"
        )
    for held in document["rolled_back"]:
        since = f"since {held['since']}; its file says {held['file']}"
        lines.append(f"menu {held['menu']} is rolled back to {held['version']} {since}")
    return lines


def _show_trunks(trunks: list[dict[str, Any]]) -> None:
    """Show those trunks of which something is known."""
    rows = [
        (one["name"], _registration(one), one["qualify"] or "", one["why"])
        for one in trunks
        if one["registration"] or one["qualify"]
    ]
    if rows:
        print()
        print_table(("trunk", "registration", "answers", "calls are refused"), rows)


def _show_trials(trials: list[dict[str, Any]]) -> None:
    if trials:
        print()
        print_table(("trial", "menu", "candidate", "split", "state"), map(trial_cells, trials))


def _show_queues(queues: list[dict[str, Any]]) -> None:
    """Show who waits, and how many agents are free, busy, or take no call just now."""
    rows = [
        (
            one["name"],
            one["waiting"],
            age(one["longest_s"]) if one["waiting"] else "",
            one["agents"]["ready"],
            one["agents"]["ringing"],
            one["agents"]["talking"],
            sum(one["agents"][state] for state in ("wrap_up", "resting", "paused")),
        )
        for one in queues
    ]
    if rows:
        print()
        columns = ("queue", "waiting", "longest", "agents ready", "ringing", "talking", "paused")
        print_table(columns, rows, right=columns[1:])


def trial_cells(trial: dict[str, Any]) -> tuple[str, ...]:
    """Show a trial as switch describes it."""
    state = trial["condition"]
    if trial["stopped_by"]:
        state = f"{state} by {trial['stopped_by']} at {trial['stopped_at']}"
    return (trial["name"], trial["menu"], trial["candidate"], trial["split"], state)


def _registration(trunk: dict[str, Any]) -> str:
    return f"{trunk['registration']} {age(trunk['registration_age_s'])}" if trunk["registration"] else ""


def _last(process: dict[str, Any]) -> str:
    return "" if process["last_exit"] is None else f"{process['last_exit']}, {age(process['last_exit_s_ago'])} ago"


def age(seconds: float | None) -> str:
    """Show how long something has lasted."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def reload(*, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None) -> int:
    """Load the configuration anew. A faulty one is refused, with every fault (exit code 1), and the old one stays."""
    answer = ask_appliance((config, demo, state), {"what": "reload"}, RELOAD_S)
    if isinstance(answer, int):
        return answer
    if not answer["ok"]:
        complain(answer["error"])
        for error in answer.get("errors", []):
            complain(error)
        return BAD
    for warning in answer["body"]["warnings"]:
        complain(f"warning: {warning}")
    waiting = answer["body"]["needs_restart"]
    for name, version in answer["body"]["menus"].items():
        print(printable(f"menu {name}: {version}"))
    print(f"reloaded; these wait for a restart: {', '.join(waiting)}" if waiting else "reloaded")
    return FINE


def stop(
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    now: Annotated[bool, Parameter(negative=(), help="End the calls in progress.")] = False,
) -> int:
    """Stop the appliance: no new calls, and when the last call has ended, the end. Does not wait for it."""
    answer = ask_appliance((config, demo, state), {"what": "stop" if now else "drain"})
    if isinstance(answer, int):
        return answer
    print("stopping" if now else "draining: it stops when the last call has ended")
    return FINE
