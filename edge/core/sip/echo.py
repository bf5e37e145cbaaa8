"""What an answer tells of the way that our request has taken: who rewrote it, and where it seemed to come from.

A server returns Via, From and Call-ID as it received them (RFC 3261 section 8.2.6.2), and says in `received` and
`rport` where the request came from (section 18.2.1, RFC 3581). A registrar returns our Contact (section 10.3). So what
comes back otherwise than it left was changed in between: by an application layer gateway (ALG) of a router, mostly.
"""

from msgspec import Struct

from edge.core.sip.actions import Flow
from edge.core.sip.message import Request, Response
from edge.core.sip.presence import bracketed
from edge.core.sip.uri import NameAddr, Via


class Echo(Struct, frozen=True, kw_only=True):
    """What came back. Hosts and ports as `host:port`."""

    #: What our Via said.
    sent: str
    #: Where the answer came from.
    peer: str
    #: Where the peer saw the request come from; empty: it does not say.
    seen: str
    #: Headers of ours that came back otherwise: `Via: 10.0.0.2:5060 -> 198.51.100.1:1024`.
    rewritten: list[str]


def echo_of(sent: Request, got: Response, flow: Flow) -> Echo:
    """Compare an answer with what was sent; `flow` is whence it came."""
    ours, theirs = sent.vias[0], got.vias[0]
    before, after = _sent_by(ours), _sent_by(theirs)
    rewritten = [f"Via: {before} -> {after}"] if before != after else []
    if sent.from_.uri.host.lower() != got.from_.uri.host.lower():
        rewritten.append(f"From: {sent.from_.uri.host} -> {got.from_.uri.host}")
    if sent.contact is not None and sent.method == "REGISTER" and got.status < 300:
        rewritten += _contacts(sent.contact, got.contacts)
    received, rport = theirs.param("received") or "", theirs.param("rport") or ""
    host = received or (theirs.host.strip("[]") if rport else "")
    seen = f"{bracketed(host)}:{rport or ours.port}" if host else ""
    return Echo(sent=before, peer=f"{bracketed(flow.address.host)}:{flow.address.port}", seen=seen, rewritten=rewritten)


def _sent_by(via: Via) -> str:
    return f"{via.host}:{via.port or 5060}"


def _contacts(ours: NameAddr, bound: list[NameAddr]) -> list[str]:
    """Tell our own binding under another address; bindings of others are none of our business."""
    places = {(one.uri.host.lower(), one.uri.port or 5060) for one in bound if one.uri.user == ours.uri.user}
    mine = (ours.uri.host.lower(), ours.uri.port or 5060)
    if not places or mine in places:
        return []
    host, port = min(places)
    return [f"Contact: {mine[0]}:{mine[1]} -> {host}:{port}"]
