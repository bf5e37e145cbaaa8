"""Who waits in a queue, in order.

A point of priority is worth `ageing_ms` of waiting, so callers stand in the order of `joined - priority * ageing`. That
never changes while they wait: nobody is overtaken by more than those who come within that time after him, so nobody
starves, and nobody falls back because time passes.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from edge.core.queues.model import QueueTerms, Stay, Ticket

Order = tuple[int, int, int]
#: What a point of priority is worth where nothing makes up for it: longer than anybody waits.
_FOR_EVER_MS = 7 * 86_400_000


class Waiter(Struct, kw_only=True):
    """A caller in a queue, or in a talk that came of it."""

    ticket: Ticket
    queue: str
    priority: int
    values: dict[str, str]
    wants: frozenset[str]
    joined_ms: int
    order: Order
    #: `held`: nobody waits; an agent is kept for a call that may be made.
    state: Literal["held", "waiting", "ringing", "talking"] = "waiting"
    agent: str = ""
    #: He is to have this agent, who is kept for him.
    reserved: str = ""
    since_ms: int = 0
    #: Position and minutes that he was told last.
    told: tuple[int, int] = (0, 0)

    def stand(self, terms: QueueTerms) -> None:
        """Stand where the queue as it is now would have him."""
        self.wants = wants_of(terms, self.values)
        self.order = order_of(terms, self.priority, self.joined_ms, self.order[2])


def wants_of(terms: QueueTerms, values: dict[str, str]) -> frozenset[str]:
    """Give the skills that a call needs in a queue."""
    return frozenset(values[name] for name in terms.match if values.get(name))


def waiter_of(stay: Stay, terms: QueueTerms, number: int) -> Waiter:
    """Make the entry of a stay; `number` counts arrivals, so that those of one moment have an order."""
    return Waiter(
        ticket=stay.ticket,
        queue=stay.queue,
        priority=stay.priority,
        values=stay.values,
        wants=wants_of(terms, stay.values),
        joined_ms=stay.joined_ms,
        order=order_of(terms, stay.priority, stay.joined_ms, number),
        state=stay.state,
        agent=stay.agent,
        since_ms=stay.since_ms,
        told=(stay.position, 0),
    )


def order_of(terms: QueueTerms, priority: int, joined_ms: int, number: int) -> Order:
    """Give what callers are sorted by."""
    return (joined_ms - priority * (terms.ageing_ms or _FOR_EVER_MS), joined_ms, number)


class Line:
    """Those of one queue who wait or are being connected."""

    def __init__(self) -> None:
        self._sorted: list[tuple[Order, Ticket]] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[Ticket]:
        return (ticket for _, ticket in self._sorted)

    @property
    def ordered(self) -> list[tuple[Order, Ticket]]:
        """All of them, the next one first."""
        return list(self._sorted)

    def add(self, waiter: Waiter) -> None:
        """Take one in."""
        insort(self._sorted, (waiter.order, waiter.ticket))

    def remove(self, waiter: Waiter) -> None:
        """Let one out; nothing when he is not in."""
        at = bisect_left(self._sorted, (waiter.order, waiter.ticket))
        if at < len(self._sorted) and self._sorted[at][1] == waiter.ticket:
            del self._sorted[at]
