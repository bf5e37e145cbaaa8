"""How a sink is doing, for `edge sinks list`."""

from msgspec import Struct


class Standing(Struct, kw_only=True):
    """What is to be said of a sink."""

    name: str
    type: str
    #: Events of the outbox that it has not taken yet, and the age of the oldest of them.
    backlog: int = 0
    lag_s: float = 0.0
    #: Events that it gave up and that are kept.
    dead_letters: int = 0
    #: RFC 3339; empty: nothing was taken since the forwarder began.
    last_taken: str = ""
    #: How the last attempt ended that was not an acceptance, and when; empty: there was none since then.
    last_error: str = ""
    last_error_at: str = ""
    #: What keeps events from it now.
    conditions: list[str] = []
