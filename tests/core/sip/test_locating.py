"""Order of SRV records (RFC 2782), and what is looked up at all (RFC 3263)."""

import random
from collections import Counter

import pytest

from edge.core.sip.actions import Place
from edge.core.sip.locating import Service, in_order, service_name


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
