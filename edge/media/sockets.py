"""A slot's RTP and RTCP sockets: who may send to them is set in the kernel by connect().

The descriptors belong to the supervisor and are shared with the engine's thread; nothing here closes them.
"""

import contextlib
import ctypes
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

from edge.vocabulary.media import Address, RemoteMedia

#: Queued datagrams that are thrown away at most when a peer is connected; more than any socket buffer holds.
DRAIN_LIMIT = 4096

_libc = ctypes.CDLL(None, use_errno=True)
#: struct timespec (CLOCK_REALTIME) of the datagram that was read last.
_SIOCGSTAMPNS = 0x8907
_UNSPECIFIED = bytes(16)  # struct sockaddr with sa_family AF_UNSPEC: connect(2), "dissolve the association"


class BadAddressError(Exception):
    """The negotiated address cannot be sent to."""


class SocketPair:
    """RTP and RTCP socket of one slot."""

    def __init__(self, rtp_fd: int, rtcp_fd: int) -> None:
        self.rtp_fd = rtp_fd
        self.rtcp_fd = rtcp_fd

    def connect(self, rtp: Address, rtcp: Address) -> None:
        """Accept datagrams of these two addresses only, and throw away what strangers sent before.

        Raises `BadAddressError`, with both sockets disconnected, when one cannot be reached.
        """
        try:
            for fd, address in ((self.rtp_fd, rtp), (self.rtcp_fd, rtcp)):
                with _borrowed(fd) as sock:
                    _connect(sock, address)
                    # After connect(): from then on nothing of others can be queued any more.
                    drain(sock)
                stamp(fd)
        except (OSError, ValueError, OverflowError) as error:
            self.disconnect()
            raise BadAddressError(f"{rtp}, {rtcp}: {error}") from error

    def open_to_all(self) -> None:
        """Accept datagrams of everybody, for the engine to learn the peer from; what came before is thrown away."""
        self.disconnect()
        for fd in (self.rtp_fd, self.rtcp_fd):
            with _borrowed(fd) as sock:
                drain(sock)
            stamp(fd)

    def disconnect(self) -> None:
        """Go back to the state before `connect`; the sockets were bound to a port by number, so they keep it."""
        for fd in (self.rtp_fd, self.rtcp_fd):
            _libc.connect(fd, _UNSPECIFIED, len(_UNSPECIFIED))


class SlotSockets:
    """A slot's sockets of the families that there are, at the same ports; a leg uses those of its peer's family."""

    def __init__(self, first: SocketPair, six: SocketPair | None = None) -> None:
        """Take the pair of the site's first address and, where it has an IPv6 one beside it, that of the other."""
        self._first = first
        self._six = six

    def towards(self, remote: RemoteMedia | None) -> SocketPair:
        """Return the pair for this peer; as long as none is known, the first one, which nothing comes through then."""
        six = self._six is not None and remote is not None and ":" in remote.rtp.host
        return self._six if six and self._six is not None else self._first

    def disconnect(self) -> None:
        """Let go of the peer."""
        self._first.disconnect()
        if self._six is not None:
            self._six.disconnect()


def usable(address: Address) -> bool:
    """Whether there is somebody to send to: not 0.0.0.0 (RFC 3264 section 8.4, old-style hold) and not port 0."""
    try:
        return address.port != 0 and not ipaddress.ip_address(address.host).is_unspecified
    except ValueError:
        return True  # for connect() to refuse, with an error for the command


def pack_sockaddr(address: Address) -> list[int]:
    """Pack an address as a struct sockaddr of 32 bytes, in the words of a command. Raises `BadAddressError`."""
    try:
        host = _numeric(address)
        if host.version == 4:
            data = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s", address.port, host.packed)
        else:
            data = struct.pack("=H", socket.AF_INET6) + struct.pack(">HI16s", address.port, 0, host.packed)
    except ValueError as error:
        raise BadAddressError(f"{address}: {error}") from error
    return list(struct.unpack("<4q", data.ljust(32, b"\0")))


def unpack_sockaddr(data: bytes) -> Address | None:
    """Read a struct sockaddr; None when it is empty."""
    family = int.from_bytes(data[:2], sys.byteorder)
    port = int.from_bytes(data[2:4], "big")
    if family == socket.AF_INET:
        return Address(str(ipaddress.IPv4Address(data[4:8])), port)
    if family == socket.AF_INET6:
        return Address(str(ipaddress.IPv6Address(data[8:24])), port)
    return None


def stamp(fd: int) -> None:
    """Have the kernel note when datagrams arrive: it does from the first time on that it is asked."""
    _libc.ioctl(fd, _SIOCGSTAMPNS, ctypes.create_string_buffer(16))  # there is nothing to tell yet, so it fails


def drain(sock: socket.socket) -> int:
    """Read and drop what is queued, at most `DRAIN_LIMIT` datagrams; return how many."""
    count = 0
    while count < DRAIN_LIMIT:
        try:
            sock.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        except OSError:  # an ICMP error of the former peer; the queue goes on behind it
            pass
        count += 1
    return count


def _connect(sock: socket.socket, address: Address) -> None:
    sock.connect((str(_numeric(address)), address.port))


def _numeric(address: Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    host = ipaddress.ip_address(address.host)  # numbers only: a name would be looked up, and block
    if host.is_multicast or not 0 < address.port < 65536:
        raise ValueError("not a unicast address and port")
    return host


@contextlib.contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    sock = socket.socket(fileno=fd)
    try:
        yield sock
    finally:
        sock.detach()
