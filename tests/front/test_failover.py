"""Calls over a provider with several addresses (Kamailio): which are switched off, refuse, or say nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.trunk_settings import GroupMember, Trunk, TrunkGroup
from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.supervision import Scrape, Scraped
from tests.core.sip.world import answer, offer
from tests.front.rig import Rig, Wire
from tests.front.test_process import within_span
from tests.front.test_tls import dial
from tests.support.addresses import address as loopback_address
from tests.support.certificates import Authority
from tests.support.gateway import SILENT, TRYING_ONLY, Gateway, gateway
from tests.support.name_server import name_server


class Provider:
    """Two gateways with one callee behind both."""

    def __init__(self, rig: Rig, folder: Path, authority: Authority) -> None:
        self.rig = rig
        self._stack = ExitStack()
        enter = self._stack.enter_context
        hosts = [enter(loopback_address()) for _ in range(2)]
        self.phone = Wire(enter(loopback_address()), ("127.0.0.1", 9))
        at = f"{self.phone.host}:{self.phone.port}"
        pair = authority.issue(*hosts)
        self.first, self.second = [enter(gateway(host, folder, at, tls=pair)) for host in hosts]

    def answered(self) -> str:
        """Take the call at the callee; returns the host that it came through."""
        data, source = self.phone.sock.recvfrom(65_535)
        request = parse(data)
        assert isinstance(request, Request)
        assert request.method == "INVITE"
        contact = NameAddr(Uri("sip", "bob", self.phone.host, self.phone.port))
        ok = answer(request, 200, tag="bob", body=offer(self.phone.host, 5000), media="", contact=contact)
        ok.record_routes = request.record_routes
        self.phone.to = source
        self.phone.send(ok)
        return source[0]

    def quiet(self) -> bool:
        """Whether no further INVITE comes."""
        self.phone.sock.settimeout(1)
        try:
            while True:
                message = parse(self.phone.sock.recv(65_535))
                if isinstance(message, Request) and message.method == "INVITE":
                    return False
        except TimeoutError:
            return True

    def close(self) -> None:
        self.phone.sock.close()
        self._stack.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(address, tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def provider(rig: Rig, tmp_path: Path, authority: Authority) -> Iterator[Provider]:
    made = Provider(rig, tmp_path, authority)
    try:
        yield made
    finally:
        made.close()


def with_trunk(rig: Rig, *gateways: Gateway, **settings: object) -> None:
    hosts = [one.host for one in gateways]
    chosen: dict[str, object] = {"address": hosts[0], "addresses": hosts[1:], "invite_timeout_ms": 2_000} | settings
    trunk = Trunk(name="main", sources=hosts, **chosen)  # type: ignore[arg-type]
    rig.site = replace(rig.site, trunks=[trunk])


def talk(provider: Provider, trunk: str = "main", number: str = "555") -> str:
    """Dial, answer and acknowledge; returns the gateway's host."""
    span = next(iter(provider.rig.spans.values()))
    dial(provider.rig, number, trunk)
    through = provider.answered()
    span.send(within_span(span.response(200), "ACK"))
    assert provider.phone.request("ACK")
    return through


def test_one_after_the_other(rig: Rig, provider: Provider) -> None:
    rig.span("span-1")
    with_trunk(rig, provider.first, provider.second)
    with rig.front() as front:
        assert talk(provider) == provider.first.host
        provider.first.mode(503)
        assert talk(provider, number="556") == provider.second.host
        assert provider.quiet()
        front.send(Scrape(1))
        assert 'edge_front_failovers_total{reason="refused"} 1.0' in front.next(Scraped).text


@pytest.mark.parametrize("how", ["off", "silent"])
def test_an_address_that_says_nothing(rig: Rig, provider: Provider, how: str) -> None:
    rig.span("span-1")
    with_trunk(rig, provider.first, provider.second)
    with rig.front():
        if how == "off":
            provider.first.stop()
        else:
            provider.first.mode(SILENT)
        assert talk(provider) == provider.second.host
        assert talk(provider, number="556") == provider.second.host, "at once: the first one is tried last now"
        assert provider.quiet()


def test_an_address_that_is_off_by_tcp(rig: Rig, provider: Provider) -> None:
    rig.span("span-1")
    with_trunk(rig, provider.first, provider.second, transport="tcp", invite_timeout_ms=32_000)
    with rig.front():
        assert talk(provider) == provider.first.host
        provider.first.stop()
        assert talk(provider, number="556") == provider.second.host, "without a wait for timer B"


def test_one_that_is_trying_is_not_left_until_it_has_confirmed_the_cancel(rig: Rig, provider: Provider) -> None:
    """RFC 3263 section 4.3: 100 was heard, so it may ring; `ring_timeout` cancels it, and 487 lets the call go on."""
    rig.span("span-1")
    with_trunk(rig, provider.first)
    other = Trunk(name="other", sources=[provider.second.host], address=provider.second.host)
    members = [GroupMember(trunk="main"), GroupMember(trunk="other", priority=2)]
    group = TrunkGroup(name="all", members=members, ring_timeout_ms=1_000)
    rig.site = replace(rig.site, trunks=[*rig.site.trunks, other], trunk_groups=[group])
    provider.first.mode(TRYING_ONLY)
    with rig.front():
        assert talk(provider, "all") == provider.second.host
        assert provider.quiet()


def test_a_group_and_what_the_last_one_says(rig: Rig, provider: Provider) -> None:
    span = rig.span("span-1")
    with_trunk(rig, provider.first)
    other = Trunk(name="other", sources=[provider.second.host], address=provider.second.host)
    members = [GroupMember(trunk="main"), GroupMember(trunk="other", priority=2)]
    rig.site = replace(
        rig.site, trunks=[*rig.site.trunks, other], trunk_groups=[TrunkGroup(name="all", members=members)]
    )
    provider.first.mode(500)
    with rig.front() as front:
        assert talk(provider, "all") == provider.second.host
        provider.second.mode(486)
        dial(rig, "556", "all")
        assert span.response(486)
        front.send(Scrape(1))
        text = front.next(Scraped).text
        assert 'trunk_seizures_total{direction="out",result="ineffective",trunk="main"} 2.0' in text


def test_by_tls_and_srv(rig: Rig, provider: Provider, authority: Authority) -> None:
    """The name is a domain's; SRV records name the servers, and certificates must be for the domain (RFC 5922)."""
    span = rig.span("span-1")
    records = [
        "--srv-host=_sips._tcp.sip.test,gw1.test,5061,10,0",
        "--srv-host=_sips._tcp.sip.test,gw2.test,5061,20,0",
        f"--host-record=gw1.test,{provider.first.host}",
        f"--host-record=gw2.test,{provider.second.host}",
    ]
    with loopback_address() as dns_at, name_server(dns_at, *records) as server:
        rig.site = replace(rig.site, sip=replace(rig.site.sip, nameservers=[server.address]))
        settings = {"address": "sip.test", "transport": "tls", "tls_ca": authority.root}
        with_trunk(rig, provider.first, provider.second, addresses=[], tls_name=provider.first.host, **settings)
        with rig.front():
            assert talk(provider) == provider.first.host
            provider.first.stop()
            assert talk(provider, number="556") == provider.second.host
        with_trunk(rig, provider.first, provider.second, addresses=[], **settings)
        with rig.front():
            dial(rig, "557")
            assert isinstance(span.response(503), Response), "the certificate is not for sip.test"
