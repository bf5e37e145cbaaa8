#!/usr/bin/env python3
"""Write the reference parts of the configuration and menu pages; `--check` only tells whether they are current.

docs/configuration.md: from edge/config/site.py and the modules whose settings it has. docs/menu-reference.md and
docs/menu.schema.json: from edge/config/menu_source.py and the kinds of edge/config/menu_nodes.
docs/menu-tests.schema.json: from edge/config/menu_tests.py. What stands above the marker in a page is written by hand
and stays.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from msgspec import NODEFAULT  # noqa: E402
from msgspec import inspect as types  # noqa: E402

from edge.config import menu_source, menu_tables, menu_tests, profiles, sink_settings, sinks, site  # noqa: E402
from edge.config.kinds import DIGITS  # noqa: E402
from edge.config.menu_nodes import gather, hunting, parts, survey, transfer, when  # noqa: E402
from edge.config.shape import UNITS, duration_text, fields_of, hidden, without_unit  # noqa: E402
from edge.config.targets import OUTCOMES  # noqa: E402
from scripts.generated import field_comments, with_own_text, write_or_check  # noqa: E402

MARKER = "<!-- From here on made by scripts/configuration_reference.py; do not edit. -->\n"
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
DURATION = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"}
NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"}
DIALLED = {"type": ["string", "integer"]}
KIND_TEXTS = {
    "id_digits": "1 to 12 digits",
    "pin": "4 to 12 digits",
    "ip": "IP address",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    "loopback": "address in 127.0.0.0/8",
    "network": "address or network",
    "host": "host name or address",
    "status_codes": "status code or class",
    "ip_port": "address or address:port",
    "host_port": "host or host:port",
    "http_url": "http(s) address",
    "ask_url": "`https://`, `http://`, `tls://` or `nats://` address",
    "subject": "NATS subject",
    "server_url": "address",
    "event_template": "template",
    "webhook_secret": "secret",
    "token_hash": "hash of a token, or `file:PATH`",
    "database": "address of a database",
    "sip_user": "user part of a URI",
    "quotable": "text",
    "country": "country code",
    "dial_number": "number",
    "own_header": "`X-` header",
    "number_prefix": "beginning of numbers",
    "time_of_day": "time of the day",
    "scale": "least-most",
    "questions": "name -> question",
    "header_parameter": "parameter",
    "route_number": "number, `*` at its end",
    "moment": "date or time",
    "date": "date",
    "name": "name",
    "path": "path",
    "serial_port": "device or URL",
    "node": "node",
    "sounds": "sounds",
    "digits": "digits",
    "language": "language",
    "speech": "text",
    "reason": "text",
    "program": "program",
    "choices": "digits -> node",
    "outcomes": "outcome -> node",
    "nodes": "name -> node",
    "ladder": "sounds, or a list of lists of them",
    "texts_by_language": "text, or language -> text",
    "template": "text with `${name}`",
    "attribute": "name of an attribute",
    "pattern": "regular expression",
    "values": "attribute -> value",
    "value": "name of a value",
    "values_list": "value, or list of values",
    "digit_values": "digits -> text",
    "results": "result -> node",
    "attributes": "name -> attribute",
    "hours": "name -> opening hours",
    "commands": "key -> command",
    "time_zone": "time zone",
    "holidays": "country, or country-part",
    "duration": "duration",
    "usb_id": "vendor:product",
    "at_command": "AT command",
    "line_pattern": "regular expression",
    "octets": "octets",
    "device_path": "device file",
    "led": "light",
}


def unwrap(info: types.Type) -> tuple[types.Type, dict[str, Any]]:
    """Take the annotations off a type; what they say, too."""
    extra: dict[str, Any] = {}
    while isinstance(info, types.Metadata):
        extra = {**(info.extra or {}), **extra}
        info = info.type
    if isinstance(info, types.UnionType):  # `X | None`
        inner, more = unwrap(next(kind for kind in info.types if not isinstance(kind, types.NoneType)))
        return inner, {**more, **extra}
    return info, extra


def default_of(field: types.Field) -> Any:
    """Return a field's default; NODEFAULT when it has none."""
    return field.default_factory() if field.default_factory is not NODEFAULT else field.default


# --- pages ------------------------------------------------------------------------------------------------------------


def type_text(info: types.Type) -> str:
    """Describe the values of a field for people."""
    plain, extra = unwrap(info)
    least, most = extra.get("least", 0), extra.get("most")
    if extra.get("kind") == "duration":
        bounds = f", {duration_text(least)} to {duration_text(most)}" if most is not None else ""
        return "duration" + bounds
    if "kind" in extra:
        return KIND_TEXTS[extra["kind"]]
    if isinstance(plain, types.IntType):
        return f"{least} to {most}" if most is not None else "whole number"
    if isinstance(plain, types.LiteralType):
        return " \\| ".join(f"`{value}`" for value in plain.values)
    if isinstance(plain, types.ListType):
        return f"list of {type_text(plain.item_type)}"
    return {types.BoolType: "true or false", types.StrType: "text"}.get(type(plain), "table")


def value_text(value: Any) -> str:
    """Show a default as it would be written."""
    return "" if value is NODEFAULT or value in ("", None) else f"`{json.dumps(value, ensure_ascii=False)}`"


def site_rows(kind: type) -> Iterator[str]:
    """Describe the settings of one table of the site file."""
    comments = field_comments(kind)
    yield "| setting | values | default | |"
    yield "|---|---|---|---|"
    for field in fields_of(kind):
        plain, _ = unwrap(field.type)
        item = unwrap(plain.item_type)[0] if isinstance(plain, types.ListType) else plain
        if hidden(field) or isinstance(item, types.StructType):
            continue
        default = default_of(field)
        name, unit = without_unit(field.name)
        if name:
            values = duration_range(field, UNITS[unit])
            shown = "" if default is None else f'`"{duration_text(default * UNITS[unit])}"`'
        else:
            values, shown = type_text(field.type), value_text(default)
        needed = "**needed**" if field.required else shown
        yield f"| `{name or field.name}` | {values} | {needed} | {comments[field.name]} |"


def duration_range(field: types.Field, unit_ms: int) -> str:
    """Describe a duration that is kept in another unit than milliseconds."""
    _, extra = unwrap(field.type)
    if "most" not in extra:
        return "duration"
    return f"duration, {duration_text(extra['least'] * unit_ms)} to {duration_text(extra['most'] * unit_ms)}"


def configuration_reference() -> str:
    """Describe every table of the site file."""
    out = ["## Top of the file", "", *site_rows(site.Site)]
    for field in fields_of(site.Site):
        plain, _ = unwrap(field.type)
        is_list = isinstance(plain, types.ListType)
        kind = unwrap(plain.item_type)[0] if isinstance(plain, types.ListType) else plain
        if hidden(field) or not isinstance(kind, types.StructType):
            continue
        title = f"[[{field.name}]]" if is_list else f"[{field.name}]"
        if kind.cls is site.Sink:
            out += sinks_reference()
            continue
        out += ["", f"## `{title}`", "", inspect.getdoc(kind.cls) or "", "", *site_rows(kind.cls)]
        for inner, name, what in tables_within(kind.cls):
            out += ["", f"`{name}`{what}:", "", *site_rows(inner)]
    return "\n".join(out) + "\n" + profile_reference()


def sinks_reference() -> list[str]:
    """Describe sinks: what all have, then what each type has."""
    common = sink_settings.SinkSettings
    out = ["", "## `[[sinks]]`", "", inspect.getdoc(common) or "", "", *site_rows(common)]
    names = {without_unit(field.name)[0] or field.name for field in fields_of(common)}
    for name, kind in sinks.SETTINGS.items():
        rows = list(site_rows(kind))
        own = [row for row in rows[2:] if row.split("`")[1] not in names]
        default = " (the default)" if name == sinks.DEFAULT else ""
        out += ["", f'`type = "{name}"`{default}: {inspect.getdoc(kind)}', "", *rows[:2], *own]
    return out


def tables_within(kind: type) -> Iterator[tuple[type, str, str]]:
    """Yield the types and names of the tables, and of the lists of tables, that a table has, and what they are."""
    for field in fields_of(kind):
        plain, _ = unwrap(field.type)
        item = unwrap(plain.item_type)[0] if isinstance(plain, types.ListType) else plain
        if isinstance(item, types.StructType) and not hidden(field):
            needed = ", **needed**," if field.required else ""
            listed = "a list of tables" if isinstance(plain, types.ListType) else "a table"
            yield item.cls, field.name, f"{needed} is {listed}"


def profile_reference() -> str:
    """Describe a profile."""
    out = ["", "# A profile", "", inspect.getdoc(profiles.Profile) or "", "", *site_rows(profiles.Profile)]
    for field in fields_of(profiles.Profile):
        plain, _ = unwrap(field.type)
        if not isinstance(plain, types.StructType):
            continue
        out += ["", f"## `[{field.name}]` of a profile", "", inspect.getdoc(plain.cls) or "", ""]
        out += site_rows(plain.cls)
        if plain.cls is profiles.ProfileAmd:
            out += ["", "`[amd.rules]` has the settings of `[[amd_rules]]` but `name`."]
    return "\n".join(out) + "\n"


def settings_rows(kind: type, prefix: str = "") -> Iterator[str]:
    """Describe the settings of a node, those under its kind with the kind before them."""
    comments = field_comments(kind)
    for field in fields_of(kind):
        plain, _ = unwrap(field.type)
        if isinstance(plain, types.StructType) and not prefix:
            yield from settings_rows(plain.cls, f"{field.name}.")
            continue
        default = default_of(field)
        shown = "**needed**" if field.required else value_text(default) if default not in ([], {}, None) else ""
        if unwrap(field.type)[1].get("kind") == "duration" and default is not NODEFAULT:
            shown = f"`{duration_text(default)}`" if default else ""
        elif default is True or default is False:
            shown = f"`{str(default).lower()}`"
        yield f"| `{prefix}{field.name}` | {type_text(field.type)} | {shown} | {comments[field.name]} |"
        inner = unwrap(plain.item_type)[0] if isinstance(plain, types.ListType) else plain
        if isinstance(inner, types.StructType) and "kind" not in unwrap(field.type)[1]:
            yield from settings_rows(inner.cls, f"{prefix}{field.name}.")
        named = unwrap(plain.value_type)[0] if isinstance(plain, types.DictType) else None
        if isinstance(named, types.StructType):
            yield from settings_rows(named.cls, f"{prefix}{field.name}.NAME.")


def menus_reference() -> str:
    """Describe the language: the file, then each kind of node."""
    heads = ["| setting | values | default | |", "|---|---|---|---|"]
    out = ["## The file", "", *heads, *menu_rows()]
    for name, table in (
        ("attributes", menu_source.AttributeSource),
        ("hours", menu_tables.HoursSource),
        ("limits", menu_source.LimitsSource),
    ):
        out += ["", f"`{name}`: {inspect.getdoc(table)}", "", *heads, *settings_rows(table)]
    for name, (kind, *_) in menu_source.KINDS.items():
        node_field = next(field for field in fields_of(kind) if field.name == name)
        plain, _ = unwrap(node_field.type)
        short = inspect.getdoc(plain.cls) if isinstance(plain, types.StructType) else ""
        out += ["", f"## `{name}`", "", " ".join(filter(None, [inspect.getdoc(kind), short])), ""]
        out += [*heads, *settings_rows(kind)]
    out += ["", "## Outcomes of a transfer", "", ", ".join(f"`{outcome}`" for outcome in OUTCOMES)]
    return "\n".join(out) + "\n"


def menu_rows() -> Iterator[str]:
    """Describe the top of a menu file."""
    comments = field_comments(menu_source.MenuSource)
    for field in fields_of(menu_source.MenuSource):
        values = "kind -> settings" if field.name == "defaults" else type_text(field.type)
        default = default_of(field)
        shown = "**needed**" if field.required else value_text(default) if isinstance(default, str) else ""
        yield f"| `{field.name}` | {values} | {shown} | {comments[field.name]} |"


# --- JSON Schema ------------------------------------------------------------------------------------------------------


def schema_of(info: types.Type) -> dict[str, Any]:
    """Give the JSON Schema of a value."""
    plain, extra = unwrap(info)
    bounds = {"minimum": extra["least"], "maximum": extra["most"]} if "most" in extra else {}
    special: dict[str, dict[str, Any]] = {
        "duration": DURATION,
        "node": NAME,
        "sounds": {"$ref": "#/$defs/Sounds"},
        "digits": {**DIALLED, "pattern": f"^[{DIGITS}]*$"},
        "language": {"type": "string", "pattern": "^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$"},
        "speech": {"type": ["string", "number"], "maxLength": 2000},
        "reason": {"type": ["string", "number"], "maxLength": 128},
        "choices": {"type": "object", "patternProperties": {f"^[{DIGITS}]+$": NAME}, "additionalProperties": False},
        "outcomes": {
            "type": "object",
            "properties": dict.fromkeys(OUTCOMES, NAME),
            "additionalProperties": False,
        },
        "ladder": {"$ref": "#/$defs/Ladder"},
        "texts_by_language": {"$ref": "#/$defs/Texts"},
        "values": {"type": "object", "additionalProperties": dict(DIALLED)},
        "values_list": {"anyOf": [dict(DIALLED), {"type": "array", "items": dict(DIALLED)}]},
        "digit_values": {
            "type": "object",
            "patternProperties": {f"^[{DIGITS}]+$": dict(DIALLED)},
            "additionalProperties": False,
        },
        "results": {"type": "object", "additionalProperties": NAME},
        "attributes": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [{"enum": ["word", "number", "digits", "text"]}, {"$ref": "#/$defs/AttributeSource"}]
            },
        },
        "hours": {"type": "object", "additionalProperties": {"$ref": "#/$defs/HoursSource"}},
        "commands": {
            "type": "object",
            "patternProperties": {f"^[{DIGITS}]$": NAME},
            "additionalProperties": False,
        },
        "nodes": {"type": "object", "propertyNames": NAME, "additionalProperties": {"$ref": "#/$defs/Node"}},
    }
    if extra.get("kind") in special:
        return special[extra["kind"]]
    if isinstance(plain, types.StructType):
        table = {"$ref": f"#/$defs/{plain.cls.__name__}"}
        if "short" not in extra:
            return table
        short = next(field for field in plain.fields if field.name == extra["short"])
        return {"anyOf": [schema_of(short.type), table, *([] if short.required else [{"type": "null"}])]}
    if isinstance(plain, types.LiteralType):
        return {"enum": list(plain.values)}
    if isinstance(plain, types.IntType):
        return {"type": "integer", **bounds}
    if isinstance(plain, types.ListType):
        return {"type": "array", "items": schema_of(plain.item_type)}
    if isinstance(plain, types.DictType):
        return {"type": "object", "additionalProperties": schema_of(plain.value_type)}
    return {"type": "boolean"} if isinstance(plain, types.BoolType) else dict(DIALLED)


def struct_schema(kind: type) -> dict[str, Any]:
    """Give the JSON Schema of a table."""
    comments = field_comments(kind)
    properties: dict[str, Any] = {}
    for field in fields_of(kind):
        schema = dict(schema_of(field.type))
        if comments.get(field.name):
            schema["description"] = comments[field.name]
        default = default_of(field)
        if isinstance(default, int) and schema.get("pattern") == DURATION["pattern"]:
            schema |= {"default": duration_text(default)} if default else {}
        elif isinstance(default, (str, int)) and default != "":
            schema["default"] = default
        properties[field.name] = schema
    return {
        "type": "object",
        "description": inspect.getdoc(kind),
        "properties": properties,
        "required": [field.name for field in fields_of(kind) if field.required],
        "additionalProperties": False,
    }


def menu_schema() -> dict[str, Any]:
    """Give the JSON Schema of a menu file."""
    nodes = [kind.source for kind in menu_source.KINDS.values()]
    structs: list[type] = [
        parts.SpokenSource,
        parts.ReadSource,
        menu_source.Defaults,
        transfer.TransferDefaults,
        *nodes,
    ]
    structs += [transfer.AnnouncementSettings, gather.ConfirmSettings, when.CaseSource, survey.QuestionSource]
    structs += [hunting.TargetSettings, hunting.WhisperSettings, survey.SpokenSettings]
    structs += [menu_source.AttributeSource, menu_source.LimitsSource, menu_tables.HoursSource]
    for node in nodes:
        for field in fields_of(node):
            plain, _ = unwrap(field.type)
            if isinstance(plain, types.StructType):
                structs.append(plain.cls)
    sound = {"anyOf": [dict(DIALLED), {"$ref": "#/$defs/SpokenSource"}, {"$ref": "#/$defs/ReadSource"}]}
    definitions = {kind.__name__: struct_schema(kind) for kind in structs}
    definitions["Sounds"] = {"anyOf": [sound, {"type": "array", "items": sound}]}
    definitions["Ladder"] = {
        "anyOf": [{"$ref": "#/$defs/Sounds"}, {"type": "array", "items": {"$ref": "#/$defs/Sounds"}}]
    }
    text = {"type": ["string", "number"], "maxLength": 2000}
    definitions["Texts"] = {"anyOf": [text, {"type": "object", "additionalProperties": text}]}
    definitions["Node"] = {"oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in nodes]}
    return {
        "$schema": SCHEMA_ID,
        "$id": f"urn:edge-appliance:menu:{menu_source.VERSION}",
        "title": "Menu of the telephony edge appliance",
        **struct_schema(menu_source.MenuSource),
        "$defs": definitions,
    }


def menu_tests_schema() -> dict[str, Any]:
    """Give the JSON Schema of a file of tests."""
    tables = [
        menu_tests.TestSource,
        menu_tests.StepSource,
        menu_tests.AnswerSource,
        menu_tests.RowSource,
        menu_tests.QueueSource,
    ]
    step = struct_schema(menu_tests.StepSource) | {"minProperties": 1, "maxProperties": 1}
    return {
        "$schema": SCHEMA_ID,
        "$id": f"urn:edge-appliance:menu-tests:{menu_source.VERSION}",
        "title": "Tests of menus of the telephony edge appliance",
        **struct_schema(menu_tests.TestsSource),
        "$defs": {kind.__name__: struct_schema(kind) for kind in tables} | {"StepSource": step},
    }


# --- files ------------------------------------------------------------------------------------------------------------


def pages() -> dict[Path, str]:
    """Every generated file with its content."""
    configuration, menus = ROOT / "docs/configuration.md", ROOT / "docs/menu-reference.md"
    return {
        configuration: with_own_text(configuration, MARKER, configuration_reference()),
        menus: with_own_text(menus, MARKER, menus_reference()),
        ROOT / "docs/menu.schema.json": json.dumps(menu_schema(), indent=2) + "\n",
        ROOT / "docs/menu-tests.schema.json": json.dumps(menu_tests_schema(), indent=2) + "\n",
    }


def main() -> int:
    """Write or check; 1 when a page is not current."""
    return write_or_check(ROOT, pages(), "Write the reference pages of configuration and menus.")


if __name__ == "__main__":
    sys.exit(main())
