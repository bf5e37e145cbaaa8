"""Front as a process: real sockets, real kills."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.commands import HangUp, ReserveSpan, SendInfoDigits
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import (
    CommandDone,
    FrontSnapshot,
    LegAdopted,
    LegEnded,
    LegIncoming,
    LegMedia,
    SpanReserved,
)
from edge.vocabulary.supervision import Drain, Replied, Scrape, Scraped, WantSpans
from edge.vocabulary.supervision import Request as Asked
from tests.core.sip.world import SPAN_SDP, answer, offer
from tests.front.rig import Rig
from tests.support.waiting import until


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(address, tmp_path)
    try:
        yield made
    finally:
        made.close()


def invite(rig: Rig, call: str = "call-1", transport: str = "UDP", port: int = 0) -> Request:
    port = port or rig.peer.port
    return Request(
        method="INVITE",
        uri=Uri("sip", "4711", rig.address),
        vias=[Via(transport, rig.address, port, (("branch", f"z9hG4bK{call}"), ("rport", None)))],
        max_forwards=70,
        from_=NameAddr(Uri("sip", "alice", "trunk.example"), "", (("tag", "peer-tag"),)),
        to=NameAddr(Uri("sip", "4711", rig.address)),
        call_id=call,
        cseq=1,
        contact=NameAddr(Uri("sip", "alice", rig.address, port, (("transport", transport.lower()),))),
        content_type="application/sdp",
        body=offer(rig.address),
    )


def within(request: Request, method: str, cseq: int, tag: str = "span-tag") -> Request:
    return Request(
        method=method,
        uri=Uri("sip", "edge", request.vias[0].host),
        vias=[Via(request.vias[0].transport, request.vias[0].host, request.vias[0].port,
                  (("branch", f"z9hG4bK{method}{cseq}"), ("rport", None)))],
        max_forwards=70,
        from_=request.from_,
        to=request.to.with_tag(tag),
        call_id=request.call_id,
        cseq=cseq,
    )  # fmt: skip


def set_up(rig: Rig, call: str = "call-1") -> Request:
    """One answered call over UDP on the first span; returns the peer's INVITE."""
    span = next(iter(rig.spans.values()))
    rig.peer.send(invite(rig, call))
    inner = span.request("INVITE")
    span.send(answer(inner, 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
    assert b"m=audio 16384 RTP/AVP 0 101" in rig.peer.response(200).body
    rig.peer.send(within(invite(rig, call), "ACK", 1))
    span.request("ACK")
    return invite(rig, call)


def test_incoming_call(rig: Rig) -> None:
    span = rig.span("span-1")
    with rig.front():
        request = set_up(rig)
        incoming = rig.until(lambda: rig.switch.of(LegIncoming))[0]
        assert (incoming.trunk, incoming.span, incoming.called.reveal()) == ("main", "span-1", "4711")
        rig.peer.send(within(request, "BYE", 2))
        span.send(answer(span.request("BYE"), 200))
        assert rig.peer.response(200).method == "BYE"


def test_killed_front_keeps_the_call_on_its_span(rig: Rig) -> None:
    first, second = rig.span("span-1"), rig.span("span-2")
    with rig.front():
        rig.peer.send(invite(rig))
        inner = first.request("INVITE")
        first.send(answer(inner, 180))
        rig.peer.response(180)
    # Nobody is there now: what comes waits in the kernel.
    rig.peer.send(invite(rig))
    first.send(answer(inner, 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
    with rig.front():
        # It can't know what switch had heard of, so the call is told again, as the same one.
        told = rig.until(lambda: rig.switch.of(LegIncoming)[1:])
        assert told == rig.switch.of(LegIncoming)[:1]
        rig.peer.response(200)
        rig.peer.send(within(invite(rig), "ACK", 1))
        assert first.request("ACK").call_id == "call-1"
    with rig.front():
        # Killed once more, in conversation: a repeat gets its 200 again, from nobody else's dialog.
        rig.peer.send(invite(rig))
        assert rig.peer.response(200).to.tag == "span-tag"
        rig.peer.send(within(invite(rig), "BYE", 2))
        first.send(answer(first.request("BYE"), 200))
        assert rig.peer.response(200).method == "BYE"
        assert len(rig.switch.of(LegIncoming)) == 2
    # Dead for a second time, and the call is over: a late repeat of the INVITE makes no new one.
    with rig.front():
        rig.peer.send(invite(rig))
        rig.peer.send(invite(rig, "call-2"))
        fresh = [w for w in (first, second) if _has_invite(w, "call-2")]
        assert len(fresh) == 1
        assert [r.sip_call_id for r in rig.switch.of(LegIncoming)] == ["call-1", "call-1", "call-2"]


def _has_invite(wire: object, call: str) -> bool:
    sock = wire.sock  # type: ignore[attr-defined]
    sock.settimeout(2)
    try:
        while True:
            message = parse(sock.recv(65_535))
            if isinstance(message, Request) and message.call_id == call:
                return True
    except TimeoutError:
        return False


def test_lost_span(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front() as front:
        set_up(rig)
        rig.lose("span-1")
        rig.until(lambda: rig.switch.of(LegAdopted))
        leg = rig.switch.of(LegAdopted)[0].leg
        again = within(invite(rig), "INVITE", 2)
        again.content_type, again.body = "application/sdp", offer(rig.address)
        rig.peer.send(again)
        assert b"a=sendrecv" in rig.peer.response(200).body
        rig.peer.send(within(invite(rig), "ACK", 2))
        rig.switch.send("c1:2:1", SendInfoDigits(leg, Private("7")))
        info = rig.peer.request("INFO")
        assert b"Signal=7" in info.body
        rig.peer.send(answer(info, 200, tag=""))
        rig.switch.send("c1:3:1", HangUp(leg))
        bye = rig.peer.request("BYE")
        assert bye.cseq == info.cseq + 1
        again = rig.peer.request("BYE")
        assert (bye.vias, bye.cseq) == (again.vias, again.cseq)
        rig.peer.send(answer(bye, 200, tag=""))
        assert [r.end.outcome for r in rig.switch.of(LegEnded)] == ["completed"]
        rig.until(lambda: len(rig.switch.of(CommandDone)) == 2)
        assert front.next(WantSpans).count >= 1


def test_span_lost_while_front_was_dead(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front():
        set_up(rig)
    rig.spans.clear()
    with rig.front():
        rig.until(lambda: rig.switch.of(LegAdopted))
        rig.peer.send(within(invite(rig), "BYE", 2))
        assert rig.peer.response(200).method == "BYE"
        rig.until(lambda: rig.switch.of(LegEnded))


def test_unknown_leg_of_snapshot_is_ended(rig: Rig) -> None:
    span = rig.span("span-1")
    with rig.front():
        set_up(rig)
        leg = rig.until(lambda: rig.switch.of(LegIncoming))[0].leg
        rig.switch.pump.post(lambda: rig.switch.peers[-1].discard([leg]))
        assert rig.peer.request("BYE")
        assert span.request("BYE")


def test_outgoing_call(rig: Rig) -> None:
    span, target = rig.span("span-1"), rig.wire(rig.udp)
    with rig.front():
        leg = LegId("c9.1")
        uri = Private(f"sip:bob@{rig.address}:{target.port}")
        rig.switch.send("c9:1:1", ReserveSpan(leg=leg, target=uri, trunk="", caller=Private("100")))
        assert rig.until(lambda: rig.switch.of(SpanReserved))[0].span == "span-1"
        span.send(span_invite(rig, leg, span.port))
        request = target.request("INVITE")
        assert str(request.from_.uri) == f"sip:100@{rig.address}"
        assert b"m=audio 16390 RTP/AVP 0 8 13 101" in request.body
        contact = NameAddr(Uri("sip", "bob", rig.address, target.port))
        target.send(answer(request, 200, tag="bob-tag", body=offer(rig.address, 5000), media="", contact=contact))
        inner = span.response(200)
        assert rig.until(lambda: rig.switch.of(LegMedia))[0].remote.rtp.port == 5000
        span.send(within_span(inner, "ACK"))
        assert target.request("ACK").uri.user == "bob"


def test_front_killed_between_reservation_and_invite(rig: Rig) -> None:
    span, target = rig.span("span-1"), rig.wire(rig.udp)
    leg = LegId("c9.1")
    with rig.front():
        uri = Private(f"sip:bob@{rig.address}:{target.port}")
        rig.switch.send("c9:1:1", ReserveSpan(leg=leg, target=uri, trunk="", caller=Private("100")))
        rig.until(lambda: rig.switch.of(SpanReserved))
    span.send(span_invite(rig, leg, span.port))
    with rig.front():
        assert target.request("INVITE").uri.user == "bob"


def span_invite(rig: Rig, leg: LegId, port: int) -> Request:
    return Request(
        method="INVITE",
        uri=Uri("sip", leg, rig.address, rig.inner.getsockname()[1]),
        vias=[Via("UDP", rig.address, port, (("branch", "z9hG4bKPj1"), ("rport", None)))],
        max_forwards=70,
        from_=NameAddr(Uri("sip", "edge", rig.address), "", (("tag", "own-tag"),)),
        to=NameAddr(Uri("sip", leg, rig.address)),
        call_id="pj-1",
        cseq=7,
        contact=NameAddr(Uri("sip", "edge", rig.address, port)),
        extras={"X-Edge-Media": f"{rig.address}:16390"},
        content_type="application/sdp",
        body=SPAN_SDP,
    )


def within_span(inner: Response, method: str) -> Request:
    assert inner.contact is not None
    return Request(
        method=method,
        uri=inner.contact.uri,
        vias=[Via("UDP", "127.0.0.1", 1, (("branch", "z9hG4bKPj2"),))],
        max_forwards=70,
        from_=inner.from_,
        to=inner.to,
        call_id=inner.call_id,
        cseq=inner.cseq,
    )


def test_a_call_that_is_not_answered_at_once_is_told_to_wait_by_100(rig: Rig) -> None:
    span = rig.span("span-1")
    with rig.front():
        rig.peer.send(invite(rig))
        inner = span.request("INVITE")
        span.send(answer(inner, 100))
        first = rig.peer.receive()
        assert isinstance(first, Response)
        assert first.status == 100
        # The span's has been handled, too: its INVITE is not sent again.
        span.send(answer(inner, 180))
        assert rig.peer.response(180).cseq == 1
        span.sock.settimeout(0.6)
        with pytest.raises(TimeoutError):
            span.receive()


def test_tcp_call_and_framing(rig: Rig) -> None:
    span = rig.span("span-1")
    with rig.front(), socket.create_connection(rig.tcp.getsockname(), 10, (rig.address, 0)) as peer:
        peer.settimeout(15)
        port = peer.getsockname()[1]
        data = serialise(invite(rig, transport="TCP", port=port))
        peer.sendall(b"\r\n\r\n" + data[:100])
        assert peer.recv(2) == b"\r\n"
        peer.sendall(data[100:])
        inner = span.request("INVITE")
        span.send(answer(inner, 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
        got = b""
        while b"m=audio" not in got:
            got += peer.recv(65_536)
        assert got.startswith(b"SIP/2.0 200 ")  # it was there before a 100 had to be
        assert b"Contact: <sip:edge@%b:%d;transport=tcp>" % (rig.address.encode(), rig.tcp.getsockname()[1]) in got
        # Where the next message begins can't be known: an answer, then the end.
        peer.sendall(
            data.replace(b"Content-Length", b"Content-Length: 7\r\nContent-Length").replace(b"call-1", b"call-2")
        )
        got = b""
        while part := peer.recv(65_536):
            got += part
        assert got.startswith(b"SIP/2.0 400 ")


def test_too_many_tcp_connections_of_one_source(rig: Rig) -> None:
    with rig.front() as front:
        peers = [socket.create_connection(rig.tcp.getsockname(), 10, (rig.address, 0)) for _ in range(21)]
        for peer in peers:
            peer.settimeout(0.2)
        until(lambda: sum(_is_closed(peer) for peer in peers) == 1, 15, "the connection above the limit is closed")
        front.send(Scrape(1))
        assert 'edge_front_messages_dropped_total{reason="tcp_limit"} 1.0' in front.next(Scraped).text
        for peer in peers:
            peer.close()


def _is_closed(peer: socket.socket) -> bool:
    try:
        return peer.recv(1) == b""
    except TimeoutError:
        return False


def test_strangers_and_garbage(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front() as front:
        rig.peer.send(b"\x00\xff" * 2000)
        rig.peer.send(b"x" * 60_000)
        rig.peer.send(serialise(invite(rig)).replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"))
        rig.peer.response(400)
        options = within(invite(rig), "OPTIONS", 5)
        options.to = options.to.with_tag("")
        rig.peer.send(options)
        assert "INVITE" in rig.peer.response(200).extras["Allow"]
        front.send(Scrape(1))
        text = front.next(Scraped).text
        assert 'edge_front_messages_dropped_total{reason="not_sip"} 2.0' in text
        assert 'edge_front_messages_total{direction="in",kind="OPTIONS",side="peer"} 1.0' in text


def test_no_new_calls(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front() as front:
        front.send(Asked(1, "accept", b'{"calls": false}'))
        assert front.next(Replied).error is None
        rig.peer.send(invite(rig))
        assert "Retry-After" in rig.peer.response(503).extras
        front.send(Asked(2, "accept", b'{"calls": true}'))
        front.next(Replied)
        front.send(Drain())
        rig.peer.send(invite(rig, "call-2"))
        assert "Retry-After" in rig.peer.response(503).extras


def test_no_switch_no_new_calls(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front():
        rig.switch.close()

        # A call that came in before the grace was over only gets its repeats answered; new ones are refused then.
        number = iter(range(1000))

        def new_call_refused() -> bool:
            rig.peer.send(invite(rig, f"call-{next(number)}"))
            message = rig.peer.receive()
            return isinstance(message, Response) and message.status == 503 and "Retry-After" in message.extras

        until(new_call_refused, 15, "503 without switch")


def test_snapshot_names_live_legs(rig: Rig) -> None:
    rig.span("span-1")
    with rig.front():
        set_up(rig)
        leg = rig.until(lambda: rig.switch.of(LegIncoming))[0].leg
    with rig.front():
        rig.until(lambda: any(leg in snapshot.legs for snapshot in rig.switch.of(FrontSnapshot)))
