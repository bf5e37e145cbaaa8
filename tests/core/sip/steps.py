"""Steps that most tests of the relay begin with: a call taken or placed, and what either side says in it."""

from typing import NamedTuple

from msgspec.structs import replace

from edge.core.sip.actions import Action, Reserve
from edge.core.sip.message import Request, Response
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.ids import LegId
from edge.vocabulary.reports import SpanReserved
from tests.core.sip.world import (
    SPAN_PORT,
    SPAN_SDP,
    TRUNK,
    TRUNK_HOST,
    World,
    answer,
    in_dialog,
    invite,
    reports,
    to_peer,
    to_span,
)

#: The leg that `dialled` places.
LEG = LegId("cout.2")


def world_with(**settings: object) -> World:
    """A world whose trunk has these settings."""
    return World(trunks=(replace(TRUNK, **settings),))


def first_request(actions: list, side: str = "span") -> Request:
    found = next(m for m in (to_span(actions) if side == "span" else to_peer(actions)) if isinstance(m, Request))
    assert isinstance(found, Request)
    return found


def only(messages: list) -> Request | Response:
    assert len(messages) == 1, messages
    return messages[0]


class Taken(NamedTuple):
    """An incoming call: what its INVITE led to, the INVITE as the span got it, the 200 as the peer got it."""

    actions: list[Action]
    inner: Request
    ok: Response


def taken(world: World, body: bytes) -> Taken:
    """A call that comes in with this offer, up to the ACK."""
    actions = world.peer(invite(body=body))
    inner = first_request(actions)
    ok = to_peer(world.span(answer(inner, 200, body=SPAN_SDP)))[-1]
    assert isinstance(ok, Response)
    world.peer(in_dialog("ACK", cseq=1))
    return Taken(actions, inner, ok)


def in_dialog_of_span(
    method: str, inner: Request, *, cseq: int = 1, body: bytes = b"", branch: str = "", content_type: str = ""
) -> Request:
    """A request of the span in the dialog that `inner` made."""
    assert inner.contact is not None
    return Request(
        method=method,
        uri=inner.contact.uri,
        vias=[
            Via("UDP", "127.0.0.9", SPAN_PORT, (("branch", branch or f"z9hG4bKspan{method}{cseq}"), ("rport", None)))
        ],
        max_forwards=70,
        from_=inner.to.with_tag("span-tag"),
        to=inner.from_,
        call_id=inner.call_id,
        cseq=cseq,
        contact=NameAddr(Uri("sip", "x", "127.0.0.9", SPAN_PORT)),
        content_type=content_type or ("application/sdp" if body else ""),
        body=body,
    )


def span_invite(leg: str = LEG, media: str = "192.0.2.1:16390") -> Request:
    return Request(
        method="INVITE",
        uri=Uri("sip", leg, "127.0.0.9", 6000),
        vias=[Via("UDP", "127.0.0.9", SPAN_PORT, (("branch", "z9hG4bKPjone"), ("rport", None)))],
        max_forwards=70,
        from_=NameAddr(Uri("sip", "edge", "127.0.0.9"), "", (("tag", "own-tag"),)),
        to=NameAddr(Uri("sip", leg, "127.0.0.9")),
        call_id="pj-call",
        cseq=100,
        contact=NameAddr(Uri("sip", "edge", "127.0.0.9", SPAN_PORT)),
        extras={"X-Edge-Media": media} if media else {},
        content_type="application/sdp",
        body=SPAN_SDP,
    )


def span_request(method: str, *, tag: str = "bob-tag", branch: str = "", cseq: int = 100) -> Request:
    request = span_invite()
    request.method, request.cseq, request.body, request.content_type, request.extras = method, cseq, b"", "", {}
    request.to = request.to.with_tag(tag)
    request.vias = [Via("UDP", "127.0.0.9", SPAN_PORT, (("branch", branch or f"z9hG4bKPj{method}"), ("rport", None)))]
    return request


def dialled(world: World, target: str = "555", trunk: str = "main") -> Request:
    """Reserve and dial; returns the INVITE as the peer got it."""
    actions = world.put(Reserve(LEG, target, trunk, "100"))
    assert [type(r) for r in reports(actions)] == [SpanReserved]
    return first_request(world.span(span_invite()), "peer")


def from_bob(sent: Request, status: int, *, tag: str = "bob-tag", body: bytes = b"", **changes: object) -> Response:
    contact = NameAddr(Uri("sip", "bob", TRUNK_HOST, 5090)) if status < 300 else None
    return answer(sent, status, tag=tag, body=body, media="", **{"contact": contact, **changes})
