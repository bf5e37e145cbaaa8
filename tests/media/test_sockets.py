import fcntl
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from edge.media.sockets import BadAddressError, SocketPair, drain, usable
from edge.vocabulary.media import Address

Pair = tuple[socket.socket, socket.socket]


def udp(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as finder:
        finder.bind((address, 0))
        free = finder.getsockname()
    # Bound to a port by number, as the appliance's are: a port that the kernel chose would be given up by a disconnect.
    sock.bind(free)
    sock.setblocking(False)
    return sock


@pytest.fixture
def ours(address: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    with udp(address) as rtp, udp(address) as rtcp:
        yield rtp, rtcp


@pytest.fixture
def peers(address: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    with udp(address) as peer, udp(address) as stranger:
        yield peer, stranger


def address_of(sock: socket.socket) -> Address:
    return Address(*sock.getsockname())


def received(sock: socket.socket) -> list[bytes]:
    out = []
    while True:
        try:
            out.append(sock.recv(100))
        except BlockingIOError:
            return out


def test_only_the_connected_peer_is_heard_and_what_came_before_is_gone(ours: Pair, peers: Pair) -> None:
    (rtp, rtcp), (peer, stranger) = ours, peers
    stranger.sendto(b"early", rtp.getsockname())
    stranger.sendto(b"early", rtcp.getsockname())
    SocketPair(rtp.fileno(), rtcp.fileno()).connect(address_of(peer), address_of(peer))
    stranger.sendto(b"late", rtp.getsockname())
    peer.sendto(b"peer", rtp.getsockname())
    assert received(rtp) == [b"peer"]
    assert received(rtcp) == []


def test_a_disconnected_pair_keeps_its_port_and_hears_anybody(ours: Pair, peers: Pair) -> None:
    (rtp, rtcp), (peer, stranger) = ours, peers
    before = rtp.getsockname()
    pair = SocketPair(rtp.fileno(), rtcp.fileno())
    pair.connect(address_of(peer), address_of(peer))
    pair.disconnect()
    assert rtp.getsockname() == before
    stranger.sendto(b"x", before)
    assert received(rtp) == [b"x"]
    with pytest.raises(OSError, match="Destination address required"):
        rtp.send(b"y")


def test_a_pair_can_be_connected_to_another_peer(ours: Pair, peers: Pair) -> None:
    (rtp, rtcp), (peer, other) = ours, peers
    pair = SocketPair(rtp.fileno(), rtcp.fileno())
    pair.connect(address_of(peer), address_of(peer))
    pair.connect(address_of(other), address_of(other))
    peer.sendto(b"old", rtp.getsockname())
    other.sendto(b"new", rtp.getsockname())
    assert received(rtp) == [b"new"]


@pytest.mark.parametrize(
    "bad",
    [
        Address("no.such.host", 4000),
        Address("224.0.0.1", 4000),
        Address("127.0.0.1", 70000),
        Address("127.0.0.1", -1),
        Address("::1", 4000),
        Address("", 4000),
    ],
)
def test_an_address_that_cannot_be_used_is_an_error_and_leaves_the_pair_disconnected(
    ours: Pair, peers: Pair, bad: Address
) -> None:
    rtp, rtcp = ours
    pair = SocketPair(rtp.fileno(), rtcp.fileno())
    with pytest.raises(BadAddressError):
        pair.connect(address_of(peers[0]), bad)
    with pytest.raises(OSError, match="Destination address required"):
        rtp.send(b"y")


def test_drain_is_bounded_and_goes_on_behind_an_icmp_error(ours: Pair, peers: Pair) -> None:
    (rtp, rtcp), (peer, _) = ours, peers
    with udp(rtp.getsockname()[0]) as gone:
        nobody = address_of(gone)
    pair = SocketPair(rtp.fileno(), rtcp.fileno())
    pair.connect(nobody, nobody)
    rtp.send(b"refused")
    pair.connect(address_of(peer), address_of(peer))
    for _ in range(3):
        peer.sendto(b"x", rtp.getsockname())
    assert drain(rtp) >= 3
    assert received(rtp) == []


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [("0.0.0.0", 4000, False), ("127.0.0.1", 0, False), ("::", 4000, False), ("127.0.0.1", 4000, True), ("x", 1, True)],
)
def test_hold_addresses_are_not_usable(host: str, port: int, expected: bool) -> None:
    assert usable(Address(host, port)) is expected


def test_the_first_datagram_after_a_connect_is_stamped_already(ours: Pair, peers: Pair) -> None:
    (rtp, rtcp), (peer, _stranger) = ours, peers
    SocketPair(rtp.fileno(), rtcp.fileno()).connect(address_of(peer), address_of(peer))
    for sock in ours:
        peer.sendto(b"x", sock.getsockname())
        time.sleep(0.05)
        read = time.time()
        assert received(sock) == [b"x"]
        seconds, nanoseconds = struct.unpack("qq", fcntl.ioctl(sock.fileno(), 0x8907, bytes(16)))
        assert 0.05 <= read - (seconds + nanoseconds / 1e9) < 10
