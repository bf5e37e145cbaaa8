"""Typed SIP messages and the only way back to bytes.

A message that leaves front is always written from these values: header names in canonical form, lengths counted, no
octet copied from the wire unparsed (RFC 3261 section 7).
"""

from typing import Literal

from msgspec import Struct, field

from edge.core.sip.errors import Why, phrase
from edge.core.sip.uri import NameAddr, Uri, Via

#: Methods that front knows; all others are answered 501.
METHODS = frozenset(
    {
        *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "PRACK", "INFO"),
        *("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"),
    }
)
#: What the Allow header says: the methods that reach a call, and OPTIONS.
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, INFO"
#: The same where peers may send calls on: telephones offer that only to who says so.
ALLOW_REFER = f"{ALLOW}, REFER, NOTIFY"
#: Extensions that a span's stack has its part in (RFC 3262), and all that we know (RFC 4028, 4488: front's own).
RELAYED = frozenset({"100rel"})
EXTENSIONS = RELAYED | {"timer", "norefersub", "replaces"}


class Message(Struct, kw_only=True):
    """What requests and responses have in common."""

    vias: list[Via]
    from_: NameAddr
    to: NameAddr
    call_id: str
    cseq: int
    #: Of the request, and of CSeq in both kinds.
    method: str
    contact: NameAddr | None = None
    #: All contacts of a response to REGISTER, and of a 3xx.
    contacts: list[NameAddr] = field(default_factory=list)
    routes: list[NameAddr] = field(default_factory=list)
    record_routes: list[NameAddr] = field(default_factory=list)
    max_forwards: int | None = None
    #: Further headers by canonical name, each checked and written in its canonical form.
    extras: dict[str, str] = field(default_factory=dict)
    #: Peers' own headers (`x-...`, in lower case) as they came: bounded, printable, never sent on unasked.
    own_headers: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""

    def tokens(self, name: str) -> set[str]:
        """Return the option tags of a header such as Require, in lower case."""
        value = self.extras.get(name)
        return {x.lower() for x in value.split(", ")} if value else set()


class Request(Message, kw_only=True):
    """A SIP request."""

    uri: Uri


class Response(Message, kw_only=True):
    """A SIP response. Its reason phrase is always our own."""

    status: int


class Malformed(Struct, frozen=True, kw_only=True):
    """Something that means to be SIP and is broken. It knows its answer, when it can have one."""

    status: int
    why: Why
    detail: str
    #: The request's method as far as it could be read; empty for a response, which is never answered.
    method: str = ""
    #: Header lines to echo in the answer (Via, From, To, Call-ID, CSeq); empty: cannot be answered.
    echo: tuple[tuple[str, str], ...] = ()
    #: Header fields that the answer must carry.
    headers: tuple[tuple[str, str], ...] = ()


class NotSip(Struct, frozen=True):
    """No SIP at all: dropped and counted."""


class KeepAlive(Struct, frozen=True):
    """CRLF between messages (RFC 5626 section 4.4.1)."""


#: What a datagram, or a framed piece of a stream, can be.
Parsed = Request | Response | Malformed | NotSip | KeepAlive

Party = Literal["peer", "span", "front"]


def serialise(message: Request | Response) -> bytes:
    """Bytes of a message, in one fixed order of headers, Content-Length always present."""
    if type(message) is Request:
        lines = [f"{message.method} {message.uri} SIP/2.0"]
    else:
        status = message.status  # type: ignore[union-attr]
        lines = [f"SIP/2.0 {status} {phrase(status)}"]
    for via in message.vias:
        lines.append(f"Via: {via}")
    if message.max_forwards is not None:
        lines.append(f"Max-Forwards: {message.max_forwards}")
    lines += (
        f"From: {message.from_}",
        f"To: {message.to}",
        f"Call-ID: {message.call_id}",
        f"CSeq: {message.cseq} {message.method}",
    )
    if message.contact is not None:
        lines.append(f"Contact: {message.contact}")
    if message.routes:
        lines += [f"Route: {route}" for route in message.routes]
    if message.record_routes:
        lines += [f"Record-Route: {route}" for route in message.record_routes]
    if message.extras:
        lines += [f"{name}: {value}" for name, value in message.extras.items()]
    if message.content_type:
        lines.append(f"Content-Type: {message.content_type}")
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    return "\r\n".join(lines).encode() + message.body


def answer_malformed(broken: Malformed, tag: str) -> bytes | None:
    """Make the answer to a broken request, None when it may have none (responses, ACK, nothing to echo)."""
    if not broken.echo or broken.method in ("", "ACK"):
        return None
    lines = [f"SIP/2.0 {broken.status} {phrase(broken.status)}"]
    for name, value in broken.echo:
        tagged = f"{value};tag={tag}" if name == "To" and ";tag=" not in value.lower().replace(" ", "") else value
        lines.append(f"{name}: {tagged}")
    lines += [f"{name}: {value}" for name, value in broken.headers]
    lines.append("Content-Length: 0\r\n\r\n")
    return "\r\n".join(lines).encode()
