"""The effective configuration: what the loader makes of site file, conf.d and menus, and every process is given.

Durations carry their unit in the name. Field docstrings (`#:`) become the configuration page.
"""

from typing import Literal

from msgspec import Struct, field

from edge.core.menus.model import Menu


class Sip(Struct, frozen=True, kw_only=True):
    """The front door."""

    #: IPv4 address that UDP and TCP listen on.
    address: str = "127.0.0.1"
    #: Port of both.
    port: int = 5060
    #: Address that peers are shown in Via, Contact and SDP; empty: `address`.
    public_address: str = ""
    #: Loopback address on which front and spans talk to each other.
    inner_address: str = "127.0.0.1"
    #: New calls a second that one trunk may bring; more get 503.
    calls_per_second: int = 200
    #: Spans at the most; each holds as many legs as its stack allows (4).
    max_spans: int = 100


class Media(Struct, frozen=True, kw_only=True):
    """The media engine."""

    #: Address of the RTP sockets; empty: `sip.address`.
    address: str = ""
    #: First RTP port (even); each leg has a port pair.
    first_port: int = 16384
    #: Legs at the most; all their sockets are opened at start.
    slots: int = 400
    #: A leg whose peer sends nothing for this long is reported.
    silence_timeout_ms: int = 30000
    #: Sound files held in memory, megabytes.
    prompt_memory_mb: int = 64
    #: Playout delay the jitter buffer starts with.
    playout_delay_ms: int = 60
    #: Detect in-band DTMF.
    inband_dtmf: bool = True


class Http(Struct, frozen=True, kw_only=True):
    """API, console and metrics."""

    address: str = "127.0.0.1"
    port: int = 8080


class Paths(Struct, frozen=True, kw_only=True):
    """Where things lie; all absolute after loading."""

    state: str = "/var/lib/edge"
    #: Sockets of the running daemon; empty: `<state>/run`.
    run: str = ""
    recordings: str = "/var/spool/edge/recordings"
    menus: str = "/etc/edge/menus"
    prompts: str = "/etc/edge/prompts"


class Recording(Struct, frozen=True, kw_only=True):
    """Recording of calls."""

    enabled: bool = True
    #: Recordings stop, and new calls are refused, below this much free space.
    reserve_mb: int = 64


class Limits(Struct, frozen=True, kw_only=True):
    """Hard limits of a call."""

    #: No call lasts longer.
    max_call_seconds: int = 14400
    #: Time that a drain gives calls in progress.
    drain_seconds: int = 300


class Trunk(Struct, frozen=True, kw_only=True):
    """A peer that may send us calls and that we may dial through."""

    name: str
    #: IP addresses or networks (CIDR) that its requests come from.
    sources: list[str]
    #: `host:port` that outgoing calls are sent to; empty: cannot be dialled by number.
    address: str = ""
    transport: Literal["udp", "tcp"] = "udp"
    #: Codecs in the order that we want them.
    codecs: list[str] = field(default_factory=lambda: ["PCMU", "PCMA"])


class Route(Struct, frozen=True, kw_only=True):
    """Which menu answers which DID. The first that fits is taken."""

    #: User part of the Request-URI; `*` at the end stands for any rest.
    number: str
    menu: str
    #: Only for calls of this trunk; empty: any.
    trunk: str = ""


class Sink(Struct, frozen=True, kw_only=True):
    """A receiver of events."""

    name: str
    type: Literal["webhook"] = "webhook"
    url: str
    #: Standard Webhooks secret (`whsec_...`), in the file as `${ENV}` or `file:PATH`.
    secret: str
    #: Event types to send; empty: all. `call.*` stands for a group.
    types: list[str] = field(default_factory=list)
    timeout_ms: int = 10000
    #: Longest pause between two attempts.
    max_backoff_ms: int = 60000


class Site(Struct, frozen=True, kw_only=True):
    """The whole effective configuration."""

    name: str
    sip: Sip = field(default_factory=Sip)
    media: Media = field(default_factory=Media)
    http: Http = field(default_factory=Http)
    paths: Paths = field(default_factory=Paths)
    recording: Recording = field(default_factory=Recording)
    limits: Limits = field(default_factory=Limits)
    trunks: list[Trunk] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    #: Compiled menus by name.
    menus: dict[str, Menu] = field(default_factory=dict)
    #: Where the configuration came from, for messages.
    source: str = ""
