"""The ways that callers took through a menu, counted from the events of their calls."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field


class NodeEntered(Struct, frozen=True):
    """What is needed of `menu.node_entered`."""

    menu: str
    version: str
    node: str


class Hung(Struct, frozen=True):
    """What is needed of `call.ended`: who ended the call."""

    ended_by: str


class Paths(Struct):
    """Calls of one version of a menu. A node that a call comes to twice counts twice."""

    calls: int = 0
    #: Times that a node was entered.
    entered: Counter[str] = field(default_factory=Counter)
    #: Times that a call went from a node to another.
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Calls that the caller ended, by the node where that was.
    given_up: Counter[str] = field(default_factory=Counter)
    #: Calls that ended in any way, by the node where that was.
    ended: Counter[str] = field(default_factory=Counter)


def count_paths(calls: Iterable[Iterable[NodeEntered | Hung]], menu: str) -> dict[str, Paths]:
    """Count by version of `menu` what is in the ordered events of each call. Calls in progress count, too."""
    found: dict[str, Paths] = {}
    for events in calls:
        _count_call(events, menu, found)
    return found


def _count_call(events: Iterable[NodeEntered | Hung], menu: str, found: dict[str, Paths]) -> None:
    before: NodeEntered | None = None
    begun: set[str] = set()
    for event in events:
        if isinstance(event, Hung):
            if before is not None:
                found[before.version].ended[before.node] += 1
                if event.ended_by == "caller":
                    found[before.version].given_up[before.node] += 1
            return
        if event.menu != menu:
            before = None
            continue
        paths = found.setdefault(event.version, Paths())
        if event.version not in begun:
            begun.add(event.version)
            paths.calls += 1
        paths.entered[event.node] += 1
        if before is not None and before.version == event.version:
            paths.moves[before.node, event.node] += 1
        before = event
