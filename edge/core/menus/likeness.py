"""Branches of menus that are copies of each other, or nearly so.

A branch is a node with all nodes that calls reach only through it (what it dominates). Two branches are alike when most
of their nodes do and say the same, whatever their names: the process that was copied, and is now kept up twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct

from edge.core.menus.model import Menu, Node, NodeId, kind_of
from edge.core.menus.parts import Sound, menu_of
from edge.core.menus.ways import named_ways_of, ways_of

#: Smaller branches are alike by chance: everybody says goodbye and hangs up.
MIN_NODES = 3
#: Share of the nodes of both that have a like one in the other.
MIN_SHARE = 0.8

#: What a node does and says.
Deed = tuple[str, ...]


class Alike(Struct, frozen=True):
    """Two branches, each by menu and first node."""

    menu: str
    node: NodeId
    other_menu: str
    other_node: NodeId
    #: Nodes of the first, and the share of both that is alike (1: a copy).
    nodes: int
    share: float


class _Branch(Struct, frozen=True):
    menu: str
    node: NodeId
    members: frozenset[NodeId]
    deeds: Counter[Deed]


def alike(menus: Sequence[Menu]) -> list[Alike]:
    """Find pairs of like branches; of branches within branches that are alike only the outermost."""
    branches = [branch for menu in menus for branch in _branches(menu)]
    branches.sort(key=lambda one: -len(one.members))
    found: list[tuple[_Branch, _Branch]] = []
    for one, other in combinations(branches, 2):
        # Sorted by size: from here on every other one is too small to be like this one.
        if one.menu == other.menu and (one.node in other.members or other.node in one.members):
            continue
        if len(other.members) >= MIN_SHARE * len(one.members) and _share(one, other) >= MIN_SHARE:
            within = any(_inside(one, first) and _inside(other, second) for first, second in found) or any(
                _inside(other, first) and _inside(one, second) for first, second in found
            )
            if not within:
                found.append((one, other))
    return [
        Alike(one.menu, one.node, other.menu, other.node, len(one.members), _share(one, other)) for one, other in found
    ]


def _inside(one: _Branch, whole: _Branch) -> bool:
    return one.menu == whole.menu and one.node in whole.members


def _share(one: _Branch, other: _Branch) -> float:
    return 2 * (one.deeds & other.deeds).total() / (one.deeds.total() + other.deeds.total())


def _branches(menu: Menu) -> Iterator[_Branch]:
    deeds = {name: _deed(node) for name, node in menu.nodes.items()}
    found = dominated(menu.start, {name: ways_of(node) for name, node in menu.nodes.items()})
    for node in menu.nodes:
        # What another menu is asked for is that menu's, and the same wherever it is asked for.
        members = frozenset(name for name in found.get(node, ()) if not menu_of(name))
        if node != menu.start and not menu_of(node) and len(members) >= MIN_NODES:
            yield _Branch(menu.name, node, members, Counter(deeds[name] for name in members))


def _deed(node: Node) -> Deed:
    """Say what a node does, its kind, its words and what leads out of it, in a form that copies share."""
    words = [
        " ".join(sound.label.lower().split())
        for value in (getattr(node, name) for name in node.__struct_fields__)
        if isinstance(value, list)
        for sound in value
        if isinstance(sound, Sound)
    ]
    targets = [str(getattr(node, "target", "")), *(one.target for one in getattr(node, "targets", []))]
    return (kind_of(node), *targets, *words, *(label for label, _ in named_ways_of(node)))


def dominated(start: NodeId, ways: Mapping[NodeId, Sequence[NodeId]]) -> dict[NodeId, frozenset[NodeId]]:
    """Return for each node that can be reached those that are reached only through it, itself among them.

    By the iterative method of Cooper, Harvey and Kennedy ("A simple, fast dominance algorithm").
    """
    order = _in_order(start, ways)
    place = {node: number for number, node in enumerate(order)}
    came_from: dict[NodeId, list[NodeId]] = {node: [] for node in order}
    for node in order:
        for target in ways.get(node, ()):
            if target in came_from:
                came_from[target].append(node)
    above: dict[NodeId, NodeId] = {start: start}
    changed = True
    while changed:
        changed = False
        for node in order[1:]:
            known = [source for source in came_from[node] if source in above]
            nearest = known[0]
            for source in known[1:]:
                nearest = _meet(nearest, source, above, place)
            if above.get(node) != nearest:
                above[node] = nearest
                changed = True
    members: dict[NodeId, set[NodeId]] = {node: {node} for node in order}
    # Before a node in the order stands all that dominates it.
    for node in reversed(order[1:]):
        members[above[node]] |= members[node]
    return {node: frozenset(below) for node, below in members.items()}


def _meet(one: NodeId, other: NodeId, above: Mapping[NodeId, NodeId], place: Mapping[NodeId, int]) -> NodeId:
    while one != other:
        while place[one] > place[other]:
            one = above[one]
        while place[other] > place[one]:
            other = above[other]
    return one


def _in_order(start: NodeId, ways: Mapping[NodeId, Sequence[NodeId]]) -> list[NodeId]:
    """List what can be reached in reverse postorder, without recursion: a menu may be a chain of any length."""
    seen = {start}
    done: list[NodeId] = []
    waiting = [(start, iter(ways.get(start, ())))]
    while waiting:
        node, following = waiting[-1]
        new = next((target for target in following if target not in seen and target in ways), None)
        if new is None:
            done.append(node)
            waiting.pop()
        else:
            seen.add(new)
            waiting.append((new, iter(ways.get(new, ()))))
    return done[::-1]
