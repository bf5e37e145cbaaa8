"""Opening hours: a week, exceptions by date, public holidays, and a time zone, all as plain tables.

The tables are made when the menu is compiled, so that what a call decides by them is the same when it is replayed, and
nothing is read here: no clock, no file of time zones.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from msgspec import Struct

DAY = 24 * 60

State = Literal["open", "closed", "holiday"]
#: From and to, minutes of a day; `to` is not in it.
Span = tuple[int, int]


class Zone(Struct, frozen=True):
    """A time zone: from each of `begins` (seconds since 1970, UTC, rising) on the offset of the same place holds."""

    name: str
    #: Seconds east of UTC. One more than `begins`: the first holds before all of them.
    offsets: list[int]
    begins: list[int] = []

    def local(self, wall_ms: int) -> datetime:
        """Give the local time of milliseconds since 1970, without a zone of its own."""
        seconds = wall_ms // 1000
        offset = self.offsets[bisect_right(self.begins, seconds)]
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) + timedelta(seconds=offset)

    def wall_ms(self, local: datetime) -> int:
        """Give the milliseconds since 1970 of a local time; of one that comes twice the first one."""
        plain = local.replace(tzinfo=UTC)
        found = [int((plain - timedelta(seconds=offset)).timestamp() * 1000) for offset in sorted(set(self.offsets))]
        return min((ms for ms in found if self.local(ms) == local), default=found[0])


UTC_ZONE = Zone("UTC", [0])


class Calendar(Struct, frozen=True, kw_only=True):
    """When something is open."""

    zone: Zone = UTC_ZONE
    #: Monday first.
    week: list[list[Span]]
    #: By `date.toordinal()`; an empty list: closed all day. Comes before holidays.
    exceptions: dict[int, list[Span]] = {}
    #: By `date.toordinal()`: the holiday's name. Closed all day.
    holidays: dict[int, str] = {}

    def state(self, wall_ms: int) -> State:
        """Tell whether it is open at a time, milliseconds since 1970."""
        now = self.zone.local(wall_ms)
        minute, day = now.hour * 60 + now.minute, now.date().toordinal()
        spans = self.exceptions.get(day)
        if spans is None:
            if day in self.holidays:
                return "holiday"
            spans = self.week[now.weekday()]
        return "open" if any(begin <= minute < end for begin, end in spans) else "closed"

    def holiday(self, wall_ms: int) -> str:
        """Name the holiday of a time, "" when it is none."""
        return self.holidays.get(self.zone.local(wall_ms).date().toordinal(), "")

    def day(self, day: date) -> list[Span]:
        """Give the opening hours of a day."""
        exception = self.exceptions.get(day.toordinal())
        if exception is not None:
            return exception
        return [] if day.toordinal() in self.holidays else self.week[day.weekday()]
