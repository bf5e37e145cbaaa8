"""From when on, and until when, somebody is called back."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.zones import zone_of
from edge.core.callbacks.window import Window, WindowRule, openings, stamp, window_of
from edge.core.menus.calendar import Calendar

ZONE = zone_of("Europe/Berlin")
HOUR = 3_600_000
#: 08:00 to 12:00 and 13:00 to 17:00 from Monday to Friday, closed on 2026-12-24.
OFFICE = Calendar(
    zone=ZONE,
    week=[[(480, 720), (780, 1020)]] * 5 + [[], []],
    exceptions={datetime(2026, 12, 24).toordinal(): []},  # noqa: DTZ001 - a day
)
ALWAYS = Calendar(zone=ZONE, week=[[(0, 1440)]] * 7)


def at(text: str) -> int:
    return ZONE.wall_ms(datetime.fromisoformat(text))


def shown(window: Window | None) -> tuple[str, str] | None:
    return tuple(f"{ZONE.local(ms):%a %H:%M}" for ms in window) if window is not None else None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("now", "rule", "expected"),
    [
        ("2026-11-23T09:00", {"within_ms": 2 * HOUR}, ("Mon 09:00", "Mon 11:00")),
        ("2026-11-23T11:00", {"within_ms": 2 * HOUR}, ("Mon 11:00", "Mon 14:00")),  # lunch does not count
        ("2026-11-23T16:00", {"within_ms": 4 * HOUR}, ("Mon 16:00", "Tue 11:00")),
        ("2026-11-23T12:30", {"within_ms": HOUR}, ("Mon 13:00", "Mon 14:00")),
        ("2026-11-27T18:00", {"within_ms": HOUR}, ("Mon 08:00", "Mon 09:00")),
        ("2026-11-23T09:00", {"within_ms": 40 * HOUR}, ("Mon 09:00", "Mon 09:00")),
        ("2026-12-23T18:00", {"within_ms": HOUR}, ("Fri 08:00", "Fri 09:00")),  # closed on the 24th
        ("2026-11-23T09:00", {"within_ms": HOUR, "next_opening": True}, ("Mon 13:00", "Mon 14:00")),
        ("2026-11-23T20:00", {"within_ms": HOUR, "next_opening": True}, ("Tue 08:00", "Tue 09:00")),
        ("2026-11-23T09:00", {"within_ms": 8 * HOUR, "latest": 16 * 60}, ("Mon 09:00", "Mon 16:00")),
        ("2026-11-23T16:30", {"within_ms": 8 * HOUR, "latest": 16 * 60}, ("Tue 08:00", "Tue 16:00")),
        ("2026-11-27T16:00", {"within_ms": HOUR, "latest": 16 * 60}, ("Mon 08:00", "Mon 09:00")),
    ],
)
def test_windows_of_an_office(now: str, rule: dict, expected: tuple[str, str]) -> None:
    assert shown(window_of(WindowRule(calendar=OFFICE, **rule), at(now))) == expected


def test_without_hours_it_is_always_open() -> None:
    assert window_of(WindowRule(within_ms=HOUR), 5) == Window(5, 5 + HOUR)
    assert shown(window_of(WindowRule(calendar=ALWAYS, within_ms=30 * HOUR), at("2026-11-23T09:00"))) == (
        "Mon 09:00",
        "Tue 15:00",
    )
    assert window_of(WindowRule(calendar=ALWAYS, within_ms=HOUR, next_opening=True), 0) is None, "it never opens again"
    assert window_of(WindowRule(calendar=Calendar(week=[[]] * 7), within_ms=HOUR), 0) is None


def test_hours_across_a_change_of_the_clock() -> None:
    night = Calendar(zone=ZONE, week=[[(0, 1440)]] * 7)
    # At 03:00 on 2026-10-25 it is 02:00 again: the day has 25 hours.
    begins = at("2026-10-25T00:00")
    found = window_of(WindowRule(calendar=night, within_ms=24 * HOUR), begins)
    assert shown(found) == ("Sun 00:00", "Sun 23:00")


SPANS = st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda one: one[0] < one[1]), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SPANS, min_size=7, max_size=7),
    st.integers(0, 30 * 24 * 60),
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from([-1, 0, 600, 1439]),
)
def test_a_window_is_open_time_as_minutes_counted_one_by_one_say(
    week: list[list[tuple[int, int]]], minute: int, within: int, later: bool, latest: int
) -> None:
    calendar = Calendar(zone=ZONE, week=week)
    now = at("2026-11-23T00:00") + minute * 60_000
    rule = WindowRule(calendar=calendar, within_ms=within * 60_000 * 15, next_opening=later, latest=latest)
    found = window_of(rule, now)
    if found is None:
        assert latest >= 0 or later or not any(week), "it opens"
        return
    begins, ends = found
    assert now <= begins < ends
    minutes = [calendar.state(ms) == "open" for ms in range(begins, min(ends, begins + 3 * 86_400_000), 60_000)]
    assert minutes[0]
    if latest < 0:
        assert ends - begins >= rule.within_ms
        if ends - begins <= 3 * 86_400_000:
            assert sum(minutes) == within * 15
    else:
        local = ZONE.local(begins)
        assert ZONE.local(ends - 1) <= local.replace(hour=0, minute=0) + timedelta(minutes=latest)
    if not later and latest < 0:
        before = [calendar.state(ms) for ms in range(now, min(begins, now + 86_400_000), 60_000)]
        assert "open" not in before, "it begins as soon as it is open"


def test_openings_that_touch_are_one() -> None:
    calendar = Calendar(zone=ZONE, week=[[(480, 600), (600, 720)], [(0, 60)], [], [], [], [], [(1380, 1440)]])
    spans = openings(calendar, at("2026-11-23T09:00"))
    assert [f"{ZONE.local(a):%a %H:%M} {ZONE.local(b):%H:%M}" for a, b in [next(spans) for _ in range(3)]] == [
        "Mon 09:00 12:00",
        "Tue 00:00 01:00",
        "Sun 23:00 00:00",
    ]


def test_stamps_are_as_in_events() -> None:
    assert datetime.fromisoformat(stamp(1_795_000_000_123)).timestamp() == 1_795_000_000.123
