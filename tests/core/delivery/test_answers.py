from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.delivery.answers import backoff_ms, result_of, retry_after_ms
from edge.core.delivery.model import RESULTS

NOW = datetime(2026, 11, 21, 19, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, "accepted"),
        (204, "accepted"),
        (299, "accepted"),
        (301, "redirected"),
        (308, "redirected"),
        (400, "refused"),
        (404, "refused"),
        (408, "busy"),
        (410, "gone"),
        (425, "busy"),
        (429, "busy"),
        (500, "failed"),
        (503, "busy"),
        (504, "failed"),
        (101, "failed"),
        (999, "failed"),
    ],
)
def test_status(status: int, result: str) -> None:
    assert result_of(status) == result


@given(st.integers(-1, 2000))
def test_every_status_has_a_meaning(status: int) -> None:
    assert result_of(status) in RESULTS


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 120 ", 120_000),
        ("-1", None),
        ("1.5", None),
        ("٣", None),  # a digit, but not an ASCII one
        ("99999999999999999999", 999_999_999_000),
        ("Sat, 21 Nov 2026 19:00:30 GMT", 30_000),
        ("Sat, 21 Nov 2026 18:00:30 GMT", 0),
        ("Sat, 21 Nov 2026 19:00:30", 30_000),
        ("soon", None),
        ("x" * 10_000, None),
    ],
)
def test_retry_after(value: str | None, wanted: int | None) -> None:
    assert retry_after_ms(value, NOW) == wanted


@given(st.text(max_size=80))
def test_retry_after_never_raises(value: str) -> None:
    waited = retry_after_ms(value, NOW)
    assert waited is None or waited >= 0


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_back_off_grows_and_is_capped(failures: int, jitter: float) -> None:
    pause = backoff_ms(failures, 500, 60_000, jitter)
    whole = min(60_000, 500 * 2 ** min(failures - 1, 20))
    assert whole // 2 <= pause <= whole


def test_the_upper_half_of_a_pause_is_spread():
    """So that sinks which failed together are not asked together."""
    assert [backoff_ms(1, 500, 60_000, jitter) for jitter in (0.0, 0.5, 1.0)] == [250, 375, 500]
    assert [backoff_ms(9, 500, 60_000, jitter) for jitter in (0.0, 1.0)] == [30_000, 60_000]
