"""The kernel's source filter as a program, run step by step."""

import ipaddress
import random

import pytest

from edge.core.sip.source_filter import LIMIT, Network, passes, program

RANDOM_HIGH, RANDOM_LOW = 2**32 - 1, 0


def nets(*texts: str) -> list[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def packet(source: str) -> bytes:
    address = ipaddress.ip_address(source)
    if address.version == 4:
        return bytes([0x45, *bytes(11)]) + address.packed + bytes(24)
    return bytes([0x60, *bytes(7)]) + address.packed + bytes(24)


def lets_in(allowed: list[Network], source: str, *, dice: int = RANDOM_HIGH, **more: object) -> bool:
    made = program(allowed, **more)  # type: ignore[arg-type]
    assert made is not None
    return passes(made.instructions, packet(source), dice)


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (["10.0.0.1"], ["10.0.0.1"], ["10.0.0.0", "10.0.0.2", "0.0.0.0", "255.255.255.255", "2001:db8::1"]),
        (["0.0.0.0/1"], ["0.0.0.0", "127.255.255.255"], ["128.0.0.0", "255.255.255.255"]),
        (["128.0.0.0/1"], ["128.0.0.0", "255.255.255.255"], ["127.255.255.255", "0.0.0.0"]),
        (["0.0.0.0/0"], ["0.0.0.0", "9.9.9.9", "255.255.255.255"], ["::1"]),
        (["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8"], ["10.0.0.0", "11.255.255.255"], ["9.255.255.255", "12.0.0.0"]),
        (["255.255.255.255", "0.0.0.0"], ["255.255.255.255", "0.0.0.0"], ["255.255.255.254", "0.0.0.1"]),
        (["2001:db8::/33"], ["2001:db8:7fff::1"], ["2001:db8:8000::", "2001:db9::", "32.1.13.184"]),
        (["2001:db8::5", "fe80::/10"], ["2001:db8::5", "febf::1"], ["2001:db8::4", "2001:db8:0:1::5", "fec0::"]),
        ([], [], ["0.0.0.0", "::", "10.0.0.1"]),
    ],
)
def test_who_is_let_in(allowed: list[str], inside: list[str], outside: list[str]) -> None:
    for source in inside:
        assert lets_in(nets(*allowed), source), source
    for source in outside:
        assert not lets_in(nets(*allowed), source), source


def test_random_lists_agree_with_the_networks() -> None:
    dice = random.Random(20)
    for _ in range(60):
        allowed: list[Network] = []
        for _ in range(dice.randint(0, 90)):
            allowed += nets(f"{ipaddress.IPv4Address(dice.getrandbits(32))}/{dice.choice([2, 9, 16, 24, 31, 32])}")
        made = program(allowed, sample=0)
        assert made is not None
        assert made.joined == 0
        edges = [int(n[side]) for n in allowed for side in (0, -1)] or [0]
        for value in [dice.getrandbits(32) for _ in range(50)] + [
            dice.choice(edges) + dice.randint(-1, 1) for _ in range(50)
        ]:
            address = ipaddress.IPv4Address(min(max(value, 0), 2**32 - 1))
            assert passes(made.instructions, packet(str(address))) == any(address in n for n in allowed), address


def test_of_strangers_one_in_so_many_passes() -> None:
    allowed = nets("10.0.0.1")
    assert lets_in(allowed, "10.0.0.2", dice=RANDOM_LOW)
    assert lets_in(allowed, "10.0.0.2", dice=2**32 // 32 - 1)
    assert not lets_in(allowed, "10.0.0.2", dice=2**32 // 32)
    assert not lets_in(allowed, "10.0.0.2", dice=RANDOM_LOW, sample=0)
    assert lets_in(allowed, "10.0.0.2", sample=1)
    assert lets_in(allowed, "2001:db8::1", dice=RANDOM_LOW)


def test_who_is_kept_out_of_a_network_that_is_let_in() -> None:
    allowed, denied = nets("0.0.0.0/0", "::/0"), ["10.0.0.7", "2001:db8::7"]
    for source in ("10.0.0.6", "10.0.0.8", "2001:db8::8"):
        assert lets_in(allowed, source, denied=denied)
    for source in denied:
        assert not lets_in(allowed, source, dice=RANDOM_LOW, denied=denied)


def test_a_list_that_is_too_long_lets_in_more_never_less() -> None:
    dice = random.Random(21)
    hosts = sorted({dice.getrandbits(32) for _ in range(3000)})
    made = program(nets(*[str(ipaddress.IPv4Address(host)) for host in hosts]), sample=0)
    assert made is not None
    assert made.joined > 0
    assert len(made.instructions) <= LIMIT
    assert all(passes(made.instructions, packet(str(ipaddress.IPv4Address(host)))) for host in hosts)
    others = [dice.getrandbits(32) for _ in range(2000)]
    outside = [host for host in others if not passes(made.instructions, packet(str(ipaddress.IPv4Address(host))))]
    assert len(outside) > 200


def test_more_than_a_program_can_say_is_none() -> None:
    assert program(nets(*[f"2001:db8:{i:x}::/48" for i in range(0, 200, 2)])) is None
    assert program(nets("0.0.0.0/0"), denied=[f"10.0.{i // 256}.{i % 256}" for i in range(100)]) is None
