"""Why and when a core wants to be woken."""

from collections.abc import Iterable
from typing import NamedTuple


class Deadline(NamedTuple):
    """Wake the core at `at_ms` (CLOCK_MONOTONIC, milliseconds) because of `reason`."""

    at_ms: int
    reason: str


def earliest(deadlines: Iterable[Deadline | None]) -> Deadline | None:
    """Return the first of several deadlines, None when there is none."""
    return min((d for d in deadlines if d is not None), default=None)
