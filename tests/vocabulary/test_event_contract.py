"""What was released stays: backends rely on every field of every event that an earlier version has sent.

`docs/schemas/released/<version>.json` holds the schemas of each version, that of the next one as it is so far. After an
addition, write that one anew on purpose by `python tests/vocabulary/test_event_contract.py`; those of versions that are
out stay as they are. A change that takes something away from any of them can't be released at all.
"""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.private import Private
from edge.vocabulary.wire import json_reader, to_json
from scripts.reference import asyncapi_document, event_types, pages, schema_document, schemas, tag_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "schemas" / "released"
#: Of the version that this tree is, or becomes.
RELEASED = FOLDER / f"{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}.json"


def broken(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What `new` takes away from `old`, both as schemas by name."""
    found = []
    for name, schema in old.items():
        if name not in new:
            found.append(f"{name} is gone")
            continue
        fields = new[name].get("properties", {})
        for field, kind in schema.get("properties", {}).items():
            if field not in fields:
                found.append(f"{name}.{field} is gone")
            elif not holds(kind, fields[field]):
                found.append(f"{name}.{field} has another type")
        missing = set(schema.get("required", [])) - set(new[name].get("required", []))
        found += [f"{name}.{field} is no longer always there" for field in sorted(missing)]
    return found


def holds(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a reader of `old` understands `new`: the same type; closed lists may grow."""
    old, new = ({k: v for k, v in one.items() if k not in {"description", "default"}} for one in (old, new))
    if "enum" in old and "enum" in new:
        return set(map(str, old.pop("enum"))) <= set(map(str, new.pop("enum"))) and old == new
    return old == new


@pytest.mark.parametrize("version", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_nothing_that_was_released_is_taken_away(version: Path) -> None:
    assert broken(json.loads(version.read_text()), schemas()) == []


def test_the_snapshot_knows_every_event_of_today() -> None:
    released = json.loads(RELEASED.read_text())
    assert set(schemas()) == set(released), "a new event: write the snapshot anew, see above"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("CallEnded"), "CallEnded is gone"),
        (lambda s: s["CallEnded"]["properties"].pop("duration_ms"), "CallEnded.duration_ms is gone"),
        (lambda s: s["LegQuality"]["properties"].update(jitter_ms={"type": "string"}), "jitter_ms has another type"),
        (lambda s: s["CallEnded"]["required"].remove("end"), "CallEnded.end is no longer always there"),
        (
            lambda s: s["EndReason"]["properties"]["outcome"]["enum"].remove("busy"),
            "EndReason.outcome has another type",
        ),
        (lambda s: s["CallEndedEvent"]["properties"].update(type={"const": "call.over"}), "type has another type"),
    ],
)
def test_every_way_to_break_it_is_found(change: Any, said: str) -> None:
    new = copy.deepcopy(schemas())
    change(new)
    found = broken(schemas(), new)
    assert any(said in one for one in found), found


def test_additions_are_no_breakage() -> None:
    new = copy.deepcopy(schemas())
    new["Extra"] = {}
    new["CallEnded"]["properties"]["extra"] = {"type": "string"}
    new["EndReason"]["properties"]["outcome"]["enum"].append("extra")
    assert broken(schemas(), new) == []


def test_committed_pages_are_current() -> None:
    for path, text in pages().items():
        if path.name != "metrics.md":  # that one is tests/metrics' business
            assert path.read_text("utf-8") == text, f"{path.name}: run scripts/reference.py"


def example(kind: type) -> Any:  # noqa: C901 - a table
    """A value of each event, from its types."""

    def of(schema: Any) -> Any:  # noqa: C901
        match schema:
            case msgspec.inspect.StrType():
                return "text"
            case msgspec.inspect.CustomType():
                return Private("+4930123456")
            case msgspec.inspect.IntType():
                return 3
            case msgspec.inspect.FloatType():
                return 1.5
            case msgspec.inspect.BoolType():
                return True
            case msgspec.inspect.LiteralType():
                return schema.values[0]
            case msgspec.inspect.ListType():
                return [of(schema.item_type)]
            case msgspec.inspect.DictType():
                return {"key": of(schema.value_type)}
            case msgspec.inspect.UnionType():
                return of(schema.types[0])
            case msgspec.inspect.StructType(cls=cls):
                return cls(**{field.name: of(field.type) for field in schema.fields})
        raise AssertionError(schema)

    return of(msgspec.inspect.type_info(kind))


@pytest.mark.parametrize("kind", event_types(), ids=tag_of)
def test_what_is_sent_satisfies_the_schema_and_comes_back(kind: type) -> None:
    data = example(kind)
    envelope = events.Envelope(
        id="call.1",
        source="edge/box",
        type=tag_of(kind),
        subject="call",
        time="2026-11-21T19:00:00.000Z",
        callseq=1,
        data=data,
    )
    sent = to_json(envelope)
    jsonschema.Draft202012Validator(schema_document()).validate(json.loads(sent))
    assert json_reader(events.Envelope).decode(sent) == envelope


def test_a_wrong_event_does_not_satisfy_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(schema_document())
    data = json.loads(to_json(example(events.CallAnswered)))
    good = {"specversion": "1.0", "id": "a", "source": "b", "type": "call.answered", "subject": "c", "callseq": 1}
    good |= {"time": "2026-11-21T19:00:00.000Z", "data": data}
    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"type": "call.ended"})
    assert not validator.is_valid(good | {"callseq": 0})
    assert not validator.is_valid(good | {"data": data | {"after_ms": "soon"}})


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi_document()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                target: Any = document
                for part in node["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert set(document["components"]["messages"]) == {tag_of(kind) for kind in event_types()}


def test_the_end_of_a_call_is_described() -> None:
    assert set(schemas()["EndReason"]["properties"]) == set(EndReason.__struct_fields__)


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(schemas(), indent=1, sort_keys=True) + "\n")
