"""The effective configuration: what the loader makes of site file and conf.d, and every process is given.

What is made of menus is not there but in `CompiledSite`, which those read who walk them.

Durations carry their unit in the name. Field docstrings (`#:`) become the configuration page. What an annotation says
about a value (range, kind of text) is enforced by the loader, where the fault has a file and a line; a `Site` made by a
test is not bound to it.

A list to look things up in, so it is longer than files are to be.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field, structs

from edge.config.callback_settings import Callbacks
from edge.config.campaigns import Campaign, Dialer
from edge.config.menu_tables import HoursTable, Mailbox, Standard, Table, TrialSource
from edge.config.queues import Agent, Presence, Queue
from edge.config.relays import Relay
from edge.core.dialer.ruleset import Ruleset
from edge.core.menus.calendar import Calendar
from edge.vocabulary.access import Role
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.hunting import HuntStrategy
from edge.vocabulary.media import CodecName, DigitSending, InbandDtmf


def _range(least: int, most: int) -> Any:
    return Meta(extra={"least": least, "most": most})


def _text(kind: str, **more: bool) -> Any:
    return Meta(extra={"kind": kind, **more})


Port = Annotated[int, _range(1, 65535)]
Name = Annotated[str, _text("name")]
Ip = Annotated[str, _text("ip")]
OptionalIp = Annotated[str, _text("ip", optional=True)]
OptionalIpv6 = Annotated[str, _text("ipv6", optional=True)]
Ipv4 = Annotated[str, _text("ipv4")]
Path = Annotated[str, _text("path")]
OptionalPath = Annotated[str, _text("path", optional=True)]
#: What a trunk's `hold_music` says for: none, whatever `[media]` has.
NO_MUSIC = "none"
#: Filled by the loader, not by the author of a file.
_HIDDEN = Meta(extra={"hidden": True})
#: A day in milliseconds: the bound for settings whose unit was mistaken.
_DAY_MS = 86_400_000


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
    inner_address: Annotated[str, _text("loopback")] = "127.0.0.1"
    #: Name servers (`address` or `address:port`) that trunks' names are asked of; empty: those of the system.
    nameservers: list[Annotated[str, _text("ip_port")]] = field(default_factory=list)
    #: New calls a second that one trunk may bring; more get 503.
    calls_per_second: Annotated[int, _range(1, 10_000)] = 200
    #: What an address gets that no trunk names: `drop`: nothing, the kernel keeps most of what it sends from us;
    #: `refuse`: 403, a few times a second, which tells that somebody is here.
    strangers: Literal["drop", "refuse"] = "drop"
    #: SIP messages of the last calls that are held in memory, megabytes, for `edge calls show --sip`; 0: none. A
    #: call takes some ten kilobytes.
    trace_mb: Annotated[int, _range(0, 1_024)] = 16
    #: Capture server (Homer) that SIP messages are sent to as they come and go, by HEP version 3 over UDP: `address` or
    #: `address:port` (9060). Keys, credentials and digits are blotted out, but numbers are not, and nothing is
    #: encrypted: for a network of your own. Empty: none.
    hep: Annotated[str, _text("ip_port", optional=True)] = ""
    #: Our number as a capture agent there.
    hep_id: Annotated[int, _range(0, 4_294_967_295)] = 2001
    #: Spans at the most; each holds as many legs as its stack allows (4).
    max_spans: Annotated[int, _range(1, 2_000)] = 100


class Media(Struct, frozen=True, kw_only=True):
    """The media engine."""

    #: Address of the RTP sockets; empty: `sip.address`.
    address: OptionalIp = ""
    #: Address of the RTP sockets for IPv6 peers, beside the IPv4 ones; empty: `sip.address6`. Each leg has its ports in
    #: both families, and uses those of its peer's.
    address6: OptionalIpv6 = ""
    #: First RTP port (even); each leg has a port pair.
    first_port: Annotated[int, _range(1024, 32766)] = 16384
    #: Legs at the most; all their sockets are opened at start.
    slots: Annotated[int, _range(1, 8_000)] = 400
    #: Engine processes. Each has its share of the slots; the legs of a call are together on one.
    engines: Annotated[int, _range(1, 8)] = 1
    #: Processor cores that the engines' loops are bound to, in turn; empty: the kernel places them.
    cores: list[Annotated[int, _range(0, 1023)]] = field(default_factory=list)
    #: New calls are refused while an engine works longer than this share of a tick, in percent; 0: always.
    overload_percent: Annotated[int, _range(0, 100)] = 80
    #: A leg whose peer sends nothing for this long is reported.
    silence_timeout_ms: Annotated[int, _range(1_000, _DAY_MS)] = 30000
    #: A leg whose peer sends nothing but digital silence for this long is reported; 0: none is.
    quiet_timeout_ms: Annotated[int, _range(0, _DAY_MS)] = 60000
    #: Sound files held in memory, megabytes.
    prompt_memory_mb: Annotated[int, _range(1, 4_096)] = 64
    #: Playout delay the jitter buffer starts with; then it follows the path.
    playout_delay_ms: Annotated[int, _range(0, 500)] = 0
    #: Least that the jitter buffer adds to the delay of the fastest packets.
    min_delay_ms: Annotated[int, _range(0, 500)] = 0
    #: Most that it adds.
    max_delay_ms: Annotated[int, _range(20, 500)] = 300
    #: What trunks do that say nothing of it, and calls to no trunk: see `inband_dtmf` there.
    inband_dtmf: InbandDtmf = "always"
    #: Country whose ringing tone a caller hears while a transfer rings, when neither the menu (`ringing`) nor the
    #: target says otherwise, and its trunk has no country (`tones`, `country`). `none`: callers hear nothing then.
    ringing_tone: Name = "us"
    #: Level of the noise that a caller hears while there is nothing to hear, dBm0 (-60 is faint); 0: silence.
    idle_noise_dbm0: Annotated[int, _range(-90, 0)] = 0
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
    hash: Annotated[str, _text("token_hash", file=True)]
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
    rate: Annotated[int, _range(1, 10_000)] = 20
    #: Requests at once after a quiet time.
    burst: Annotated[int, _range(1, 10_000)] = 60


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
    reserve_mb: Annotated[int, _range(0, 1_000_000)] = 64
    #: Days that a recording is kept after its end; 0: for ever. `edge recordings expire` deletes what is older, each
    #: night where the units of systemd are installed.
    keep_days: Annotated[int, _range(0, 36_500)] = 0


class Speech(Struct, frozen=True, kw_only=True):
    """How texts of menus are spoken, and how loud prompts are."""

    #: What speaks: `espeak-ng`, which Debian has, or `piper`, which needs a file for each voice (`[[voices]]`).
    engine: Literal["espeak-ng", "piper"] = "espeak-ng"
    #: Its pace, percent of the ordinary one.
    pace: Annotated[int, _range(40, 250)] = 100
    #: The program `espeak-ng`: name or path.
    espeak: Annotated[str, _text("program")] = "espeak-ng"
    #: The program `piper`: name or path.
    piper: Annotated[str, _text("program")] = "piper"
    #: Sound files are brought to the level of spoken texts (active speech at -26 dBov, ITU-T P.56) as they are loaded.
    #: `false`: they are played as they are.
    normalise_files: bool = True
    #: Spoken texts that no menu has any more are deleted when all of them together are more than that.
    cache_mb: Annotated[int, _range(1, 100_000)] = 200


class Voice(Struct, frozen=True, kw_only=True):
    """Who speaks the texts of a language."""

    #: `de`, or `de-at` for that region only.
    language: Annotated[str, _text("language")]
    #: Of espeak-ng its name (`de+f3`), of piper the absolute path of its `.onnx` file. Empty: the language's.
    voice: Annotated[str, _text("program", optional=True)] = ""
    #: As `speech.engine`; empty: that one.
    engine: Literal["", "espeak-ng", "piper"] = ""
    #: As `speech.pace`; 0: that one.
    pace: Annotated[int, _range(0, 250)] = 0


class Limits(Struct, frozen=True, kw_only=True):
    """Hard limits of a call."""

    #: No call lasts longer.
    max_call_seconds: Annotated[int, _range(1, 604_800)] = 14400
    #: Time that a drain gives calls in progress.
    drain_seconds: Annotated[int, _range(0, 86_400)] = 300


class Events(Struct, frozen=True, kw_only=True):
    """How long events are kept, and what happens when there is no room for more."""

    #: Days that an event is kept when every sink has it; 0: for ever. Reports count by them. What a sink has not taken
    #: is kept however old it is.
    keep_days: Annotated[int, _range(0, 36_500)] = 400
    #: What the outbox may hold; 0: as much as the disk does. When it is full, what every sink has goes first.
    quota_mb: Annotated[int, _range(0, 1_000_000)] = 4096
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
    keep_versions: Annotated[int, _range(2, 1_000)] = 10


class Trunk(Struct, frozen=True, kw_only=True):
    """A peer that may send us calls and that we may dial through."""

    #: What routes, events and metrics call it.
    name: Name
    #: IP addresses or networks (CIDR) that its requests come from.
    sources: list[Annotated[str, _text("network")]] = field(default_factory=list)
    #: The device behind it, by its profile (a shipped one, or one of `[paths] profiles`), which says what the trunk
    #: itself does not say.
    profile: Annotated[str, _text("name", optional=True)] = ""
    #: Calls that it may bring at the same time without having acknowledged our answer; more get 503.
    max_pending: Annotated[int, _range(1, 1_000)] = 100
    #: `host:port` that outgoing calls are sent to; empty: cannot be dialled by number.
    #: A name without a port is looked up as SRV records say (RFC 3263), else as an address.
    address: Annotated[str, _text("host_port")] = ""
    #: Further `host:port` of the same trunk, tried in this order when `address` does not take a call: it refuses by
    #: 503, cannot be connected to, or says nothing for `invite_timeout`.
    addresses: list[Annotated[str, _text("host_port")]] = field(default_factory=list)
    #: How long nothing at all may be heard of a call before the next address is tried (RFC 3261's timer B). Shorter
    #: than the 32 s of the RFC: an answer that comes later still is hung up.
    invite_timeout_ms: Annotated[int, _range(2_000, 32_000)] = 32_000
    #: Calls at the same time, of both directions; 0: any number. More are answered by 503, or go to the next trunk.
    max_channels: Annotated[int, _range(0, 8_000)] = 0
    #: New calls a second, of each direction; 0: `sip.calls_per_second`.
    calls_per_second: Annotated[int, _range(0, 10_000)] = 0
    #: How outgoing calls are sent; incoming ones may use any. `auto`: as the NAPTR records of the name say, else by UDP
    #: or TCP as its SRV records do (RFC 3263 section 4.1); UDP where a port is stated. Who answers for the name then
    #: says whether calls are encrypted.
    transport: Literal["udp", "tcp", "tls", "auto"] = "udp"
    #: PEM file with the roots that its certificate may come from; empty: those of the system.
    tls_ca: OptionalPath = ""
    #: Name that its certificate must have; empty: the host of `address`.
    tls_name: Annotated[str, _text("host", optional=True)] = ""
    #: Do not call it unless its certificate is valid for that name. Without it, who can stand in between hears all.
    tls_verify: bool = True
    #: PEM file with the certificate that we show it; empty: `sip.certificate` when it asks for one.
    tls_certificate: OptionalPath = ""
    #: PEM file with that certificate's private key; empty: it is in `tls_certificate`, too.
    tls_key: OptionalPath = ""
    #: Its TLS connections to us must show a certificate that one of `tls_ca` has signed.
    tls_client_certificate: bool = False
    #: `host:port` of a proxy that calls and REGISTER are sent through; what is called is still `address`.
    outbound_proxy: Annotated[str, _text("host_port")] = ""
    #: Codecs in the order that we want them. `G722` and `L16` (16 kHz, else 8 kHz) are wideband.
    codecs: list[CodecName] = field(default_factory=lambda: ["PCMU", "PCMA"])
    #: User part of our account there; empty: it knows us by our address.
    user: Annotated[str, _text("sip_user", optional=True)] = ""
    #: User name in the digest, where that is not `user`.
    auth_user: Annotated[str, _text("quotable", optional=True)] = ""
    #: Password of the account, in the file as `${ENV}` or `file:PATH`. Challenges are answered with MD5, SHA-256 or
    #: SHA-512-256, whichever of those offered is the strongest.
    password: Annotated[str, _text("quotable", optional=True, secret=True)] = ""
    #: The one realm whose challenges are answered. Empty: that of the first challenge that comes from the trunk's own
    #: address, so a provider that passes on challenges of others needs it.
    realm: Annotated[str, _text("quotable", optional=True)] = ""
    #: Register there, so that it calls us (RFC 3261 section 10). Its calls come to `contact_user`, and from the
    #: addresses of the registrar, which need not stand in `sources`.
    register: bool = False
    #: `host:port` of the registrar; empty: `address`. The host is the domain of our address of record; where no port is
    #: given, the SRV records of its name say which servers there are, and all are tried.
    registrar: Annotated[str, _text("host_port")] = ""
    #: Where REGISTER is sent to instead, each `host:port`: the next one when one does not answer.
    registrar_addresses: list[Annotated[str, _text("host_port")]] = field(default_factory=list)
    #: Time of a registration that we ask for; the registrar may grant another one.
    expires_seconds: Annotated[int, _range(60, 86_400)] = 3600
    #: User part of our Contact there, which its calls are made to; empty: `user`. Trunks of one provider with different
    #: ones are told apart by it.
    contact_user: Annotated[str, _text("sip_user", optional=True)] = ""
    #: Further parameters of that Contact: `q=0.5`, `+sip.instance="<urn:uuid:...>"`.
    contact_params: list[Annotated[str, _text("header_parameter")]] = field(default_factory=list)
    #: User part of From in our requests there; empty: the caller's number, and `user` in registrations.
    from_user: Annotated[str, _text("sip_user", optional=True)] = ""
    #: Host of From in our requests there; empty: our own address, and the registrar's host in registrations.
    from_domain: Annotated[str, _text("host", optional=True)] = ""
    #: Ask `address` so often by OPTIONS whether it is there; any answer will do. `0s`: never.
    qualify_ms: Annotated[int, _range(0, _DAY_MS)] = 0
    #: It is down after so many questions in a row without an answer; then it is asked with growing pauses.
    qualify_misses: Annotated[int, _range(1, 100)] = 3
    #: Place calls on it although it is known to be down or not registered; else they end at once (`trunk_down`).
    dial_when_down: bool = False
    #: SRTP by security descriptions (RFC 4568); who can read the signalling has the keys. `off`: plain RTP only.
    #: `optional`: what the other side can (RFC 8643), so who changes the signalling can make it plain. `required`:
    #: RTP/SAVP or no call (488). An encrypted call stays so. Keys are told over TLS only: calls by UDP and TCP are
    #: plain (`optional`) or refused (`required`).
    srtp: SrtpPolicy = "off"
    #: Tell keys of SRTP over UDP and TCP, too: inside of a VPN, or to keep out those who see the audio only.
    srtp_without_tls: bool = False
    #: How digits are sent to it: `auto` is RFC 4733 where it was negotiated, else tones. Received ones may come by any.
    dtmf: DigitSending = "auto"
    #: Whether keys are looked for in its audio, too. `auto`: only on calls that negotiated no RFC 4733, so no voice
    #: can be taken for a key where keys come as events. `never`: not even then. `always`: also beside events, for
    #: gateways that say they send them and do not. Not set: as `[media]` says.
    inband_dtmf: InbandDtmf = "always"
    #: A tone in its audio that lasts so long is a key, and one that is 17 ms shorter is none.
    dtmf_min_tone_ms: Annotated[int, _range(40, 80)] = 40
    #: A pause that lasts so long separates two keys, and one that is 20 ms shorter is bridged; in steps of 10 ms.
    dtmf_min_pause_ms: Annotated[int, _range(40, 70)] = 40
    #: The weaker one of a key's two tones is as strong as this at least, dBm0.
    dtmf_min_level_dbm0: Annotated[int, _range(-31, -5)] = -31
    #: The high tone is so much stronger than the low one at most, dB.
    dtmf_max_twist_db: Annotated[int, _range(1, 6)] = 6
    #: The low tone is so much stronger than the high one at most, dB.
    dtmf_max_reverse_twist_db: Annotated[int, _range(1, 10)] = 10
    #: Learn where a peer's audio comes from when that is not the address of its SDP (a phone behind NAT). Only in the
    #: first 3 s after each negotiation, and only while nothing comes from the negotiated address. Of an encrypted call
    #: (`srtp`) only authentic packets count; in a plain one a stranger who finds the port can take the place of a peer
    #: that is silent then.
    symmetric_rtp: bool = False
    #: Believe it when it names another caller than From does (P-Asserted-Identity, RFC 3325; Remote-Party-ID). For
    #: carriers, not for phones.
    trust_identity: bool = False
    #: Headers of its own (`X-...`) that are taken from its calls into `call.started`, and sent with calls to it that
    #: have them.
    headers: list[Annotated[str, _text("own_header")]] = field(default_factory=list)
    #: Number that it is shown as the caller; empty: the caller's own.
    caller_id: Annotated[str, _text("dial_number", optional=True)] = ""
    #: Where `caller_id` stands: `from`: it replaces the caller's number. `asserted`: in P-Asserted-Identity, and From
    #: shows the caller (what carriers call CLIP no screening); needs `send_identity`.
    caller_id_in: Literal["from", "asserted"] = "from"
    #: Header in which it is told the number that we answer for. A caller who withholds its number is anonymous in From.
    send_identity: Literal["none", "pai", "rpid"] = "none"
    #: On transferred calls, tell it the number that was called first (Diversion, RFC 5806).
    send_diversion: bool = False
    #: Country (`DE`) that its national numbers belong to. Numbers are then told in E.164, too, and routes may name them
    #: so (`+4930123*`).
    country: Annotated[str, _text("country", optional=True)] = ""
    #: How numbers are written that are dialled through it: `+e164` (+4930123456), `e164` (4930123456), `international`
    #: (004930123456), `national` (030123456, those of other countries international). `as_is`, and what is no whole
    #: number: as it was given. Needs `country`.
    dial_as: Literal["as_is", "+e164", "e164", "international", "national"] = "as_is"
    #: How long its sessions last without a refresh (RFC 4028), seconds: asked for, and granted at the most. 0: not
    #: asked for, but taken as it wants.
    session_expires_seconds: Annotated[int, _range(0, 86_400)] = 1800
    #: Shortest such interval that it may want (Min-SE); 422 below it.
    session_min_seconds: Annotated[int, _range(90, 86_400)] = 90
    #: Who refreshes them: `us`, the `peer`, or `auto`: whom it names, else the peer where it can.
    session_refresher: Literal["auto", "us", "peer"] = "auto"
    #: A call ends for a leg of this trunk that sends no RTP for so long, in seconds, unless its peer holds or is not to
    #: send; counted from its last packet, and not before `media.silence_timeout_ms`. 0: never. Phones that send nothing
    #: while they are mute want it long.
    no_rtp_hangup_seconds: Annotated[int, _range(0, 86_400)] = 300
    #: On transfers through it, callers hear what comes before the answer (ringing of its network, announcements).
    #: `false`: our own ringing, whatever it sends; tones are still listened to (`tones`).
    early_media: bool = True
    #: Its calls ring for so long (180) before they are answered; 0: they are answered at once.
    answer_after_ms: Annotated[int, _range(0, 60_000)] = 0
    #: Whether our 18x responses to its calls are reliable, acknowledged by it (RFC 3262): only where a call requires
    #: that, or already where it says that it can.
    reliable_provisionals: Literal["when_required", "when_supported"] = "when_supported"
    #: A REFER of its peers, who want another one in their place (a transfer). `refuse`: 603, for who can send calls on
    #: can have them paid by us. `allow`: a number that `refer_to` has is dialled on this trunk; or two calls of ours
    #: are joined (an attended transfer).
    refer: Literal["refuse", "allow"] = "refuse"
    #: A 3xx to a call of ours. `refuse`: the call ends. `follow`: the numbers of its contacts that `refer_to` has are
    #: dialled on this trunk, one after the other; a call is sent on three times at the most.
    redirects: Literal["refuse", "follow"] = "refuse"
    #: Numbers that its peers may send calls on to, as they write them, or in E.164 where `country` is set; `*` at the
    #: end stands for any rest. `["*"]`: any number.
    refer_to: list[Annotated[str, _text("route_number")]] = field(default_factory=list)
    #: Quiet callers are lifted slowly towards the normal level. Their recordings stay as they are.
    auto_level: bool = False
    #: Sound file that this trunk's peer hears while the other side holds; empty: `media.hold_music`; `none`: no music.
    hold_music: Annotated[str, Meta(extra={"kind": "path", "optional": True, "word": NO_MUSIC})] = ""
    #: On calls that we make through it: tell whether a human, a machine or a fax answered (`answer.detected`).
    amd: bool = False
    #: Name of the rules (`[[amd_rules]]`) for that; empty: the defaults there.
    amd_rules: Annotated[str, _text("name", optional=True)] = ""
    #: Tell the call progress tones (dial, busy, reorder, ringback, SIT, fax, beep) of calls dialled through it. They
    #: are those of a country (`us`, or one of `[tones]`), or of `any` where it is not known. Empty: not looked for.
    tones: Annotated[str, _text("name", optional=True)] = ""
    #: It is a line of this machine: only what comes from this port is of it. 0: no line.
    source_port: Annotated[int, _HIDDEN] = 0


class Line(Struct, frozen=True, kw_only=True):
    """A line of a modem or sound card on this machine. Everywhere else it is a trunk of its name."""

    #: What groups, routes and events call it.
    name: Name
    #: Profile of the device, a shipped one (docs/firmware-profiles.md) or a file of `[paths] profiles`.
    profile: Annotated[str, _text("name")]
    #: Port for commands: a link below /dev/serial/by-path or by-id, or a URL of pyserial (`socket://...`). Empty: found
    #: by what the profile says of the USB device.
    port: Annotated[str, _text("serial_port", optional=True)] = ""
    #: Port for sound where the profile has it on one of its own; empty: found with the USB device.
    sound_port: Annotated[str, _text("serial_port", optional=True)] = ""
    #: USB plug that the device is in (`1-1.3`), to tell two equal ones apart.
    usb_path: Annotated[str, _text("quotable", optional=True)] = ""
    #: The same by the serial number of the USB device.
    serial_number: Annotated[str, _text("quotable", optional=True)] = ""
    #: The same by the modem's IMEI: with another one the line is not ready.
    imei: Annotated[str, _text("digits", optional=True)] = ""
    #: Sound device that is heard: its name, a part of it, or its number. Empty: that of the USB device.
    sound_in: Annotated[str, _text("quotable", optional=True)] = ""
    #: Sound device that is played on.
    sound_out: Annotated[str, _text("quotable", optional=True)] = ""
    #: What is put to the profile's gain of what is heard, dB.
    gain_in_db: Annotated[int, _range(-40, 40)] = 0
    #: What is put to the profile's gain of what is played, dB.
    gain_out_db: Annotated[int, _range(-40, 40)] = 0
    #: Number that its calls come in for, as routes have it; empty: the line's name.
    did: Annotated[str, _text("sip_user", optional=True)] = ""
    #: As of a trunk.
    country: Annotated[str, _text("country", optional=True)] = ""
    #: As of a trunk.
    dial_as: Literal["as_is", "+e164", "e164", "international", "national"] = "as_is"
    #: As of a trunk; empty: as the profile says.
    tones: Annotated[str, _text("name", optional=True)] = ""
    #: As of a trunk.
    amd: bool = False
    #: Port of its SIP on loopback; 0: one that follows from its name.
    sip_port: Annotated[int, _range(0, 65535)] = 0
    #: The profile, whole.
    device: Annotated[dict[str, Any], _HIDDEN] = field(default_factory=dict)


class GroupMember(Struct, frozen=True, kw_only=True):
    """A trunk of a group."""

    #: Its name.
    trunk: Annotated[str, _text("name")]
    #: Lower ones are tried first.
    priority: Annotated[int, _range(1, 100)] = 1
    #: Among those of one priority, how often it comes first.
    weight: Annotated[int, _range(1, 1_000)] = 1


class TrunkGroup(Struct, frozen=True, kw_only=True):
    """Trunks of which one takes a call; transfers and calls of ours name it as they name a trunk.

    A trunk that is full (`max_channels`, `calls_per_second`) is passed over. When a trunk refuses a call, the next one
    is tried, but never while the call may still ring at the one before.
    """

    #: What calls it; no trunk may have the same name.
    name: Name
    #: The trunks.
    members: list[GroupMember]
    #: Status codes after which the next trunk is tried, or classes of them (`5xx`). After 503 it always is.
    failover_on: list[Annotated[str, _text("status_codes")]] = field(default_factory=lambda: ["408", "5xx"])
    #: A call that has not begun to ring by then is cancelled, and the next trunk tried; 0: it may take its time.
    ring_timeout_ms: Annotated[int, _range(0, 180_000)] = 0


class HuntTarget(Struct, frozen=True, kw_only=True):
    """Somebody of a hunt list."""

    #: SIP URI, or a number that is dialled on `trunk`.
    to: str
    #: Trunk, or group of trunks, to dial through; empty: the list's.
    trunk: Annotated[str, _text("name", optional=True)] = ""
    #: How long it may ring; 0: as the list says.
    ring_timeout_ms: Annotated[int, _range(1_000, 600_000)] = 0
    #: Outcomes of this target (`busy`, `rejected`...) after which nobody else is dialled; empty: as the list says.
    leave_on: list[str] = field(default_factory=list)


class HuntList(Struct, frozen=True, kw_only=True):
    """Targets of transfers that several menus share: they are dialled until one of them takes the call."""

    #: What menus call it (`hunt_list`).
    name: Name
    #: The targets.
    targets: list[HuntTarget]
    #: `linear`: in this order. `round_robin`: beginning after the one who took the last call. `random`: in an order
    #: that is another one for each call. `all`: all at once; the first who takes the call has it.
    strategy: HuntStrategy = "linear"
    #: Trunk, or group of trunks, of targets that name none.
    trunk: Annotated[str, _text("name", optional=True)] = ""
    #: How long a target may ring that says nothing else.
    ring_timeout_ms: Annotated[int, _range(1_000, 600_000)] = 22_000
    #: For all targets together, until one answers; 0: as long as each may ring.
    hunt_timeout_ms: Annotated[int, _range(0, 3_600_000)] = 0
    #: Targets that we dial already for another call, or that talk in one, are passed over as `busy`.
    skip_busy: bool = False
    #: Outcomes (`busy`, `rejected`...) after which nobody else is dialled; the transfer has that outcome then.
    leave_on: list[str] = field(default_factory=list)


class AmdSettings(Struct, frozen=True, kw_only=True):
    """The rules without their name, as profiles have them."""

    #: A verdict is given so long after the answer, whatever is known then.
    deadline_ms: Annotated[int, _range(1_000, 60_000)] = 12000
    #: Nothing said for so long: unknown.
    no_speech_ms: Annotated[int, _range(500, 60_000)] = 5000
    #: A greeting of this length at most is a short one.
    short_greeting_ms: Annotated[int, _range(200, 5_000)] = 1200
    #: After a short greeting a human is told so long after its begin...
    short_wait_ms: Annotated[int, _range(300, 10_000)] = 1350
    #: ...and not before the silence after it has lasted so long.
    short_pause_ms: Annotated[int, _range(200, 5_000)] = 600
    #: Silence after a longer greeting that makes it a human's. Longer: fewer machines that pause are taken for humans.
    wait_ms: Annotated[int, _range(200, 5_000)] = 720
    #: A greeting that goes on for so long without such a silence is a machine's. Longer: fewer humans are taken for it.
    machine_speech_ms: Annotated[int, _range(1_000, 30_000)] = 3850
    #: Less speech than this is a cough.
    least_speech_ms: Annotated[int, _range(40, 1_000)] = 120
    #: A beep is one tone that lasts so long at least...
    beep_ms: Annotated[int, _range(80, 2_000)] = 120
    #: ...or so long, when it comes right out of a voice (a sung vowel is a tone, too)...
    beep_joined_ms: Annotated[int, _range(80, 2_000)] = 250
    #: ...and so long at most,
    beep_most_ms: Annotated[int, _range(200, 10_000)] = 2000
    #: of this frequency, Hz, at least
    beep_least_hz: Annotated[int, _range(350, 3_000)] = 380
    #: and at most.
    beep_most_hz: Annotated[int, _range(350, 3_000)] = 2700
    #: Tones of fax terminals last so long at least.
    fax_tone_ms: Annotated[int, _range(100, 2_000)] = 300
    #: Silence after which a machine's greeting is over, when there is no beep.
    greeting_end_ms: Annotated[int, _range(300, 10_000)] = 1500
    #: For so long after the deadline, the end of a machine's greeting and its beep are waited for.
    listen_ms: Annotated[int, _range(0, 600_000)] = 60000
    #: For so long after a human has been told it may be taken back (`answer.revised`): who goes on by himself at once,
    #: for as long as a machine, or beeps, was one. 0: never.
    revise_ms: Annotated[int, _range(0, 60_000)] = 10000


class AmdRules(AmdSettings, frozen=True, kw_only=True):
    """How it is told who answered a call that we made: by lengths and pauses, so in any language.

    Somebody who says a little and then waits is a human; who talks on without waiting is a machine. `edge amd tune`
    shows what rules do to recordings of your own.
    """

    #: What trunks call them.
    name: Name


class Route(Struct, frozen=True, kw_only=True):
    """Which menu answers which DID. The first that fits is taken."""

    #: User part of the Request-URI; `*` at the end stands for any rest.
    number: Annotated[str, _text("route_number")]
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
    url: Annotated[str, _text("ask_url")]
    #: With NATS: the subject that is asked. No stream may take it, for it would answer in the backend's place.
    subject: Annotated[str, _text("subject", optional=True)] = ""
    #: PEM file with the authorities that its certificate may be of; empty: those of the system.
    ca_file: OptionalPath = ""
    #: File with a token that is sent as `Authorization: Bearer`, read for each question, or that NATS is shown when we
    #: connect. Empty: none.
    token_file: OptionalPath = ""
    #: So many failures in a row (timeouts count), and the backend is not asked for a while: menus go on by their
    #: default at once. 0: it always is.
    breaker_failures: Annotated[int, _range(0, 1000)] = 5
    #: After that pause one question tries whether it answers again.
    breaker_pause_ms: Annotated[int, _range(100, 600_000)] = 10000
    #: Without an answer for so long, the same question is asked a second time over another connection, and the answer
    #: that comes first counts; the backend has to bear that (the question's `id` is the same). 0: never. Not with NATS,
    #: nor with sensitive digits.
    hedge_ms: Annotated[int, _range(0, 60_000)] = 0


def amd_settings(rules: AmdRules) -> dict[str, int]:
    """Give rules as the detector takes them: ms (Hz) by name without the unit of time."""
    plain = structs.asdict(rules)
    return {name.removesuffix("_ms"): value for name, value in plain.items() if name != "name"}


class Site(Struct, frozen=True, kw_only=True):
    """The effective configuration, menus left out."""

    #: Name of the appliance, part of every event's `source`.
    name: Name
    #: Time zone (`Europe/Berlin`) of dates and times without an offset: of trials, and of what people type (`--since`);
    #: weeks of reports begin by it. Menus and opening hours have their own. Empty: UTC.
    time_zone: Annotated[str, _text("time_zone", optional=True)] = ""
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
    sinks: list[Annotated[Sink, Meta(extra={"kind": "sink"})]] = field(default_factory=list)
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
    calendars: Annotated[dict[str, Calendar], _HIDDEN] = field(default_factory=dict)
    #: Rules that campaigns name, by name.
    rulesets: Annotated[dict[str, Ruleset], _HIDDEN] = field(default_factory=dict)
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
    clocks: Annotated[dict[str, int], _HIDDEN] = field(default_factory=dict)
    #: Sound files that menus name: an engine has them in memory before they are played.
    sounds: Annotated[list[str], _HIDDEN] = field(default_factory=list)
    #: Where the configuration came from, for messages.
    source: Annotated[str, _HIDDEN] = ""

    @property
    def hold_music_files(self) -> list[str]:
        """Files of hold music, those of trunks after that of all."""
        files = [self.media.hold_music, *(trunk.hold_music for trunk in self.trunks)]
        return [file for file in dict.fromkeys(files) if file and file != NO_MUSIC]
