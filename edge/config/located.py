"""Values that know where they stand: the common form of TOML and YAML sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge.config.errors import Findings, Place


@dataclass(slots=True)
class Located:
    """A value of a source file: a dict or list of `Located`, or a scalar."""

    value: Any
    #: Where the value begins.
    place: Place
    #: Where its key stands; for list items and the root the same as `place`.
    key_place: Place
    #: YAML only: the scalar as written. There `01`, `no` and `1.10` are words as often as numbers.
    text: str | None = None

    @property
    def table(self) -> "dict[str, Located] | None":
        """The value when it is a table."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> "list[Located] | None":
        """The value when it is a list."""
        return self.value if isinstance(self.value, list) else None


def place_of(root: Located, path: Sequence[str | int], *, key: bool = False) -> Place:
    """Where `path` stands under `root`; where it is missing, the nearest thing above it."""
    here = root
    for step in path:
        below = here.value
        known = step in below if isinstance(below, dict) else isinstance(below, list) and step in range(len(below))
        if not known:
            return here.key_place
        here = below[step]
    return here.key_place if key else here.place


def find(root: Located, path: Sequence[str]) -> Located | None:
    """Give what stands at `path`, when it is there."""
    here: Located | None = root
    for step in path:
        here = (here.table or {}).get(step) if here else None
    return here


def merge(first: Located, second: Located, findings: Findings, name: str = "") -> None:
    """Add `second` to `first` in place: tables join, lists of tables append, the same value twice is an error."""
    ours: dict[str, Located] = first.value
    theirs: dict[str, Located] = second.value
    for key, value in theirs.items():
        dotted = f"{name}.{key}" if name else key
        here = ours.get(key)
        if here is None:
            ours[key] = value
        elif here.table is not None and value.table is not None:
            merge(here, value, findings, dotted)
        elif _is_list_of_tables(here) and _is_list_of_tables(value):
            here.value = here.value + value.value
        else:
            findings.error(value.key_place, f"'{dotted}' is set twice; the first is at {here.key_place}")


def _is_list_of_tables(node: Located) -> bool:
    return node.items is not None and all(item.table is not None for item in node.items)
