"""`edge hw monitor [LINE]`: how lines stand now, as their processes know it."""

import sys
import time
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.app.line_keepers import PREFIX
from edge.cli.control import NotRunningError, ask
from edge.cli.daemon import Where, age, run_dir
from edge.cli.hw_profiles import line_named
from edge.cli.output import BAD, FINE, console, print_json, print_table, printable
from edge.cli.site import BadSiteError, ConfigOption, JsonOption, StateOption, UsageError, failed, usable_site

#: Between two looks.
LOOK_S: Final = 0.5
COLUMNS: Final = (
    "line",
    "state",
    "since",
    "call",
    "signal",
    "operator",
    "drift",
    "level in, out",
    "peak",
    "clipped",
    "store in, out",
    "dry, over",
    "device",
    "why",
)


def monitor(
    line: Annotated[str | None, Parameter(help="A line of the site; else all of them.")] = None,
    /,
    *,
    once: Annotated[bool, Parameter(negative=(), help="One look, and no more.")] = False,
    config: ConfigOption = None,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Watch lines: state, call, signal, operator, levels, drift of the sound's clock, gaps, until Ctrl-C.

    Levels are those of the last half second, in dBm0, as the call is heard and as the device plays it: behind the
    gains. What is clipped is counted in samples, before the gain where it is heard.

    Exit code 1: the appliance does not run, or (with --once) a line is not ready.
    """
    where: Where = (config, False, state)
    try:
        overrides = {} if state is None else {"paths.state": str(state)}
        site = usable_site(config, demo=False, overrides=overrides, menus=False).site
        names = [line_named(line, site).name] if line is not None else [one.name for one in site.lines]
        if not names:
            raise UsageError("the site has no lines ([[lines]])")
        found = look(where, names)
        if json or once or not sys.stdout.isatty():
            _print(found, json=json)
            while not once:
                time.sleep(LOOK_S)
                _print(look(where, names), json=json)
            return FINE if all(one["state"] == "ready" for one in found) else BAD
        with Live(_table(found), console=console(), auto_refresh=False) as live:
            while True:
                time.sleep(LOOK_S)
                live.update(_table(look(where, names)), refresh=True)
    except (UsageError, BadSiteError, NotRunningError) as error:
        return failed(error)


def look(where: Where, names: list[str]) -> list[dict[str, Any]]:
    """Ask the process of each line; one that does not answer is `absent`. Raises `NotRunningError`, `BadSiteError`."""
    config, demo, state = where
    folder = run_dir(config, demo=demo, state=state)
    found = []
    for name in names:
        answer = ask(folder, {"what": "request", "process": PREFIX + name, "request": "line", "body": {}})
        document = answer["body"] if answer["ok"] else {"line": name, "state": "absent", "text": answer["error"]}
        found.append({"since_ms": None, "busy": False, "identity": None, "signal": None, "sound": None, **document})
    return found


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    signal, sound, identity = one["signal"] or {}, one["sound"] or {}, one["identity"] or {}
    dbm = signal.get("dbm")
    faults = one.get("underruns"), one.get("overruns")
    return (
        one["line"],
        one["state"],
        "" if one["since_ms"] is None else age(one["since_ms"] / 1000),
        "yes" if one["busy"] else "",
        "" if dbm is None else f"{dbm} dBm",
        signal.get("operator") or "",
        f"{sound['drift_ppm']:+.0f} ppm" if sound else "",
        *_levels(sound),
        f"{sound['depth_in_ms']:.0f}, {sound['depth_out_ms']:.0f} ms" if sound else "",
        "" if not faults[0] else ", ".join(f"{way['in']}+{way['out']}" for way in faults if way),
        " ".join(word for word in (identity.get("model"), identity.get("firmware")) if word),
        sound.get("disturbed", "") if one["state"] == "ready" else one["text"],
    )


def _levels(sound: dict[str, Any]) -> tuple[str, str, str]:
    """Return level, peak and clipped samples of both directions."""
    ways = [sound.get(way) for way in ("in", "out")]
    if not all(ways):
        return "", "", ""
    level, peak = (
        ", ".join("-" if way[name] is None else f"{way[name]:.0f}" for way in ways if way)
        for name in ("level_dbm0", "peak_dbm0")
    )
    return f"{level} dBm0", peak, ", ".join(str(way["clipped"]) for way in ways if way)


def _print(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        for one in found:
            print_json(one)
    else:
        print_table(COLUMNS, map(_cells, found))


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column)
    for one in found:
        style = "green" if one["state"] == "ready" else "red"
        cells = [Text(printable(cell)) for cell in _cells(one)]
        cells[1].stylize(style)
        table.add_row(*cells)
    return table
