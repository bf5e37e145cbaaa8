"""`edge menu report`: the indicators of a menu, by version or by week, beside what is expected of them."""

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from edge.cli.indicator_page import NONE, Expected, estimate_text, measured, nodes_of, plain
from edge.cli.indicator_source import count
from edge.cli.moments import told_since
from edge.cli.output import BAD, FINE, complain, print_json, print_table
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
from edge.config.errors import did_you_mean
from edge.config.menu_tables import Standard
from edge.config.trials import zone_info
from edge.core.indicators.journey import CallRecord
from edge.core.indicators.tally import Tally
from edge.storage.turn import StorageError

RepeatOption = Annotated[int, Parameter(help="Days within which another call of the same caller is a repeat.")]
SinceOption = Annotated[str | None, Parameter(help="Calls since a date (2026-11-01) or for so long (7d, 12h).")]
#: Groups that fit beside each other.
_MOST_GROUPS = 6


def report(
    menu: Annotated[str, Parameter(help="Name of a menu.")],
    /,
    *,
    since: SinceOption = None,
    by: Annotated[Literal["all", "version", "week"], Parameter(help="One column, or one for each.")] = "all",
    repeat_days: RepeatOption = 7,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show what became of a menu's calls, from the stored events; the daemon may be down. 95 % intervals."""
    try:
        found = usable_site(config, demo=demo, overrides={} if state is None else {"paths.state": state})
        standards = {one.menu: one for one in found.site.standards}
        served = {name: one.served_at for name, one in standards.items()}
        zone = zone_info(found.site.time_zone)
        begin_ms = told_since(since, found.site.time_zone)

        def group(call: CallRecord) -> str | None:
            return _group(call, by, zone) if call.menu == menu else None

        counting, counted = count(
            Path(found.site.paths.state), group, served, begin_ms=begin_ms, repeat_days=repeat_days
        )
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if counted.unreadable:
        complain(f"{counted.unreadable} events could not be read and are left out")
    if not counting.tallies:
        advice = "" if menu in found.site.menus else did_you_mean(menu, found.site.menus)
        complain(f"no calls of menu '{menu}' have ended" + (f" ({advice})" if advice else ""))
        return BAD
    groups = dict(sorted(counting.tallies.items(), key=lambda item: item[0])) if by == "week" else counting.tallies
    if json:
        for name, tally in groups.items():
            print_json({"menu": menu, "group": name, **document(tally)})
    else:
        _show(menu, dict(list(groups.items())[-_MOST_GROUPS:]), standards.get(menu), by)
    return FINE


def _group(call: CallRecord, by: str, zone: tzinfo) -> str:
    if by == "version":
        return call.version[:8]
    if by == "week":
        year, week, _ = datetime.fromtimestamp(call.started_ms / 1000, zone).isocalendar()
        return f"{year}-W{week:02d}"
    return "all"


def document(tally: Tally) -> dict[str, Any]:
    """Give the indicators of a group as JSON."""
    return {
        "calls": tally.calls,
        "indicators": {name: {"unit": unit, **(plain(found) or {})} for name, unit, found in measured(tally)},
        "nodes": {
            node: {
                "came": tally.visited[node],
                "abandonment": plain(left),
                "no_input": plain(no),
                "no_match": plain(bad),
            }
            for node, left, no, bad in nodes_of(tally)
        },
        "versions": [{"menu": menu, "version": version, "calls": n} for (menu, version), n in tally.versions.items()],
    }


def _show(menu: str, groups: dict[str, Tally], standard: Standard | None, by: str) -> None:
    of_groups = [{name: (unit, found) for name, unit, found in measured(tally)} for tally in groups.values()]
    names = list(dict.fromkeys(name for one in of_groups for name in one))
    expected = Expected(standard)
    rows: list[tuple[str, ...]] = [("calls", *(str(tally.calls) for tally in groups.values()), "", "")]
    for name in names:
        cells = [estimate_text(*one[name]) if name in one else NONE for one in of_groups]
        last = of_groups[-1].get(name)
        text, met = expected.said(name, *last) if last is not None else ("", "")
        rows.append((name, *cells, text, met))
    heads = [menu] if by == "all" else list(groups)
    columns = ("indicator", *heads, "standard", "last column" if len(heads) > 1 else "")
    wanted = [i for i, column in enumerate(columns) if i <= len(heads) or any(row[i] for row in rows)]
    print_table([columns[i] for i in wanted], [[row[i] for i in wanted] for row in rows])
    print()
    show_nodes(groups[list(groups)[-1]], expected)


def show_nodes(tally: Tally, expected: Expected) -> None:
    """Print what becomes of calls at each node."""
    rows = []
    for node, *found in nodes_of(tally):
        judged = "; ".join(expected.of_node(node, found))
        rows.append((node, tally.visited[node], *(estimate_text("share", one) for one in found), judged))
    if rows:
        columns = ("node", "calls there", "abandoned there", "rounds with no input", "rounds with no match", "standard")
        print_table(columns, rows, right=("calls there",))
