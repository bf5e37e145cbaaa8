"""SIP messages on their way to a capture server: Kamailio's, and one that shows what was blotted out."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.site import Sip, Site
from edge.front.hep import HepExport
from edge.metrics.front import FrontMetrics
from edge.runtime.sip_trace import Traced
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.supervision import Reload, Scrape, Scraped
from tests.core.sip.world import SPAN_SDP, answer
from tests.front.rig import Rig
from tests.front.test_process import invite, within
from tests.support.addresses import address as own_address
from tests.support.capture import Captured, capture_server
from tests.support.child import write_site


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(address, tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_a_capture_server_reads_what_was_said(rig: Rig, tmp_path: Path) -> None:
    span = rig.span("span-1")
    peer, own = rig.peer.port, rig.udp.getsockname()[1]
    with own_address() as at, capture_server(at, tmp_path / "capture") as server, rig.front() as front:
        # Switched on in operation, as for a fault that is being looked for.
        rig.site = replace(rig.site, sip=replace(rig.site.sip, hep=at, hep_id=7))
        front.send(Reload(str(write_site(rig.site, tmp_path / "reloaded.msgpack"))))
        options = invite(rig, "call-0")
        options.method, options.body, options.content_type = "OPTIONS", b"", ""
        rig.peer.send(options)
        rig.peer.response(200)
        request = invite(rig)
        rig.peer.send(request)
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
        rig.peer.response(200)
        rig.peer.send(within(request, "ACK", 1))
        span.request("ACK")
        rig.until(lambda: len(server.captured()) == 5, f"five messages: {server.captured()}")
        theirs, ours = (rig.address, peer, "udp"), (rig.address, own, "udp")
        assert sorted(server.captured()) == sorted([
            Captured(*theirs, "OPTIONS", "call-0"), Captured(*ours, "200", "call-0"),
            Captured(*theirs, "INVITE", "call-1"), Captured(*ours, "200", "call-1"), Captured(*theirs, "ACK", "call-1"),
        ])  # fmt: skip
        front.send(Scrape(1))
        assert 'edge_front_hep_messages_total{result="sent"} 5.0' in front.next(Scraped).text


def test_credentials_never_leave(rig: Rig) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((rig.address, 0))
        server.settimeout(15)
        rig.site = replace(rig.site, sip=replace(rig.site.sip, hep=f"{rig.address}:{server.getsockname()[1]}"))
        with rig.front():
            options = invite(rig)
            options.method, options.body, options.content_type = "OPTIONS", b"", ""
            options.extras["Authorization"] = 'Digest username="4930", response="0123456789abcdef"'
            rig.peer.send(options)
            packets = [server.recv(65_536) for _ in range(2)]
    assert all(packet.startswith(b"HEP3") for packet in packets)
    received = next(packet for packet in packets if b"OPTIONS sip:" in packet)
    assert b"uthorization: Digest ...\r\n" in received
    assert not any(b"0123456789abcdef" in packet for packet in packets)


def test_what_cannot_leave_is_counted_and_nobody_waits(address: str) -> None:
    metrics = FrontMetrics()
    # The kernel refuses a broadcast that nobody has allowed.
    export = HepExport(Site(name="t", sip=Sip(hep="255.255.255.255:9")), metrics)
    ends = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
    export.send(Traced(LegId(""), 1, True, "udp", *ends, b"x"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 0))
        server.setblocking(False)
        export.use(Site(name="t", sip=Sip(hep=f"{address}:{server.getsockname()[1]}")))
        export.send(Traced(LegId(""), 1, True, "udp", *ends, b"x" * 70_000))
        for _ in range(2000):
            export.send(Traced(LegId(""), 1, True, "udp", *ends, b"x" * 1000))
        export.use(Site(name="t"))
        assert not export.on
        export.send(Traced(LegId(""), 1, True, "udp", *ends, b"x"))
    counted = {
        result: metrics.registry.get_sample_value("edge_front_hep_messages_total", {"result": result})
        for result in ("sent", "dropped")
    }
    assert counted == {"sent": 2000.0, "dropped": 2.0}
