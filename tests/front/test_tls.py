"""TLS at the front door, against OpenSSL as others use it: Python's ssl module as the peer, and `openssl s_client`."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.trunk_settings import Trunk
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.stream import Frame, StreamReader
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.commands import HangUp, ReserveSpan
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegAdopted, Noticed, SpanReserved
from edge.vocabulary.site_events import CertificateExpiring
from edge.vocabulary.supervision import Reload, Scrape, Scraped
from tests.core.sip.world import SPAN_SDP, answer, offer
from tests.front.rig import Rig
from tests.front.test_process import invite, span_invite, within, within_span
from tests.support.addresses import address as own_address
from tests.support.certificates import Authority, Pair
from tests.support.child import Child, write_site
from tests.support.name_server import name_server
from tests.support.waiting import until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def rig(address: str, tmp_path: Path, authority: Authority) -> Iterator[Rig]:
    pair = authority.issue(address)
    made = Rig(address, tmp_path, certificate=pair.certificate, key=pair.key)
    try:
        yield made
    finally:
        made.close()


def with_trunk(rig: Rig, **settings: object) -> None:
    rig.site = replace(rig.site, trunks=[Trunk(name="main", sources=[rig.address], **settings)])  # type: ignore[arg-type]


def figure(front: Child, name: str) -> float:
    """A figure of the metrics, by its name with labels; 0 where there is none."""
    front.send(Scrape(1))
    text = front.next(Scraped).text
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def handshakes(result: str) -> str:
    return f'edge_front_tls_handshakes_total{{result="{result}"}}'


class Stream:
    """One end of a connection that carries SIP."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self.sock.settimeout(15)
        self._reader = StreamReader()
        self._found: list[Request | Response] = []

    def send(self, message: Request | Response) -> None:
        self.sock.sendall(serialise(message))

    def receive(self) -> Request | Response:
        while not self._found:
            data = self.sock.recv(65_536)
            assert data, "the connection was closed"
            for piece in self._reader.feed(data):
                message = parse(piece.data) if isinstance(piece, Frame) else None
                if isinstance(message, Request | Response):
                    self._found.append(message)
        return self._found.pop(0)

    def request(self, method: str) -> Request:
        while True:
            message = self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    def response(self, status: int) -> Response:
        while True:
            message = self.receive()
            if isinstance(message, Response) and message.status == status:
                return message


def connected(rig: Rig, authority: Authority, own: Pair | None = None) -> Stream:
    context = ssl.create_default_context(cafile=authority.root)
    if own is not None:
        context.load_cert_chain(*own)
    assert rig.tls is not None
    raw = socket.create_connection(rig.tls.getsockname(), 10, (rig.address, 0))
    return Stream(context.wrap_socket(raw, server_hostname=rig.address))


def serial(stream: Stream) -> object:
    """Number of the certificate that front has shown."""
    shown = stream.sock.getpeercert()
    assert shown is not None
    return shown["serialNumber"]


def turned_away(rig: Rig, authority: Authority, own: Pair | None) -> bool:
    """Whether a connection that shows `own` is ended before anything is said on it."""
    try:
        with closing(connected(rig, authority, own).sock) as sock:
            return not sock.recv(1)  # in TLS 1.3 the client's end is up before its certificate is judged
    except (ssl.SSLError, ConnectionError):
        return True


class Listener:
    """A trunk's TLS side."""

    def __init__(self, rig: Rig, own: Pair, root: str = "") -> None:
        self._listener = socket.create_server((rig.address, 0))
        self._listener.settimeout(15)
        self.port = self._listener.getsockname()[1]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*own)
        if root:
            self._context.load_verify_locations(root)
            self._context.verify_mode = ssl.CERT_REQUIRED

    def accept(self) -> Stream:
        return Stream(self._context.wrap_socket(self._listener.accept()[0], server_side=True))

    def fail(self) -> str:
        """Take a connection whose handshake the other side gives up; returns what it said."""
        try:
            with closing(self.accept().sock) as sock:
                sock.recv(1)
        except ssl.SSLError as error:
            return str(error.reason)
        return ""

    def close(self) -> None:
        self._listener.close()


def dial(rig: Rig, number: str = "555", trunk: str = "main") -> tuple[LegId, Request]:
    """Reserve a leg, and let its span dial it."""
    span, leg = next(iter(rig.spans.values())), LegId(f"c{number}.1")
    rig.switch.send(
        f"c{number}:1:1",
        ReserveSpan(leg=leg, target=Private(number), trunk=trunk, caller=Private("100")),
    )
    rig.until(lambda: [r for r in rig.switch.of(SpanReserved) if r.leg == leg])
    request = span_invite(rig, leg, span.port)
    request.call_id = f"pj-{number}"
    span.send(request)
    return leg, request


def test_an_incoming_call_stays_on_its_connection(rig: Rig, authority: Authority) -> None:
    span = rig.span("span-1")
    with rig.front() as front:
        with closing((peer := connected(rig, authority)).sock):
            port = peer.sock.getsockname()[1]
            request = invite(rig, transport="TLS", port=port)
            peer.send(request)
            span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
            ok = peer.response(200)
            assert str(ok.contact) == f"<sip:edge@{rig.address}:{rig.site.sip.tls_port};transport=tls>"
            peer.send(within(request, "ACK", 1))
            span.request("ACK")
            rig.lose("span-1")
            (adopted,) = rig.until(lambda: rig.switch.of(LegAdopted))
            rig.switch.send("c1:3:1", HangUp(adopted.leg))
            bye = peer.request("BYE")
            via = f"SIP/2.0/TLS {rig.address}:{rig.site.sip.tls_port};branch="
            assert str(bye.vias[0]).startswith(via)
            assert str(bye.vias[0]).endswith(";rport;alias")
            peer.send(answer(bye, 200, tag=""))
        assert figure(front, handshakes("ok")) == 1
        assert 29 < figure(front, 'edge_front_certificate_days_left{trunk="",whose="ours"}') <= 30
        assert front.active() == {}


def test_a_sips_call_is_answered_with_a_sips_contact_and_refused_elsewhere(rig: Rig, authority: Authority) -> None:
    span = rig.span("span-1")
    with rig.front(), closing((peer := connected(rig, authority)).sock):
        request = invite(rig, transport="TLS", port=peer.sock.getsockname()[1])
        request.uri = Uri("sips", "4711", rig.address)
        peer.send(request)
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
        assert str(peer.response(200).contact) == f"<sips:edge@{rig.address}:{rig.site.sip.tls_port}>"
        request = invite(rig, "call-2")
        request.uri = Uri("sips", "4711", rig.address)
        rig.peer.send(request)
        assert rig.peer.response(416)


def test_old_versions_are_refused(rig: Rig) -> None:
    assert rig.tls is not None
    host, port = rig.tls.getsockname()
    with rig.front():
        said = {
            version: subprocess.run(
                ["openssl", "s_client", "-connect", f"{host}:{port}", "-bind", f"{host}:0", version,
                 "-cipher", "DEFAULT@SECLEVEL=0"],
                input=b"", capture_output=True, timeout=20, check=False,
            ).stdout
            for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3")
        }  # fmt: skip
    assert [b"Cipher is (NONE)" in said[version] for version in said] == [True, True, False, False]


def test_a_call_through_a_tls_trunk_and_its_connection_used_again(rig: Rig, authority: Authority) -> None:
    span = rig.span("span-1")
    with closing(Listener(rig, authority.issue("sip.example.org"))) as provider:
        address = f"{rig.address}:{provider.port}"
        with_trunk(rig, address=address, transport="tls", tls_ca=authority.root, tls_name="sip.example.org")
        with rig.front() as front:
            dial(rig)
            with closing((peer := provider.accept()).sock):
                request = peer.request("INVITE")
                assert str(request.uri) == f"sip:555@{address};transport=tls"
                assert str(request.contact) == f"<sip:edge@{rig.address}:{rig.site.sip.tls_port};transport=tls>"
                contact = NameAddr(Uri("sip", "bob", rig.address, provider.port))  # says nothing of TLS
                body = offer(rig.address, 5000)
                peer.send(answer(request, 200, tag="bob-tag", body=body, media="", contact=contact))
                inner = span.response(200)
                assert inner.contact is not None
                span.send(within_span(inner, "ACK"))
                assert peer.request("ACK")
                dial(rig, "556")
                assert peer.request("INVITE").uri.user == "556", "on the same connection"
            assert 29 < figure(front, 'edge_front_certificate_days_left{trunk="main",whose="theirs"}') <= 30
            dial(rig, "557")
            with closing((peer := provider.accept()).sock):
                assert peer.request("INVITE").uri.user == "557", "on a new one"


def test_a_domain_whose_naptr_record_wants_tls(rig: Rig, authority: Authority) -> None:
    """NAPTR, SRV, address; the certificate must be for the domain, not for the server that DNS names (RFC 5922)."""
    rig.span("span-1")
    with closing(Listener(rig, authority.issue("pbx.test"))) as provider, own_address() as dns_at:
        records = (
            "--naptr-record=pbx.test,10,10,s,SIPS+D2T,,_sips._tcp.pbx.test",
            "--naptr-record=pbx.test,20,10,s,SIP+D2U,,_sip._udp.pbx.test",
            f"--srv-host=_sips._tcp.pbx.test,server.pbx.test,{provider.port},10,0",
            f"--host-record=server.pbx.test,{rig.address}",
        )
        with name_server(dns_at, *records) as server:
            with_trunk(rig, address="pbx.test", transport="auto", tls_ca=authority.root)
            rig.site = replace(rig.site, sip=replace(rig.site.sip, nameservers=[server.address]))
            with rig.front():
                dial(rig)
                with closing((peer := provider.accept()).sock):
                    request = peer.request("INVITE")
            assert str(request.uri) == "sip:555@pbx.test"
            assert str(request.contact).endswith(";transport=tls>")


@pytest.mark.parametrize("fault", ["name", "root", "expired"])
def test_a_trunk_that_is_not_who_it_should_be_gets_no_call(
    rig: Rig, authority: Authority, tmp_path: Path, fault: str
) -> None:
    issuer = Authority(tmp_path / "other") if fault == "root" else authority
    name = "sip.example.com" if fault == "name" else "sip.example.org"
    pair = issuer.issue(name, days=-1 if fault == "expired" else 30)
    span = rig.span("span-1")
    with closing(Listener(rig, pair)) as provider:
        settings = {"address": f"{rig.address}:{provider.port}", "tls_name": "sip.example.org"}
        with_trunk(rig, transport="tls", tls_ca=authority.root, **settings)
        with rig.front() as front:
            dial(rig)
            assert "ALERT" in provider.fail()
            assert span.response(503)
            assert figure(front, handshakes("certificate")) == 1
    log = (tmp_path / "front.log").read_text()
    assert "no TLS" in log
    assert "555" not in log


def test_without_verification_it_is_called_all_the_same(rig: Rig, tmp_path: Path) -> None:
    rig.span("span-1")
    with closing(Listener(rig, Authority(tmp_path / "other").issue("x.example", days=9))) as provider:
        with_trunk(rig, address=f"{rig.address}:{provider.port}", transport="tls", tls_verify=False)
        with rig.front() as front:
            dial(rig)
            with closing((peer := provider.accept()).sock):
                assert peer.request("INVITE")
                assert 8 < figure(front, 'edge_front_certificate_days_left{trunk="main",whose="theirs"}') <= 9


def test_both_sides_show_certificates(rig: Rig, authority: Authority, tmp_path: Path) -> None:
    """A trunk that wants ours gets it; one that has to show its own is let in with it only, and may be called there."""
    span = rig.span("span-1")
    ours, theirs = authority.issue("edge.example.org"), authority.issue("sip.example.org")
    with closing(Listener(rig, theirs, authority.root)) as provider:
        address = f"{rig.address}:{provider.port}"
        with_trunk(
            rig, address=address, transport="tls", tls_ca=authority.root, tls_name="sip.example.org",
            tls_certificate=ours.certificate, tls_key=ours.key, tls_client_certificate=True,
        )  # fmt: skip
        with rig.front() as front:
            dial(rig)
            with closing((peer := provider.accept()).sock):
                assert peer.request("INVITE")
                shown = peer.sock.getpeercert()
                assert shown is not None
                assert shown["subjectAltName"] == (("DNS", "edge.example.org"),)
            for own in (None, Authority(tmp_path / "other").issue("sip.example.org")):
                assert turned_away(rig, authority, own)
            with closing((peer := connected(rig, authority, theirs)).sock):
                # Its requests say that this connection may be used for ours (RFC 5923): no other is opened then.
                request = invite(rig, transport="TLS", port=provider.port)
                via = request.vias[0]
                request.vias = [Via(via.transport, via.host, via.port, (*via.params, ("alias", None)))]
                peer.send(request)
                span.request("INVITE")
                dial(rig, "556")
                assert peer.request("INVITE").uri.user == "556"
            assert figure(front, handshakes("ok")) == 2


def test_a_connection_that_has_shown_nothing_is_no_alias(rig: Rig, authority: Authority) -> None:
    span = rig.span("span-1")
    with closing(Listener(rig, authority.issue("sip.example.org"))) as provider:
        address = f"{rig.address}:{provider.port}"
        with_trunk(rig, address=address, transport="tls", tls_ca=authority.root, tls_name="sip.example.org")
        with rig.front(), closing((thief := connected(rig, authority)).sock):
            request = invite(rig, transport="TLS", port=provider.port)
            via = request.vias[0]
            request.vias = [Via(via.transport, via.host, via.port, (*via.params, ("alias", None)))]
            thief.send(request)
            span.request("INVITE")
            dial(rig, "556")
            with closing((peer := provider.accept()).sock):
                assert peer.request("INVITE").uri.user == "556"


def test_reload_shows_the_new_certificate_and_keeps_connections(rig: Rig, authority: Authority, tmp_path: Path) -> None:
    span = rig.span("span-1")
    with rig.front() as front, closing((before := connected(rig, authority)).sock):
        request = invite(rig, transport="TLS", port=before.sock.getsockname()[1])
        before.send(request)
        inner = span.request("INVITE")
        # The new pair lies where the old one did, as programs that renew certificates do it.
        renewed = authority.issue(rig.address, days=60)
        Path(rig.site.sip.certificate).write_text(Path(renewed.certificate).read_text())
        Path(rig.site.sip.key).write_text(Path(renewed.key).read_text())
        path = write_site(rig.site, tmp_path / "reloaded.msgpack")
        front.send(Reload(str(path)))
        until(
            lambda: figure(front, 'edge_front_certificate_days_left{trunk="",whose="ours"}') > 59,
            15,
            "the new certificate",
        )
        with closing((after := connected(rig, authority)).sock):
            assert serial(after) != serial(before)
            # Files that can't be used leave the certificate in force.
            Path(rig.site.sip.key).write_text("no key\n")
            front.send(Reload(str(path)))
            until(lambda: figure(front, 'edge_front_faults_total{kind="tls_files"}') > 0, 15, "the fault")
            with closing((last := connected(rig, authority)).sock):
                assert serial(last) == serial(after)
        span.send(answer(inner, 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
        assert before.response(200)


def test_a_certificate_that_should_be_renewed_is_told_once(rig: Rig, authority: Authority, tmp_path: Path) -> None:
    old = authority.issue(rig.address, days=3)
    Path(rig.site.sip.certificate).write_text(Path(old.certificate).read_text())
    Path(rig.site.sip.key).write_text(Path(old.key).read_text())
    with rig.front() as front:
        (noticed,) = rig.until(lambda: rig.switch.of(Noticed))
        assert isinstance(noticed.event, CertificateExpiring)
        assert noticed.event.trunk == ""
        assert 2 < noticed.event.days_left <= 3
        front.send(Reload(str(write_site(rig.site, tmp_path / "again.msgpack"))))
        figure(front, handshakes("ok"))
        assert len(rig.switch.of(Noticed)) == 1
        assert front.active() == {}, "it is still valid"


def test_a_trunks_own_certificate_is_told_and_renewed_without_ending_a_call(
    rig: Rig, authority: Authority, tmp_path: Path
) -> None:
    """Its connection goes on with the old one; the next one shows the new one."""
    span = rig.span("span-1")
    ours = authority.issue("edge.example.org", days=3)
    with closing(Listener(rig, authority.issue("sip.example.org"), authority.root)) as provider:
        with_trunk(
            rig, address=f"{rig.address}:{provider.port}", transport="tls", tls_ca=authority.root,
            tls_name="sip.example.org", tls_certificate=ours.certificate, tls_key=ours.key,
        )  # fmt: skip
        with rig.front() as front:
            (noticed,) = rig.until(lambda: rig.switch.of(Noticed))
            assert isinstance(noticed.event, CertificateExpiring)
            assert (noticed.event.trunk, noticed.event.ours) == ("main", True)
            assert 2 < figure(front, 'edge_front_certificate_days_left{trunk="main",whose="ours"}') <= 3
            dial(rig)
            with closing((peer := provider.accept()).sock):
                shown = serial(peer)
                request = peer.request("INVITE")
                contact = NameAddr(Uri("sip", "bob", rig.address, provider.port))
                peer.send(answer(request, 200, tag="bob-tag", body=offer(rig.address, 5000), media="", contact=contact))
                span.send(within_span(span.response(200), "ACK"))
                assert peer.request("ACK")
                renewed = authority.issue("edge.example.org", days=60)
                Path(ours.certificate).write_text(Path(renewed.certificate).read_text())
                Path(ours.key).write_text(Path(renewed.key).read_text())
                front.send(Reload(str(write_site(rig.site, tmp_path / "reloaded.msgpack"))))
                left = 'edge_front_certificate_days_left{trunk="main",whose="ours"}'
                until(lambda: figure(front, left) > 59, 15, "the new certificate")
                dial(rig, "556")
                assert peer.request("INVITE").uri.user == "556", "the connection goes on"
                bye = within(request, "BYE", 1, "bob-tag")
                bye.from_, bye.to = request.to.with_tag("bob-tag"), request.from_
                bye.vias = [Via("TLS", rig.address, provider.port, (("branch", "z9hG4bKbye"), ("rport", None)))]
                peer.send(bye)
                span.send(answer(span.request("BYE"), 200, media=""))
                assert peer.response(200).method == "BYE", "and so does the call"
            dial(rig, "557")
            with closing((peer := provider.accept()).sock):
                assert peer.request("INVITE").uri.user == "557"
                assert serial(peer) != shown
            assert len(rig.switch.of(Noticed)) == 1


def test_stalled_handshakes_are_few_and_end(rig: Rig, authority: Authority) -> None:
    assert rig.tls is not None
    with rig.front() as front:
        stalled = [socket.create_connection(rig.tls.getsockname(), 10, (rig.address, 0)) for _ in range(9)]
        begun = time.monotonic()
        until(
            lambda: figure(front, 'edge_front_messages_dropped_total{reason="tls_limit"}') == 1,
            15,
            "the ninth is one too many",
        )
        for peer in stalled:
            peer.settimeout(15)
        closed = [peer.recv(1) for peer in stalled]
        assert closed == [b""] * 9
        assert time.monotonic() - begun > 4
        assert figure(front, handshakes("late")) == 8
        with closing(connected(rig, authority).sock):
            assert figure(front, handshakes("ok")) == 1
        garbage = socket.create_connection(rig.tls.getsockname(), 10, (rig.address, 0))
        garbage.settimeout(15)
        garbage.sendall(serialise(invite(rig)))
        while garbage.recv(100):
            pass
        assert figure(front, handshakes("failed")) == 1
        for peer in (*stalled, garbage):
            peer.close()
