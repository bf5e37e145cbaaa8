"""The only clocks of the appliance: one to measure and wait with, one to stamp with."""

import time
from datetime import UTC, datetime


def monotonic_ms() -> int:
    """CLOCK_MONOTONIC in whole milliseconds; the same in every process of this machine, unmoved by clock changes."""
    return time.monotonic_ns() // 1_000_000


def wall_time() -> datetime:
    """Return the time of day, UTC. For stamps only: it may jump."""
    return datetime.now(UTC)


def rfc3339(t: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-21T19:00:00.123Z`. A naive `t` is refused (ValueError)."""
    if t.tzinfo is None:
        raise ValueError("a naive datetime has no place on a time line")
    return t.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}Z"
