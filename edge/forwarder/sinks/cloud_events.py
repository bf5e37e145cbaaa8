"""CloudEvents 1.0 on HTTP: one document, a batch of them, or the attributes in headers (HTTP binding, section 3)."""

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from edge.forwarder.sinks.base import Outgoing

STRUCTURED = b"application/cloudevents+json"
BATCH = b"application/cloudevents-batch+json"
#: A batch is no larger than that: bytes, brackets and commas included.
MAX_BATCH_BYTES = 256 * 1024
#: Nor has it more events; it bounds what a refused batch costs to be taken apart.
MAX_BATCH = 1000

#: Section 3.1.3.2: printable ASCII but space, quotation mark and percent sign stays as it is.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class Posted(msgspec.Struct, frozen=True):
    """What is posted: the same each time for the same events."""

    #: Of Standard Webhooks: an event's id, or one that is made of all ids of a batch.
    id: str
    body: bytes
    headers: list[tuple[bytes, bytes]]


def structured(event: Outgoing) -> Posted:
    """Post an event as its document."""
    return Posted(event.id, event.body, [(b"Content-Type", STRUCTURED)])


def batch(events: Sequence[Outgoing]) -> Posted:
    """Post events as a JSON array of their documents, in their order."""
    body = b"[" + b",".join([event.body for event in events]) + b"]"
    names = hashlib.sha256("\n".join([event.id for event in events]).encode()).hexdigest()
    return Posted(f"batch_{names[:32]}", body, [(b"Content-Type", BATCH)])


class _Document(msgspec.Struct):
    data: msgspec.Raw
    datacontenttype: str = "application/json"


_read = msgspec.json.Decoder(_Document).decode
_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def binary(event: Outgoing) -> Posted:
    """Post an event's data, its attributes as headers `ce-...`. Raises msgspec.MsgspecError: it is no document."""
    document = _read(event.body)
    headers = [(b"Content-Type", document.datacontenttype.encode("ascii", "replace"))]
    for name, value in _attributes(event.body).items():
        if name not in {"data", "datacontenttype"}:
            plain = msgspec.json.decode(bytes(value))
            headers.append((b"ce-" + name.encode("ascii", "replace"), quote(str(plain), safe=_PLAIN).encode()))
    return Posted(event.id, bytes(document.data), headers)
