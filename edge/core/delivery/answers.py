"""What an HTTP answer of a sink means."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from edge.core.delivery.model import Result

_BUSY = frozenset({408, 425, 429, 503})


def result_of(status: int) -> Result:
    """Read an HTTP status (RFC 9110 section 15; 410 as Standard Webhooks reads it)."""
    if 200 <= status < 300:
        return "accepted"
    if 300 <= status < 400:
        return "redirected"
    if status == 410:
        return "gone"
    if status in _BUSY:
        return "busy"
    if 400 <= status < 500:
        return "refused"
    return "failed"


def retry_after_ms(value: str | None, now: datetime) -> int | None:
    """Read a Retry-After header (RFC 9110 section 10.2.3: seconds or a date): milliseconds, None without sense."""
    if value is None or len(value) > 64:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * 1000
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0, int((date - now).total_seconds() * 1000))


def backoff_ms(failures: int, first_ms: int, max_ms: int, jitter: float) -> int:
    """Pause after `failures` failures in a row (from 1): doubling, capped, its upper half spread by `jitter` (0..1)."""
    whole = min(max_ms, first_ms << min(failures - 1, 30))
    return whole // 2 + int(whole / 2 * jitter)
