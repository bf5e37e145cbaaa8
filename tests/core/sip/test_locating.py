"""Order of SRV records (RFC 2782), and what is looked up at all (RFC 3263)."""

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Locate, Located, Place, Reserve, ToPeer
from edge.core.sip.locating import Pointer, Service, chosen, in_order, service_name
from edge.vocabulary.media import Address
from tests.core.sip.provider import REGISTERED, REGISTRAR, Provider, granted, say
from tests.core.sip.steps import LEG, span_invite
from tests.core.sip.world import World


def test_lower_priorities_first_and_weights_are_chances() -> None:
    dice = random.Random(5061)
    services = [Service(20, 0, 5060, "spare"), Service(10, 60, 5060, "big"), Service(10, 20, 5060, "small"),
                Service(10, 20, 5060, "other")]  # fmt: skip
    first: Counter[str] = Counter()
    for _ in range(10_000):
        order = [one.target for one in in_order(services, lambda most: dice.randint(0, most))]
        assert sorted(order) == ["big", "other", "small", "spare"]
        assert order[-1] == "spare"
        first[order[0]] += 1
    # The draw is from 0 to the sum, both included, so the first of a level has one chance in 101 more.
    assert [round(first[name] / 10_000, 1) for name in ("big", "small", "other")] == [0.6, 0.2, 0.2]


def test_weight_zero_has_a_small_chance_and_no_target_none() -> None:
    services = [Service(10, 100, 5060, "heavy"), Service(10, 0, 5060, "light"), Service(10, 5, 5060, "")]
    assert [one.target for one in in_order(services, lambda _: 0)] == ["light", "heavy"]
    assert [one.target for one in in_order(services, lambda most: most)] == ["heavy", "light"]
    assert in_order([], lambda _: 0) == []


@pytest.mark.parametrize(
    ("host", "port", "transport", "name"),
    [
        ("sip.example.org", 0, "udp", "_sip._udp.sip.example.org"),
        ("sip.example.org", 0, "tcp", "_sip._tcp.sip.example.org"),
        ("sip.example.org", 0, "tls", "_sips._tcp.sip.example.org"),
        ("sip.example.org", 5060, "udp", ""),
        ("192.0.2.1", 0, "udp", ""),
        ("[2001:db8::1]", 0, "tls", ""),
    ],
)
def test_a_port_or_an_address_is_not_asked_about(host: str, port: int, transport: str, name: str) -> None:
    assert service_name(Place(host, port, transport)) == name  # type: ignore[arg-type]


def pointer(order: int, preference: int, service: str, flags: str = "s", replacement: str = "x") -> Pointer:
    return Pointer(order, preference, flags, service, replacement or service)


@pytest.mark.parametrize(
    ("pointers", "found"),
    [
        ([], None),
        ([pointer(20, 1, "SIP+D2U"), pointer(10, 9, "SIP+D2T")], "tcp"),
        ([pointer(10, 9, "SIP+D2U"), pointer(10, 1, "sips+d2t")], "tls"),
        ([pointer(10, 1, "SIP+D2S"), pointer(10, 2, "SIP+D2U")], "udp"),
        ([pointer(10, 1, "SIP+D2T", "u"), pointer(10, 2, "SIP+D2U", "S")], "udp"),
        ([pointer(10, 1, "E2U+sip")], None),
    ],
)
def test_the_best_pointer_that_we_can_follow(pointers: list[Pointer], found: str | None) -> None:
    best = chosen(pointers)
    assert (best[0] if best is not None else None) == found


def test_a_call_goes_over_what_the_domain_says() -> None:
    world = World()
    (asked,) = [a for a in world.put(Reserve(LEG, "sip:bob@pbx.example", "", "100")) if isinstance(a, Locate)]
    assert asked.places == (Place("pbx.example", 0, "udp", any_transport=True),)
    world.put(Located(LEG, ((Address("203.0.113.20", 5061),),), ("tls",)))
    (flow,) = [a.flow for a in world.span(span_invite()) if isinstance(a, ToPeer)]
    assert (flow.transport, flow.address, flow.server) == ("tls", Address("203.0.113.20", 5061), "pbx.example")


def test_a_trunk_that_leaves_it_to_dns_is_registered_and_asked_over_what_the_domain_says() -> None:
    place = Place("sip.example", 0, "udp", any_transport=True)
    it = Provider(
        replace(
            REGISTERED, host="sip.example", any_port=True, any_transport=True, qualify_ms=30_000,
            registrar=replace(REGISTRAR, hops=(place,)),
        ),
        says=lambda request, data: granted(request, data) if request.method == "REGISTER" else say(request, 200),
    )  # fmt: skip
    it.names["sip.example"] = (Address("203.0.113.20", 5061),)
    it.transport = "tls"
    it.run(5_000)
    assert {(r.method, f.transport, r.vias[0].transport) for _, r, _, f in it.sent} == {
        ("REGISTER", "tls", "TLS"), ("OPTIONS", "tls", "TLS")
    }  # fmt: skip
    assert it.standing().registered
