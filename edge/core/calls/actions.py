"""What a call core asks for: commands, events, and what is known outside of the call."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.commands import AnyCommand
from edge.vocabulary.endings import EndReason
from edge.vocabulary.events import AnyEvent
from edge.vocabulary.ids import CallId, CommandId, Incarnation, LegId, SlotIndex
from edge.vocabulary.private import Private


class Send(Struct, frozen=True):
    """Send a command, once the input is committed."""

    id: CommandId
    to: Literal["front", "media", "span"]
    #: Which span.
    span: Incarnation
    body: AnyCommand


class Emit(Struct, frozen=True):
    """Store an event. `callseq` counts from 1 without a gap."""

    call: CallId
    callseq: int
    event: AnyEvent


class FreeSeat(Struct, frozen=True):
    """The slot is not used any more."""

    slot: SlotIndex


class Question(Struct, frozen=True, kw_only=True):
    """Ask a backend, once the input is committed; `Asked` follows. Not kept: after a crash the menu asks anew."""

    call: CallId
    #: Counts from 1 in the call.
    number: int
    endpoint: str
    timeout_ms: int
    #: What tells the backend which question it is.
    facts: dict[str, str | int]
    values: dict[str, Private] = {}
    #: Digits that are nowhere else, and overwritten when they have been sent.
    secrets: dict[str, Private] = {}


class AskHunt(Struct, frozen=True, kw_only=True):
    """Ask what other calls know of targets; `HuntTold` follows in the same turn."""

    call: CallId
    #: Of which list the last target is wanted; empty: of none.
    name: str
    #: Keys of the targets that may be busy; empty: it does not matter.
    keys: list[str]


class HuntTaken(Struct, frozen=True, kw_only=True):
    """Remember who took the last call of a list."""

    name: str
    key: str


class QueueNews(Struct, frozen=True, kw_only=True):
    """Tell the queues what becomes of a stay; `join` begins one."""

    call: CallId
    number: int
    what: Literal["join", "left", "answered", "missed", "released", "finished"]
    #: Of `join`.
    queue: str = ""
    priority: int = 0
    values: dict[str, Private] = {}


class LineNews(Struct, frozen=True, kw_only=True):
    """Tell the queues that a line of an agent is up, or is gone."""

    call: CallId
    agent: str
    leg: LegId
    what: Literal["up", "gone"]
    #: He has hung up himself.
    hung_up: bool = False
    #: How it ended.
    end: EndReason | None = None


Action = Send | Emit | FreeSeat | Question | AskHunt | HuntTaken | QueueNews | LineNews
