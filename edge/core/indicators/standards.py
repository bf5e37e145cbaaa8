"""What is expected of a menu, held against its calls of the last time: sums in a ring of slots, each a part of it.

Memory is that of the ring. Repeat calls are not here: of a call it is known days later only whether it was repeated.
"""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct, field

from edge.core.indicators import estimates
from edge.core.indicators.estimates import Estimate
from edge.core.indicators.journey import CallRecord
from edge.core.menus.parts import NodeId

Measured = Literal["containment", "abandonment", "misroutes", "time_in_menu", "no_input", "no_match"]
#: `met`, `missed`: the whole 95 % interval lies on that side of the bound.
Standing = Literal["met", "missed", "unsure"]

#: Parts of a window: it moves on by one of them at a time.
SLOTS: Final = 48


class Bound(Struct, frozen=True):
    """One thing that is expected."""

    #: Empty: of the whole menu.
    node: NodeId
    measured: Measured
    #: A share, or milliseconds.
    value: float
    #: It is the most, else the least.
    most: bool = True


class Bounds(Struct, frozen=True, kw_only=True):
    """All that is expected of one menu."""

    menu: str
    window_ms: int
    bounds: tuple[Bound, ...]
    #: What was counted belongs to this: with another window, or other nodes that serve, it is counted anew.
    what: str


class NodeSums(Struct):
    """Of one node: calls that came there, and were abandoned there; rounds of its gather, and those that failed."""

    came: int = 0
    abandoned: int = 0
    rounds: int = 0
    no_input: int = 0
    no_match: int = 0


class Sums(Struct):
    """Of calls that ended."""

    calls: int = 0
    contained: int = 0
    abandoned: int = 0
    connected: int = 0
    misrouted: int = 0
    #: Milliseconds in the menu, and their squares.
    time_ms: float = 0.0
    squares: float = 0.0
    #: Of nodes that something is expected of.
    nodes: dict[NodeId, NodeSums] = field(default_factory=dict)

    def take(self, call: CallRecord, nodes: Iterable[NodeId]) -> None:
        """Count a call."""
        self.calls += 1
        self.contained += call.fate == "contained"
        self.abandoned += call.fate == "abandoned"
        self.connected += call.fate == "connected"
        self.misrouted += call.fate == "connected" and call.sent_wrong
        self.time_ms += call.in_menu_ms
        self.squares += call.in_menu_ms**2
        for node in nodes:
            if node in call.visited:
                sums = self.nodes.setdefault(node, NodeSums())
                sums.came += 1
                sums.abandoned += call.fate == "abandoned" and call.last == node
                sums.no_input += call.rounds.get((node, "no_input"), 0)
                sums.no_match += call.rounds.get((node, "no_match"), 0)
                sums.rounds += sum(count for (at, _), count in call.rounds.items() if at == node)

    def add(self, other: "Sums") -> None:
        """Add what was counted in another part of the time."""
        for name in ("calls", "contained", "abandoned", "connected", "misrouted", "time_ms", "squares"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for node, counted in other.nodes.items():
            mine = self.nodes.setdefault(node, NodeSums())
            for name in NodeSums.__struct_fields__:
                setattr(mine, name, getattr(mine, name) + getattr(counted, name))

    def estimate(self, bound: Bound) -> Estimate:
        """Estimate what a bound is about, at 95 %; shares, or milliseconds."""
        if bound.node:
            node = self.nodes.get(bound.node, NodeSums())
            if bound.measured == "abandonment":
                return estimates.share(node.abandoned, node.came)
            return estimates.share(node.no_input if bound.measured == "no_input" else node.no_match, node.rounds)
        match bound.measured:
            case "containment":
                return estimates.share(self.contained, self.calls)
            case "abandonment":
                return estimates.share(self.abandoned, self.calls)
            case "misroutes":
                return estimates.share(self.misrouted, self.connected)
        mean = self.time_ms / self.calls if self.calls else 0.0
        variance = max(0.0, self.squares - self.calls * mean**2) / (self.calls - 1) if self.calls > 1 else 0.0
        return estimates.mean_of(self.calls, mean, variance)


class Slot(Struct, kw_only=True):
    """What was counted in one part of the time. Times are milliseconds since 1970."""

    what: str
    #: Which part since 1970.
    number: int
    #: Since when calls are counted.
    since_ms: int
    sums: Sums


class Rolling:
    """The calls of one menu that ended within its window."""

    def __init__(self, bounds: Bounds, wall_ms: int) -> None:
        self.bounds = bounds
        self.since_ms = wall_ms
        self._nodes = sorted({bound.node for bound in bounds.bounds if bound.node})
        self._slot_ms = max(1, bounds.window_ms // SLOTS)
        self._slots: dict[int, Slot] = {}

    def under(self, bounds: Bounds) -> "Rolling":
        """Go on with what was counted, for other bounds of the same `what`."""
        other = Rolling(bounds, self.since_ms)
        other._slots = self._slots
        return other

    def restore(self, slot: Slot) -> None:
        """Take what an earlier life counted."""
        if slot.what == self.bounds.what:
            self._slots[slot.number % SLOTS] = slot
            self.since_ms = min(self.since_ms, slot.since_ms)

    def take(self, call: CallRecord, wall_ms: int) -> tuple[int, Slot]:
        """Count a call that ends now; returns what is to be stored, and its place in the ring."""
        number = wall_ms // self._slot_ms
        slot = self._slots.get(number % SLOTS)
        if slot is None or slot.number != number:
            slot = Slot(what=self.bounds.what, number=number, since_ms=self.since_ms, sums=Sums())
            self._slots[number % SLOTS] = slot
        slot.sums.take(call, self._nodes)
        return number % SLOTS, slot

    def sums(self, wall_ms: int) -> Sums:
        """Add up what is within the window that ends now."""
        now, found = wall_ms // self._slot_ms, Sums()
        for slot in self._slots.values():
            if now - SLOTS < slot.number <= now:
                found.add(slot.sums)
        return found

    def covered_ms(self, wall_ms: int) -> int:
        """Return of how much of the window calls were counted."""
        return max(0, min(self.bounds.window_ms, wall_ms - self.since_ms))


def standing_of(found: Estimate, bound: float, *, most: bool) -> tuple[bool, Standing]:
    """Hold an estimate against a bound: whether its value is within, and what is sure."""
    within = found.value <= bound if most else found.value >= bound
    if not found.known:
        return within, "unsure"
    inside = found.high <= bound if most else found.low >= bound
    outside = found.low > bound if most else found.high < bound
    return within, "met" if inside else "missed" if outside else "unsure"
