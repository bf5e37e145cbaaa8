"""A front door on IPv6, alone or beside IPv4: brackets, IN IP6, sources, TCP, names; spans stay on 127.0.0.0/8."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.trunk_settings import Trunk
from edge.core.sip.message import Request, serialise
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.media import Address
from edge.vocabulary.reports import LegIncoming, LegMedia
from edge.vocabulary.supervision import Scrape, Scraped
from tests.core.sip.world import SPAN_SDP, answer
from tests.front.rig import Rig
from tests.front.test_process import invite as ordinary_invite
from tests.front.test_process import within, within_span
from tests.front.test_tls import dial
from tests.support.name_server import name_server

HOST = "::1"


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(address, tmp_path, HOST)
    try:
        yield made
    finally:
        made.close()


def offer(port: int = 4000) -> bytes:
    return (
        f"v=0\r\no=x 1 1 IN IP6 {HOST}\r\ns=-\r\nc=IN IP6 {HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
    ).encode()


def invite(port: int, call: str = "call-1", transport: str = "UDP") -> Request:
    return Request(
        method="INVITE",
        uri=Uri("sip", "4711", f"[{HOST}]"),
        vias=[Via(transport, f"[{HOST}]", port, (("branch", f"z9hG4bK{call}"), ("rport", None)))],
        max_forwards=70,
        from_=NameAddr(Uri("sip", "alice", f"[{HOST}]"), "", (("tag", "peer-tag"),)),
        to=NameAddr(Uri("sip", "4711", f"[{HOST}]")),
        call_id=call,
        cseq=1,
        contact=NameAddr(Uri("sip", "alice", f"[{HOST}]", port, (("transport", transport.lower()),))),
        content_type="application/sdp",
        body=offer(),
    )


def test_a_call_that_comes_in_by_udp(rig: Rig) -> None:
    span = rig.span("span-1")
    with rig.front():
        request = invite(rig.peer.port)
        rig.peer.send(request)
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"[{HOST}]:16384"))
        ok = rig.peer.response(200)
        port = rig.udp.getsockname()[1]
        assert str(ok.contact) == f"<sip:edge@[{HOST}]:{port}>"
        assert f"c=IN IP6 {HOST}\r\n".encode() in ok.body
        assert b"m=audio 16384 RTP/AVP 0" in ok.body
        incoming = rig.until(lambda: rig.switch.of(LegIncoming))[0]
        assert incoming.source == Address(HOST, rig.peer.port)
        assert incoming.remote is not None
        assert incoming.remote.rtp == Address(HOST, 4000)
        rig.peer.send(within(request, "ACK", 1))
        span.request("ACK")
        rig.lose("span-1")
        rig.peer.send(within(request, "BYE", 2))
        assert rig.peer.response(200).method == "BYE"


def test_a_call_that_comes_in_by_tcp(rig: Rig) -> None:
    span = rig.span("span-1")
    with rig.front(), socket.create_connection(rig.tcp.getsockname()[:2], 10) as peer:
        peer.settimeout(15)
        peer.sendall(serialise(invite(peer.getsockname()[1], transport="TCP")))
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"[{HOST}]:16384"))
        got = b""
        while b"m=audio" not in got:
            got += peer.recv(65_536)
        assert f"Contact: <sip:edge@[{HOST}]:{rig.tcp.getsockname()[1]};transport=tcp>".encode() in got


@pytest.mark.parametrize("how", ["address", "name"])
def test_a_call_of_ours(rig: Rig, how: str, address: str) -> None:
    span, target = rig.span("span-1"), rig.wire(rig.udp)
    with name_server(address, f"--host-record=sip.test,127.0.0.1,{HOST}") as server:
        where = f"[{HOST}]:{target.port}" if how == "address" else f"sip.test:{target.port}"
        trunk = Trunk(name="main", sources=[HOST], address=where)
        rig.site = replace(rig.site, trunks=[trunk], sip=replace(rig.site.sip, nameservers=[server.address]))
        with rig.front():
            dial(rig)
            request = target.request("INVITE")
            assert str(request.uri) == f"sip:555@{where}"
            assert str(request.vias[0]).startswith(f"SIP/2.0/UDP [{HOST}]:{rig.udp.getsockname()[1]};")
            contact = NameAddr(Uri("sip", "bob", f"[{HOST}]", target.port))
            target.send(answer(request, 200, tag="bob-tag", body=offer(5000), media="", contact=contact))
            inner = span.response(200)
            assert rig.until(lambda: rig.switch.of(LegMedia))[0].remote.rtp == Address(HOST, 5000)
            span.send(within_span(inner, "ACK"))
            assert str(target.request("ACK").uri) == f"sip:bob@[{HOST}]:{target.port}"


@pytest.fixture
def both(address: str, tmp_path: Path) -> Iterator[Rig]:
    """A front at `address` and at ::1, whose trunk has addresses of both."""
    made = Rig(address, tmp_path, address6=HOST, prefer="ipv6")
    made.site = replace(made.site, trunks=[replace(made.site.trunks[0], sources=[address, HOST])])
    try:
        yield made
    finally:
        made.close()


def test_peers_of_both_families_call(both: Rig) -> None:
    span = both.span("span-1")
    port = both.udp.getsockname()[1]
    six, four = both.wire(both.others[0]), both.peer
    with both.front() as front:
        six.send(invite(six.port, "call-6"))
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"{both.address}:16384"))
        ok = six.response(200)
        assert str(ok.contact) == f"<sip:edge@[{HOST}]:{port}>"
        assert f"c=IN IP6 {HOST}\r\n".encode() in ok.body
        four.send(invite_by_ipv4(both))
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"{both.address}:16386"))
        ok = four.response(200)
        assert str(ok.contact) == f"<sip:edge@{both.address}:{port}>"
        assert f"c=IN IP4 {both.address}\r\n".encode() in ok.body
        with socket.create_connection((HOST, port), 10) as peer:
            peer.settimeout(15)
            request = invite(peer.getsockname()[1], "call-t", transport="TCP")
            request.method, request.body, request.content_type = "OPTIONS", b"", ""
            peer.sendall(serialise(request))
            assert peer.recv(100).startswith(b"SIP/2.0 200")
        # The kernel keeps strangers out of both sockets.
        front.send(Scrape(1))
        text = front.next(Scraped).text
        assert float(next(x for x in text.splitlines() if x.startswith("edge_front_source_filter")).split()[1]) > 0


def invite_by_ipv4(rig: Rig) -> Request:
    request = ordinary_invite(rig)
    request.body = offer().replace(b"IP6 ::1", f"IP4 {rig.address}".encode())
    return request


def test_the_other_family_takes_the_call_when_the_first_does_not(both: Rig, address: str) -> None:
    """Both addresses of one name; nobody listens at the IPv6 one, which is preferred."""
    both.span("span-1")
    with name_server(address, f"--host-record=sip.test,{address},{HOST}") as server:
        listener = socket.create_server((address, 0))
        listener.settimeout(15)
        trunk = Trunk(name="main", sources=[HOST], address=f"sip.test:{listener.getsockname()[1]}", transport="tcp")
        both.site = replace(both.site, trunks=[trunk], sip=replace(both.site.sip, nameservers=[server.address]))
        with both.front() as front, listener:
            dial(both)
            with listener.accept()[0] as peer:
                peer.settimeout(15)
                got = b""
                while b"m=audio" not in got:
                    got += peer.recv(65_536)
            assert f"Via: SIP/2.0/TCP {address}:{both.udp.getsockname()[1]};".encode() in got
            assert f"Contact: <sip:edge@{address}:{both.udp.getsockname()[1]};transport=tcp>".encode() in got
            assert b"c=IN IP4 " in got
            front.send(Scrape(1))
            assert 'edge_front_failovers_total{reason="no_connection"} 1.0' in front.next(Scraped).text
