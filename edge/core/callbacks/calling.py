"""Who is called back now, and what follows when a call came to nothing.

Pure functions over requests as they stand in the store: what decides is what is on disk. Times are milliseconds since
1970. What holds whatever comes in which order: a number is rung by one callback at a time, and not while it is on the
line with us; never outside the window or the opening hours (unless a person says now); at most `attempts` calls that
left; and what nobody knows the end of (`held`) is not called again until a person says so.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from edge.core.callbacks.window import openings
from edge.core.menus.calendar import Calendar
from edge.vocabulary.dialing import Disposition
from edge.vocabulary.site_events import CallbackClosing

State = Literal["open", "calling", "held", "closed"]
#: Another call to the number would come to the same.
FINAL: frozenset[Disposition] = frozenset({"unallocated", "changed"})
#: When an attempt that never left (no trunk, no room, no agent) is tried again, at the latest.
SOON_MS = 60_000


class Policy(Struct, frozen=True, kw_only=True):
    """What the site says of callbacks."""

    #: False: nobody is called.
    on: bool
    attempts: int = 3
    gap_ms: int = 900_000
    at_once: int = 2
    #: Unanswered calls are in standard when they rang for more than the first and less than the second.
    ring_min_ms: int = 20_000
    ring_max_ms: int = 25_000


class Request(Struct, frozen=True, kw_only=True):
    """A request to be called back that is not closed."""

    id: str
    number: str
    state: State = "open"
    #: The window; `ends_ms` is not in it.
    begins_ms: int
    ends_ms: int
    #: Calls to the number that count.
    attempts: int = 0
    #: Not again before that.
    next_ms: int = 0
    #: A person wants it called now.
    urgent: bool = False
    #: The number may be called at all.
    allowed: bool = True
    #: When people are there to call; None: always.
    calendar: Calendar | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """What to do now, and when to decide again at the latest (None: when something happens)."""

    #: May be called now, in this order: no more than there is room for.
    call: list[Request]
    close: list[tuple[Request, CallbackClosing]]
    wake_ms: int | None


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an attempt."""

    disposition: Disposition
    #: An INVITE to the number left.
    left: bool = True
    #: From the first 180 or 183 to the answer, or to the moment that we or the far end gave up; None: it did not ring.
    rang_ms: int | None = None
    answered: bool = False

    @property
    def counts(self) -> bool:
        """Whether somebody may have been disturbed: not where no INVITE left, or we took it back before it rang."""
        return self.left and not (self.disposition == "cancelled" and self.rang_ms is None and not self.answered)


class Following(Struct, frozen=True, kw_only=True):
    """How a request goes on after an attempt."""

    state: State
    attempts: int
    #: Of `open`.
    next_ms: int = 0
    #: Of `closed`.
    by: CallbackClosing = "not_reached"


def decide(policy: Policy, requests: Sequence[Request], on_the_line: Iterable[str], now_ms: int) -> Decision:
    """Say who is called now. `on_the_line`: numbers that have a call with us, whoever made it."""
    if not policy.on:
        return Decision(call=[], close=[], wake_ms=None)
    close: list[tuple[Request, CallbackClosing]] = []
    due: list[Request] = []
    wake: list[int] = []
    opens: dict[int, int | None] = {}
    for one in requests:
        if one.state != "open":
            continue
        if not one.allowed:
            close.append((one, "forbidden"))
        elif now_ms >= one.ends_ms or one.attempts >= policy.attempts:
            close.append((one, "not_reached"))
        else:
            at_ms = _when(one, now_ms, opens)
            wake.append(min(at_ms, one.ends_ms) if at_ms > now_ms else one.ends_ms)
            if at_ms <= now_ms:
                due.append(one)
    room = policy.at_once - sum(one.state == "calling" for one in requests)
    busy = {*on_the_line, *(one.number for one in requests if one.state == "calling")}
    call: list[Request] = []
    # Who is late first comes first; a person's wish before all.
    for one in sorted(due, key=lambda one: (not one.urgent, one.ends_ms, one.id)):
        if len(call) < room and one.number not in busy:
            busy.add(one.number)
            call.append(one)
    return Decision(call=call, close=close, wake_ms=min(wake, default=None))


def _when(one: Request, now_ms: int, opens: dict[int, int | None]) -> int:
    """Give the moment from which it may be called; beyond the window's end when it does not open any more."""
    at_ms = max(one.begins_ms, one.next_ms)
    if one.urgent or one.calendar is None or at_ms > now_ms:
        return at_ms
    key = id(one.calendar)
    if key not in opens:
        first = next(openings(one.calendar, now_ms), None)
        opens[key] = first[0] if first is not None else None
    opening = opens[key]
    return opening if opening is not None else one.ends_ms


def after(policy: Policy, request: Request, outcome: Outcome, now_ms: int) -> Following:
    """Say how a request goes on; its `attempts` count the one that is over."""
    attempts = request.attempts if outcome.counts else max(0, request.attempts - 1)
    if outcome.disposition == "connected":
        return Following(state="closed", attempts=attempts, by="reached")
    if outcome.disposition == "held":
        return Following(state="held", attempts=attempts)
    next_ms = now_ms + (policy.gap_ms if outcome.counts else min(policy.gap_ms, SOON_MS))
    over = outcome.disposition in FINAL or attempts >= policy.attempts or next_ms >= request.ends_ms
    if over:
        return Following(state="closed", attempts=attempts)
    return Following(state="open", attempts=attempts, next_ms=next_ms)


def in_standard(policy: Policy, outcome: Outcome) -> bool | None:
    """Say whether an unanswered call rang as long as it should; None: it was answered, or did not ring."""
    if outcome.answered or outcome.rang_ms is None:
        return None
    return policy.ring_min_ms < outcome.rang_ms < policy.ring_max_ms
