"""Inputs and actions of a sink's queue, and how deliveries end."""

from typing import Literal

from msgspec import Struct

#: How an attempt ended; a closed list, safe as a metric label.
Result = Literal[
    "accepted",  # 2xx, or a broker's acknowledgement
    "redirected",  # 3xx; never followed: a signed body goes where the site file says and nowhere else
    "refused",  # 4xx, or what a broker says of this event: the sink does not like it
    "busy",  # 408, 425, 429, 503, or a broker without room: later
    "failed",  # any other 5xx, or what no protocol knows
    "gone",  # 410: the sink is no more
    "unreachable",  # no connection, broken connection, TLS failure, wrong credentials
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
    #: Attempts under way at once, each of other calls.
    parallel: int = 4
    #: Events of one attempt, and bytes of their bodies (an event that is larger goes alone; 0: any number).
    max_batch: int = 1
    max_batch_bytes: int = 0
    #: An attempt is accepted or not as a whole, so it may have several events of a call, in order. Otherwise each event
    #: has an answer of its own, and an attempt has one event of a call at the most.
    atomic: bool = False
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
    #: Bytes of its body.
    size: int = 0


class Outcome(Struct, frozen=True):
    """What became of one event of an attempt."""

    result: Result
    #: The sink's wish, milliseconds from now.
    retry_after_ms: int | None = None
    #: Of the event, by its own time stamp.
    age_ms: int = 0


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

    #: `Attempt.id`.
    attempt: int
    #: One for each event that it still had, in their order; where the policy is `atomic` all have one result.
    outcomes: list[Outcome]
    #: Uniform in 0..1, rolled by the shell.
    jitter: float


class Vanished(Struct, frozen=True):
    """Events of an attempt are no longer in the outbox: their retention ended before the sink took them.

    The attempt goes on with the others, if there are any.
    """

    attempt: int
    sequences: list[int]


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
    """Send the events and answer with `Finished`. The same events in the same order are the same batch, sent again."""

    #: Never empty; those of a call in order.
    events: list[Pending]
    #: From 1.
    number: int

    @property
    def id(self) -> int:
        """Tell it from all others that are under way: the sequence of its first event."""
        return self.events[0].sequence


class Disabled(Struct, frozen=True):
    """The sink said that it is gone; nothing is sent until the next `Configured`."""


class Enabled(Struct, frozen=True):
    """It is served again."""


Action = Read | Record | DeadLetter | Attempt | Disabled | Enabled
