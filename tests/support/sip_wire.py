"""SIP messages as the test phone reads and writes them (RFC 3261); lenient, and independent of the appliance's own."""

import os
import re
from dataclasses import dataclass, field

_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "k": "Supported",
}

_PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
}


@dataclass
class Message:
    """A request or a response."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0")

    @property
    def method(self) -> str:
        """Method of a request, or of the request that a response answers."""
        return self.start.split(" ", 1)[0] if self.is_request else self.cseq[1]

    @property
    def uri(self) -> str:
        """Request-URI."""
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        """Status code of a response, 0 for a request."""
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.get("CSeq").split()
        return int(number), method

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def branch(self) -> str:
        """Branch of the top Via."""
        found = re.search(r";branch=([^;,\s]+)", self.all("Via")[0])
        return found.group(1) if found else ""

    def all(self, name: str) -> list[str]:
        """Values of all headers `name`, in order."""
        return [value for n, value in self.headers if n.lower() == name.lower()]

    def get(self, name: str) -> str:
        """Value of the first header `name`, or an empty text."""
        return next(iter(self.all(name)), "")

    def encode(self) -> bytes:
        body = self.body.encode()
        lines = [self.start, *(f"{n}: {v}" for n, v in self.headers), f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


def parse(data: bytes) -> Message | None:
    """A message, None for keep-alives and what is no SIP."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    if "SIP/2.0" not in lines[0]:
        return None
    message = Message(lines[0], body=body.decode("utf-8", "replace"))
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = _COMPACT.get(name.strip().lower(), name.strip())
        if name.lower() != "content-length":
            message.headers.append((name, value.strip()))
    return message


def split_stream(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Whole messages at the front of a TCP stream, and the rest (RFC 3261 18.3)."""
    found: list[bytes] = []
    while True:
        buffer = buffer.lstrip(b"\r\n")
        head, mark, rest = buffer.partition(b"\r\n\r\n")
        if not mark:
            return found, buffer
        length = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
        size = int(length.group(1)) if length else 0
        if len(rest) < size:
            return found, buffer
        found.append(head + mark + rest[:size])
        buffer = rest[size:]


def token(size: int = 8) -> str:
    """A fresh tag or branch."""
    return os.urandom(size).hex()


def tag(header: str) -> str:
    """Tag of a From or To header."""
    found = re.search(r";tag=([^;,\s>]+)", header)
    return found.group(1) if found else ""


def address_uri(header: str) -> str:
    """URI of a From, To, Contact or Route header."""
    found = re.search(r"<([^>]+)>", header)
    return found.group(1) if found else header.partition(";")[0].strip()


def host_port(uri: str, default: int = 5060) -> tuple[str, int]:
    """Where a SIP URI points; addresses only, no DNS."""
    found = re.match(r"sips?:(?:[^@>]*@)?([\d.]+)(?::(\d+))?", uri)
    if not found:
        raise ValueError(f"no address in {uri!r}")
    return found.group(1), int(found.group(2) or default)


def sdp(
    host: str,
    port: int,
    *,
    version: int = 1,
    payload_types: tuple[int, ...] = (0, 8),
    event_type: int | None = 101,
    direction: str = "sendrecv",
    ptime_ms: int = 20,
) -> str:
    """A session description with one audio stream (RFC 8866)."""
    names = {0: "PCMU", 8: "PCMA", 9: "G722", 3: "GSM", 18: "G729"}
    types = [*payload_types, *([event_type] if event_type is not None else [])]
    lines = [
        "v=0",
        f"o=phone 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, types))}",
        *(f"a=rtpmap:{t} {names[t]}/8000" for t in payload_types),
    ]
    if event_type is not None:
        lines += [f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-16"]
    lines += [f"a=ptime:{ptime_ms}", f"a={direction}", ""]
    return "\r\n".join(lines)


@dataclass(frozen=True)
class Described:
    """What a peer's SDP says of its audio stream."""

    host: str
    port: int
    payload_types: tuple[int, ...]
    event_type: int | None
    direction: str


def read_sdp(body: str) -> Described | None:
    """The first audio stream; None without one."""
    audio = re.search(r"(?m)^m=audio (\d+) \S+ ([\d ]+)", body)
    if not audio:
        return None
    after = body[audio.start() :]
    host = re.search(r"(?m)^c=IN IP4 ([\d.]+)", after) or re.search(r"(?m)^c=IN IP4 ([\d.]+)", body)
    event = re.search(r"(?mi)^a=rtpmap:(\d+) telephone-event/8000", after)
    direction = re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\s*$", after)
    event_type = int(event.group(1)) if event else None
    types = tuple(int(t) for t in audio.group(2).split() if int(t) != event_type)
    return Described(
        host.group(1) if host else "",
        int(audio.group(1)),
        types,
        event_type,
        direction.group(1) if direction else "sendrecv",
    )


def respond(request: Message, code: int, local_tag: str) -> Message:
    """A response to `request`, with our tag in To unless it has one."""
    response = Message(f"SIP/2.0 {code} {_PHRASES.get(code, 'Answer')}")
    for name, value in request.headers:
        if name in {"Via", "From", "Call-ID", "CSeq", "Record-Route"}:
            response.headers.append((name, value))
        elif name == "To":
            add = f";tag={local_tag}" if local_tag and not tag(value) else ""
            response.headers.append((name, value + add))
    return response
