"""The effective configuration: what the loader makes of site file and conf.d, and every process is given.

What is made of menus is not there but in `CompiledSite`, which those read who walk them.

Durations carry their unit in the name. Field docstrings (`#:`) become the configuration page. What an annotation says
about a value (range, kind of text) is enforced by the loader, where the fault has a file and a line; a `Site` made by a
test is not bound to it.
"""

from typing import Annotated, Any, Literal

from msgspec import Struct, field

from edge.config.annotations import DAY_MS, HIDDEN, Name, OptionalPath, Path, of_kind, ranging
from edge.config.callback_settings import Callbacks
from edge.config.campaigns import Campaign, Dialer
from edge.config.menu_tables import HoursTable, Mailbox, Standard, Table, TrialSource
from edge.config.queues import Agent, Presence, Queue
from edge.config.relays import Relay
from edge.config.trunk_settings import NO_MUSIC, AmdRules, HuntList, Line, Trunk, TrunkGroup
from edge.core.dialer.ruleset import Ruleset
from edge.core.menus.calendar import Calendar
from edge.vocabulary.access import Role
from edge.vocabulary.media import InbandDtmf

Port = Annotated[int, ranging(1, 65535)]
Ip = Annotated[str, of_kind("ip")]
OptionalIp = Annotated[str, of_kind("ip", optional=True)]
OptionalIpv6 = Annotated[str, of_kind("ipv6", optional=True)]
Ipv4 = Annotated[str, of_kind("ipv4")]


class Sip(Struct, frozen=True, kw_only=True):
    """The front door."""

    #: IPv4 or IPv6 address that UDP, TCP and TLS listen on.
    address: Ip = "127.0.0.1"
    #: IPv6 address that they listen on, too, at the same ports, beside the IPv4 one of `address`; empty: none. A peer
    #: of either family is then shown our address of its own family, and its audio goes there, too.
    address6: OptionalIpv6 = ""
    #: Port of both.
    port: Port = 5060
    #: Port for TLS (1.2 and later). It is listened on where there is a `certificate`.
    tls_port: Port = 5061
    #: PEM file: our certificate, then those between it and the root. It is read again at a reload.
    certificate: OptionalPath = ""
    #: PEM file with the certificate's private key; empty: it is in `certificate`, too.
    key: OptionalPath = ""
    #: Address that peers are shown in Via, Contact and SDP; empty: `address`.
    public_address: OptionalIp = ""
    #: The same for IPv6 peers, beside `address6`; empty: `address6`.
    public_address6: OptionalIpv6 = ""
    #: With `address6`: which addresses are tried first where a name has both (A and AAAA records); the others follow.
    prefer: Literal["ipv4", "ipv6"] = "ipv4"
    #: Loopback address on which front and spans talk to each other.
    inner_address: Annotated[str, of_kind("loopback")] = "127.0.0.1"
    #: Name servers (`address` or `address:port`) that trunks' names are asked of; empty: those of the system.
    nameservers: list[Annotated[str, of_kind("ip_port")]] = field(default_factory=list)
    #: New calls a second that one trunk may bring; more get 503.
    calls_per_second: Annotated[int, ranging(1, 10_000)] = 200
    #: What an address gets that no trunk names: `drop`: nothing, the kernel keeps most of what it sends from us;
    #: `refuse`: 403, a few times a second, which tells that somebody is here.
    strangers: Literal["drop", "refuse"] = "drop"
    #: SIP messages of the last calls that are held in memory, megabytes, for `edge calls show --sip`; 0: none. A
    #: call takes some ten kilobytes.
    trace_mb: Annotated[int, ranging(0, 1_024)] = 16
    #: Capture server (Homer) that SIP messages are sent to as they come and go, by HEP version 3 over UDP: `address` or
    #: `address:port` (9060). Keys, credentials and digits are blotted out, but numbers are not, and nothing is
    #: encrypted: for a network of your own. Empty: none.
    hep: Annotated[str, of_kind("ip_port", optional=True)] = ""
    #: Our number as a capture agent there.
    hep_id: Annotated[int, ranging(0, 4_294_967_295)] = 2001
    #: Spans at the most; each holds as many legs as its stack allows (4).
    max_spans: Annotated[int, ranging(1, 2_000)] = 100


class Media(Struct, frozen=True, kw_only=True):
    """The media engine."""

    #: Address of the RTP sockets; empty: `sip.address`.
    address: OptionalIp = ""
    #: Address of the RTP sockets for IPv6 peers, beside the IPv4 ones; empty: `sip.address6`. Each leg has its ports in
    #: both families, and uses those of its peer's.
    address6: OptionalIpv6 = ""
    #: First RTP port (even); each leg has a port pair.
    first_port: Annotated[int, ranging(1024, 32766)] = 16384
    #: Legs at the most; all their sockets are opened at start.
    slots: Annotated[int, ranging(1, 8_000)] = 400
    #: Engine processes. Each has its share of the slots; the legs of a call are together on one.
    engines: Annotated[int, ranging(1, 8)] = 1
    #: Processor cores that the engines' loops are bound to, in turn; empty: the kernel places them.
    cores: list[Annotated[int, ranging(0, 1023)]] = field(default_factory=list)
    #: New calls are refused while an engine works longer than this share of a tick, in percent; 0: always.
    overload_percent: Annotated[int, ranging(0, 100)] = 80
    #: A leg whose peer sends nothing for this long is reported.
    silence_timeout_ms: Annotated[int, ranging(1_000, DAY_MS)] = 30000
    #: A leg whose peer sends nothing but digital silence for this long is reported; 0: none is.
    quiet_timeout_ms: Annotated[int, ranging(0, DAY_MS)] = 60000
    #: Sound files held in memory, megabytes.
    prompt_memory_mb: Annotated[int, ranging(1, 4_096)] = 64
    #: Playout delay the jitter buffer starts with; then it follows the path.
    playout_delay_ms: Annotated[int, ranging(0, 500)] = 0
    #: Least that the jitter buffer adds to the delay of the fastest packets.
    min_delay_ms: Annotated[int, ranging(0, 500)] = 0
    #: Most that it adds.
    max_delay_ms: Annotated[int, ranging(20, 500)] = 300
    #: What trunks do that say nothing of it, and calls to no trunk: see `inband_dtmf` there.
    inband_dtmf: InbandDtmf = "always"
    #: Country whose ringing tone a caller hears while a transfer rings, when neither the menu (`ringing`) nor the
    #: target says otherwise, and its trunk has no country (`tones`, `country`). `none`: callers hear nothing then.
    ringing_tone: Name = "us"
    #: Level of the noise that a caller hears while there is nothing to hear, dBm0 (-60 is faint); 0: silence.
    idle_noise_dbm0: Annotated[int, ranging(-90, 0)] = 0
    #: Sound file that a leg hears, again and again, while the other side of its talk holds. Empty: it hears what that
    #: side sends (often the music of its own exchange), or nothing.
    hold_music: OptionalPath = ""


class Http(Struct, frozen=True, kw_only=True):
    """API and metrics."""

    #: IPv4 address that HTTP is served on. Beyond loopback that takes a certificate, or `behind_proxy`.
    address: Ipv4 = "127.0.0.1"
    #: TCP port.
    port: Port = 8080
    #: PEM file with the certificate that HTTPS is served with, and those that it is signed by. Empty: plain HTTP.
    certificate: OptionalPath = ""
    #: PEM file with its private key; empty: it is in the file of the certificate.
    key: OptionalPath = ""
    #: Plain HTTP beyond loopback: a proxy in front of it ends TLS, and nobody else can reach the port.
    behind_proxy: bool = False
    #: Tokens of the role `operator` are shown whole numbers; else their last three digits, as viewers are.
    operators_see_numbers: bool = False


class ApiToken(Struct, frozen=True, kw_only=True):
    """Somebody who may use the API under `/api/v1`. `edge tokens new` makes a token, and this table for it."""

    #: What logs, metrics and `api.acted` events call it.
    name: Name
    #: `sha256:` and the SHA-256 of the token in hexadecimal, or `file:PATH` of a file that holds that. The token
    #: itself is nowhere in the appliance.
    hash: Annotated[str, of_kind("token_hash", file=True)]
    #: What it may: `viewer` reads, without numbers; `operator` acts on calls, agents, queues and campaigns;
    #: `integrator` sees numbers and recordings, and makes calls; `admin` changes the appliance, too.
    role: Role = "viewer"
    #: Beginnings of what it may have dialled: numbers in E.164 (`+49`, `+49301234567`), or SIP URIs (`sip:desk@`; one
    #: with a host counts as a whole). `*`: everything. Nothing stands for nothing: what a token can dial is what its
    #: loss can cost.
    may_dial: list[str] = field(default_factory=list)
    #: Beginnings of what it may show as the caller, in E.164. `*`: everything. Without it, what the site shows: the
    #: trunk's `caller_id`, or `edge`.
    may_show: list[str] = field(default_factory=list)
    #: Trunks, and groups of them, that it may have dialled on, each of which it has to name then; nothing: all.
    trunks: list[str] = field(default_factory=list)
    #: Requests a second, in the long run.
    rate: Annotated[int, ranging(1, 10_000)] = 20
    #: Requests at once after a quiet time.
    burst: Annotated[int, ranging(1, 10_000)] = 60


class Paths(Struct, frozen=True, kw_only=True):
    """Where things lie; all absolute after loading."""

    #: Calls, events, cursors, spoken texts: all that must survive a restart.
    state: Path = "/var/lib/edge"
    #: Sockets of the running daemon; empty: `<state>/run`.
    run: OptionalPath = ""
    #: Recordings, in folders by day.
    recordings: Path = "/var/spool/edge/recordings"
    #: Menu files, `*.yaml`.
    menus: Path = "/etc/edge/menus"
    #: Sound files, in a folder for each language.
    prompts: Path = "/etc/edge/prompts"
    #: Profiles of devices, `*.toml`, beside the shipped ones and instead of those of the same name.
    profiles: Path = "/etc/edge/profiles"
    #: Rules for campaigns, `*.toml`, beside the shipped packs. One may extend a pack.
    dialing_rules: Path = "/etc/edge/dialing_rules"


class Recording(Struct, frozen=True, kw_only=True):
    """Recording of calls."""

    #: Record each call from its answer to its end.
    enabled: bool = True
    #: Recordings stop, and new calls are refused, below this much free space.
    reserve_mb: Annotated[int, ranging(0, 1_000_000)] = 64
    #: Days that a recording is kept after its end; 0: for ever. `edge recordings expire` deletes what is older, each
    #: night where the units of systemd are installed.
    keep_days: Annotated[int, ranging(0, 36_500)] = 0


class Speech(Struct, frozen=True, kw_only=True):
    """How texts of menus are spoken, and how loud prompts are."""

    #: What speaks: `espeak-ng`, which Debian has, or `piper`, which needs a file for each voice (`[[voices]]`).
    engine: Literal["espeak-ng", "piper"] = "espeak-ng"
    #: Its pace, percent of the ordinary one.
    pace: Annotated[int, ranging(40, 250)] = 100
    #: The program `espeak-ng`: name or path.
    espeak: Annotated[str, of_kind("program")] = "espeak-ng"
    #: The program `piper`: name or path.
    piper: Annotated[str, of_kind("program")] = "piper"
    #: Sound files are brought to the level of spoken texts (active speech at -26 dBov, ITU-T P.56) as they are loaded.
    #: `false`: they are played as they are.
    normalise_files: bool = True
    #: Spoken texts that no menu has any more are deleted when all of them together are more than that.
    cache_mb: Annotated[int, ranging(1, 100_000)] = 200


class Voice(Struct, frozen=True, kw_only=True):
    """Who speaks the texts of a language."""

    #: `de`, or `de-at` for that region only.
    language: Annotated[str, of_kind("language")]
    #: Of espeak-ng its name (`de+f3`), of piper the absolute path of its `.onnx` file. Empty: the language's.
    voice: Annotated[str, of_kind("program", optional=True)] = ""
    #: As `speech.engine`; empty: that one.
    engine: Literal["", "espeak-ng", "piper"] = ""
    #: As `speech.pace`; 0: that one.
    pace: Annotated[int, ranging(0, 250)] = 0


class Limits(Struct, frozen=True, kw_only=True):
    """Hard limits of a call."""

    #: No call lasts longer.
    max_call_seconds: Annotated[int, ranging(1, 604_800)] = 14400
    #: Time that a drain gives calls in progress.
    drain_seconds: Annotated[int, ranging(0, 86_400)] = 300


class Events(Struct, frozen=True, kw_only=True):
    """How long events are kept, and what happens when there is no room for more."""

    #: Days that an event is kept when every sink has it; 0: for ever. Reports count by them. What a sink has not taken
    #: is kept however old it is.
    keep_days: Annotated[int, ranging(0, 36_500)] = 400
    #: What the outbox may hold; 0: as much as the disk does. When it is full, what every sink has goes first.
    quota_mb: Annotated[int, ranging(0, 1_000_000)] = 4096
    #: Then, as long as sinks do not take what is left: `refuse_calls` (503; calls in progress go on), which loses
    #: nothing, or `shed`: the least valuable kinds of events go, and when there are none left calls are refused.
    when_full: Literal["refuse_calls", "shed"] = "refuse_calls"
    #: With `shed`: types that may go, the least valuable first; `leg.*` is a group. Empty: as in docs/delivery.md. How
    #: calls, attempts, callbacks and recordings ended is never shed.
    shed: list[str] = field(default_factory=list)


class Reloading(Struct, frozen=True, kw_only=True):
    """How files are loaded anew, and what is kept of what they said before."""

    #: Load them when they change: site file, menus, prompts, profiles and tables of callers. As `edge reload` does:
    #: what has a fault is refused, and told. A change is taken when it has been left alone for a second.
    watch: bool = False
    #: Versions of each menu that are kept, with their sounds, for `edge menu rollback`. What calls are on stays.
    keep_versions: Annotated[int, ranging(2, 1_000)] = 10


class Route(Struct, frozen=True, kw_only=True):
    """Which menu answers which DID. The first that fits is taken."""

    #: User part of the Request-URI; `*` at the end stands for any rest.
    number: Annotated[str, of_kind("route_number")]
    #: Menu that answers.
    menu: str
    #: Only for calls of this trunk; empty: any.
    trunk: str = ""


class Sink(Struct, frozen=True, kw_only=True):
    """A receiver of events, as every process knows it. What its type needs is read by `edge/config/sinks.py`."""

    #: What metrics and `edge status` call it.
    name: Name
    #: How events are sent.
    type: str
    #: What its type needs, by the names of its class of settings.
    settings: dict[str, Any] = field(default_factory=dict)
    #: Those that are secret, likewise: only forwarder is given them.
    secrets: dict[str, str] = field(default_factory=dict)


class Endpoint(Struct, frozen=True, kw_only=True):
    """A backend that menus ask."""

    #: What menus call it.
    name: Name
    #: Where questions are posted: `https://`, or `http://` on this machine. Or the NATS server that they are sent
    #: through as requests: `tls://host:4222`, or `nats://` on this machine.
    url: Annotated[str, of_kind("ask_url")]
    #: With NATS: the subject that is asked. No stream may take it, for it would answer in the backend's place.
    subject: Annotated[str, of_kind("subject", optional=True)] = ""
    #: PEM file with the authorities that its certificate may be of; empty: those of the system.
    ca_file: OptionalPath = ""
    #: File with a token that is sent as `Authorization: Bearer`, read for each question, or that NATS is shown when we
    #: connect. Empty: none.
    token_file: OptionalPath = ""
    #: So many failures in a row (timeouts count), and the backend is not asked for a while: menus go on by their
    #: default at once. 0: it always is.
    breaker_failures: Annotated[int, ranging(0, 1000)] = 5
    #: After that pause one question tries whether it answers again.
    breaker_pause_ms: Annotated[int, ranging(100, 600_000)] = 10000
    #: Without an answer for so long, the same question is asked a second time over another connection, and the answer
    #: that comes first counts; the backend has to bear that (the question's `id` is the same). 0: never. Not with NATS,
    #: nor with sensitive digits.
    hedge_ms: Annotated[int, ranging(0, 60_000)] = 0


class Site(Struct, frozen=True, kw_only=True):
    """The effective configuration, menus left out."""

    #: Name of the appliance, part of every event's `source`.
    name: Name
    #: Time zone (`Europe/Berlin`) of dates and times without an offset: of trials, and of what people type (`--since`);
    #: weeks of reports begin by it. Menus and opening hours have their own. Empty: UTC.
    time_zone: Annotated[str, of_kind("time_zone", optional=True)] = ""
    sip: Sip = field(default_factory=Sip)
    media: Media = field(default_factory=Media)
    http: Http = field(default_factory=Http)
    paths: Paths = field(default_factory=Paths)
    recording: Recording = field(default_factory=Recording)
    speech: Speech = field(default_factory=Speech)
    voices: list[Voice] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    reload: Reloading = field(default_factory=Reloading)
    events: Events = field(default_factory=Events)
    trunks: list[Trunk] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    trunk_groups: list[TrunkGroup] = field(default_factory=list)
    hunt_lists: list[HuntList] = field(default_factory=list)
    amd_rules: list[AmdRules] = field(default_factory=list)
    #: Tones of further countries, or others for known ones, in the notation of `indications.conf`: `dial`, `busy`,
    #: `congestion`, `ring`, `waiting`, `info`; further forms to be recognised are `ring-2` and the like.
    tones: dict[Name, dict[Name, str]] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    sinks: list[Annotated[Sink, of_kind("sink")]] = field(default_factory=list)
    callbacks: Callbacks = field(default_factory=Callbacks)
    #: Opening hours that menus can ask for.
    hours: list[HoursTable] = field(default_factory=list)
    #: Tables of callers that menus can ask.
    tables: list[Table] = field(default_factory=list)
    #: Mailboxes that menus take messages for.
    mailboxes: list[Mailbox] = field(default_factory=list)
    #: Menus on trial.
    trials: list[TrialSource] = field(default_factory=list)
    #: What is expected of menus.
    standards: list[Standard] = field(default_factory=list)
    #: The opening hours, compiled, by name.
    calendars: Annotated[dict[str, Calendar], HIDDEN] = field(default_factory=dict)
    #: Rules that campaigns name, by name.
    rulesets: Annotated[dict[str, Ruleset], HIDDEN] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    api_tokens: list[ApiToken] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    presence: Presence = field(default_factory=Presence)
    queues: list[Queue] = field(default_factory=list)
    dialer: Dialer = field(default_factory=Dialer)
    campaigns: list[Campaign] = field(default_factory=list)
    #: Relays that `edge hw relay` switches.
    relays: list[Relay] = field(default_factory=list)
    #: For `edge menu test --call` and `edge menu try --audio`, which give it; no file can: the time at which calls of
    #: a trunk begin, milliseconds since 1970, in place of the clock. Menus go by it, stamps of events do not.
    clocks: Annotated[dict[str, int], HIDDEN] = field(default_factory=dict)
    #: Sound files that menus name: an engine has them in memory before they are played.
    sounds: Annotated[list[str], HIDDEN] = field(default_factory=list)
    #: What files of certificates and keys held when they were read, as digests by their settings.
    tls_files: Annotated[dict[str, str], HIDDEN] = field(default_factory=dict)
    #: Where the configuration came from, for messages.
    source: Annotated[str, HIDDEN] = ""

    @property
    def hold_music_files(self) -> list[str]:
        """Files of hold music, those of trunks after that of all."""
        files = [self.media.hold_music, *(trunk.hold_music for trunk in self.trunks)]
        return [file for file in dict.fromkeys(files) if file and file != NO_MUSIC]
