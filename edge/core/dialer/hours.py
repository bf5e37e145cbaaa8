"""Moments at which people may be called: open by the clock of every zone that the callee may be in.

All is settled in spans of UTC, a day at a time: what the change of a clock leaves out or brings twice comes out right
without a case of its own, and the next moment that is open is the begin of a span.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from edge.core.menus.calendar import Calendar, Zone

DAY_SECONDS = 86_400
#: So many days ahead the next opening is looked for: no week, run of holidays or change of a clock is longer.
HORIZON_DAYS = 62
_KEPT = 20_000
_EPOCH = date(1970, 1, 1).toordinal()

#: Begin and end, seconds since 1970; the end is not in it.
UtcSpan = tuple[int, int]
#: Finds a zone by its IANA name; None when there is none.
ZoneSource = Callable[[str], Zone | None]


class OpenHours:
    """When a calendar is open in sets of zones. What was worked out is kept, so most questions are look-ups."""

    def __init__(self, calendar: Calendar, zone_of: ZoneSource) -> None:
        self._calendar = calendar
        self._zone_of = zone_of
        self._zones: dict[tuple[str, ...], tuple[Zone, ...] | None] = {}
        self._days: dict[tuple[tuple[str, ...], int], list[UtcSpan]] = {}

    def zones(self, names: tuple[str, ...]) -> tuple[Zone, ...] | None:
        """Give the tables of zones; None when there are none, or one of them is not known."""
        if names not in self._zones:
            found = [self._zone_of(name) for name in names]
            known = tuple(zone for zone in found if zone is not None)
            if len(self._zones) >= _KEPT:
                self._zones.clear()
            self._zones[names] = known if known and len(known) == len(found) else None
        return self._zones[names]

    def next_open(self, names: tuple[str, ...], now_ms: int) -> int | None:
        """Return the first moment from now on at which it is open in all zones; None: not within the horizon."""
        today = now_ms // 1000 // DAY_SECONDS
        for day in range(today, today + HORIZON_DAYS):
            for begin, end in self._day(names, day):
                if now_ms < end * 1000:
                    return max(now_ms, begin * 1000)
        return None

    def closed_in(self, names: tuple[str, ...], now_ms: int) -> list[str]:
        """List the zones in which it is closed."""
        seconds = now_ms // 1000
        return [
            zone.name
            for zone in self.zones(names) or ()
            if not any(begin <= seconds < end for begin, end in spans(self._calendar, zone, seconds, seconds + 1))
        ]

    def holiday(self, names: tuple[str, ...], now_ms: int) -> str:
        """Name a holiday that one of the zones has now; "" when none has."""
        for zone in self.zones(names) or ():
            day = zone.local(now_ms).date().toordinal()
            if day in self._calendar.holidays and day not in self._calendar.exceptions:
                return self._calendar.holidays[day]
        return ""

    def _day(self, names: tuple[str, ...], day: int) -> list[UtcSpan]:
        key = (names, day)
        found = self._days.get(key)
        if found is None:
            if len(self._days) >= _KEPT:
                self._days.clear()
            begin = day * DAY_SECONDS
            found = self._days[key] = self._common(self.zones(names) or (), begin, begin + DAY_SECONDS)
        return found

    def _common(self, zones: Sequence[Zone], begin: int, end: int) -> list[UtcSpan]:
        if not zones:
            return []
        common: list[UtcSpan] = [(begin, end)]
        # Most zones of a country tell the same time, and are one.
        for pieces in {tuple(pieces_of(zone, begin, end)) for zone in zones}:
            common = _both(common, _joined(_open(self._calendar, pieces)))
        return common


def spans(calendar: Calendar, zone: Zone, begin: int, end: int) -> list[UtcSpan]:
    """List the spans within `begin` to `end` (UTC, seconds) in which a calendar is open by the clock of a zone."""
    return _joined(_open(calendar, tuple(pieces_of(zone, begin, end))))


def pieces_of(zone: Zone, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Divide a stretch of time where the clock of a zone changes; yield begin, end and offset (seconds)."""
    at = bisect_right(zone.begins, begin)
    while begin < end:
        until = min(end, zone.begins[at]) if at < len(zone.begins) else end
        yield begin, until, zone.offsets[at]
        begin, at = until, at + 1


def _open(calendar: Calendar, pieces: Sequence[tuple[int, int, int]]) -> Iterator[UtcSpan]:
    for begin, end, offset in pieces:
        for day in range((begin + offset) // DAY_SECONDS, (end - 1 + offset) // DAY_SECONDS + 1):
            midnight = day * DAY_SECONDS - offset
            for opens, closes in calendar.day(date.fromordinal(_EPOCH + day)):
                first, last = max(begin, midnight + opens * 60), min(end, midnight + closes * 60)
                if first < last:
                    yield first, last


def _joined(found: Iterator[UtcSpan]) -> list[UtcSpan]:
    """Join spans that touch or overlap."""
    joined: list[UtcSpan] = []
    for begin, end in sorted(found):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _both(one: list[UtcSpan], other: list[UtcSpan]) -> list[UtcSpan]:
    """Give what is in both."""
    found = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return sorted((begin, end) for begin, end in found if begin < end)


def local_day(zone: Zone, at_ms: int) -> int:
    """Return the day of a moment by a zone's clock, counted from 1970-01-01."""
    seconds = at_ms // 1000
    return (seconds + zone.offsets[bisect_right(zone.begins, seconds)]) // DAY_SECONDS


def week_of(day: int) -> int:
    """Return the number of the week of a day; weeks begin on Monday (1970-01-01 was a Thursday)."""
    return (day + 3) // 7


def first_moment_of(zone: Zone, day: int, after_ms: int) -> int:
    """Return the first moment after `after_ms` (ms) at which a zone's clock has reached a day."""
    begin = after_ms // 1000
    for start, end, offset in pieces_of(zone, begin, begin + 10 * DAY_SECONDS):
        midnight = day * DAY_SECONDS - offset
        if midnight < end:
            return max(midnight, start) * 1000
    raise ValueError("a day that is further than a week away")
