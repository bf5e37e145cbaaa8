"""Trunks, lines and their groups, lists of targets, and how it is told who answered: what can be set.

What else has to be right with them: `checks`, `groups`, `lines`, `targets`, `amd`.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Struct, field, structs

from edge.config.annotations import DAY_MS, HIDDEN, Name, OptionalName, OptionalPath, of_kind, ranging
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.hunting import HuntStrategy
from edge.vocabulary.media import CodecName, DigitSending, InbandDtmf

#: What a trunk's `hold_music` says for: none, whatever `[media]` has.
NO_MUSIC = "none"


class Trunk(Struct, frozen=True, kw_only=True):
    """A peer that may send us calls and that we may dial through."""

    #: What routes, events and metrics call it.
    name: Name
    #: IP addresses or networks (CIDR) that its requests come from.
    sources: list[Annotated[str, of_kind("network")]] = field(default_factory=list)
    #: The device behind it, by its profile (a shipped one, or one of `[paths] profiles`), which says what the trunk
    #: itself does not say.
    profile: OptionalName = ""
    #: Calls that it may bring at the same time without having acknowledged our answer; more get 503.
    max_pending: Annotated[int, ranging(1, 1_000)] = 100
    #: `host:port` that outgoing calls are sent to; empty: cannot be dialled by number.
    #: A name without a port is looked up as SRV records say (RFC 3263), else as an address.
    address: Annotated[str, of_kind("host_port")] = ""
    #: Further `host:port` of the same trunk, tried in this order when `address` does not take a call: it refuses by
    #: 503, cannot be connected to, or says nothing for `invite_timeout`.
    addresses: list[Annotated[str, of_kind("host_port")]] = field(default_factory=list)
    #: How long nothing at all may be heard of a call before the next address is tried (RFC 3261's timer B). Shorter
    #: than the 32 s of the RFC: an answer that comes later still is hung up.
    invite_timeout_ms: Annotated[int, ranging(2_000, 32_000)] = 32_000
    #: Calls at the same time, of both directions; 0: any number. More are answered by 503, or go to the next trunk.
    max_channels: Annotated[int, ranging(0, 8_000)] = 0
    #: New calls a second, of each direction; 0: `sip.calls_per_second`.
    calls_per_second: Annotated[int, ranging(0, 10_000)] = 0
    #: How outgoing calls are sent; incoming ones may use any. `auto`: as the NAPTR records of the name say, else by UDP
    #: or TCP as its SRV records do (RFC 3263 section 4.1); UDP where a port is stated. Who answers for the name then
    #: says whether calls are encrypted.
    transport: Literal["udp", "tcp", "tls", "auto"] = "udp"
    #: PEM file with the roots that its certificate may come from; empty: those of the system.
    tls_ca: OptionalPath = ""
    #: Name that its certificate must have; empty: the host of `address`.
    tls_name: Annotated[str, of_kind("host", optional=True)] = ""
    #: Do not call it unless its certificate is valid for that name. Without it, who can stand in between hears all.
    tls_verify: bool = True
    #: PEM file with the certificate that we show it; empty: `sip.certificate` when it asks for one.
    tls_certificate: OptionalPath = ""
    #: PEM file with that certificate's private key; empty: it is in `tls_certificate`, too.
    tls_key: OptionalPath = ""
    #: Its TLS connections to us must show a certificate that one of `tls_ca` has signed.
    tls_client_certificate: bool = False
    #: `host:port` of a proxy that calls and REGISTER are sent through; what is called is still `address`.
    outbound_proxy: Annotated[str, of_kind("host_port")] = ""
    #: Codecs in the order that we want them. `G722` and `L16` (16 kHz, else 8 kHz) are wideband.
    codecs: list[CodecName] = field(default_factory=lambda: ["PCMU", "PCMA"])
    #: User part of our account there; empty: it knows us by our address.
    user: Annotated[str, of_kind("sip_user", optional=True)] = ""
    #: User name in the digest, where that is not `user`.
    auth_user: Annotated[str, of_kind("quotable", optional=True)] = ""
    #: Password of the account, in the file as `${ENV}` or `file:PATH`. Challenges are answered with MD5, SHA-256 or
    #: SHA-512-256, whichever of those offered is the strongest.
    password: Annotated[str, of_kind("quotable", optional=True, secret=True)] = ""
    #: The one realm whose challenges are answered. Empty: that of the first challenge that comes from the trunk's own
    #: address, so a provider that passes on challenges of others needs it.
    realm: Annotated[str, of_kind("quotable", optional=True)] = ""
    #: Register there, so that it calls us (RFC 3261 section 10). Its calls come to `contact_user`, and from the
    #: addresses of the registrar, which need not stand in `sources`.
    register: bool = False
    #: `host:port` of the registrar; empty: `address`. The host is the domain of our address of record; where no port is
    #: given, the SRV records of its name say which servers there are, and all are tried.
    registrar: Annotated[str, of_kind("host_port")] = ""
    #: Where REGISTER is sent to instead, each `host:port`: the next one when one does not answer.
    registrar_addresses: list[Annotated[str, of_kind("host_port")]] = field(default_factory=list)
    #: Time of a registration that we ask for; the registrar may grant another one.
    expires_seconds: Annotated[int, ranging(60, 86_400)] = 3600
    #: User part of our Contact there, which its calls are made to; empty: `user`. Trunks of one provider with different
    #: ones are told apart by it.
    contact_user: Annotated[str, of_kind("sip_user", optional=True)] = ""
    #: Further parameters of that Contact: `q=0.5`, `+sip.instance="<urn:uuid:...>"`.
    contact_params: list[Annotated[str, of_kind("header_parameter")]] = field(default_factory=list)
    #: User part of From in our requests there; empty: the caller's number, and `user` in registrations.
    from_user: Annotated[str, of_kind("sip_user", optional=True)] = ""
    #: Host of From in our requests there; empty: our own address, and the registrar's host in registrations.
    from_domain: Annotated[str, of_kind("host", optional=True)] = ""
    #: Ask `address` so often by OPTIONS whether it is there; any answer will do. `0s`: never.
    qualify_ms: Annotated[int, ranging(0, DAY_MS)] = 0
    #: It is down after so many questions in a row without an answer; then it is asked with growing pauses.
    qualify_misses: Annotated[int, ranging(1, 100)] = 3
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
    dtmf_min_tone_ms: Annotated[int, ranging(40, 80)] = 40
    #: A pause that lasts so long separates two keys, and one that is 20 ms shorter is bridged; in steps of 10 ms.
    dtmf_min_pause_ms: Annotated[int, ranging(40, 70)] = 40
    #: The weaker one of a key's two tones is as strong as this at least, dBm0.
    dtmf_min_level_dbm0: Annotated[int, ranging(-31, -5)] = -31
    #: The high tone is so much stronger than the low one at most, dB.
    dtmf_max_twist_db: Annotated[int, ranging(1, 6)] = 6
    #: The low tone is so much stronger than the high one at most, dB.
    dtmf_max_reverse_twist_db: Annotated[int, ranging(1, 10)] = 10
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
    headers: list[Annotated[str, of_kind("own_header")]] = field(default_factory=list)
    #: Number that it is shown as the caller; empty: the caller's own.
    caller_id: Annotated[str, of_kind("dial_number", optional=True)] = ""
    #: Where `caller_id` stands: `from`: it replaces the caller's number. `asserted`: in P-Asserted-Identity, and From
    #: shows the caller (what carriers call CLIP no screening); needs `send_identity`.
    caller_id_in: Literal["from", "asserted"] = "from"
    #: Header in which it is told the number that we answer for. A caller who withholds its number is anonymous in From.
    send_identity: Literal["none", "pai", "rpid"] = "none"
    #: On transferred calls, tell it the number that was called first (Diversion, RFC 5806).
    send_diversion: bool = False
    #: Country (`DE`) that its national numbers belong to. Numbers are then told in E.164, too, and routes may name them
    #: so (`+4930123*`).
    country: Annotated[str, of_kind("country", optional=True)] = ""
    #: How numbers are written that are dialled through it: `+e164` (+4930123456), `e164` (4930123456), `international`
    #: (004930123456), `national` (030123456, those of other countries international). `as_is`, and what is no whole
    #: number: as it was given. Needs `country`.
    dial_as: Literal["as_is", "+e164", "e164", "international", "national"] = "as_is"
    #: How long its sessions last without a refresh (RFC 4028), seconds: asked for, and granted at the most. 0: not
    #: asked for, but taken as it wants.
    session_expires_seconds: Annotated[int, ranging(0, 86_400)] = 1800
    #: Shortest such interval that it may want (Min-SE); 422 below it.
    session_min_seconds: Annotated[int, ranging(90, 86_400)] = 90
    #: Who refreshes them: `us`, the `peer`, or `auto`: whom it names, else the peer where it can.
    session_refresher: Literal["auto", "us", "peer"] = "auto"
    #: A call ends for a leg of this trunk that sends no RTP for so long, in seconds, unless its peer holds or is not to
    #: send; counted from its last packet, and not before `media.silence_timeout_ms`. 0: never. Phones that send nothing
    #: while they are mute want it long.
    no_rtp_hangup_seconds: Annotated[int, ranging(0, 86_400)] = 300
    #: On transfers through it, callers hear what comes before the answer (ringing of its network, announcements).
    #: `false`: our own ringing, whatever it sends; tones are still listened to (`tones`).
    early_media: bool = True
    #: Its calls ring for so long (180) before they are answered; 0: they are answered at once.
    answer_after_ms: Annotated[int, ranging(0, 60_000)] = 0
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
    refer_to: list[Annotated[str, of_kind("route_number")]] = field(default_factory=list)
    #: Quiet callers are lifted slowly towards the normal level. Their recordings stay as they are.
    auto_level: bool = False
    #: Sound file that this trunk's peer hears while the other side holds; empty: `media.hold_music`; `none`: no music.
    hold_music: Annotated[str, of_kind("path", optional=True, word=NO_MUSIC)] = ""
    #: On calls that we make through it: tell whether a human, a machine or a fax answered (`answer.detected`).
    amd: bool = False
    #: Name of the rules (`[[amd_rules]]`) for that; empty: the defaults there.
    amd_rules: OptionalName = ""
    #: Tell the call progress tones (dial, busy, reorder, ringback, SIT, fax, beep) of calls dialled through it. They
    #: are those of a country (`us`, or one of `[tones]`), or of `any` where it is not known. Empty: not looked for.
    tones: OptionalName = ""
    #: It is a line of this machine: only what comes from this port is of it. 0: no line.
    source_port: Annotated[int, HIDDEN] = 0


#: Fields of a trunk that are no settings of it, or not asked about.
UNSAID: Final = frozenset({"name", "source_port"})


class Line(Struct, frozen=True, kw_only=True):
    """A line of a modem or sound card on this machine. Everywhere else it is a trunk of its name."""

    #: What groups, routes and events call it.
    name: Name
    #: Profile of the device, a shipped one (docs/firmware-profiles.md) or a file of `[paths] profiles`.
    profile: Name
    #: Port for commands: a link below /dev/serial/by-path or by-id, or a URL of pyserial (`socket://...`). Empty: found
    #: by what the profile says of the USB device.
    port: Annotated[str, of_kind("serial_port", optional=True)] = ""
    #: Port for sound where the profile has it on one of its own; empty: found with the USB device.
    sound_port: Annotated[str, of_kind("serial_port", optional=True)] = ""
    #: USB plug that the device is in (`1-1.3`), to tell two equal ones apart.
    usb_path: Annotated[str, of_kind("quotable", optional=True)] = ""
    #: The same by the serial number of the USB device.
    serial_number: Annotated[str, of_kind("quotable", optional=True)] = ""
    #: Checks who it is, and finds nobody: a modem whose IMEI is another is `failed` and takes no calls.
    imei: Annotated[str, of_kind("digits", optional=True)] = ""
    #: Sound device that is heard: its name, a part of it, or its number. Empty: that of the USB device.
    sound_in: Annotated[str, of_kind("quotable", optional=True)] = ""
    #: Sound device that is played on.
    sound_out: Annotated[str, of_kind("quotable", optional=True)] = ""
    #: What is put to the profile's gain of what is heard, dB.
    gain_in_db: Annotated[int, ranging(-40, 40)] = 0
    #: What is put to the profile's gain of what is played, dB.
    gain_out_db: Annotated[int, ranging(-40, 40)] = 0
    #: Number that its calls come in for, as routes have it; empty: the line's name.
    did: Annotated[str, of_kind("sip_user", optional=True)] = ""
    #: As of a trunk.
    country: Annotated[str, of_kind("country", optional=True)] = ""
    #: As of a trunk.
    dial_as: Literal["as_is", "+e164", "e164", "international", "national"] = "as_is"
    #: As of a trunk; empty: as the profile says.
    tones: OptionalName = ""
    #: As of a trunk.
    amd: bool = False
    #: Port of its SIP on loopback; 0: one that follows from its name.
    sip_port: Annotated[int, ranging(0, 65535)] = 0
    #: The profile, whole.
    device: Annotated[dict[str, Any], HIDDEN] = field(default_factory=dict)


class GroupMember(Struct, frozen=True, kw_only=True):
    """A trunk of a group."""

    #: Its name.
    trunk: Name
    #: Lower ones are tried first.
    priority: Annotated[int, ranging(1, 100)] = 1
    #: Among those of one priority, how often it comes first.
    weight: Annotated[int, ranging(1, 1_000)] = 1


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
    failover_on: list[Annotated[str, of_kind("status_codes")]] = field(default_factory=lambda: ["408", "5xx"])
    #: A call that has not begun to ring by then is cancelled, and the next trunk tried; 0: it may take its time.
    ring_timeout_ms: Annotated[int, ranging(0, 180_000)] = 0


class HuntTarget(Struct, frozen=True, kw_only=True):
    """Somebody of a hunt list."""

    #: SIP URI, or a number that is dialled on `trunk`.
    to: str
    #: Trunk, or group of trunks, to dial through; empty: the list's.
    trunk: OptionalName = ""
    #: How long it may ring; 0: as the list says.
    ring_timeout_ms: Annotated[int, ranging(1_000, 600_000)] = 0
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
    trunk: OptionalName = ""
    #: How long a target may ring that says nothing else.
    ring_timeout_ms: Annotated[int, ranging(1_000, 600_000)] = 22_000
    #: For all targets together, until one answers; 0: as long as each may ring.
    hunt_timeout_ms: Annotated[int, ranging(0, 3_600_000)] = 0
    #: Targets that we dial already for another call, or that talk in one, are passed over as `busy`.
    skip_busy: bool = False
    #: Outcomes (`busy`, `rejected`...) after which nobody else is dialled; the transfer has that outcome then.
    leave_on: list[str] = field(default_factory=list)


class AmdSettings(Struct, frozen=True, kw_only=True):
    """The rules without their name, as profiles have them."""

    #: A verdict is given so long after the answer, whatever is known then.
    deadline_ms: Annotated[int, ranging(1_000, 60_000)] = 12000
    #: Nothing said for so long: unknown.
    no_speech_ms: Annotated[int, ranging(500, 60_000)] = 5000
    #: A greeting of this length at most is a short one.
    short_greeting_ms: Annotated[int, ranging(200, 5_000)] = 1200
    #: After a short greeting a human is told so long after its begin...
    short_wait_ms: Annotated[int, ranging(300, 10_000)] = 1350
    #: ...and not before the silence after it has lasted so long.
    short_pause_ms: Annotated[int, ranging(200, 5_000)] = 600
    #: Silence after a longer greeting that makes it a human's. Longer: fewer machines that pause are taken for humans.
    wait_ms: Annotated[int, ranging(200, 5_000)] = 720
    #: A greeting that goes on for so long without such a silence is a machine's. Longer: fewer humans are taken for it.
    machine_speech_ms: Annotated[int, ranging(1_000, 30_000)] = 3850
    #: Less speech than this is a cough.
    least_speech_ms: Annotated[int, ranging(40, 1_000)] = 120
    #: A beep is one tone that lasts so long at least...
    beep_ms: Annotated[int, ranging(80, 2_000)] = 120
    #: ...or so long, when it comes right out of a voice (a sung vowel is a tone, too)...
    beep_joined_ms: Annotated[int, ranging(80, 2_000)] = 250
    #: ...and so long at most,
    beep_most_ms: Annotated[int, ranging(200, 10_000)] = 2000
    #: of this frequency, Hz, at least
    beep_least_hz: Annotated[int, ranging(350, 3_000)] = 380
    #: and at most.
    beep_most_hz: Annotated[int, ranging(350, 3_000)] = 2700
    #: Tones of fax terminals last so long at least.
    fax_tone_ms: Annotated[int, ranging(100, 2_000)] = 300
    #: Silence after which a machine's greeting is over, when there is no beep.
    greeting_end_ms: Annotated[int, ranging(300, 10_000)] = 1500
    #: For so long after the deadline, the end of a machine's greeting and its beep are waited for.
    listen_ms: Annotated[int, ranging(0, 600_000)] = 60000
    #: For so long after a human has been told it may be taken back (`answer.revised`): who goes on by himself at once,
    #: for as long as a machine, or beeps, was one. 0: never.
    revise_ms: Annotated[int, ranging(0, 60_000)] = 10000


class AmdRules(AmdSettings, frozen=True, kw_only=True):
    """How it is told who answered a call that we made: by lengths and pauses, so in any language.

    Somebody who says a little and then waits is a human; who talks on without waiting is a machine. `edge amd tune`
    shows what rules do to recordings of your own.
    """

    #: What trunks call them.
    name: Name


def amd_settings(rules: AmdRules) -> dict[str, int]:
    """Give rules as the detector takes them: ms (Hz) by name without the unit of time."""
    plain = structs.asdict(rules)
    return {name.removesuffix("_ms"): value for name, value in plain.items() if name != "name"}
