"""Writes the reference part of docs/api.md, from the endpoints and the types that they read and answer with."""

import sys
from pathlib import Path
from typing import Any, cast

import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from edge.vocabulary import api as words  # noqa: E402
from edge.web.api import endpoints_of  # noqa: E402
from edge.web.described import document  # noqa: E402
from edge.web.endpoint import BASE, Endpoint, NoParameters  # noqa: E402
from edge.web.streams import Streams  # noqa: E402
from scripts.generated import field_comments, with_own_text, write_or_check  # noqa: E402

PAGE = ROOT / "docs/api.md"
MARKER = "<!-- What follows is made by scripts/api_reference.py. -->\n"


class _Nobody:
    """Stands for the parts that endpoints are made with: they are described here, and never asked."""

    def __getattr__(self, _name: str) -> Any:
        return None


def endpoints() -> list[Endpoint]:
    """List the endpoints as web has them."""
    nobody = cast(Any, _Nobody())
    return endpoints_of(nobody, Streams(nobody, nobody, nobody))


def reference() -> str:
    """Return the reference, Markdown."""
    every = endpoints()
    components = document({}, every)["components"]["schemas"]
    out = ["## Reference", "", "| | | role | |", "|---|---|---|---|"]
    out += [
        f"| {one.method} | [`{BASE}{one.path}`](#{one.name.lower()}) | {one.role} | {one.summary} |" for one in every
    ]
    for one in every:
        out += ["", f"### {one.name}", "", f"`{one.method} {BASE}{one.path}`, role `{one.role}`. {one.summary}."]
        if one.text:
            out += ["", one.text]
        if one.query is not NoParameters:
            out += ["", "Parameters:", "", *_fields(one.query)]
        if one.body is not None:
            out += ["", f"Body: {_text(one.body)}", "", *_fields(one.body)]
        if one.answer is not None:
            name = getattr(one.answer, "__name__", "")
            shown = f"[`{name}`](#{name.lower()})" if name in components else "JSON"
            out += ["", f"Answer: {one.status}, {shown}."]
    answers = dict.fromkeys(one.answer for one in every if isinstance(one.answer, type) and one.answer is not dict)
    kinds = [words.Problem, *(kind for kind in answers if issubclass(kind, msgspec.Struct))]
    _, named = msgspec.json.schema_components(kinds, ref_template="{name}")
    kinds += [getattr(words, name) for name in named]
    out += ["", "## What is answered"]
    for kind in dict.fromkeys(kinds):
        out += ["", f"### {kind.__name__}", "", _text(kind), "", *_fields(kind)]
    return "\n".join(out) + "\n"


def _text(kind: Any) -> str:
    return " ".join((kind.__doc__ or "").split())


def _fields(kind: Any) -> list[str]:
    texts = field_comments(kind)
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    properties = components[kind.__name__].get("properties", {})
    required = components[kind.__name__].get("required", [])
    rows = ["| field | values | default | |", "|---|---|---|---|"]
    for name, schema in properties.items():
        default = "**needed**" if name in required else f"`{msgspec.json.encode(schema.get('default')).decode()}`"
        default = "" if "default" not in schema and name not in required else default
        rows.append(f"| `{name}` | {_values(schema)} | {default} | {texts.get(name, '')} |")
    return rows


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return f"[`{schema['$ref']}`](#{schema['$ref'].lower()})"
    if schema.get("type") == "array":
        return f"list of {_values(schema.get('items', {}))}"
    if "minimum" in schema or "maximum" in schema:
        return f"{schema.get('minimum', '')} to {schema.get('maximum', '')}"
    return {"string": "text", "integer": "number", "object": "object", "boolean": "true or false"}.get(
        schema.get("type", ""), schema.get("type", "anything")
    )


def main() -> int:
    """Write or check; 1 when the page is not current."""
    made = {PAGE: with_own_text(PAGE, MARKER, reference())}
    return write_or_check(ROOT, made, "Write the reference of the API.")


if __name__ == "__main__":
    sys.exit(main())
