#!/usr/bin/env python3
"""Write the reference pages of events and metrics; `--check` only tells whether they are current.

docs/events.md, docs/schemas/events.json, docs/asyncapi.json: from edge/vocabulary/events.py and its modules.
docs/schemas/ask-{question,answer}.json: from edge/vocabulary/asks.py.
docs/metrics.md: from the modules of edge/metrics. docs/dispositions.md: from edge/core/dialer.
"""

import ast
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402
from prometheus_client import CollectorRegistry  # noqa: E402

import edge.metrics  # noqa: E402
from edge.config.shape import duration_text  # noqa: E402
from edge.core.dialer import disposition  # noqa: E402
from edge.core.dialer.campaign import DEFAULT_RETRIES  # noqa: E402
from edge.vocabulary import asks, dialing, endings, events  # noqa: E402
from edge.vocabulary.private import Private  # noqa: E402
from scripts.generated import field_comments, write_or_check  # noqa: E402

GENERATED = "<!-- Made by scripts/reference.py; do not edit. -->"
REFERENCE = "#/$defs/{name}"
#: What fields of events are made of.
PARTS: tuple[type[msgspec.Struct], ...] = (endings.EndReason, dialing.Evidence, dialing.HeardTone, dialing.Next)
ABOUT_EVENTS = (
    "Each event is a CloudEvents 1.0 document (structured mode, JSON), delivered at least once and in order per call. "
    "`id` is `<call>.<callseq>` and the same over all attempts; drop what you have seen. `callseq` counts from 1 "
    "without a gap per call, so a missing event shows. `menuversion` is the version of the menu that the call runs "
    "on, in each event of a call that has one. New fields and types may come; none is ever taken away or "
    "given another meaning."
)
ABOUT_DISPOSITIONS = (
    "What became of an attempt of a campaign, in one word, made of all that is known of the call; "
    "`dialer.attempt_ended` has that side by side, and says which of it decided (`decided_by`). Of a call that was "
    "answered: the queue (an agent talked, or nobody came in time), the verdict of the answering machine detection, "
    "tones. Of one that was not: special information tones, the Q.850 cause, busy tones, the status code, and at last "
    "how we ended it."
)
ABOUT_METRICS = (
    "`GET /metrics` gives the families of all processes in the Prometheus text format. Label values come from closed "
    "lists or from names in the configuration, never from a call."
)


def event_types() -> list[type[msgspec.Struct]]:
    """All events, in the order of their definition."""
    return list(get_args(events.AnyEvent))


def tag_of(kind: type[msgspec.Struct]) -> str:
    """Return the event's `type`."""
    return str(kind.__struct_config__.tag)


def _private(kind: type) -> dict[str, Any]:
    if kind is Private:
        return {"type": "string", "description": "Personal data."}
    raise NotImplementedError(kind)


def schemas() -> dict[str, Any]:
    """JSON Schemas (2020-12) by name: each event's data, its envelope, and what they refer to."""
    kinds: list[type[msgspec.Struct]] = event_types()
    documented = [*kinds, *PARTS]
    _, components = msgspec.json.schema_components(documented, schema_hook=_private, ref_template=REFERENCE)
    for kind in documented:
        properties = components[kind.__name__]["properties"]
        for name, comment in field_comments(kind).items():
            encoded = properties.get(name)
            if comment and encoded is not None:
                encoded["description"] = comment
    for kind in kinds:
        components[f"{kind.__name__}Event"] = _envelope(kind)
    return components


def _envelope(kind: type[msgspec.Struct]) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "title": tag_of(kind),
        "description": inspect.getdoc(kind) or "",
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text | {"description": "Unique, and the same over all attempts to deliver: `<call>.<callseq>`."},
            "source": text | {"description": "`edge/` and the appliance's name."},
            "type": {"const": tag_of(kind)},
            "subject": text | {"description": "The call's id; of events that belong to no call, the appliance's name."},
            "time": text | {"format": "date-time", "description": "RFC 3339, UTC, milliseconds."},
            "datacontenttype": {"const": "application/json"},
            "callseq": {"type": "integer", "minimum": 1, "description": "Counts the events of a call without a gap."},
            "menuversion": text
            | {"description": "Extension: version of the menu that the call runs on; not there without a menu."},
            "data": {"$ref": REFERENCE.format(name=kind.__name__)},
        },
        "required": ["specversion", "id", "source", "type", "subject", "time", "callseq", "data"],
    }


def schema_document() -> dict[str, Any]:
    """One JSON Schema that any event satisfies."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events of the telephony edge appliance",
        "description": "CloudEvents 1.0, structured mode. Ignore fields and types that you don't know: more will come.",
        "oneOf": [{"$ref": REFERENCE.format(name=f"{kind.__name__}Event")} for kind in event_types()],
        "$defs": schemas(),
    }


def ask_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema of what a backend is asked, or of what it says."""
    _, components = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    schema = components[kind.__name__]
    for name, comment in field_comments(kind).items():
        if comment:
            schema["properties"][name]["description"] = comment
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def asyncapi_document() -> dict[str, Any]:
    """AsyncAPI 3.0 description of the webhook."""
    text = json.dumps(schemas()).replace("#/$defs/", "#/components/schemas/")
    messages = {
        tag_of(kind): {
            "name": tag_of(kind),
            "summary": (inspect.getdoc(kind) or "").splitlines()[0],
            "contentType": "application/cloudevents+json",
            "headers": {"$ref": "#/components/schemas/WebhookHeaders"},
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}Event"},
        }
        for kind in event_types()
    }
    header = {"type": "string"}
    components = json.loads(text)
    components["WebhookHeaders"] = {
        "type": "object",
        "description": "Standard Webhooks.",
        "properties": {
            "webhook-id": header | {"description": "The event's id."},
            "webhook-timestamp": header | {"description": "Seconds since 1970, of this attempt."},
            "webhook-signature": header
            | {"description": "`v1,` and base64 of HMAC-SHA256; several, separated by space."},
        },
        "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the telephony edge appliance",
            "version": "1",
            "description": "Delivered at least once, in order per call. Any 2xx answer takes an event.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "webhook": {
                "address": None,
                "description": "The URL of a sink, by POST.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {"deliver": {"action": "send", "channel": {"$ref": "#/channels/webhook"}}},
        "components": {"messages": messages, "schemas": components},
    }


def _type_text(schema: dict[str, Any]) -> str:
    """Say a schema's type in words, for a table."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type_text(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type_text(schema['items'])}"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return f"table of {_type_text(schema['additionalProperties'])}"
    return str(schema.get("type", "any"))


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    rows = [(key, value) for key, value in schema["properties"].items() if "const" not in value and key != "type"]
    if not rows:
        yield "No fields."
        return
    yield "| field | type | always | meaning |"
    yield "|---|---|---|---|"
    for key, value in rows:
        always = "yes" if key in schema.get("required", []) else f"default `{json.dumps(value.get('default'))}`"
        yield f"| `{key}` | {_type_text(value)} | {always} | {value.get('description', '')} |"


def events_page() -> str:
    """docs/events.md."""
    components = schemas()
    out = [
        GENERATED,
        "# Events",
        "",
        ABOUT_EVENTS,
        "",
        "JSON Schema: [schemas/events.json](schemas/events.json). AsyncAPI: [asyncapi.json](asyncapi.json).",
        "",
        "| type | |",
        "|---|---|",
    ]
    for kind in event_types():
        summary = (inspect.getdoc(kind) or "").splitlines()[0]
        out.append(f"| [`{tag_of(kind)}`](#{tag_of(kind).replace('.', '')}) | {summary} |")
    for kind in event_types():
        out += ["", f"## {tag_of(kind)}", "", inspect.getdoc(kind) or "", ""]
        out += _fields(components[kind.__name__])
    for part in PARTS:
        out += ["", f"## {part.__name__}", "", inspect.getdoc(part) or "", "", *_fields(components[part.__name__])]
    return "\n".join(out) + "\n"


def metric_modules() -> list[ModuleType]:
    """Return the modules of edge/metrics that name those of a process, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(edge.metrics.__path__) if module.name != "library")
    return [importlib.import_module(f"edge.metrics.{name}") for name in names]


def metrics_class(module: ModuleType) -> type[Any]:
    """Return the module's class with a registry: `<Process>Metrics`."""
    process = module.__name__.rpartition(".")[2]
    found: type[Any] = getattr(module, f"{process.capitalize()}Metrics")
    return found


def make_metrics(module: ModuleType) -> Any:
    """Make a process's metrics, with readings of zero where it reads them at a scrape."""
    made = metrics_class(module)
    parameters = inspect.signature(made).parameters
    if not parameters:
        return made()
    if "line" in parameters:
        return made("line")
    reading = module.MediaReading(
        counters=dict.fromkeys(module.COUNTERS, 0),
        gauges=dict.fromkeys(module.GAUGES, 0.0),
        tick_bounds_s=[0.02],
        tick_counts=[0, 0],
        tick_sum_s=0.0,
    )
    return made(lambda: reading)


class Described(NamedTuple):
    """A metric as the page shows it."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...]


def metrics_of(registry: CollectorRegistry) -> list[Described]:
    """Every metric of a registry, by name."""
    found = []
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - the only way to the label names
        for family in collector.collect():
            labels = getattr(collector, "_labelnames", None)
            if labels is None:
                labels = sorted({key for sample in family.samples for key in sample.labels} - {"le", "quantile"})
            name = family.name + ("_total" if family.type == "counter" else "")
            found.append(Described(name, family.type, family.documentation, tuple(labels)))
    return sorted(found)


def metrics_page() -> str:
    """docs/metrics.md."""
    out = [
        GENERATED,
        "# Metrics",
        "",
        ABOUT_METRICS,
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
        "| `edge_process_up` | gauge | `process` | 1 when the process answered the scrape, else 0 |",
    ]
    for module in metric_modules():
        made = metrics_class(module)
        out += ["", f"## {module.__name__.rpartition('.')[2]}", "", inspect.getdoc(made) or "", ""]
        out += ["| metric | type | labels | meaning |", "|---|---|---|---|"]
        for name, kind, text, labels in metrics_of(make_metrics(module).registry):
            shown = ", ".join(f"`{label}`" for label in labels)
            out.append(f"| `{name}` | {kind} | {shown} | {text} |")
    return "\n".join(out) + "\n"


def dispositions_page() -> str:
    """docs/dispositions.md: the words, what leads to each, and what follows where a campaign says nothing else."""
    comments = literal_comments(dialing, "Disposition")
    out = ["# Dispositions", "", GENERATED, "", ABOUT_DISPOSITIONS, "", "| disposition | | follows |", "|---|---|---|"]
    out += [f"| `{word}` | {comments.get(word, '')} | {_follows(word)} |" for word in get_args(dialing.Disposition)]
    for title, table in (
        ("Special information tones (early media, or after the answer)", disposition.OF_SIT),
        ("Other tones", {**disposition.OF_TONE, **disposition.OF_TERMINAL}),
        ("Q.850 causes", disposition.OF_CAUSE),
        ("Final status codes", disposition.OF_STATUS),
        ("Ends of our own (`outcome` of `call.ended`)", disposition.OF_OUTCOME),
        ("Verdict on who answered", disposition.OF_VERDICT),
    ):
        out += ["", f"## {title}", "", "| | disposition |", "|---|---|"]
        out += [f"| `{key}` | `{value}` |" for key, value in table.items()]
    return "\n".join(out) + "\n"


def _follows(word: str) -> str:
    retry = DEFAULT_RETRIES.get(word)  # type: ignore[call-overload]
    if retry is None:
        return "a person says what it was"
    if retry.step == "same_number":
        after = duration_text(retry.after_ms)
        return f"again after {after}, until it was so {retry.attempts} times, then the next number"
    return "the next number" if retry.step == "next_number" else "nothing more"


def literal_comments(module: ModuleType, name: str) -> dict[str, str]:
    """Return the comments behind the values of a `Literal`."""
    lines = inspect.getsource(module).splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith(f"{name} = Literal["))
    end = next(at for at in range(begin, len(lines)) if lines[at].startswith("]"))
    found: dict[str, str] = {}
    for line in lines[begin + 1 : end]:
        value, _, comment = line.partition("#")
        found[ast.literal_eval(value.strip().rstrip(","))] = comment.strip()
    return found


def pages() -> dict[Path, str]:
    """Every generated file with its content."""

    def plain(document: dict[str, Any]) -> str:
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    return {
        ROOT / "docs/events.md": events_page(),
        ROOT / "docs/schemas/events.json": plain(schema_document()),
        ROOT / "docs/schemas/ask-question.json": plain(ask_schema(asks.AskQuestion)),
        ROOT / "docs/schemas/ask-answer.json": plain(ask_schema(asks.AskAnswer)),
        ROOT / "docs/asyncapi.json": plain(asyncapi_document()),
        ROOT / "docs/metrics.md": metrics_page(),
        ROOT / "docs/dispositions.md": dispositions_page(),
    }


def main() -> int:
    """Write or check; 1 when a page is not current."""
    return write_or_check(ROOT, pages(), "Write the reference pages of events and metrics.")


if __name__ == "__main__":
    sys.exit(main())
