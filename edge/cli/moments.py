"""Moments and spans as people type them, in the zone of the site: one way for all commands."""

from datetime import datetime
from typing import NamedTuple

from edge.cli.output import complain
from edge.cli.site import UsageError
from edge.config.kinds import duration_ms
from edge.config.trials import moment_ms, zone_info
from edge.core.indicators.tally import DAY_MS
from edge.runtime.clock import wall_time

#: No events are older.
_LONGEST_MS = 3660 * DAY_MS


class Since(NamedTuple):
    """A begin: milliseconds since 1970 (0: everything), and how people read it."""

    ms: int
    text: str

    def __bool__(self) -> bool:
        return self.ms > 0


def since(given: str | None, time_zone: str) -> Since:
    """Read a date, a time, or a length of time before now (`7d`, `12h`). Raises `UsageError`.

    Dates and times without an offset are those of `time_zone` (empty: UTC).
    """
    if given is None:
        return Since(0, "")
    days = given.removesuffix("d")
    span = int(days) * DAY_MS if days != given and days.isdecimal() and days.isascii() else duration_ms(given)
    try:
        ms = now_ms() - min(span, _LONGEST_MS) if span is not None else moment_ms(given or "nothing", time_zone)
        return Since(ms, moment_text(ms, time_zone))
    except (ValueError, OverflowError):
        raise UsageError(f"'{given}' is neither a date such as 2026-11-01 nor a time such as 7d") from None


def told_since(given: str | None, time_zone: str) -> int:
    """Read it as `since` does, and say on stderr what was understood; returns milliseconds since 1970."""
    begin = since(given, time_zone)
    if begin:
        complain(f"since {begin.text}")
    return begin.ms


def moment_text(wall_ms: int, time_zone: str) -> str:
    """Write a moment with its offset and the name of its zone."""
    at = datetime.fromtimestamp(wall_ms / 1000, zone_info(time_zone))
    return f"{at.isoformat(' ', 'seconds')} ({time_zone or 'UTC'})"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(wall_time().timestamp() * 1000)
