"""`edge menu hours`: whether opening hours are open at a time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from edge.cli.output import BAD, FINE, USAGE, complain, print_json, printable
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, UsageError, failed, usable_site
from edge.config.errors import did_you_mean
from edge.config.loader import Inspection
from edge.core.menus.calendar import Calendar
from edge.core.menus.model import Hours
from edge.runtime.clock import wall_time

#: How far ahead the next change is looked for.
_LOOK_AHEAD = timedelta(days=60)


def hours(
    name: Annotated[str, Parameter(help="Opening hours, of the site or of a menu.")] = "",
    *,
    at: Annotated[str, Parameter(help="A time there, such as 2026-12-25T10:00; now when not given.")] = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
) -> int:
    """Ask opening hours; without a name, all of them. Exit code 1: there are none of this name."""
    try:
        found = usable_site(config, demo=demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    try:
        time = datetime.fromisoformat(at) if at else None
    except ValueError:
        complain(f"'{printable(at)}' is no time such as 2026-12-25T10:00")
        return USAGE
    known = calendars_of(found)
    chosen = {one: calendar for one, calendar in known.items() if not name or one[0] == name}
    if not chosen and name:
        names = [one for one, _ in known]
        complain(f"there are no opening hours '{printable(name)}'; {did_you_mean(name, names) or ', '.join(names)}")
        return BAD
    for (one, origin), calendar in chosen.items():
        answer = {"name": one, "of": origin, **ask(calendar, _wall_ms(calendar, time))}
        if json:
            print_json(answer)
        else:
            print(printable(_sentence(answer)))
    return FINE


def calendars_of(found: Inspection) -> dict[tuple[str, str], Calendar]:
    """Collect the opening hours of a site and of its menus, by name and origin."""
    all_of = {(name, "site"): calendar for name, calendar in found.site.calendars.items()}
    for menu in found.site.menus.values():
        for node in menu.nodes.values():
            if isinstance(node, Hours) and found.site.calendars.get(node.name) != node.calendar:
                all_of[node.name, menu.name] = node.calendar
    return all_of


def ask(calendar: Calendar, wall_ms: int) -> dict[str, str]:
    """Tell what holds at a time, and until when."""
    state, local = calendar.state(wall_ms), calendar.zone.local(wall_ms)
    change = _next_change(calendar, local)
    return {
        "at": f"{local:%Y-%m-%dT%H:%M}",
        "time_zone": calendar.zone.name,
        "state": state,
        "holiday": calendar.holiday(wall_ms),
        "until": f"{change:%Y-%m-%dT%H:%M}" if change is not None else "",
        "today": ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in sorted(calendar.day(local.date()))),
    }


def _next_change(calendar: Calendar, local: datetime) -> datetime | None:
    """Find when it opens or closes next: only the ends of spans and midnights can be that."""
    is_open = calendar.state(calendar.zone.wall_ms(local)) == "open"
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight - local < _LOOK_AHEAD:
        edges = {minute for span in calendar.day(midnight.date()) for minute in span} | {0}
        for minute in sorted(edges):
            then = midnight + timedelta(minutes=minute)
            if then > local and (calendar.state(calendar.zone.wall_ms(then)) == "open") is not is_open:
                return then
        midnight += timedelta(days=1)
    return None


def _wall_ms(calendar: Calendar, time: datetime | None) -> int:
    if time is None:
        return int(wall_time().timestamp() * 1000)
    return int(time.astimezone(UTC).timestamp() * 1000) if time.tzinfo else calendar.zone.wall_ms(time)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _sentence(answer: dict[str, str]) -> str:
    reason = f" ({answer['holiday']})" if answer["holiday"] else ""
    until = f" until {answer['until']}" if answer["until"] else ""
    today = answer["today"] or "closed"
    when = f"{answer['at']} {answer['time_zone']}"
    return f"{answer['name']} ({answer['of']}) at {when}: {answer['state']}{reason}{until}; that day {today}"
