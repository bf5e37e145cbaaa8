"""What one turn of switch's loop wants to be written, and the errors of writing it."""

from dataclasses import dataclass, field, fields
from typing import NamedTuple


class StorageError(Exception):
    """The disk is full, read-only or broken. Nothing of the transaction was written."""


class SchemaError(Exception):
    """The file was written by a newer version; it was not touched."""


class JournalRow(NamedTuple):
    """An input of a call; `at_ms` is CLOCK_MONOTONIC."""

    call: str
    number: int
    at_ms: int
    input: bytes


class EventRow(NamedTuple):
    """An event; `body` is CloudEvents JSON, `time` RFC 3339."""

    id: str
    call: str
    callseq: int
    type: str
    time: str
    body: bytes


class CallRow(NamedTuple):
    """What is known of a call; times RFC 3339."""

    id: str
    state: str
    boot: str
    direction: str
    trunk: str
    caller: str
    called: str
    menu: str
    menu_version: str
    menu_key: str
    started: str
    answered: str | None
    ended: str | None
    outcome: str | None
    ended_by: str | None
    sip_code: int | None
    duration_ms: int | None
    answered_ms: int | None
    recordings: str


class CallbackRow(NamedTuple):
    """A request to be called back; times RFC 3339."""

    id: str
    #: `callback` or `survey`: there is one open request of each a number.
    purpose: str
    #: In E.164; empty: it is closed, and its time (`keep_days`) is over, as that of attributes and target.
    number: str
    #: `open`, `calling`, `held`, `closed`.
    state: str
    #: As of `callback.requested`, the last time.
    reason: str
    #: When it was first asked for, when last, and how often.
    requested: str
    renewed: str
    times: int
    #: The window.
    not_before: str
    latest: str
    #: Where it was asked for last, and how that call came.
    call: str
    trunk: str
    called: str
    menu: str
    menu_version: str
    node: str
    runs: str
    waited_ms: int
    target: str
    language: str
    #: JSON object.
    attributes: str
    closed: str | None
    #: `superseded`, `operator`, `reached`, `not_reached`, `forbidden`.
    closed_by: str | None
    #: The call in which the caller was served, or what the operator said.
    closed_why: str | None
    #: Calls to the number that left, the one under way included.
    attempts: int = 0
    #: The call of the last attempt, and when it began; empty: there was none.
    attempt: str = ""
    began: str = ""
    #: Not called again before that; empty: as soon as the window says.
    next: str = ""
    #: Disposition of the last attempt that ended.
    last: str = ""
    #: 1: a person wants it called now, whatever the hours.
    urgent: int = 0
    held_why: str = ""


class ActRow(NamedTuple):
    """What was done by the API under a key; `at` RFC 3339, `answer` JSON."""

    token: str
    key: str
    digest: str
    at: str
    answer: bytes


@dataclass
class Turn:
    """One transaction."""

    journal: list[JournalRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    calls: dict[str, CallRow] = field(default_factory=dict)
    #: (process, incarnation) -> highest report number taken.
    senders: dict[tuple[str, str], int] = field(default_factory=dict)
    menus: dict[str, bytes] = field(default_factory=dict)
    callbacks: dict[str, CallbackRow] = field(default_factory=dict)
    #: By token and key.
    acts: dict[tuple[str, str], ActRow] = field(default_factory=dict)
    #: Small things to be remembered, by key.
    meta: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    @property
    def matters(self) -> bool:
        """Whether somebody outside may ask for what it holds: events and calls."""
        return bool(self.events or self.calls)

    def extend(self, later: "Turn") -> None:
        """Add what a later turn wants to be written."""
        self.journal += later.journal
        self.events += later.events
        self.calls.update(later.calls)
        self.senders.update(later.senders)
        self.menus.update(later.menus)
        self.callbacks.update(later.callbacks)
        self.acts.update(later.acts)
        self.meta.update(later.meta)

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return sum(len(row.input) + 100 for row in self.journal) + sum(len(row.body) + 200 for row in self.events)
