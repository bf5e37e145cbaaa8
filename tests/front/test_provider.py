"""Front with a real provider (Kamailio): registration, and a call whose every request is challenged."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from edge.config.trunk_settings import Trunk
from edge.core.sip.message import Request, Response
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.commands import ReserveSpan
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegIncoming, Noticed, SpanRefused, SpanReserved
from edge.vocabulary.site_events import TrunkDown, TrunkRegistered, TrunkUnregistered, TrunkUp
from edge.vocabulary.supervision import Reload, Replied, Scrape, Scraped, Stop
from edge.vocabulary.supervision import Request as Asked
from tests.core.sip.steps import span_invite
from tests.core.sip.world import answer
from tests.front.rig import Rig, Wire
from tests.support.addresses import address as own_address
from tests.support.certificates import Authority
from tests.support.child import Child, write_site
from tests.support.name_server import name_server
from tests.support.provider import PASSWORD, PORT, REALM, TLS_PORT, USER, Kamailio, kamailio, streams

LEG = LegId("cout.2")


class Site:
    """A front, a provider and somebody behind it."""

    def __init__(self, rig: Rig, provider: Kamailio, callee: Wire) -> None:
        self.rig = rig
        self.provider = provider
        self.callee = callee

    def trunk(self, **settings: Any) -> None:
        """Give front its one trunk."""
        trunk = Trunk(
            name="provider",
            address=f"{self.provider.host}:{PORT}",
            user=USER,
            password=PASSWORD,
            **settings,
        )
        self.rig.site = replace(self.rig.site, trunks=[trunk])

    def events(self, kind: type) -> list[Any]:
        return [report.event for report in self.rig.switch.of(Noticed) if isinstance(report.event, kind)]

    def standing(self, front: Child) -> dict[str, Any]:
        front.send(Asked(7, "trunks", b"{}"))
        found: list[dict[str, Any]] = msgspec.json.decode(front.next(Replied).body)
        return found[0]


@pytest.fixture
def algorithm() -> str:
    return "MD5"


@pytest.fixture
def site(address: str, tmp_path: Path, algorithm: str) -> Iterator[Site]:
    rig = Rig(address, tmp_path)
    with own_address() as host, own_address() as behind:
        callee = Wire(behind, (host, PORT))
        with kamailio(host, tmp_path, algorithm=algorithm, callee=behind, callee_port=callee.port) as provider:
            try:
                yield Site(rig, provider, callee)
            finally:
                callee.sock.close()
                rig.close()


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_it_registers_is_called_and_leaves(site: Site) -> None:
    site.trunk(register=True, expires_seconds=600)
    span = site.rig.span("span-1")
    with site.rig.front() as front:
        site.rig.until(lambda: site.events(TrunkRegistered), "the registration")
        assert site.events(TrunkRegistered)[0].expires_s == 600
        site.callee.send(incoming(site))
        inner = span.request("INVITE")
        report = site.rig.until(lambda: site.rig.switch.of(LegIncoming))[0]
        assert (report.trunk, report.called.reveal()) == ("provider", USER)
        span.send(answer(inner, 486))
        assert site.callee.response(486)
        front.send(Stop())
        front.process.wait(10)
        assert site.events(TrunkUnregistered)[0].cause == "stopped"
        site.callee.send(incoming(site, "call-2"))
        assert site.callee.response(404), "the provider has forgotten us"
        assert PASSWORD not in front.errors.read_text()


def incoming(site: Site, call: str = "call-1") -> Request:
    """A call for us, from somebody behind the provider."""
    host, port = site.callee.host, site.callee.port
    return Request(
        method="INVITE",
        uri=Uri("sip", USER, site.provider.host, PORT),
        vias=[Via("UDP", host, port, (("branch", f"z9hG4bK{call}"), ("rport", None)))],
        max_forwards=70,
        from_=NameAddr(Uri("sip", "alice", host), "", (("tag", "peer-tag"),)),
        to=NameAddr(Uri("sip", USER, site.provider.host)),
        call_id=call,
        cseq=1,
        contact=NameAddr(Uri("sip", "alice", host, port)),
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_invite_re_invite_and_bye_are_challenged_and_nobody_notices(site: Site) -> None:
    site.trunk(sources=[site.provider.host])
    span = site.rig.span("span-1")
    rig, callee = site.rig, site.callee
    with rig.front() as front:
        rig.switch.send("c:1:1", ReserveSpan(leg=LEG, target=Private("555"), trunk="provider", caller=Private("100")))
        rig.until(lambda: rig.switch.of(SpanReserved))
        span.send(placed(rig))
        invite = callee.request("INVITE")
        assert invite.cseq == 101, "the provider took the first one"
        callee.send(answer(invite, 200, tag="bob", body=described(callee), media="", contact=contact(callee),
                           record_routes=invite.record_routes))  # fmt: skip
        ok = span.response(200)
        assert (ok.cseq, ok.method) == (100, "INVITE")
        span.send(follow(rig, "ACK", 100))
        assert callee.request("ACK").cseq == 101

    # A front that was killed knows the numbers.
    with rig.front() as front:
        again = placed(rig)
        again.cseq, again.to = 101, again.to.with_tag("bob")
        again.vias = follow(rig, "INVITE", 101).vias
        span.send(again)
        invite = callee.request("INVITE")
        assert invite.cseq == 103
        callee.send(answer(invite, 200, tag="bob", body=described(callee), media="", contact=contact(callee)))
        ok = span.response(200)
        assert (ok.cseq, ok.method) == (101, "INVITE")
        span.send(follow(rig, "ACK", 101))
        while callee.request("ACK").cseq != 103:
            pass

        span.send(follow(rig, "BYE", 102))
        bye = callee.request("BYE")
        assert bye.cseq == 105
        callee.send(answer(bye, 200))
        ok = span.response(200)
        assert (ok.cseq, ok.method) == (102, "BYE")
        front.send(Scrape(1))
        text = front.next(Scraped).text
        assert 'edge_front_challenges_total{result="answered"} 2.0' in text
        assert PASSWORD not in text + front.errors.read_text()


def placed(rig: Rig) -> Request:
    """A span's first INVITE of the reserved leg."""
    port = next(iter(rig.spans.values())).port
    request = span_invite(LEG, f"{rig.address}:16390")
    request.uri = Uri("sip", LEG, rig.address, rig.inner.getsockname()[1])
    request.vias = [Via("UDP", rig.address, port, (("branch", "z9hG4bKPjone"), ("rport", None)))]
    request.contact = NameAddr(Uri("sip", "edge", rig.address, port))
    return request


def follow(rig: Rig, method: str, cseq: int) -> Request:
    """A later request of the span in that dialog."""
    request = placed(rig)
    request.method, request.cseq, request.body, request.content_type, request.extras = method, cseq, b"", "", {}
    request.to = request.to.with_tag("bob")
    request.vias = [replace(request.vias[0], params=(("branch", f"z9hG4bKPj{method}{cseq}"), ("rport", None)))]
    return request


def contact(wire: Wire) -> NameAddr:
    return NameAddr(Uri("sip", "bob", wire.host, wire.port))


def described(wire: Wire) -> bytes:
    return (
        f"v=0\r\no=x 1 1 IN IP4 {wire.host}\r\ns=-\r\nc=IN IP4 {wire.host}\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    ).encode()


def test_a_wrong_password_is_told_and_not_repeated(site: Site) -> None:
    site.trunk(register=True)
    trunk = replace(site.rig.site.trunks[0], password="wrong")
    site.rig.site = replace(site.rig.site, trunks=[trunk])
    with site.rig.front() as front:
        site.rig.until(lambda: site.events(TrunkUnregistered), "the refusal")
        assert site.events(TrunkUnregistered)[0].cause == "rejected"
        assert site.events(TrunkUnregistered)[0].sip_code == 401
        standing = site.standing(front)
        assert (standing["up"], standing["registration"]) == (False, "rejected")
        front.send(Scrape(1))
        text = front.next(Scraped).text
        assert 'edge_front_trunk_failures_total{code="401",method="REGISTER",trunk="provider"} 1.0' in text
        assert 'edge_front_trunk_up{trunk="provider"} 0.0' in text
        # The operator mends it.
        good = replace(site.rig.site, trunks=[replace(trunk, password=PASSWORD)])
        front.send(Reload(str(write_site(good, site.rig.folder / "good.msgpack"))))
        site.rig.until(lambda: site.events(TrunkRegistered), "the registration")
        assert site.standing(front)["registered"]


def test_a_provider_that_goes_and_comes_back(site: Site) -> None:
    site.trunk(register=True, qualify_ms=1000, qualify_misses=1)
    rig = site.rig
    rig.span("span-1")
    with rig.front() as front:
        rig.until(lambda: site.events(TrunkUp) and site.events(TrunkRegistered), "the provider")
        standing = site.standing(front)
        assert standing["rtt_ms"] < 1000
        site.provider.stop()
        rig.until(lambda: site.events(TrunkDown), "the end of the provider")
        rig.switch.send("c:1:1", ReserveSpan(leg=LEG, target=Private("555"), trunk="provider", caller=Private("100")))
        refused = rig.until(lambda: rig.switch.of(SpanRefused))[0]
        assert refused.end.outcome == "trunk_down"
        assert "OPTIONS" in refused.end.text
        site.provider.start()
        rig.until(lambda: len(site.events(TrunkUp)) > 1, "the return of the provider")
        rig.switch.send("c:1:2", ReserveSpan(leg=LEG, target=Private("555"), trunk="provider", caller=Private("100")))
        rig.until(lambda: rig.switch.of(SpanReserved))


def test_a_registrar_by_srv_whose_better_server_is_down(site: Site) -> None:
    with own_address() as nobody, own_address() as dns_at:
        records = (
            f"--host-record=dead.provider.test,{nobody}",
            f"--host-record=live.provider.test,{site.provider.host}",
            "--srv-host=_sip._udp.provider.test,dead.provider.test,5060,10,1",
            f"--srv-host=_sip._udp.provider.test,live.provider.test,{PORT},20,1",
        )
        with name_server(dns_at, *records) as server:
            site.trunk(register=True, registrar="provider.test")
            site.rig.site = replace(site.rig.site, sip=replace(site.rig.site.sip, nameservers=[server.address]))
            span = site.rig.span("span-1")
            with site.rig.front() as front:
                site.rig.until(lambda: site.events(TrunkRegistered), "the registration")
                assert site.standing(front)["registrar"] == "provider.test"
                site.callee.send(incoming(site))
                assert span.request("INVITE"), "what its name turned out to be is a source of the trunk"


def test_the_second_address_of_a_registrar(site: Site, tmp_path: Path) -> None:
    with own_address() as nobody:
        site.trunk(
            register=True,
            registrar="provider.example",
            registrar_addresses=[f"{nobody}:{PORT}", f"{site.provider.host}:{PORT}"],
        )
        with site.rig.front() as front:
            site.rig.until(lambda: site.events(TrunkRegistered), "the registration")
            assert site.standing(front)["registrar"] == f"{site.provider.host}:{PORT}"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_calls_come_over_the_connection_of_the_registration_also_after_it_died(
    address: str, tmp_path: Path, transport: str
) -> None:
    """The provider opens none itself; over TLS it wants our certificate."""
    authority = Authority(tmp_path / "ca")
    ours = authority.issue("edge.example.org")
    rig = Rig(address, tmp_path)
    with own_address() as host, own_address() as behind:
        callee = Wire(behind, (host, PORT))
        settings = streams(host, authority.issue(REALM), authority.root)
        rig.site = replace(rig.site, trunks=[Trunk(
            name="provider", address=f"{host}:{TLS_PORT if transport == 'tls' else PORT}", transport=transport,  # type: ignore[arg-type]
            user=USER, password=PASSWORD, register=True, qualify_ms=1000,
            tls_ca=authority.root, tls_name=REALM, tls_certificate=ours.certificate, tls_key=ours.key,
        )])  # fmt: skip
        span = rig.span("span-1")
        try:
            with kamailio(host, tmp_path, callee=behind, callee_port=callee.port, **settings) as provider:
                site = Site(rig, provider, callee)
                with rig.front() as front:
                    rig.until(lambda: site.events(TrunkRegistered) and site.events(TrunkUp), "the registration")
                    called(site, span, "call-1")
                    provider.stop()
                    provider.start()  # and has forgotten all its customers
                    called(site, span, "call-2")
                    assert PASSWORD not in front.errors.read_text()
                    front.send(Scrape(1))
                    text = front.next(Scraped).text
                    if transport == "tls":
                        assert 'edge_front_tls_handshakes_total{result="ok"} 2.0' in text
        finally:
            callee.sock.close()
            rig.close()


def called(site: Site, span: Wire, call: str) -> None:
    """Wait until a call from behind the provider comes in, and refuse it."""
    for attempt in range(100):
        request = incoming(site, f"{call}.{attempt}")
        site.callee.send(request)
        final = 100
        while final < 200:
            message = site.callee.receive()
            if isinstance(message, Response):
                final = message.status
                if final == 100:
                    # Somebody has it: us.
                    span.send(answer(span.request("INVITE"), 486))
        if final == 486:
            return
        time.sleep(0.1)
    raise AssertionError(f"no call came in: {final}")
