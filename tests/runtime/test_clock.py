"""Stamps."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from edge.runtime.clock import monotonic_ms, rfc3339, wall_time


def test_stamps_are_utc_with_milliseconds() -> None:
    assert rfc3339(datetime(2026, 11, 21, 19, 0, 0, 123_999, tzinfo=UTC)) == "2026-11-21T19:00:00.123Z"
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 1, 0, 0, 0, tzinfo=east)) == "2025-12-31T23:00:00.000Z"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        rfc3339(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_clocks() -> None:
    assert wall_time().tzinfo is UTC
    first = monotonic_ms()
    assert 0 < first <= monotonic_ms()
