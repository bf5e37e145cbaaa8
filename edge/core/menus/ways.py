"""Where nodes lead to, read off their types: every field that is marked as a `NodeId`, however deep."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from msgspec import inspect

from edge.core.menus.model import VISITS, Gather, Menu, Node, NodeId, Return, Sound, Submenu

#: What stands on the way in a drawing (`choices.1`, `failed`), and where it leads.
Named = tuple[str, NodeId]
Reader = Callable[[str, Any], Iterator[Named]]


def ways_of(node: Node) -> list[NodeId]:
    """List the nodes that a node names, each once, in the order of its fields."""
    return list(dict.fromkeys(target for _, target in named_ways_of(node)))


def named_ways_of(node: Node) -> list[Named]:
    """List all ways out of a node in the order of its fields, each with the field, and the key within it."""
    return [(label, target) for label, target in _reader(type(node))("", node) if target]


def secret_ahead(menu: Menu, start: NodeId) -> bool:
    """Say whether a key pressed at `start` may end up in a sensitive gather, and so must not be written down.

    What is pressed ahead belongs to the next gather, so the nodes that lead to it hide digits, too.
    """
    seen: set[NodeId] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        node = menu.nodes.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if isinstance(node, Gather) and node.sensitive:
            return True
        if isinstance(node, Return):  # to whoever asked: to all who may have
            ahead += [
                way
                for one in menu.nodes.values()
                if isinstance(one, Submenu)
                for way in (*one.results.values(), one.next)
            ]
        elif VISITS[type(node)].keeps_keys:
            ahead += ways_of(node)
    return False


@cache
def _reader(kind: type) -> Reader:
    return _reader_of(inspect.type_info(kind)) or _nothing


def _nothing(_label: str, _value: object) -> Iterator[Named]:
    return iter(())


def _reader_of(info: inspect.Type) -> Reader | None:
    """Make a reader of the node names in a value of a type; None when there can't be any."""
    match info:
        case inspect.Metadata():
            return _one if (info.extra or {}).get("way") else _reader_of(info.type)
        case inspect.StructType() if info.cls is Sound:
            return None  # it names no node, and its pieces are sounds again
        case inspect.StructType():
            found = [(field.name, _reader_of(field.type)) for field in info.fields]
            readers = [(name, reader) for name, reader in found if reader is not None]
            return partial(_fields, readers) if readers else None
        case inspect.DictType() if below := _reader_of(info.value_type):
            return partial(_values, below)
        case inspect.ListType() if below := _reader_of(info.item_type):
            return partial(_items, below)
        case inspect.UnionType():
            structs = [kind for kind in info.types if isinstance(kind, inspect.StructType)]
            return _any_of if any(_reader_of(kind) for kind in structs) else None
        case _:
            return None


def _one(label: str, value: NodeId) -> Iterator[Named]:
    yield label, value


def _below(label: str, key: object) -> str:
    return f"{label}.{key}" if label else str(key)


def _fields(readers: list[tuple[str, Reader]], label: str, value: object) -> Iterator[Named]:
    for field, reader in readers:
        yield from reader(_below(label, field), getattr(value, field))


def _values(below: Reader, label: str, value: dict[str, Any]) -> Iterator[Named]:
    for key, one in value.items():
        yield from below(_below(label, key), one)


def _items(below: Reader, label: str, value: list[Any]) -> Iterator[Named]:
    for number, one in enumerate(value, 1):
        yield from below(_below(label, number), one)


def _any_of(label: str, value: object) -> Iterator[Named]:
    kind: type = type(value)
    return iter(()) if value is None else _reader(kind)(label, value)
