#!/usr/bin/env python3
"""Write the page of devices' profiles and the JSON Schema of their files; `--check` only tells if they are current.

docs/firmware-profiles.md: from the profiles in firmware_profiles/ and edge/core/lines/profile.py.
docs/firmware-profile.schema.json: from edge/core/lines/profile.py. What stands above the marker in the page is written
by hand and stays.
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

from edge.config.devices import SHIPPED, Devices  # noqa: E402
from edge.config.errors import Findings  # noqa: E402
from edge.config.shape import fields_of, without_unit  # noqa: E402
from edge.core.lines.profile import GROUPS, NEEDED_GROUPS, DeviceProfile, Meaning  # noqa: E402
from edge.core.lines.unsolicited import STANDARD  # noqa: E402
from scripts import configuration_reference as configuration  # noqa: E402
from scripts.generated import with_own_text, write_or_check  # noqa: E402

PAGE = ROOT / "docs/firmware-profiles.md"
SCHEMA = ROOT / "docs/firmware-profile.schema.json"
MARKER = "<!-- From here on made by scripts/firmware_profiles_reference.py; do not edit. -->\n"
TEXT = {"type": "string"}
PATTERNS = {"usb_id": "^[0-9a-f]{4}:[0-9a-f]{4}$", "at_command": "^(AT[ -~]{0,198})?$", "device_path": "^(/dev/.+)?$"}


def tables(kind: type, prefix: str = "") -> Iterator[tuple[str, type[Struct], bool]]:
    """Yield the tables below a table, at any depth: name, type, and whether it is a list of tables."""
    for field in fields_of(kind):
        plain, _ = configuration.unwrap(field.type)
        is_list = isinstance(plain, types.ListType)
        item = configuration.unwrap(plain.item_type)[0] if is_list else plain
        if isinstance(item, types.StructType):
            yield prefix + field.name, item.cls, is_list
            yield from tables(item.cls, f"{prefix}{field.name}.")


# --- the page ---------------------------------------------------------------------------------------------------------


def shipped() -> Iterator[str]:
    """Describe each shipped profile: what it is, its peculiarities, and where from."""
    findings = Findings()
    devices = Devices(SHIPPED / "none", findings)
    for name in devices.names():
        profile = devices.get(name)
        if profile is None:
            raise SystemExit("\n".join(map(str, findings.errors)))
        yield from ("", f"### {name}", "", f"{profile.vendor}: {profile.model} (`{profile.kind}`).", "")
        found = ", ".join(f"`{one}`" for one in profile.find.usb)
        facts = [f"Found by USB {found}{_interfaces(profile)}."] if found else []
        if profile.sound.how != "none":
            facts.append(f"Sound: `{profile.sound.how}`, {profile.sound.rate} Hz.")
        if profile.firmware:
            facts.append(f"Firmware: {', '.join(profile.firmware)}.")
        yield from (*facts, "") if facts else ()
        if profile.quirks:
            yield from ("| what it does | what is done about it | source |", "|---|---|---|")
            yield from (f"| {one.what} | {one.reason} | {one.source} |".replace("\n", " ") for one in profile.quirks)
            yield ""
        yield from ("Sources:", "", *(f"- {source}" for source in profile.sources))


def _interfaces(profile: DeviceProfile) -> str:
    find = profile.find
    parts = [f"commands on interface {find.control_interface}"] if find.control_interface is not None else []
    parts += [f"sound on interface {find.sound_interface}"] if find.sound_interface is not None else []
    return ", " + ", ".join(parts) if parts else ""


def meanings() -> Iterator[str]:
    """List what lines can mean, their groups, and what the standards' own lines are."""
    yield from ("", "| `means` | groups | lines that are known without a profile |", "|---|---|---|")
    for name in get_args(Meaning):
        needed = NEEDED_GROUPS.get(name, frozenset())
        groups = ", ".join(
            f"`{one}`" + ("" if one in needed else " (optional)") for one in sorted(GROUPS.get(name, ()))
        )
        known = " ".join(f"`{pattern}`".replace("|", "\\|") for pattern, means in STANDARD if means == name)
        yield f"| `{name}` | {groups} | {known} |"


def reference() -> str:
    """Give the generated part of the page."""
    out = ["## What is shipped", *shipped(), "", "## What a line can mean", *meanings()]
    out += ["", "## The settings of a file", "", *configuration.site_rows(DeviceProfile)]
    for name, kind, is_list in tables(DeviceProfile):
        title = f"[[{name}]]" if is_list else f"[{name}]"
        out += ["", f"### `{title}`", "", inspect.getdoc(kind) or "", "", *configuration.site_rows(kind)]
    return "\n".join(out) + "\n"


# --- the schema -------------------------------------------------------------------------------------------------------


def table_schema(kind: type[Struct]) -> dict[str, Any]:
    """Give the JSON Schema of a table, with durations as they are written."""
    made: dict[str, Any] = configuration.struct_schema(kind)
    properties: dict[str, Any] = {}
    for field in fields_of(kind):
        schema, (plain, extra) = made["properties"][field.name], configuration.unwrap(field.type)
        if without_unit(field.name)[0]:
            described = {key: value for key, value in schema.items() if key == "description"}
            properties[without_unit(field.name)[0]] = {**configuration.DURATION, **described}
            continue
        if isinstance(plain, types.StrType):
            schema |= _text(extra)
        elif isinstance(plain, types.ListType) and isinstance(configuration.unwrap(plain.item_type)[0], types.StrType):
            schema["items"] = _text(configuration.unwrap(plain.item_type)[1])
        elif isinstance(plain, types.ListType) and "anyOf" in schema["items"]:
            schema["items"]["anyOf"][0] = _text({"kind": "at_command"})
        properties[field.name] = schema
    return made | {"properties": properties}


def _text(extra: dict[str, Any]) -> dict[str, Any]:
    pattern = PATTERNS.get(extra.get("kind", ""))
    return {**TEXT, "pattern": pattern} if pattern else dict(TEXT)


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a file."""
    return {
        "$schema": configuration.SCHEMA_ID,
        "$id": "urn:edge-appliance:firmware-profile:1",
        "title": "Profile of a device or board for the telephony edge appliance",
        **table_schema(DeviceProfile),
        "$defs": {kind.__name__: table_schema(kind) for _, kind, _ in tables(DeviceProfile)},
    }


def main() -> int:
    """Write or check; 1 when a page is not current."""
    made = {PAGE: with_own_text(PAGE, MARKER, reference()), SCHEMA: json.dumps(schema(), indent=2) + "\n"}
    return write_or_check(ROOT, made, "Write the page of devices' profiles.")


if __name__ == "__main__":
    sys.exit(main())
