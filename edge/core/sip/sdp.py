"""Session descriptions (RFC 4566, offer/answer of RFC 3264): read strictly, written from values.

One audio stream with telephone-event (RFC 4733) is used; every other m= line is kept only as a rejected line in its
place. Attributes that we do not name here are never passed on.
"""

import ipaddress
import re
from functools import lru_cache

from msgspec import Struct

from edge.core.sip.crypto import PLAIN, PeerCrypto, usable_crypto
from edge.core.sip.errors import SipError
from edge.core.sip.formats import Event, Format, choose_event, read_formats
from edge.core.sip.uri import TOKEN
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.media import Address, CodecName, Direction, RemoteMedia

SDP_LIMIT = 4096
LINES_LIMIT = 256
MEDIA_LIMIT = 8
#: Packet time that we send with when the peer states none, milliseconds.
DEFAULT_PTIME_MS = 20
#: Static payload type of comfort noise at 8 kHz (RFC 3389 section 4).
COMFORT_NOISE = 13
#: Shortest and longest packets that we send; see `Format.longest_ms`.
MIN_PTIME_MS = 10
MAX_PTIME_MS = 60
_DIRECTIONS: dict[str, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "sendonly",
    "recvonly": "recvonly",
    "inactive": "inactive",
}

_ORIGIN = re.compile(r"\S+ [0-9]{1,20} [0-9]{1,20} IN IP[46] \S+")
_CONNECTION = re.compile(r"IN IP([46]) ([0-9A-Fa-f.:]{2,45})(?:/[0-9]{1,3}){0,2}")
_MEDIA = re.compile(
    rf"({TOKEN}) ([0-9]{{1,5}})(?:/[0-9]{{1,5}})? ((?:{TOKEN})(?:/{TOKEN})*)((?: {TOKEN}){{1,64}})[ \t]*"
)
_PTIME = re.compile(r"(max)?ptime:([0-9]{1,4})(?:\.[0-9]+)?[ \t]*", re.IGNORECASE)
_RTCP = re.compile(r"rtcp:([0-9]{1,5})(?: IN IP[46] ([0-9A-Fa-f.:]{2,45}))?[ \t]*")
_BREAK = re.compile(r"\r\n|\n")


class Audio(Struct, frozen=True, kw_only=True):
    """The audio stream that a peer described."""

    #: `0.0.0.0` stands for the hold of RFC 2543.
    rtp: Address
    rtcp: Address
    #: Codecs and telephone events that we know, in the peer's order.
    formats: tuple[Format, ...]
    events: tuple[Event, ...]
    #: As it wants to be sent to, within its longest one; whole frames of 10 ms.
    ptime_ms: int
    direction: Direction
    #: The peer takes (and may send) comfort noise.
    comfort_noise: bool = False
    #: It takes RTCP on the RTP port (RFC 5761 section 5.1.1).
    rtcp_mux: bool = False
    #: As the m= line has it.
    profile: str = PLAIN
    #: Usable ways to encrypt it.
    crypto: tuple[PeerCrypto, ...] = ()

    @property
    def codecs(self) -> tuple[CodecName, ...]:
        """Names of the codecs, each once."""
        return tuple(dict.fromkeys([one.codec for one in self.formats]))

    @property
    def telephone_event(self) -> int | None:
        """Payload type of telephone events by a clock of 8000."""
        event = choose_event(self.events, 8000)
        return event.payload_type if event is not None else None


class Session(Struct, frozen=True):
    """A description: the audio stream that is used, and all m= lines in order as an answer would reject them."""

    audio: Audio | None
    #: `video 0 RTP/AVP 31` for each line that is not used, empty for the audio stream.
    lines: tuple[str, ...]


class _Section:
    """One m= section while it is read."""

    def __init__(self, kind: str, port: int, proto: str, formats: list[str]) -> None:
        self.kind = kind
        self.port = port
        self.proto = proto
        self.formats = formats
        self.connection = ""
        self.attributes: list[str] = []


def _bad(detail: str) -> SipError:
    return SipError(400, "session_description", detail)


@lru_cache(maxsize=1024)
def _connection(value: str) -> str:
    match = _CONNECTION.fullmatch(value)
    if match is None:
        # A host name here would make the media plane wait for DNS; nobody who sends RTP does that.
        raise SipError(488, "session_description", "c= needs an address")
    try:
        address = ipaddress.ip_address(match[2])
    except ValueError:
        raise _bad("bad c=") from None
    if address.is_multicast or str(address) == "255.255.255.255" or address.version != int(match[1]):
        raise SipError(488, "session_description", "unusable media address")
    return str(address)


def _read_media(value: str) -> _Section:
    match = _MEDIA.fullmatch(value)
    if match is None or int(match[2]) > 65535:
        raise _bad("bad m=")
    return _Section(match[1].lower(), int(match[2]), match[3], match[4].split())


def _sections(text: str) -> tuple[str, list[str], list[_Section]]:  # noqa: C901 - one case a line type
    """Session-level connection and attributes, and the m= sections."""
    lines = _BREAK.split(text)
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > LINES_LIMIT or not lines or lines[0].rstrip() != "v=0":
        raise _bad("not SDP version 0")
    connection = ""
    attributes: list[str] = []
    sections: list[_Section] = []
    origin = False
    for line in lines[1:]:
        kind, value = line[:2], line[2:]
        if len(kind) < 2 or kind[1] != "=" or not "a" <= kind[0] <= "z" or len(value) > 512:
            raise _bad("bad line")
        if kind == "m=":
            sections.append(_read_media(value))
        elif kind == "c=":
            found = _connection(value.rstrip())
            if sections:
                sections[-1].connection = found
            else:
                connection = found
        elif kind == "a=":
            (sections[-1].attributes if sections else attributes).append(value)
        elif kind == "o=":
            origin = _ORIGIN.fullmatch(value.rstrip()) is not None
    if not origin or not sections or len(sections) > MEDIA_LIMIT:
        raise _bad("no o=, or no (or too many) m=")
    return connection, attributes, sections


def _direction(attributes: list[str]) -> Direction | None:
    for value in attributes:
        if (found := _DIRECTIONS.get(value.rstrip().lower())) is not None:
            return found
    return None


def _packet_time(attributes: list[str]) -> int:
    """Packet time to send with: what the peer asks for, at most its longest, in whole frames of 10 ms."""
    wanted, longest = DEFAULT_PTIME_MS, MAX_PTIME_MS
    for value in attributes:
        if (match := _PTIME.fullmatch(value)) is None:
            continue
        if match[1]:
            longest = int(match[2])
        else:
            wanted = int(match[2])
    return min(MAX_PTIME_MS, max(MIN_PTIME_MS, min(wanted, longest) // 10 * 10))


def _audio(
    section: _Section, session_connection: str, session_attributes: list[str], policy: SrtpPolicy
) -> Audio | None:
    host = section.connection or session_connection
    crypto = usable_crypto(section.proto, section.attributes, policy)
    if section.kind != "audio" or crypto is None or not section.port or not host:
        return None
    numbers = [int(x) for x in section.formats if x.isdigit() and int(x) < 128]
    formats, events = read_formats(numbers, section.attributes)
    if not formats or section.port == 65535:
        return None
    rtcp = Address(host, section.port + 1)
    for value in section.attributes:
        if (match := _RTCP.fullmatch(value)) and 0 < int(match[1]) < 65536:
            rtcp = Address(
                _connection(f"IN IP{6 if ':' in match[2] else 4} {match[2]}") if match[2] else host, int(match[1])
            )
    direction = _direction(section.attributes) or _direction(session_attributes) or "sendrecv"
    return Audio(
        rtp=Address(host, section.port),
        rtcp=rtcp,
        formats=formats,
        events=events,
        ptime_ms=_packet_time(section.attributes),
        direction=direction,
        comfort_noise=COMFORT_NOISE in numbers,
        rtcp_mux=any(value.rstrip().lower() == "rtcp-mux" for value in section.attributes),
        profile=section.proto.upper(),
        crypto=crypto,
    )


def read_session(body: bytes, policy: SrtpPolicy = "off") -> Session | SipError:
    """Read a description. The error (400 broken, 488 unusable) is returned, not raised; no usable audio is no error.

    What audio is usable depends on `policy`, too, see `edge.core.sip.crypto`.
    """
    try:
        if len(body) > SDP_LIMIT:
            raise SipError(413, "limit", "description too long")
        connection, attributes, sections = _sections(body.decode())
        audio, lines = None, []
        for section in sections:
            found = None if audio is not None else _audio(section, connection, attributes, policy)
            audio = audio or found
            lines.append("" if found else f"{section.kind} 0 {section.proto} {' '.join(section.formats)}")
    except UnicodeDecodeError:
        return _bad("not UTF-8")
    except SipError as error:
        return error
    return Session(audio, tuple(lines))


class Leg(Struct, frozen=True, kw_only=True):
    """One side's audio as we describe it."""

    address: Address
    #: Most wanted first; an answer has one.
    formats: tuple[Format, ...]
    events: tuple[Event, ...]
    direction: Direction = "sendrecv"
    ptime_ms: int = DEFAULT_PTIME_MS
    #: Longest packets that we want; 0: not stated.
    max_ptime_ms: int = 0
    #: As in `Session.lines`; () is one audio line.
    lines: tuple[str, ...] = ()
    comfort_noise: bool = False
    rtcp_mux: bool = False
    profile: str = PLAIN
    #: a=crypto attributes, ours.
    crypto: tuple[str, ...] = ()


def write_session(session_id: int, version: int, leg: Leg) -> str:
    """Text of a description with our own o= line (RFC 4566 section 5)."""
    host = leg.address.host
    family = "IP6" if ":" in host else "IP4"
    numbers = [one.payload_type for one in leg.formats]
    numbers += [COMFORT_NOISE] if leg.comfort_noise else []
    numbers += [one.payload_type for one in leg.events]
    audio = [f"m=audio {leg.address.port} {leg.profile} {' '.join(map(str, numbers))}"]
    audio += [f"a=rtpmap:{one.payload_type} {one.codec}/{one.clock_rate}" for one in leg.formats]
    if leg.comfort_noise:
        audio.append(f"a=rtpmap:{COMFORT_NOISE} CN/8000")
    for event in leg.events:
        audio.append(f"a=rtpmap:{event.payload_type} telephone-event/{event.clock_rate}")
        audio.append(f"a=fmtp:{event.payload_type} 0-15")
    audio.append(f"a=ptime:{leg.ptime_ms}")
    if leg.max_ptime_ms:
        audio.append(f"a=maxptime:{leg.max_ptime_ms}")
    if leg.rtcp_mux:
        audio.append("a=rtcp-mux")
    audio.append(f"a={leg.direction}")
    audio += [f"a={attribute}" for attribute in leg.crypto]
    lines = [
        "v=0",
        f"o=edge {session_id} {version} IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
    ]
    for rejected in leg.lines or ("",):
        if rejected:
            lines.append(f"m={rejected}")
        else:
            lines += audio
    lines.append("")
    return "\r\n".join(lines)


def remote_media(audio: Audio, chosen: Format, known_host: str, *, mux: bool = False) -> RemoteMedia:
    """Facts for switch and media. `known_host` stands in for the hold address `0.0.0.0`, where nothing may be sent.

    `mux`: RTCP goes to the RTP port where the peer takes it there; our answer may say so, and what follows on it.
    """
    direction = audio.direction
    rtp, rtcp = audio.rtp, audio.rtcp
    if rtp.host in ("0.0.0.0", "::"):  # noqa: S104 - the peer's word for hold, nothing is bound
        rtp = Address(known_host, rtp.port)
        direction = "inactive" if direction in ("recvonly", "inactive") else "sendonly"
    if rtcp.host in ("0.0.0.0", "::"):  # noqa: S104
        rtcp = Address(rtp.host, rtcp.port)
    if (":" in rtcp.host) != (":" in rtp.host):
        rtcp = Address(rtp.host, rtp.port + 1)  # a leg's sockets are of one family
    event = choose_event(audio.events, chosen.clock_rate)
    # Types 64 to 95 can't be told from RTCP (RFC 5761 section 4).
    mux = mux and audio.rtcp_mux and not 64 <= chosen.payload_type <= 95
    return RemoteMedia(
        rtp=rtp,
        rtcp=rtp if mux else rtcp,
        codec=chosen.codec,
        clock_rate=chosen.clock_rate,
        payload_type=chosen.payload_type,
        telephone_event=event.payload_type if event is not None else None,
        telephone_event_rate=event.clock_rate if event is not None else 8000,
        ptime_ms=min(audio.ptime_ms, chosen.longest_ms),
        direction=direction,
        # It is of 8 kHz, so it goes with G.711 only.
        comfort_noise=COMFORT_NOISE if audio.comfort_noise and chosen.codec in ("PCMU", "PCMA") else None,
        rtcp_mux=mux,
    )
