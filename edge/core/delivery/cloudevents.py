"""Binary mode of CloudEvents 1.0: the attributes beside the data, where a transport has headers."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

#: Content type of a whole document (structured mode, CloudEvents JSON format 1.0, section 3).
STRUCTURED = "application/cloudevents+json"


class Parts(NamedTuple):
    """An event taken apart."""

    #: All attributes but `datacontenttype`, as texts (CloudEvents 1.0, section 3: canonical string forms).
    attributes: Mapping[str, str]
    content_type: str
    #: The data as it goes into the message's body.
    data: bytes


def take_apart(body: bytes) -> Parts:
    """Take a document of ours apart (JSON, UTF-8). What is none, and can't be taken apart, is data as it stands."""
    try:
        document: dict[str, msgspec.Raw] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        data = document.pop("data", msgspec.Raw(b""))
        content = document.pop("datacontenttype", None)
        values: dict[str, Any] = {name: msgspec.json.decode(raw) for name, raw in document.items()}
        content_type = "application/json" if content is None else msgspec.json.decode(content, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Parts({}, STRUCTURED, body)
    attributes = {name: _text(value) for name, value in values.items() if value is not None}
    return Parts(attributes, content_type, bytes(data))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def header_value(text: str) -> str:
    """Write an attribute as a header's value (CloudEvents HTTP binding 1.0, section 3.1.3.2; NATS binding alike)."""
    return quote(text, safe="!#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
