"""Faults of menus that types can't show: ways that lead nowhere, or round and round."""

import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, partial
from typing import Any, Protocol

from msgspec import Struct, inspect

from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_graph import loops, reachable


class Read(Protocol):
    """A node with its place."""

    @property
    def source(self) -> Struct:
        """What it says."""
        ...

    @property
    def located(self) -> Located:
        """Where it stands."""
        ...


class Edge(typing.NamedTuple):
    """One way from a node to another."""

    target: str
    place: Place
    #: `none`: the call comes here by itself; `silence`: by a caller who does nothing; `act`: by something a person did.
    by: str
    #: Where in the node it stands: `("choices", "1")`.
    path: tuple[str | int, ...]


_Path = tuple[str | int, ...]
_Reader = Callable[[Any, _Path], Iterator[tuple[_Path, str, str]]]


def edges_of(node: Struct, located: Located) -> list[Edge]:
    """List where a call can go from a node, as the annotations of its type say."""
    found = _reader(type(node))(node, ())
    return [Edge(target, place_of(located, path), by, path) for path, target, by in found if target]


@cache
def _reader(kind: type) -> _Reader:
    return _reader_of(inspect.type_info(kind), {}) or (lambda _value, _path: iter(()))


def _reader_of(info: inspect.Type, extra: dict[str, Any]) -> _Reader | None:
    """Make a reader of the nodes that a value of a type names; None when it can't name any."""
    by = {"by": extra["by"]} if "by" in extra else {}
    match info:
        case inspect.Metadata():
            return _reader_of(info.type, {**(info.extra or {}), **extra})
        case inspect.StrType() if extra.get("kind") == "node":
            return partial(_one, extra.get("by", "none"))
        case inspect.StructType():
            found = [(field.name, _reader_of(field.type, {})) for field in info.fields]
            readers = [(name, reader) for name, reader in found if reader is not None]
            return partial(_fields, readers) if readers else None
        case inspect.DictType() if below := _reader_of(info.value_type, by):
            return partial(_values, below)
        case inspect.ListType() if below := _reader_of(info.item_type, by):
            return partial(_items, below)
        case inspect.UnionType():
            plain = next(kind for kind in info.types if not isinstance(kind, inspect.NoneType))
            below = _reader_of(plain, extra)
            return partial(_optional, below) if below else None
        case _:
            return None


def _one(by: str, value: str, path: _Path) -> Iterator[tuple[_Path, str, str]]:
    yield path, value, by


def _fields(readers: list[tuple[str, _Reader]], value: object, path: _Path) -> Iterator[tuple[_Path, str, str]]:
    for field, reader in readers:
        yield from reader(getattr(value, field), (*path, field))


def _values(below: _Reader, value: dict[str, Any], path: _Path) -> Iterator[tuple[_Path, str, str]]:
    for key, one in value.items():
        yield from below(one, (*path, key))


def _items(below: _Reader, value: list[Any], path: _Path) -> Iterator[tuple[_Path, str, str]]:
    for number, one in enumerate(value):
        yield from below(one, (*path, number))


def _optional(below: _Reader, value: object, path: _Path) -> Iterator[tuple[_Path, str, str]]:
    return iter(()) if value is None else below(value, path)


def check_flow(
    start: str, nodes: Mapping[str, Read], root: Located, findings: Findings, also: Collection[str] = ()
) -> None:
    """Check that every way leads to a node, every node lies on a way, and no way goes round by itself.

    `also`: nodes that a caller gets to from everywhere.
    """
    # Nodes that could not be read still exist: what leads to them is not wrong.
    listed = place_nodes(root)
    edges = {name: edges_of(read.source, read.located) for name, read in nodes.items()}
    if start and start not in listed:
        findings.error(place_of(root, ("start",)), f"there is no node '{start}'", did_you_mean(start, listed))
    for leaving in edges.values():
        for edge in leaving:
            if edge.target not in listed:
                findings.error(edge.place, f"there is no node '{edge.target}'", did_you_mean(edge.target, listed))
    if start in nodes and len(nodes) == len(listed):
        reached = reachable(start, {name: [edge.target for edge in leaving] for name, leaving in edges.items()})
        for name in also:
            reached |= reachable(name, {name: [edge.target for edge in leaving] for name, leaving in edges.items()})
        for name in listed:
            if name not in reached:
                findings.error(listed[name].key_place, f"no call can reach node '{name}'", "lead to it, or take it out")
    _check_loops(edges, listed, findings)


def _check_loops(edges: Mapping[str, list[Edge]], listed: Mapping[str, Located], findings: Findings) -> None:
    def followed(*kinds_of_edge: str) -> dict[str, list[str]]:
        return {
            name: [edge.target for edge in leaving if edge.by in kinds_of_edge and edge.target in edges]
            for name, leaving in edges.items()
        }

    certain = loops(followed("none"))
    for way in certain:
        findings.error(
            listed[way[0]].key_place,
            f"the call would go round without end: {' -> '.join([*way, way[0]])}",
            "put a gather or a hang_up on the way",
        )
    if not certain:
        for way in loops(followed("none", "silence")):
            findings.warning(
                listed[way[0]].key_place,
                f"a caller who presses nothing goes round until the call's time limit: {' -> '.join([*way, way[0]])}",
                "let 'failed' lead to a hang_up or an operator",
            )


def place_nodes(root: Located) -> dict[str, Located]:
    """Give the nodes as they stand in the file."""
    nodes = (root.table or {}).get("nodes")
    return (nodes.table if nodes else None) or {}
