"""The OpenAPI 3.1 document of the API, made of the endpoints and of the types that they read and answer with."""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from edge.vocabulary.access import ROLES
from edge.vocabulary.api import Problem
from edge.web.endpoint import BASE, Endpoint

_REF = "#/components/schemas/{name}"
#: What any endpoint may answer.
_ALWAYS = {
    400: "The request is malformed; `path` says where.",
    401: "There is no token, or no such token.",
    403: "The token's role will not do.",
    429: "Too many requests; come again after `Retry-After` seconds.",
    503: "Who would know does not answer now.",
}
_SOMETIMES = {
    404: "There is no such thing.",
    409: "It cannot be done in the state that it is in.",
    413: "The body is too long.",
    416: "There is no such range.",
    422: "This `Idempotency-Key` was used for another request.",
}


def document(base: dict[str, Any], endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Add the endpoints to an OpenAPI document that has the open routes already."""
    every = list(endpoints)
    kinds = [Problem, *(kind for one in every for kind in (one.answer, one.body, one.query) if kind is not None)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schemas, components = _ecma(list(schemas)), _ecma(components)
    by_kind = dict(zip(map(id, kinds), schemas, strict=True))
    paths = dict(base.get("paths", {}))
    for one in every:
        paths.setdefault(BASE + one.path, {})[one.method.lower()] = _operation(one, by_kind, components)
    used = {
        name: schema for name, schema in components.items() if not name.endswith("Query") and name != "NoParameters"
    }
    return {
        **base,
        "paths": paths,
        "components": {
            "schemas": {**base.get("components", {}).get("schemas", {}), **used},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _scheme()}},
        },
    }


def _ecma(value: Any) -> Any:
    """Write patterns as JSON Schema wants them (ECMA-262): it has other names for begin and end."""
    if isinstance(value, dict):
        return {
            name: one.replace("\\A", "^").replace("\\Z", "$") if name == "pattern" else _ecma(one)
            for name, one in value.items()
        }
    return [_ecma(one) for one in value] if isinstance(value, list | tuple) else value


def _scheme() -> str:
    return f"A token of `[[api_tokens]]`. Roles, each with the rights of those before it: {', '.join(ROLES)}."


def _operation(one: Endpoint, by_kind: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    parameters = [_path_parameter(name) for name in _names(one.path)]
    parameters += _query_parameters(components[one.query.__name__])
    if one.once:
        parameters.append(_ONCE)
    statuses = [
        *_ALWAYS,
        *one.problems,
        *((404,) if "{" in one.path else ()),
        *((413,) if one.method != "GET" else ()),
        *((422,) if one.once else ()),
    ]
    problem = {JSON: {"schema": by_kind[id(Problem)]}}
    texts = {**_ALWAYS, **_SOMETIMES}
    answer: dict[str, Any] = {"description": "Done."}
    if one.answer is not None:
        answer["content"] = {one.media: {"schema": by_kind[id(one.answer)]}}
    elif one.media != JSON:
        answer["content"] = {one.media: {"schema": {"type": "string"}}}
    operation: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"{one.text}\n\nTakes the role `{one.role}`.".strip(),
        "security": [{"token": []}],
        "responses": {str(one.status): answer}
        | {str(status): {"description": texts[status], "content": problem} for status in sorted(set(statuses))},
    }
    if parameters:
        operation["parameters"] = parameters
    if one.body is not None:
        required = bool(_required(one.body))
        operation["requestBody"] = {"required": required, "content": {JSON: {"schema": by_kind[id(one.body)]}}}
    return operation


JSON = "application/json"
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body within 24 hours is done once, and answered the same.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}


def _required(kind: Any) -> list[str]:
    if not (inspect.isclass(kind) and issubclass(kind, msgspec.Struct)):
        return ["?"]
    return [field.name for field in msgspec.structs.fields(kind) if field.required]


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": r"^[A-Za-z0-9_.\-]{1,128}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, one in schema.get("properties", {}).items():
        plain = dict(one)
        options = plain.get("anyOf", [])
        if {"type": "null"} in options:  # left out is what null would say
            (rest,) = (option for option in options if option != {"type": "null"})
            plain = rest
        plain.pop("default", None) if plain.get("default", "") is None else None
        found.append(
            {"name": name, "in": "query", "required": False, "schema": plain, "style": "form", "explode": True}
        )
    return found
