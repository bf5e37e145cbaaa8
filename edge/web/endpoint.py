"""What an endpoint of the API is: one table makes routes, checks, roles, OpenAPI document and reference.

Bodies and parameters are read by their types and by nothing else: a field that there is not, or a value of another
type, is refused with its path.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
from litestar import Request
from msgspec import UNSET, Struct

from edge.core.access.gate import Holder
from edge.vocabulary.access import Role
from edge.vocabulary.api import Problem

Method = Literal["GET", "POST", "PUT"]
T = TypeVar("T")

#: "`$.x`", or "`key` in `$.headers`", as msgspec names places.
_PLACE = re.compile(r".*`(\$[^`]*)`")
#: Where all of them are.
BASE = "/api/v1"


class RefusedError(Exception):
    """The request can't be met: an HTTP status, a text, and where in the request the fault is."""

    def __init__(self, status: int, text: str, path: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.path = status, text, path
        self.headers = headers or {}

    @property
    def problem(self) -> Problem:
        """What is answered."""
        return Problem(error=self.text, path=self.path or UNSET)


class NoParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """An endpoint without parameters."""


class Visit(NamedTuple):
    """One request, let in and read."""

    holder: Holder
    #: Whole numbers may be shown.
    sees_numbers: bool
    #: Of the path.
    names: dict[str, str]
    query: Any
    body: Any
    request: Request[Any, Any, Any]


class Endpoint(NamedTuple):
    """An endpoint. `do` answers with what is encoded as JSON, or with a whole `Response`."""

    method: Method
    #: Below `BASE`, with names in braces.
    path: str
    role: Role
    #: `operationId`.
    name: str
    summary: str
    do: Callable[[Visit], Awaitable[Any]]
    #: Type of the answer; None: `media` says what it is.
    answer: Any = None
    query: type[Struct] = NoParameters
    body: Any = None
    status: int = 200
    media: str = "application/json"
    #: What else it may answer, besides what all may.
    problems: tuple[int, ...] = ()
    #: More about it.
    text: str = ""
    #: It takes `Idempotency-Key`.
    once: bool = False


def source_of(client: Any) -> str:
    """Return whom wrong tokens are counted for."""
    return str(client.host) if client is not None else ""


def read_query(kind: type[T], pairs: Iterable[tuple[str, str]]) -> T:
    """Read parameters; one that comes several times is a list where that is one. Raises `RefusedError`."""
    lists = {name for name, hint in _hints(kind).items() if "list" in str(hint)}
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise RefusedError(400, "this parameter comes twice", name)
        else:
            values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        text, path = _split(str(error))
        raise RefusedError(400, text, path.removeprefix("$").removeprefix(".")) from None


def read_body(kind: Any, body: bytes) -> Any:
    """Read a body. Raises `RefusedError`."""
    try:
        return msgspec.convert(_whole(msgspec.json.decode(body or b"{}")), kind)
    except msgspec.ValidationError as error:
        text, path = _split(str(error))
        raise RefusedError(400, text, path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, f"the body is not JSON: {error}", "$") from None


def _whole(value: Any) -> Any:
    """Make integers of numbers that are: JSON has one kind of them, and `5.0` is an integer to its schemas."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _hints(kind: Any) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def _split(text: str) -> tuple[str, str]:
    """Part msgspec's text from the place that it names."""
    said, _, place = text.partition(" - at ")
    place = _PLACE.sub(r"\1", place)
    unknown = "contains unknown field `"
    if unknown in said:
        name = said.partition(unknown)[2].removesuffix("`")
        return "there is no such field", f"{place or '$'}.{name}"
    return said[:1].lower() + said[1:], place or "$"
