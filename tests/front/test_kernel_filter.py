"""The source filter in the kernel's hands."""

import ipaddress
import random
import socket

from edge.core.sip.source_filter import program
from edge.front import kernel_filter
from tests.core.sip.test_source_filter import nets


def received(sock: socket.socket) -> list[bytes]:
    found = []
    sock.settimeout(0.05)
    try:
        while True:
            found.append(sock.recv(100))
    except TimeoutError:
        return found


def test_the_kernel_keeps_strangers_out(address: str) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as friend,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        sock.bind((address, 0))
        friend.bind((address, 0))
        stranger.bind(("127.1.2.3", 0))

        def both() -> list[bytes]:
            friend.sendto(b"friend", sock.getsockname())
            stranger.sendto(b"stranger", sock.getsockname())
            return received(sock)

        assert both() == [b"friend", b"stranger"]
        dropped = kernel_filter.drops(sock)
        made = program(nets(address, "10.0.0.0/8"), sample=0)
        assert made is not None
        assert kernel_filter.attach(sock, made.instructions) == ""
        assert both() == [b"friend"]
        assert kernel_filter.drops(sock) - dropped == 1
        made = program(nets("127.0.0.0/8"), [address], sample=0)
        assert made is not None
        assert kernel_filter.attach(sock, made.instructions) == ""
        assert both() == [b"stranger"]
        made = program([], sample=2)
        assert made is not None
        assert kernel_filter.attach(sock, made.instructions) == ""
        assert 50 < _sampled(stranger, sock, 200) < 150
        kernel_filter.detach(sock)
        kernel_filter.detach(sock)
        assert both() == [b"friend", b"stranger"]


def _sampled(stranger: socket.socket, sock: socket.socket, count: int) -> int:
    for _ in range(count):
        stranger.sendto(b"?", sock.getsockname())
    return len(received(sock))


def test_the_longest_program_fits(address: str) -> None:
    dice = random.Random(22)
    hosts = {str(ipaddress.IPv4Address(dice.getrandbits(32))) for _ in range(3000)}
    made = program(nets(*hosts, address))
    assert made is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        for _ in range(3):
            assert kernel_filter.attach(sock, made.instructions) == ""
        sock.sendto(b"own", sock.getsockname())
        assert received(sock) == [b"own"]


def test_a_program_that_the_kernel_refuses_leaves_none(address: str) -> None:
    made = program(nets("10.0.0.1"), sample=0)
    assert made is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        assert kernel_filter.attach(sock, made.instructions) == ""
        assert "instructions" in kernel_filter.attach(sock, made.instructions[:-1])
        sock.sendto(b"own", sock.getsockname())
        assert received(sock) == [b"own"], "with no filter everything passes, and the core looks at sources itself"


def test_the_kernel_reads_ipv6_as_we_do() -> None:
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer,
    ):
        sock.bind(("::1", 0))
        for allowed, denied, passed in (
            (["::1", "10.0.0.1"], [], True),
            (["::/64"], [], True),
            (["2001:db8::/32", "::/1"], ["::1"], False),
            (["2001:db8::/32", "0.0.0.0/0"], [], False),
            (["2001:db8::/32", "::1"], ["fe80::1%lo"], True),
        ):
            made = program(nets(*allowed), denied, sample=0)
            assert made is not None
            assert kernel_filter.attach(sock, made.instructions) == ""
            peer.sendto(b"?", sock.getsockname())
            assert received(sock) == [b"?"] * passed, allowed
