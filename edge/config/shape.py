"""From located values to typed ones: unknown keys, wrong types and ranges become findings, and the rest is still read.

One walker serves the site file and the menus; the types say everything, with these words in `Meta(extra=...)`:
`kind` a kind of text (`kinds.FAULTS`), `path`, `duration`, or one of the caller's own; `least` and `most` a range;
`optional` an empty text is allowed; `word` what may stand in a path's place; `secret` a text that is never shown;
`short` the field that a value which is no table stands for, and a table for which `short_table` holds;
`hidden` a field that no author fills.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import inspect

from edge.config import credentials, kinds
from edge.config.errors import ConfigError, Findings, Place, did_you_mean
from edge.config.located import Located

T = TypeVar("T")
Hook = Callable[[Located], Any]

#: A warning; `edge doctor` looks who may read that file.
SECRET_IN_FILE = "a secret stands in the configuration itself"  # noqa: S105 - a text about one
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
#: Suffix of a field's name -> milliseconds of its unit. Such a field may be written without it, as a duration.
UNITS = {"_ms": 1, "_seconds": 1000}


class _MissingType:
    """The value could not be read; a finding says why."""


MISSING = _MissingType()
#: Stands for a secret that cannot be had here.
WITHHELD: Final = "withheld"


class Shaper:
    """Makes typed values of one configuration.

    `base` is the folder that relative paths start from. `environment` fills `${NAME}` in texts; None leaves them alone.
    `hooks` reads values of the caller's own kinds. Into `withheld`, where it is given, go the faults of secrets that
    cannot be had here; each of these is `WITHHELD`.
    """

    def __init__(
        self,
        findings: Findings,
        base: Path,
        environment: Mapping[str, str] | None = None,
        hooks: Mapping[str, Hook] | None = None,
        withheld: list[ConfigError] | None = None,
    ) -> None:
        self._findings = findings
        self._base = base
        self._environment = environment
        self._hooks = hooks or {}
        self._withheld = withheld
        self._readers: dict[type, Callable[[Any, Located, dict[str, Any]], Any]] = {
            inspect.StructType: self._struct,
            inspect.DictType: lambda info, node, _: self._dict(info, node),
            inspect.ListType: lambda info, node, _: self._list(info, node),
            inspect.StrType: lambda _, node, extra: self._str(node, extra),
            inspect.IntType: lambda _, node, extra: self._int(node, extra),
            inspect.BoolType: lambda _, node, __: self._bool(node),
            inspect.LiteralType: lambda info, node, _: self._literal(info, node),
            inspect.UnionType: self._optional,
        }

    def shape(self, kind: type[T], node: Located) -> T:
        """Make the typed value; what could not be read has its default, or an empty value where there is none."""
        info = inspect.type_info(kind)
        value = self._read(info, node, {})
        return empty(info) if value is MISSING else value  # type: ignore[no-any-return]

    def _read(self, info: inspect.Type, node: Located, extra: dict[str, Any]) -> Any:
        if isinstance(info, inspect.Metadata):
            return self._read(info.type, node, {**extra, **(info.extra or {})})
        if extra.get("kind") in self._hooks:
            return self._hooks[extra["kind"]](node)
        reader = self._readers.get(type(info))
        if reader is None:
            raise TypeError(f"configuration types cannot have {info}")
        return reader(info, node, extra)

    def _wrong(self, node: Located, expected: str) -> _MissingType:
        shown = "a table" if node.table is not None else "a list" if node.items is not None else _shown(node)
        advice = ""
        if expected == "a text" and isinstance(node.value, (int, float)):
            advice = "put quotes around it"
        elif node.value is None and node.text == "":
            advice = "in YAML a '#' begins a comment: put quotes around such a text"
        self._findings.error(node.place, f"expected {expected}, not {shown}", advice)
        return MISSING

    # --- tables and lists ---------------------------------------------------------------------------------------

    def _struct(self, info: inspect.StructType, node: Located, extra: dict[str, Any]) -> Any:
        table = {extra["short"]: node} if is_short(node, extra) else node.table
        if table is None and "short" in extra and node.value is None:
            table = {}
        if table is None:
            return self._wrong(node, "a table")
        fields = {field.name: field for field in info.fields if not hidden(field)}
        durations = {name: unit for field in fields for name, unit in [without_unit(field)] if name}
        values = self._fields(table, fields, durations)
        for name, field in fields.items():
            if field.required and name not in values:
                self._findings.error(node.key_place, f"'{name}' is missing")
                values[name] = empty(field.type)
        return info.cls(**values)

    def _fields(
        self, table: dict[str, Located], fields: dict[str, inspect.Field], durations: dict[str, str]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, below in table.items():
            if key in fields:
                read = self._read(fields[key].type, below, {})
                name = key
            elif key in durations:
                name = key + durations[key]
                read = self._duration_field(fields[name], durations[key], below)
            else:
                self._unknown(key, below, [*fields, *durations])
                continue
            if name in values:
                self._findings.error(below.key_place, f"'{name}' is set twice, as '{name}' and without its unit")
            elif read is not MISSING:
                values[name] = read
            elif fields[name].required:
                values[name] = empty(fields[name].type)
        return values

    def _unknown(self, key: str, node: Located, known: list[str]) -> None:
        advice = did_you_mean(key, known) or "known: " + ", ".join(sorted(known))
        self._findings.error(node.key_place, f"unknown setting '{key}'", advice)

    def _dict(self, info: inspect.DictType, node: Located) -> Any:
        table = node.table
        if table is None:
            return self._wrong(node, "a table")
        read = {key: self._read(info.value_type, below, {}) for key, below in table.items()}
        return {key: value for key, value in read.items() if value is not MISSING}

    def _list(self, info: inspect.ListType, node: Located) -> Any:
        items = node.items
        if items is None:
            return self._wrong(node, "a list")
        # A placeholder keeps the positions of the other items in step with the source.
        read = [self._read(info.item_type, item, {}) for item in items]
        return [empty(info.item_type) if value is MISSING else value for value in read]

    def _optional(self, info: inspect.UnionType, node: Located, extra: dict[str, Any]) -> Any:
        choices = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        if len(choices) != 1:
            raise TypeError(f"configuration types cannot have {info}")
        return self._read(choices[0], node, extra)

    # --- scalars --------------------------------------------------------------------------------------------------

    def _bool(self, node: Located) -> Any:
        return node.value if isinstance(node.value, bool) else self._wrong(node, "true or false")

    def _int(self, node: Located, extra: dict[str, Any]) -> Any:
        if extra.get("kind") == "duration":
            return self._duration(node, extra, 1)
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            return self._wrong(node, "a whole number")
        return self._in_range(node, node.value, extra, str)

    def _in_range(self, node: Located, value: int, extra: dict[str, Any], show: Callable[[int], str]) -> Any:
        least, most = extra.get("least"), extra.get("most")
        if (least is not None and value < least) or (most is not None and value > most):
            bounds = f"from {show(least or 0)} to {show(most)}" if most is not None else f"{show(least or 0)} or more"
            self._findings.error(node.place, f"{show(value)} is out of range", bounds)
            return MISSING
        return value

    def _duration(self, node: Located, extra: dict[str, Any], unit_ms: int) -> Any:
        milliseconds = kinds.duration_ms(node.value) if isinstance(node.value, str) else None
        if milliseconds is None:
            return self._wrong(node, "a duration such as '1500ms', '5s', '2m' or '4h'")
        if milliseconds % unit_ms:
            self._findings.error(node.place, f"'{node.value}' is not a whole number of seconds")
            return MISSING
        return self._in_range(node, milliseconds // unit_ms, extra, lambda n: duration_text(n * unit_ms))

    def _duration_field(self, field: inspect.Field, suffix: str, node: Located) -> Any:
        extra = field.type.extra or {} if isinstance(field.type, inspect.Metadata) else {}
        return self._duration(node, extra, UNITS[suffix])

    def _literal(self, info: inspect.LiteralType, node: Located) -> Any:
        allowed = [str(value) for value in info.values]
        if node.value in info.values and not isinstance(node.value, bool):
            return node.value
        if isinstance(node.value, (str, int)):
            advice = did_you_mean(str(node.value), allowed) or "one of " + ", ".join(allowed)
            self._findings.error(node.place, f"{_shown(node)} is not allowed here", advice)
            return MISSING
        return self._wrong(node, "one of " + ", ".join(allowed))

    def _str(self, node: Located, extra: dict[str, Any]) -> Any:
        text = node.value if isinstance(node.value, str) else node.text if node.value is not None else None
        if text is None or node.table is not None or node.items is not None:
            return self._wrong(node, "a text")
        if extra.get("secret") and self._withheld is not None:
            findings = Findings()
            filled = self._filled(text, extra, node.place, findings)
            if filled is None:
                self._withheld += findings.errors
                return WITHHELD
        else:
            filled = self._filled(text, extra, node.place, self._findings)
        if filled is None:
            return MISSING
        kind = extra.get("kind", "")
        if not filled and (extra.get("optional") or not kind):
            return filled
        if kind == "path" and filled != extra.get("word"):
            return self._path(filled, node.place)
        if "\0" in filled or (not filled.isprintable() and kind):
            self._findings.error(node.place, "contains a character that cannot be printed")
            return MISSING
        check = kinds.FAULTS.get(kind)
        fault = check(filled) if check else ""
        if fault:
            self._findings.error(node.place, fault)
            return MISSING
        return filled

    def _filled(self, text: str, extra: dict[str, Any], place: Place, findings: Findings) -> str | None:
        # Where `${name}` is a value of calls it is no variable of the environment.
        filled = text if extra.get("of_calls") else self._fill(text, place, findings)
        if not (extra.get("secret") or extra.get("file")) or filled is None:
            return filled
        # What may be in a `file` only to be changed there is no secret, and may stand here as well.
        return self._secret(filled, place, findings, literal=filled == text and "secret" in extra)

    def _fill(self, text: str, place: Place, findings: Findings) -> str | None:
        if self._environment is None or "${" not in text:
            return text
        names = _VARIABLE.findall(text)
        missing = [name for name in names if name not in self._environment]
        for name in missing:
            findings.error(
                place,
                f"the environment has no variable '{name}'",
                did_you_mean(name, self._environment) or "set it where the service is started",
            )
        environment = self._environment
        return None if missing else _VARIABLE.sub(lambda match: environment[match[1]], text)

    def _secret(self, text: str, place: Place, findings: Findings, *, literal: bool) -> str | None:
        if text.startswith(credentials.PREFIX):
            try:
                return credentials.read(text.removeprefix(credentials.PREFIX), self._environment or {})
            except credentials.CredentialError as error:
                findings.error(place, *error.args)
                return None
        if not text.startswith("file:"):
            if literal and text:
                findings.warning(place, SECRET_IN_FILE, "use 'credential:NAME', '${NAME}' or 'file:PATH'")
            return text
        path = self._base / Path(text.removeprefix("file:")).expanduser()
        try:
            secret = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            findings.error(place, f"the secret's file {path} cannot be read: {reason}")
            return None
        if path.stat().st_mode & 0o007:
            findings.warning(place, f"the secret's file {path} can be read by everybody", "chmod o= it")
        return secret

    def _path(self, text: str, place: Place) -> Any:
        if not text or "\0" in text:
            self._findings.error(place, "a path cannot be empty or contain NUL")
            return MISSING
        try:
            return os.path.normpath(self._base / Path(text).expanduser())
        except RuntimeError:
            self._findings.error(place, f"'{text}' names a home folder that is not known")
            return MISSING


def is_short(node: Located, extra: Mapping[str, Any]) -> bool:
    """Say whether a value stands for one field of its table."""
    if node.table is None:
        return "short" in extra and node.value is not None
    return "short_table" in extra and bool(node.table) and extra["short_table"](node.table)


def _shown(node: Located) -> str:
    value = node.value
    if isinstance(value, str):
        return f"'{value[:60]}'"
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]


def without_unit(name: str) -> tuple[str, str]:
    """Split a duration field's name in what is written in a file and its unit; two empty texts for other fields."""
    for suffix in UNITS:
        if name.endswith(suffix):
            return name.removesuffix(suffix), suffix
    return "", ""


def hidden(field: inspect.Field) -> bool:
    """Say whether a field is filled by the loader and not by the author."""
    return isinstance(field.type, inspect.Metadata) and bool((field.type.extra or {}).get("hidden"))


def duration_text(milliseconds: int) -> str:
    """Write a duration as an author would."""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def empty(info: inspect.Type) -> Any:
    """Give the empty value that stands for one that could not be read, so that the checks after it can go on."""
    if isinstance(info, inspect.Metadata):
        return empty(info.type)
    if isinstance(info, inspect.StructType):
        return info.cls(**{field.name: empty(field.type) for field in info.fields if field.required})
    if isinstance(info, inspect.DictType):
        return {}
    if isinstance(info, inspect.ListType):
        return []
    if isinstance(info, inspect.LiteralType):
        return info.values[0]
    if isinstance(info, inspect.UnionType):
        return None
    return {inspect.StrType: "", inspect.IntType: 0, inspect.BoolType: False}[type(info)]


def fields_of(kind: type) -> tuple[inspect.Field, ...]:
    """List the fields of a Struct type."""
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{kind} is not a Struct")
    return info.fields
