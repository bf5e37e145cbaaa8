"""The sound files that a compiled menu names, wherever they stand in it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.model import Menu
from edge.core.menus.parts import Sound
from edge.vocabulary.wire import pack, unpacker

_menu = unpacker(Menu)


def sound_paths(menu: Menu) -> Iterator[str]:
    """Yield the path of every sound, some more than once; tones (`tone:...`) are among them."""
    for words in menu.words.values():
        yield from words.values()
    for node in menu.nodes.values():
        waiting: list[object] = [node]
        while waiting:
            value = waiting.pop(0)
            if isinstance(value, Sound):
                yield from filter(None, (value.path, *value.others.values()))
                waiting += value.pieces.values()
            elif isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values()
            elif isinstance(value, Struct):
                waiting += (getattr(value, name) for name in value.__struct_fields__)


def with_sounds(menu: Menu, paths: Mapping[str, str]) -> Menu:
    """Return the menu with other files: `paths` says which stands for which. Only whole, absolute paths are changed.

    Its `origins` name the former ones; of several with the same content the first.
    """
    changed = {old: new for old, new in paths.items() if old.startswith("/") and new != old}
    if not changed:
        return menu
    other = _menu.decode(pack(_with(msgspec.msgpack.decode(pack(menu)), changed)))
    origins = {new: menu.origins.get(old, old) for old, new in reversed(changed.items())}
    return replace(other, origins=origins)


def _with(value: Any, changed: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return changed.get(value, value)
    if isinstance(value, list):
        return [_with(one, changed) for one in value]
    if isinstance(value, dict):
        return {key: _with(one, changed) for key, one in value.items()}
    return value
