"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], limit_s: float = 10.0, what: str = "", *, every_s: float = 0.005) -> T:
    """Poll `condition` until it is true and return its value; AssertionError naming `what` after `limit_s` seconds.

    The limit only bounds a failing test: make it generous. `every_s`: longer for what costs to look at.
    """
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            name = what or getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"not reached within {limit_s} s: {name}")
        time.sleep(every_s)
