"""Where targets are, by a real name server (dnsmasq), which may also be silent."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from edge.core.sip.actions import Place, Transport
from edge.front.names import Names, NoAnswerError, UnknownNameError
from edge.front.resolver import Resolver
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address
from tests.support.name_server import NameServer, name_server
from tests.support.waiting import until

RECORDS = (
    "--srv-host=_sip._udp.sip.test,gw1.test,5070,10,60",
    "--srv-host=_sip._udp.sip.test,gw2.test,5071,20,0",
    "--srv-host=_sip._udp.sip.test,nowhere.test,5072,15,0",
    "--srv-host=_sips._tcp.sip.test,gw2.test,5061,10,0",
    "--srv-host=_sip._udp.closed.test",
    "--host-record=gw1.test,127.0.0.1,::1",
    "--host-record=gw2.test,127.0.0.2",
    "--host-record=plain.test,127.0.0.3",
    "--cname=alias.test,plain.test",
    "--naptr-record=pointed.test,20,10,s,SIP+D2U,,_sip._udp.sip.test",
    "--naptr-record=pointed.test,10,60,s,SIP+D2S,,_sip._sctp.sip.test",
    "--naptr-record=pointed.test,10,50,s,SIP+D2T,!^.*$!sip:x@y!",
    "--naptr-record=pointed.test,10,70,s,SIPS+D2T,,_sips._tcp.sip.test",
    "--naptr-record=foreign.test,10,50,s,E2U+email,,_x._tcp.sip.test",
    "--host-record=foreign.test,127.0.0.3",
    "--naptr-record=dead-end.test,10,50,s,SIPS+D2T,,_sips._tcp.nowhere.test",
    "--host-record=dead-end.test,127.0.0.3",
    "--host-record=pointed.test,127.0.0.9",
    "--srv-host=_sip._tcp.only-tcp.test,plain.test,5080,10,0",
)


@pytest.fixture
def server(address: str) -> Iterator[NameServer]:
    with name_server(address, *RECORDS) as running:
        yield running


def names_of(server: NameServer, *, ipv6: bool = False) -> Names:
    return Names([Address(server.host, server.port)], families=[socket.AF_INET6 if ipv6 else socket.AF_INET])


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (Place("sip.test", 0, "udp"), [Address("127.0.0.1", 5070), Address("127.0.0.2", 5071)]),
        (Place("sip.test", 0, "tls"), [Address("127.0.0.2", 5061)]),
        (Place("plain.test", 0, "udp"), [Address("127.0.0.3", 5060)]),
        (Place("plain.test", 0, "tls"), [Address("127.0.0.3", 5061)]),
        (Place("plain.test", 5090, "tcp"), [Address("127.0.0.3", 5090)]),
        (Place("alias.test", 0, "udp"), [Address("127.0.0.3", 5060)]),
        (Place("192.0.2.7", 0, "tls"), [Address("192.0.2.7", 5061)]),
    ],
)
def test_places(server: NameServer, place: Place, found: list[Address]) -> None:
    assert names_of(server).look_up(place)[0] == found


def test_the_family_is_that_of_our_own_address(server: NameServer) -> None:
    assert names_of(server, ipv6=True).look_up(Place("gw1.test", 5070, "udp"))[0] == [Address("::1", 5070)]
    with pytest.raises(UnknownNameError):
        names_of(server, ipv6=True).look_up(Place("plain.test", 5070, "udp"))


@pytest.mark.parametrize(
    ("host", "transport", "found"),
    [
        ("pointed.test", "tls", [Address("127.0.0.2", 5061)]),
        ("sip.test", "udp", [Address("127.0.0.1", 5070), Address("127.0.0.2", 5071)]),
        ("only-tcp.test", "tcp", [Address("127.0.0.3", 5080)]),
        ("plain.test", "udp", [Address("127.0.0.3", 5060)]),
        ("foreign.test", "udp", [Address("127.0.0.3", 5060)]),
    ],
    ids=["naptr", "srv-of-udp", "srv-of-tcp", "address", "naptr-of-what-we-do-not-speak"],
)
def test_the_domain_says_what_is_spoken(
    server: NameServer, host: str, transport: Transport, found: list[Address]
) -> None:
    known = names_of(server).look_up(Place(host, 0, "udp", any_transport=True))
    assert (known.transport, known.addresses) == (transport, found)


def test_what_is_stated_is_not_asked_for(server: NameServer) -> None:
    for place in (Place("pointed.test", 5090, "udp", any_transport=True), Place("192.0.2.7", 0, "udp", True)):
        assert names_of(server).look_up(place).transport == "udp"
    with pytest.raises(UnknownNameError):  # and TLS is not left for something else when its records lead nowhere
        names_of(server).look_up(Place("dead-end.test", 0, "udp", any_transport=True))


@pytest.mark.parametrize("host", ["missing.test", "closed.test"])
def test_what_is_not_there_is_told_from_silence(server: NameServer, host: str, address: str) -> None:
    with pytest.raises(UnknownNameError):
        names_of(server).look_up(Place(host, 0, "udp"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((address, 0))
        with pytest.raises(NoAnswerError):
            Names([Address(*silent.getsockname())]).look_up(Place(host, 0, "udp"))


class Asked:
    """A resolver in a loop of its own."""

    def __init__(self, names: Names) -> None:
        self.pump = Pump("test")
        self.resolver = Resolver(self.pump, names)
        self.answers: list[tuple[tuple[Address, ...], ...]] = []
        self.transports: list[tuple[Transport, ...]] = []
        self._thread = threading.Thread(target=self.pump.run, daemon=True)
        self._thread.start()

    def ask(self, *places: Place) -> tuple[tuple[Address, ...], ...]:
        before = len(self.answers)
        self.pump.post(lambda: self.resolver.look_up(places, self._told))
        until(lambda: len(self.answers) > before, 10, "an answer")
        return self.answers[-1]

    def idle(self) -> None:
        """Wait until no question is under way: who asks the same again meanwhile shares its answer."""
        until(lambda: not any(thread.name == "resolver" for thread in threading.enumerate()), 10, "all questions' ends")

    def _told(self, addresses: tuple[tuple[Address, ...], ...], transports: tuple[Transport, ...]) -> None:
        self.answers.append(addresses)
        self.transports.append(transports)

    def close(self) -> None:
        self.pump.post(self.pump.stop)
        self._thread.join(10)


def test_the_last_good_answer_bridges_a_server_that_is_away_but_not_one_that_denies(
    server: NameServer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.front.names._LEAST_S", 0)  # asked each time, so that it is seen to be away
    place, other = Place("sip.test", 0, "udp"), Place("plain.test", 0, "udp")
    asked = Asked(names_of(server))
    good = ((Address("127.0.0.1", 5070), Address("127.0.0.2", 5071)), (Address("127.0.0.3", 5060),))
    assert asked.ask(place, other) == good
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((address, 0))
        asked.resolver.names = Names([Address(*silent.getsockname())])
        assert asked.ask(place, Place("never.test", 0, "udp"), other) == (good[0], (), good[1])
        asked.idle()
    with name_server(address) as empty:
        asked.resolver.names = names_of(empty)
        assert asked.ask(other) == ((),)
        asked.resolver.names = Names([Address(address, 9)])
        assert asked.ask(other) == ((),), "what was denied is forgotten"
    asked.close()


def test_answers_are_used_again_and_repeats_share_a_question(server: NameServer) -> None:
    asked = Asked(names_of(server))
    place = Place("plain.test", 0, "udp")
    for _ in range(40):
        asked.pump.post(lambda: asked.resolver.look_up((place,), asked._told))
    until(lambda: len(asked.answers) == 40, 10, "all answers")
    assert set(asked.answers) == {((Address("127.0.0.3", 5060),),)}
    server.process.terminate()
    server.process.wait(10)
    assert asked.ask(place) == ((Address("127.0.0.3", 5060),),), "nobody was asked"
    asked.close()


def test_what_is_spoken_is_remembered_with_the_addresses(server: NameServer) -> None:
    asked = Asked(names_of(server))
    pointed, plain = Place("pointed.test", 0, "udp", any_transport=True), Place("plain.test", 0, "tcp")
    asked.ask(pointed, plain)
    server.process.terminate()
    server.process.wait(10)
    asked.ask(pointed, plain, Place("never.test", 0, "tcp"))
    assert asked.transports == [("tls", "tcp"), ("tls", "tcp", "tcp")]
    asked.close()


def test_both_families_in_the_order_that_is_wanted(server: NameServer) -> None:
    where = [Address(server.host, server.port)]
    four, six = [Address("127.0.0.1", 5070)], [Address("::1", 5070)]
    place = Place("gw1.test", 5070, "udp")
    assert Names(where, families=[socket.AF_INET, socket.AF_INET6]).look_up(place).addresses == four + six
    assert Names(where, families=[socket.AF_INET6, socket.AF_INET]).look_up(place).addresses == six + four
    assert Names(where, families=[socket.AF_INET6, socket.AF_INET]).look_up(
        Place("plain.test", 1, "udp")
    ).addresses == [Address("127.0.0.3", 1)]


def test_a_server_that_never_answers_to_aaaa_costs_no_call(address: str) -> None:
    """As some home routers are."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        threading.Thread(target=_answer_a_only, args=(sock,), daemon=True).start()
        names = Names([Address(*sock.getsockname())], families=[socket.AF_INET6, socket.AF_INET])
        assert names.look_up(Place("gw.test", 5060, "udp")).addresses == [Address("127.0.0.7", 5060)]


def _answer_a_only(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            data, source = sock.recvfrom(4096)
            query = dns.message.from_wire(data)
            if query.question[0].rdtype == dns.rdatatype.A:
                reply = dns.message.make_response(query)
                reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "127.0.0.7"))
                sock.sendto(reply.to_wire(), source)
