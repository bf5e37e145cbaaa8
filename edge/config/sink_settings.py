"""What may stand in a table of `[[sinks]]`, by its type; the common part first.

Field docstrings (`#:`) become the configuration page.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, convert, field, to_builtins
from msgspec import inspect as types

from edge.config.annotations import DAY_MS, Name, OptionalPath, Path, of_kind, ranging
from edge.config.shape import fields_of
from edge.config.site import Sink

Secret = Annotated[str, Meta(extra={"secret": True})]
ServerUrl = Annotated[str, of_kind("server_url")]
EventTemplate = Annotated[str, of_kind("event_template")]
#: Structured: the whole CloudEvents document is the message; binary: its data is, and its attributes are headers.
Mode = Literal["structured", "binary"]


class SinkSettings(Struct, frozen=True, kw_only=True):
    """A receiver of events: what every type has. A type of one's own inherits from it."""

    #: What metrics and `edge status` call it.
    name: Name
    #: How events are sent: one of the types below, or one that an installed package brings.
    type: str = "webhook"
    #: Event types to send; empty: all. `call.*` stands for a group.
    types: list[str] = field(default_factory=list)
    #: Events of calls of these trunks only; empty: of all. With this, or the two that follow, events of no call are not
    #: sent.
    trunks: list[str] = field(default_factory=list)
    #: Of calls that began with these menus only.
    menus: list[str] = field(default_factory=list)
    #: Of calls of these campaigns only.
    campaigns: list[str] = field(default_factory=list)
    #: An attempt that is not answered within it has failed.
    timeout_ms: Annotated[int, ranging(100, 60_000)] = 10000
    #: Longest pause between two attempts.
    max_backoff_ms: Annotated[int, ranging(1_000, DAY_MS)] = 60000
    #: Attempts after which an event becomes a dead letter; 0: it is tried for ever. Counted anew after a restart.
    max_attempts: Annotated[int, ranging(0, 1_000_000)] = 0
    #: Age from which an event that failed becomes a dead letter; 0: never.
    max_age_seconds: Annotated[int, ranging(0, 31_536_000)] = 0

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
    """Events are posted over HTTP (Standard Webhooks 1.0.0; CloudEvents HTTP binding). Redirects are not followed."""

    #: Where events are posted. A name may lead to public addresses only, see `networks`.
    url: Annotated[str, of_kind("http_url")]
    #: Standard Webhooks secret (`whsec_...`), in the file as `${ENV}` or `file:PATH`. Two, separated by a space, while
    #: one takes over from the other: each signs.
    secret: Annotated[str, of_kind("webhook_secret", secret=True)]
    #: `structured`: an event a request, a CloudEvents document. `binary`: its data, with its attributes as headers.
    #: `batch`: up to 256 KB of events a request (`application/cloudevents-batch+json`), all taken or none.
    mode: Literal["structured", "binary", "batch"] = "structured"
    #: Requests under way at once, each on a connection of its own and with other calls' events; of batches no more than
    #: four.
    requests: Annotated[int, ranging(1, 64)] = 16
    #: Networks that the URL's name may lead to though they are not public. An address in the URL needs no mention, nor
    #: does `localhost`.
    networks: list[Annotated[str, of_kind("network")]] = field(default_factory=list)
    #: PEM file with the authorities that its certificate may be of; empty: those of the system.
    ca_file: OptionalPath = ""
    #: PEM file with our own certificate, for a receiver that wants one (mTLS), and with its key if `key_file` is empty.
    cert_file: OptionalPath = ""
    #: PEM file with the key of our certificate.
    key_file: OptionalPath = ""
    #: Headers of your own: name, and file with the value, read at start and at reload.
    header_files: dict[str, Annotated[str, of_kind("path")]] = field(default_factory=dict)


class ServerSettings(SinkSettings, frozen=True, kw_only=True):
    """A server of events that one logs in to."""

    #: User to log in as; empty: none.
    user: str = ""
    #: Password or token, in the file as `${ENV}` or `file:PATH`.
    password: Secret = ""
    #: PEM file with the authorities that the server's certificate may be of; empty: those of the system.
    ca_file: OptionalPath = ""
    #: PEM file with a certificate of our own, where the server asks for one; empty: none.
    cert_file: OptionalPath = ""
    #: PEM file with its key; empty: it stands in `cert_file`, too.
    key_file: OptionalPath = ""
    #: `structured`: the whole CloudEvents document is the message. `binary`: its data is, its attributes are headers.
    mode: Mode = "structured"


class NatsSettings(ServerSettings, frozen=True, kw_only=True):
    """Each event is published to NATS JetStream and counts as taken when its stream has acknowledged it.

    The message id is the event's, so within the stream's window of duplicates a repetition is stored once.
    """

    type: str = "nats"
    #: `nats://host:port`, or `tls://host:port`.
    url: ServerUrl
    #: Subject of an event. Characters that a subject can't have become `_`.
    subject: EventTemplate = "edge.{site}.{type}.{call}"
    #: Name of the stream that has to take the events; empty: whichever has the subject.
    stream: str = ""
    #: Make the stream `stream` when there is none: on disk, with all subjects that begin as `subject` does.
    create: bool = False
    #: File with credentials (`.creds`: JWT and seed); empty: `user` and `password`, or `password` alone as a token.
    credentials_file: OptionalPath = ""


class MqttSettings(ServerSettings, frozen=True, kw_only=True):
    """Each event is published by MQTT 5 with QoS 1 and counts as taken when the broker's PUBACK says so.

    Every connection begins a session anew: what waits is kept here, not there.
    """

    type: str = "mqtt"
    #: `mqtt://host:port`, or `mqtts://host:port`.
    url: ServerUrl
    #: Topic of an event. Characters that a topic can't have become `_`.
    topic: EventTemplate = "edge/{site}/{type}/{call}"
    #: Beginning of the client identifier, behind which each connection puts something of its own; empty: `edge-`, the
    #: names of appliance and sink.
    client_id: str = ""
    #: Silence after which the connection is tried.
    keepalive_seconds: Annotated[int, ranging(5, 3600)] = 30


class AmqpSettings(ServerSettings, frozen=True, kw_only=True):
    """Each event is a persistent message of AMQP 0-9-1 and counts as taken when the broker has confirmed it.

    What no queue is bound for is not taken: it waits, and `edge status` says so.
    """

    type: str = "amqp"
    #: `amqp://host:port/vhost`, or `amqps://host:port/vhost`; no path: the vhost `/`.
    url: ServerUrl
    #: Exchange that events are published to.
    exchange: str = "edge"
    #: Declare the exchange (durable, of type `topic`) when there is none.
    create: bool = True
    #: Routing key of an event.
    routing_key: EventTemplate = "{type}.{call}"


class RedisSettings(ServerSettings, frozen=True, kw_only=True):
    """Each event is an entry of a Redis Stream (XADD); whether it survives the server is up to that (`appendfsync`)."""

    type: str = "redis"
    #: `redis://host:port/number`, or `rediss://host:port/number` with TLS.
    url: ServerUrl
    #: Stream of an event.
    stream: EventTemplate = "edge:{site}"
    #: Entries that a stream keeps, about; 0: all.
    max_length: Annotated[int, ranging(0, 1_000_000_000)] = 0


class FileSettings(SinkSettings, frozen=True, kw_only=True):
    """Each event is a line of JSON at the end of a file. A full disk makes it wait; a half line is taken back."""

    type: str = "file"
    #: The file; its folder must be there.
    path: Path
    #: When what was written is forced to the disk: before it counts as taken, once a second, or when the system likes.
    fsync: Literal["always", "second", "never"] = "always"
    #: Size from which a new file is begun; 0: never.
    rotate_mb: Annotated[int, ranging(0, 100_000)] = 100
    #: Begin a new file each day (UTC).
    rotate_daily: bool = False
    #: Older files that are kept, beside `path`, with the time of their end in their names; 0: all.
    keep: Annotated[int, ranging(0, 100_000)] = 10


class StdoutSettings(SinkSettings, frozen=True, kw_only=True):
    """Each event is a line of JSON on standard output of `edge run`. Nobody acknowledges it."""

    type: str = "stdout"


class SyslogSettings(SinkSettings, frozen=True, kw_only=True):
    """Each event is a syslog message (RFC 5424). Syslog acknowledges nothing: what is lost on its way is lost.

    Over TCP and TLS messages are framed by their length (RFC 6587, 5425); over UDP and a datagram socket each is one
    datagram, and one that is too long for it is refused.
    """

    type: str = "syslog"
    #: `udp://host:514`, `tcp://host:514`, `tls://host:6514`, or `unix:///dev/log`.
    url: ServerUrl = "unix:///dev/log"
    #: Facility (RFC 5424 section 6.2.1): 0 to 23, `local0` is 16.
    facility: Annotated[int, ranging(0, 23)] = 16
    #: PEM file with the authorities that the server's certificate may be of; empty: those of the system.
    ca_file: OptionalPath = ""


class JournaldSettings(SinkSettings, frozen=True, kw_only=True):
    """Each event is an entry of systemd's journal, its attributes are fields (`EDGE_TYPE`, `EDGE_CALL`...)."""

    type: str = "journald"
    #: The journal's socket.
    socket: Path = "/run/systemd/journal/socket"


#: Of sinks of vCons: a call has a document when it has ended, so no other event leads to one.
_ENDED = ["call.ended"]
InlineMb = Annotated[int, ranging(0, 1000)]


class VconFileSettings(SinkSettings, frozen=True, kw_only=True):
    """Each call that has ended is a vCon in a file of its own (draft-ietf-vcon-vcon-core), by day: `2026/11/22/`."""

    type: str = "vcon_file"
    types: list[str] = field(default_factory=lambda: list(_ENDED))
    #: The folder; made when it is not there.
    folder: Path
    #: Recordings up to that size are in the document; of larger ones it has what is known of them.
    inline_mb: InlineMb = 20


class VconWebhookSettings(WebhookSettings, frozen=True, kw_only=True):
    """Each call that has ended is posted as a vCon: the data of an event `vcon.created`."""

    type: str = "vcon_webhook"
    types: list[str] = field(default_factory=lambda: list(_ENDED))
    #: Documents under way at once; each is in memory meanwhile.
    requests: Annotated[int, ranging(1, 64)] = 1
    #: Recordings up to that size are in the document; of larger ones it has what is known of them.
    inline_mb: InlineMb = 20
