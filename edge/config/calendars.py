"""Opening hours as written, made into plain tables: week, exceptions, public holidays, time zone."""

import re
from datetime import date

from edge.config.errors import Findings
from edge.config.located import Located, find, place_of
from edge.config.menu_tables import HoursSource, HoursTable
from edge.config.zones import holidays_of, zone_of
from edge.core.menus.calendar import DAY, Calendar, Span
from edge.core.menus.facts import WEEKDAYS

_TIMES = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)


def calendar_of(source: HoursSource, located: Located, findings: Findings) -> Calendar:
    """Make the tables; what can't be read is a finding where it stands."""
    week: list[list[Span]] = [[] for _ in WEEKDAYS]
    for days, text in source.week.items():
        numbers = days_of(days)
        if numbers is None:
            place = place_of(located, ("week", days), key=True)
            findings.error(place, f"'{days[:40]}' are no days of the week", "such as 'mon', 'mon-fri' or 'sat,sun'")
            continue
        spans = _spans(text, located, ("week", days), findings)
        for number in numbers:
            _add(week, number, spans)
    exceptions: dict[int, list[Span]] = {}
    for day, text in source.exceptions.items():
        try:
            ordinal = date.fromisoformat(day).toordinal()
        except ValueError:
            place = place_of(located, ("exceptions", day), key=True)
            findings.error(place, f"'{day[:40]}' is no date", "such as 2026-12-24")
            continue
        exceptions.setdefault(ordinal, [])
        for begin, end in _spans(text, located, ("exceptions", day), findings):
            exceptions[ordinal].append((begin, min(end, DAY)))
            if end > DAY:
                exceptions.setdefault(ordinal + 1, list(_of_day(week, ordinal + 1))).append((0, end - DAY))
    return Calendar(
        zone=zone_of(source.time_zone or "UTC"),
        week=[sorted(spans) for spans in week],
        exceptions=exceptions,
        holidays=holidays_of(source.holidays) if source.holidays else {},
    )


def _of_day(week: list[list[Span]], ordinal: int) -> list[Span]:
    return week[date.fromordinal(ordinal).weekday()]


def _add(week: list[list[Span]], day: int, spans: list[Span]) -> None:
    """Add spans to a day; what is behind midnight belongs to the next one."""
    for begin, end in spans:
        week[day].append((begin, min(end, DAY)))
        if end > DAY:
            week[(day + 1) % 7].append((0, end - DAY))


def _spans(text: str, located: Located, path: tuple[str, str], findings: Findings) -> list[Span]:
    """Read times; those that end earlier than they begin end on the next day."""
    if text.strip().lower() == "closed":
        return []
    spans: list[Span] = []
    for part in text.split(","):
        match = _TIMES.fullmatch(part.strip())
        begin, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
        if match is None or begin >= DAY or end > DAY or begin == end:
            findings.error(place_of(located, path), f"'{part.strip()[:40]}' are no times", "such as '08:00-17:30'")
        else:
            spans.append((begin, end if end > begin else end + DAY))
    return spans


def days_of(text: str) -> list[int] | None:
    """Read days of the week, Monday is 0; None when they are none. `fri-mon` goes round."""
    found: list[int] = []
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            return None
        begin = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last) - begin) % 7 if dash else 0
        found += [(begin + step) % 7 for step in range(length + 1)]
    return found


def site_calendars(tables: list[HoursTable], root: Located, findings: Findings) -> dict[str, Calendar]:
    """Make the tables of a site's `[[hours]]`, by name."""
    found: dict[str, Calendar] = {}
    for number, table in enumerate(tables):
        listed = find(root, ("hours",))
        located = listed.items[number] if listed is not None and listed.items else root
        if table.name in found:
            findings.error(place_of(located, ("name",)), f"there are two opening hours named '{table.name}'")
        found[table.name] = calendar_of(table, located, findings)
    return found
