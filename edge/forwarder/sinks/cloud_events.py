"""CloudEvents 1.0 on HTTP: one document, a batch of them, or the attributes in headers (HTTP binding, section 3)."""

import hashlib
from collections.abc import Sequence

import msgspec

from edge.core.delivery.cloudevents import STRUCTURED, header_value, take_apart
from edge.forwarder.sinks.base import Outgoing

BATCH = b"application/cloudevents-batch+json"
#: A batch is no larger than that: bytes, brackets and commas included.
MAX_BATCH_BYTES = 256 * 1024
#: Nor has it more events; it bounds what a refused batch costs to be taken apart.
MAX_BATCH = 1000


class Posted(msgspec.Struct, frozen=True):
    """What is posted: the same each time for the same events."""

    #: Of Standard Webhooks: an event's id, or one that is made of all ids of a batch.
    id: str
    body: bytes
    headers: list[tuple[bytes, bytes]]


def structured(event: Outgoing) -> Posted:
    """Post an event as its document."""
    return Posted(event.id, event.body, [(b"Content-Type", STRUCTURED.encode())])


def batch(events: Sequence[Outgoing]) -> Posted:
    """Post events as a JSON array of their documents, in their order."""
    body = b"[" + b",".join([event.body for event in events]) + b"]"
    names = hashlib.sha256("\n".join([event.id for event in events]).encode()).hexdigest()
    return Posted(f"batch_{names[:32]}", body, [(b"Content-Type", BATCH)])


def binary(event: Outgoing) -> Posted:
    """Post an event's data, its attributes as headers `ce-...`."""
    parts = take_apart(event.body)
    headers = [(b"Content-Type", parts.content_type.encode("ascii", "replace"))]
    for name, value in parts.attributes.items():
        headers.append((b"ce-" + name.encode("ascii", "replace"), header_value(value).encode()))
    return Posted(event.id, parts.data, headers)
