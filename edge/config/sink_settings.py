"""What may stand in a table of `[[sinks]]`, by its type; the common part first.

Field docstrings (`#:`) become the configuration page.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, convert, field, to_builtins
from msgspec import inspect as types

from edge.config.shape import fields_of
from edge.config.site import Name, Sink


def _range(least: int, most: int) -> Any:
    return Meta(extra={"least": least, "most": most})


def _text(kind: str, **more: bool) -> Any:
    return Meta(extra={"kind": kind, **more})


_DAY_MS = 86_400_000
Secret = Annotated[str, Meta(extra={"secret": True})]


class SinkSettings(Struct, frozen=True, kw_only=True):
    """A receiver of events: what every type has. A type of one's own inherits from it."""

    #: What metrics and `edge status` call it.
    name: Name
    #: How events are sent: one of the types below, or one that an installed package brings.
    type: str = "webhook"
    #: Event types to send; empty: all. `call.*` stands for a group.
    types: list[str] = field(default_factory=list)
    #: An attempt that is not answered within it has failed.
    timeout_ms: Annotated[int, _range(100, 60_000)] = 10000
    #: Longest pause between two attempts.
    max_backoff_ms: Annotated[int, _range(1_000, _DAY_MS)] = 60000
    #: Attempts after which an event becomes a dead letter; 0: it is tried for ever. Counted anew after a restart.
    max_attempts: Annotated[int, _range(0, 1_000_000)] = 0
    #: Age from which an event that failed becomes a dead letter; 0: never.
    max_age_seconds: Annotated[int, _range(0, 31_536_000)] = 0

    def sink(self) -> Sink:
        """Give the form in which all processes know it."""
        plain: dict[str, Any] = to_builtins(self)
        name, kind = plain.pop("name"), plain.pop("type")
        secrets = {key: plain.pop(key) for key in secret_fields(type(self))}
        return Sink(name=name, type=kind, settings=plain, secrets=secrets)

    @classmethod
    def of(cls, sink: Sink) -> "SinkSettings":
        """Read them out of a sink. Raises msgspec.ValidationError."""
        return convert({**sink.settings, **sink.secrets, "name": sink.name, "type": sink.type}, cls)


def secret_fields(kind: type) -> list[str]:
    """Name the fields that hold secrets."""
    return [
        one.name
        for one in fields_of(kind)
        if isinstance(one.type, types.Metadata) and (one.type.extra or {}).get("secret")
    ]


class WebhookSettings(SinkSettings, frozen=True, kw_only=True):
    """Each event is posted over HTTP (Standard Webhooks 1.0.0; CloudEvents HTTP binding)."""

    #: Where each event is posted.
    url: Annotated[str, _text("http_url")]
    #: Standard Webhooks secret (`whsec_...`), in the file as `${ENV}` or `file:PATH`.
    secret: Annotated[str, _text("webhook_secret", secret=True)]
