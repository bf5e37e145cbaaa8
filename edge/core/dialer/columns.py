"""Which column of a list is what: by the name that it has, or by the name that whoever imports it says."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

#: What a line is made of; further numbers are `number_LABEL`.
CONTACT_FIELDS = ("id", "number", "priority", "zone", "language", "country")
SUPPRESSION_FIELDS = ("number", "since", "country")
CONSENT_FIELDS = ("number", "kind", "given", "expires", "evidence", "country")
_LABELLED = "number_"


class Columns(Struct, frozen=True):
    """What is taken from which columns."""

    #: Field -> the columns whose texts make it, one after the other.
    fields: dict[str, tuple[str, ...]]
    #: Field -> label, for the numbers, in the order in which they are tried.
    numbers: dict[str, str]
    #: All other columns.
    others: tuple[str, ...]


class ColumnsError(Exception):
    """The columns of a file are not those that are needed; `faults` says all that is wrong."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


def unknown_fields(mapping: Mapping[str, str], fields: Sequence[str]) -> list[str]:
    """Say which fields of a mapping there are not."""
    return [
        f"there is no field '{field}'{_near(field, fields)}; fields are {', '.join(fields)}"
        for field in mapping
        if field not in fields and not _is_number(field, fields)
    ]


def columns_of(
    names: Sequence[str],
    mapping: Mapping[str, str],
    fields: Sequence[str],
    required: Iterable[str],
    *,
    whole: bool = True,
) -> Columns:
    """Find the columns of `fields` (with `number` also `number_LABEL`) among `names`, the names that a file has.

    `mapping`: field -> column; `A+B` are two columns whose texts belong together (area code and number). A field that
    is not named there is the column of its name, whatever its case. `whole`: all lines have the same columns, so one
    that the mapping names must be there; else it is empty in this line. Raises `ColumnsError`.
    """
    faults = [f"there are two columns '{name}'" for name in sorted({name for name in names if names.count(name) > 1})]
    found: dict[str, tuple[str, ...]] = {}
    plain = {name.strip().casefold(): name for name in reversed(names)}
    faults += unknown_fields(mapping, fields)
    for field, column in mapping.items():
        parts = (column,) if column in names else tuple(part.strip() for part in column.split("+"))
        missing = [part for part in parts if part not in names]
        if missing and not whole:
            continue
        faults += [f"there is no column '{part}'{_near(part, names)}; {_there(names)}" for part in missing]
        found[field] = parts
    taken = {part for parts in found.values() for part in parts}
    for name, original in plain.items():
        if original not in taken and name not in found and (name in fields or _is_number(name, fields)):
            found[name] = (original,)
            taken.add(original)
    faults += [
        f"there is no column '{field}'{_near(field, names)}; {_there(names)}; name it with --map {field}=COLUMN"
        for field in required
        if field not in found and not (field == "number" and any(_is_number(name, fields) for name in found))
    ]
    if faults:
        raise ColumnsError(faults)
    numbers = {field: field.removeprefix(_LABELLED) for field in _numbers_first(found, names) if field != "number"}
    if "number" in found:
        numbers = {"number": ""} | numbers
    return Columns(found, numbers, tuple(name for name in names if name not in taken))


def _is_number(field: str, fields: Sequence[str]) -> bool:
    return "id" in fields and field.startswith(_LABELLED) and len(field) > len(_LABELLED)


def _numbers_first(found: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> list[str]:
    """Return the fields that are numbers, in the order of their columns."""
    numbers = [field for field in found if field == "number" or field.startswith(_LABELLED)]
    return sorted(numbers, key=lambda field: names.index(found[field][0]))


def _near(word: str, words: Iterable[str]) -> str:
    by_plain = {one.casefold(): one for one in words}
    near = difflib.get_close_matches(word.casefold(), by_plain, n=1, cutoff=0.7)
    return f" (did you mean '{by_plain[near[0]]}'?)" if near else ""


def _there(names: Sequence[str]) -> str:
    return f"there are {', '.join(repr(name[:40]) for name in names[:20])}" if names else "there are none"
