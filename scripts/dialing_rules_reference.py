#!/usr/bin/env python3
"""Write the page of the dialer's rules and the JSON Schema of their files; `--check` only tells if they are current.

docs/dialing-rules.md: from the packs in dialing_rules/, edge/config/rule_source.py and edge/core/dialer/reasons.py.
docs/dialing-rules.schema.json: from edge/config/rule_source.py. What stands above the marker in the page is written by
hand and stays.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from msgspec import Struct  # noqa: E402
from msgspec import inspect as types  # noqa: E402

from edge.config import rule_source  # noqa: E402
from edge.config.dialing_rules import SHIPPED, Rulebooks, tables_of  # noqa: E402
from edge.config.errors import Findings  # noqa: E402
from edge.config.shape import duration_text, fields_of  # noqa: E402
from edge.core.dialer.reasons import REASONS, Reason  # noqa: E402
from scripts import configuration_reference as configuration  # noqa: E402
from scripts.generated import with_own_text, write_or_check  # noqa: E402

PAGE = ROOT / "docs/dialing-rules.md"
SCHEMA = ROOT / "docs/dialing-rules.schema.json"
MARKER = "<!-- From here on made by scripts/dialing_rules_reference.py; do not edit. -->\n"


def tables() -> Iterator[tuple[str, type, bool]]:
    """Yield the tables of a file: name, type, and whether it is a list of tables."""
    for field in fields_of(rule_source.RulesSource):
        plain, _ = configuration.unwrap(field.type)
        is_list = isinstance(plain, types.ListType)
        item = configuration.unwrap(plain.item_type)[0] if is_list else plain
        if isinstance(item, types.StructType):
            yield field.name, item.cls, is_list


def packs() -> Iterator[str]:
    """Describe each shipped pack: what it says, and where from."""
    findings = Findings()
    books = Rulebooks(SHIPPED / "none", findings, [])
    for name in books.names():
        pack = books.get(name)
        if pack is None or findings.errors:
            raise SystemExit("\n".join(map(str, findings.errors)))
        yield from ("", f"### {name}", "", f"{pack.source.title}. Sources looked at on {pack.source.checked}.", "")
        yield from (pack.source.about.strip().replace("\n", " "), "", "| rule | says | source |", "|---|---|---|")
        for path, table in tables_of(pack.source):
            yield f"| `{path[0]}` | {said(table)} | {table.source} |"


def said(table: rule_source.RuleTable) -> str:
    """Say what the settings of a table are."""
    defaults = {field.name: configuration.default_of(field) for field in fields_of(type(table))}
    parts: list[str] = []
    for field in fields_of(type(table)):
        value = getattr(table, field.name)
        if field.name in rule_source.RuleTable.__struct_fields__ or value in (defaults[field.name], [], {}, ""):
            continue
        if configuration.unwrap(field.type)[1].get("kind") == "duration":
            value = duration_text(value)
        shown = json.dumps(value).strip('"') if not isinstance(value, (dict, list)) else _joined(value)
        parts.append(f"{field.name} {shown}")
    return "; ".join(parts) or "a number of ours is always shown"


def _joined(value: dict[str, str] | list[str]) -> str:
    return ", ".join(f"{key} {text}" for key, text in value.items()) if isinstance(value, dict) else ", ".join(value)


def reference() -> str:
    """Give the generated part of the page."""
    out = ["## The packs", *packs(), "", "## Why a call is refused", "", "| reason | |", "|---|---|"]
    out += [f"| `{reason}` | {REASONS[reason]} |" for reason in get_args(Reason)]
    out += ["", "## The settings of a file", "", inspect.getdoc(rule_source.RulesSource) or "", ""]
    out += list(configuration.site_rows(rule_source.RulesSource))
    for name, kind, is_list in tables():
        title = f"[[{name}]]" if is_list else f"[{name}]"
        out += ["", f"### `{title}`", "", inspect.getdoc(kind) or "", ""]
        out += ["| setting | values | default | |", "|---|---|---|---|", *configuration.settings_rows(kind)]
    return "\n".join(out) + "\n"


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a file. Of one that extends a pack the tables may leave out what the pack has."""
    kinds: list[type[Struct]] = [kind for _, kind, _ in tables()]
    definitions = {kind.__name__: configuration.struct_schema(kind) for kind in kinds}
    for definition in definitions.values():
        del definition["required"]
    for definition in definitions.values():
        definition["properties"] = {
            name: {"type": "object", "additionalProperties": {"type": "string"}}
            if name in {"week", "exceptions"}
            else one
            for name, one in definition["properties"].items()
        }
    return {
        "$schema": configuration.SCHEMA_ID,
        "$id": "urn:edge-appliance:dialing-rules:1",
        "title": "Rules for campaigns of the telephony edge appliance",
        **configuration.struct_schema(rule_source.RulesSource),
        "$defs": definitions,
    }


def main() -> int:
    """Write or check; 1 when a page is not current."""
    made = {PAGE: with_own_text(PAGE, MARKER, reference()), SCHEMA: json.dumps(schema(), indent=2) + "\n"}
    return write_or_check(ROOT, made, "Write the page of the dialer's rules.")


if __name__ == "__main__":
    sys.exit(main())
