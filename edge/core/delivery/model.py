"""Inputs and actions of a sink's queue."""

from typing import Literal

from msgspec import Struct

#: How an attempt ended; a closed list, safe as a metric label.
Result = Literal[
    "accepted",  # 2xx
    "redirected",  # 3xx; never followed: a signed body goes where the site file says and nowhere else
    "refused",  # 4xx: the sink does not like this event
    "busy",  # 408, 425, 429, 503: later
    "failed",  # any other 5xx, or no HTTP at all
    "gone",  # 410: the sink is no more
    "unreachable",  # no connection, broken connection, TLS failure
    "timed_out",
]

#: All values of `Result`, for metrics that want every label value from the start.
RESULTS: tuple[Result, ...] = (
    "accepted",
    "redirected",
    "refused",
    "busy",
    "failed",
    "gone",
    "unreachable",
    "timed_out",
)


class Policy(Struct, frozen=True, kw_only=True):
    """How one sink is served."""

    #: Event types to send; empty: all. `call.*` stands for a group.
    types: tuple[str, ...] = ()
    #: Requests under way at once, each of another call.
    parallel: int = 4
    #: Pause after the first failure; doubles up to `max_backoff_ms`.
    first_backoff_ms: int = 500
    max_backoff_ms: int = 60_000
    #: Attempts before an event becomes a dead letter; 0: none ever does.
    max_attempts: int = 0
    #: Age of an event after which a failed attempt makes it a dead letter; 0: never.
    max_age_ms: int = 0
    #: A `Retry-After` longer than this is not believed.
    max_retry_after_ms: int = 3_600_000
    #: Unfinished events held at once (their bodies stay in the outbox).
    window: int = 10_000
    #: Events read from the outbox at once.
    batch: int = 500

    def wants(self, kind: str) -> bool:
        """Whether events of type `kind` go to the sink."""
        return not self.types or any(
            kind == pattern or (pattern.endswith("*") and kind.startswith(pattern[:-1])) for pattern in self.types
        )


class Pending(Struct, frozen=True):
    """An event of the outbox, without its body."""

    sequence: int
    id: str
    #: None: it belongs to no call and has no order.
    call: str | None
    type: str


# --- inputs -------------------------------------------------------------------------------------------------------


class Woken(Struct, frozen=True):
    """There may be new events."""


class Batch(Struct, frozen=True):
    """Answer to `Read`: the events above its `after`, in order, and how far that reaches.

    Sequences up to `through` that are not listed do not exist. `more`: there is something beyond `through`.
    """

    events: list[Pending]
    through: int
    more: bool


class Finished(Struct, frozen=True, kw_only=True):
    """An attempt ended."""

    sequence: int
    result: Result
    #: Uniform in 0..1, rolled by the shell.
    jitter: float
    #: The sink's wish, milliseconds from now.
    retry_after_ms: int | None = None
    #: Of the event, by its own time stamp.
    age_ms: int = 0


class Vanished(Struct, frozen=True):
    """An event that was to be sent is no longer in the outbox: its retention ended before the sink took it."""

    sequence: int


class TimePassed(Struct, frozen=True):
    """The deadline may have come."""


class Configured(Struct, frozen=True):
    """The configuration was read again: the policy may have changed, and a sink that was gone is tried again."""

    policy: Policy


Input = Woken | Batch | Finished | Vanished | TimePassed | Configured

# --- actions ------------------------------------------------------------------------------------------------------


class Read(Struct, frozen=True):
    """Read at most `limit` events above `after` and answer with a `Batch`."""

    after: int
    limit: int


class Record(Struct, frozen=True):
    """Write this durably, before any later action of the list is carried out."""

    cursor: int
    ahead: list[list[int]]


class DeadLetter(Struct, frozen=True):
    """Keep the event aside, in the transaction of the `Record` that follows."""

    event: Pending
    attempts: int
    result: Result


class Attempt(Struct, frozen=True):
    """Send the event and answer with `Finished`."""

    event: Pending
    #: From 1.
    number: int


class Disabled(Struct, frozen=True):
    """The sink said that it is gone; nothing is sent until the next `Configured`."""


class Enabled(Struct, frozen=True):
    """It is served again."""


Action = Read | Record | DeadLetter | Attempt | Disabled | Enabled
