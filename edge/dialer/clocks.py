"""The clocks of the process, which tests wind."""

from collections.abc import Callable

from msgspec import Struct


class Clocks(Struct, frozen=True):
    """The clocks of the process, and where ids come from."""

    now_ms: Callable[[], int]
    wall_ms: Callable[[], int]
    mint: Callable[[], str]
