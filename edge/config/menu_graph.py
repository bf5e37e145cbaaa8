"""The shape of a menu: what can be reached, and where a call would go round for ever."""

from collections.abc import Iterable, Mapping

Edges = Mapping[str, Iterable[str]]


def reachable(start: str, edges: Edges) -> set[str]:
    """Collect every node that a call starting at `start` can come to."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += edges.get(node, ())
    return seen


def loops(edges: Edges) -> list[list[str]]:
    """Find a closed way through each group of nodes that lead into each other, in the order it is walked."""
    found: list[list[str]] = []
    done: set[str] = set()
    for node in edges:
        if node in done:
            continue
        way = _way_back(node, edges)
        if way:
            found.append(way)
            group = reachable(node, edges)
            done |= {other for other in group if node in reachable(other, edges)}
    return found


def _way_back(start: str, edges: Edges) -> list[str]:
    """Find the shortest way from a node back to itself; empty when there is none."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        later: list[str] = []
        for node in waiting:
            for follower in edges.get(node, ()):
                if follower == start:
                    return _walk(start, node, came_from)
                if follower not in came_from:
                    came_from[follower] = node
                    later.append(follower)
        waiting = later
    return []


def _walk(start: str, last: str, came_from: Mapping[str, str]) -> list[str]:
    way = [last]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
