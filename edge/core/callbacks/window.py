"""When somebody is to be called back: from a moment on, and until another one at the latest."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import NamedTuple

from msgspec import Struct

from edge.core.menus.calendar import Calendar, Zone

#: Days that openings are looked for.
LOOK_DAYS = 100

#: From and to, milliseconds since 1970; `to` is not in it.
Span = tuple[int, int]


class WindowRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the window follows from the moment of the request."""

    #: When people are there to call; None: always.
    calendar: Calendar | None = None
    #: Opening time that may pass before it is late.
    within_ms: int
    #: On the day that the window begins, no later than this minute of the day; who asks later, is called on the next
    #: day that is open. -1: no matter.
    latest: int = -1
    #: Not as soon as possible, but not before it opens again.
    next_opening: bool = False


class Window(NamedTuple):
    """Milliseconds since 1970."""

    begins_ms: int
    ends_ms: int


def window_of(rule: WindowRule, now_ms: int) -> Window | None:
    """Give the window of a request that is made now; None: it does not open within `LOOK_DAYS`."""
    calendar = rule.calendar
    if calendar is None:
        return Window(now_ms, now_ms + rule.within_ms)
    from_ms = now_ms
    if rule.next_opening:
        coming = openings(calendar, now_ms)
        first = next(coming, None)
        if first is not None and first[0] <= now_ms:
            first = next(coming, None)
        if first is None:
            return None
        from_ms = first[0]
    for _ in range(LOOK_DAYS):
        spans = openings(calendar, from_ms)
        opening = next(spans, None)
        if opening is None:
            return None
        day = calendar.zone.local(opening[0]).date()
        latest_ms = _at(calendar.zone, day, rule.latest) if rule.latest >= 0 else None
        if latest_ms is None or opening[0] < latest_ms:
            ends_ms = _passed(chain([opening], spans), rule.within_ms)
            return Window(opening[0], ends_ms if latest_ms is None else min(ends_ms, latest_ms))
        from_ms = _at(calendar.zone, day + timedelta(days=1), 0)
    return None


def openings(calendar: Calendar, from_ms: int) -> Iterator[Span]:
    """List when it is open from a moment on, in order, spans that touch each other as one."""
    zone = calendar.zone
    today = zone.local(from_ms).date()
    pending: Span | None = None
    for ahead in range(LOOK_DAYS):
        day = today + timedelta(days=ahead)
        for first, last in sorted(calendar.day(day)):
            opens, closes = _at(zone, day, first), _at(zone, day, last)
            if closes <= from_ms:
                continue
            if pending is not None and opens <= pending[1]:
                pending = (pending[0], max(pending[1], closes))
                continue
            if pending is not None:
                yield pending
            pending = (max(opens, from_ms), closes)
    if pending is not None:
        yield pending


def _passed(spans: Iterator[Span], within_ms: int) -> int:
    """Return when so much opening time has passed, at the latest when nothing more is open."""
    ends_ms = 0
    for begins, ends in spans:
        if ends - begins >= within_ms:
            return begins + within_ms
        within_ms -= ends - begins
        ends_ms = ends
    return ends_ms


def _at(zone: Zone, day: date, minute: int) -> int:
    return zone.wall_ms(datetime.combine(day, time()) + timedelta(minutes=minute))


def stamp(wall_ms: int) -> str:
    """Write milliseconds since 1970 as events do: RFC 3339, UTC."""
    return f"{datetime.fromtimestamp(wall_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{wall_ms % 1000:03d}Z"
