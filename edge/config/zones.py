"""Time zones and public holidays, as tables for `YEARS`."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from edge.config.errors import did_you_mean
from edge.core.menus.calendar import Zone

#: Years that holidays and changes of the clock are known of. Both are written into the compiled menu, so that a call
#: decides the same when it is replayed; the years are fixed, so that a menu's version does not change at New Year.
YEARS = range(2024, 2046)


def time_zone_fault(text: str) -> str:
    """Check the name of a time zone."""
    return "" if text in _zones() else f"'{text[:40]}' is no time zone {did_you_mean(text, _zones())}".rstrip()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def zone_of(name: str) -> Zone:
    """Make the table of a time zone, with every change of its clock in `YEARS`."""
    if name == "UTC" or name not in _zones():
        return Zone(name, [0])
    info = ZoneInfo(name)

    def offset(seconds: int) -> int:
        found = datetime.fromtimestamp(seconds, info).utcoffset()
        return int(found.total_seconds()) if found is not None else 0

    first = int(datetime(YEARS.start, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(YEARS.stop, 1, 1, tzinfo=UTC).timestamp())
    begins, offsets = [], [offset(first)]
    week = int(timedelta(days=7).total_seconds())
    for step in range(first, last, week):  # no clock changes twice in a week
        if offset(step + week) != offsets[-1]:
            low, high = step, step + week
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
            begins.append(high)
            offsets.append(offset(high))
    return Zone(name, offsets, begins)


def holidays_fault(text: str) -> str:
    """Check a country, or a part of it, whose public holidays are known."""
    import holidays  # its countries are loaded as they are asked for

    country, _, part = text.partition("-")
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        return f"the public holidays of '{text[:20]}' are not known; countries are such as 'DE', 'US', 'CN'"
    if part and part not in known[country]:
        return f"'{country}' has no part '{part[:20]}' with holidays of its own: {', '.join(known[country])}"
    return ""


@cache
def holidays_of(text: str) -> dict[int, str]:
    """List the public holidays of `YEARS`, by the day's ordinal."""
    import holidays

    country, _, part = text.partition("-")
    # Without a language the names would be those of the process's, and menus differ from machine to machine by that.
    found = holidays.country_holidays(country, subdiv=part or None, years=YEARS, language="en_US")
    return {day.toordinal(): name for day, name in sorted(found.items())}
