"""Everything that outlives its user: listeners, media sockets, shared memory, all opened by the supervisor."""

import contextlib
import errno
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from edge.app.holder import holder_of
from edge.config.site import Site

#: sun_path of unix(7) less its final zero.
MAX_UNIX_PATH = 107
#: Datagrams wait in the SIP socket while front is restarted.
SIP_BUFFER = 4 * 1024 * 1024
#: SO_RCVBUFFORCE of asm-generic/socket.h, which the socket module does not name: as root, beyond rmem_max.
_SO_RCVBUFFORCE = 33
#: Spans all connect at once after a restart of switch.
LINK_BACKLOG = 1024
TCP_BACKLOG = 128


class CannotOpenError(Exception):
    """Something could not be opened; the text is for the operator. `passes`: it may be there in a moment."""

    def __init__(self, text: str, *, passes: bool = False) -> None:
        super().__init__(text)
        self.passes = passes


@dataclass
class Sockets:
    """Descriptors by name, as children get them, and where their listeners can be found."""

    fds: dict[str, list[int]] = field(default_factory=dict)
    inner_port: int = 0
    sip_port: int = 0
    http_port: int = 0
    link_path: str = ""
    _open: list[socket.socket] = field(default_factory=list)
    _memories: list[int] = field(default_factory=list)

    def first(self, name: str) -> socket.socket:
        """Return the first socket of `name`, as the supervisor holds it."""
        number = self.fds[name][0]
        return next(sock for sock in self._open if sock.fileno() == number)

    def keep(self, name: str, sock: socket.socket) -> socket.socket:
        """Hold `sock` open under `name`."""
        self._open.append(sock)
        self.fds.setdefault(name, []).append(sock.fileno())
        return sock

    def share(self, name: str, memory: int) -> None:
        """Hold the memfd `memory` under `name`, behind those that are there."""
        self._memories.append(memory)
        self.fds.setdefault(name, []).append(memory)

    def close(self) -> None:
        """Close everything."""
        for sock in self._open:
            sock.close()
        for fd in self._memories:
            os.close(fd)
        self._memories.clear()
        self._open.clear()
        self.fds.clear()


def bound(kind: str, host: str, port: int, what: str) -> socket.socket:
    """Open `kind` ("udp", "tcp") `host:port`; `what` it is for. Raises CannotOpenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        # Or `::` would take IPv4 peers under names that no trunk lists.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind == "tcp":
        # A restart must not wait for TIME_WAIT. For UDP the option would let a stranger share our port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        if kind == "tcp":
            sock.listen(TCP_BACKLOG)
    except OSError as error:
        sock.close()
        # An interface that is not up yet, a predecessor that has not ended.
        passes = error.errno in {errno.EADDRNOTAVAIL, errno.EADDRINUSE}
        raise CannotOpenError(_explain(error, kind, host, port, what), passes=passes) from error
    sock.setblocking(False)
    return sock


def _explain(error: OSError, kind: str, host: str, port: int, what: str) -> str:
    place = f"{what}: {kind} {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(kind, host, port) or "another process (run as root to see which)"
        return f"{place} is in use by {holder}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{place}: this machine has no such address"
    if error.errno == errno.EACCES:
        return f"{place}: not permitted (ports below 1024 need CAP_NET_BIND_SERVICE)"
    return f"{place}: {error.strerror}"


def unix_listener(path: str, kind: socket.SocketKind, backlog: int) -> socket.socket:
    """Listen at `path`, mode 0600, replacing a socket that a former run left. Raises CannotOpenError."""
    if len(os.fsencode(path)) > MAX_UNIX_PATH:
        raise CannotOpenError(f"{path}: a unix socket's path has at most {MAX_UNIX_PATH} bytes; set paths.run shorter")
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        before = os.umask(0o177)  # the mode must be right from the first moment on
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise CannotOpenError(f"{path}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


def _memory(name: str, size: int) -> int:
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd


def open_all(site: Site, sizes: dict[str, int], run_dir: Path) -> Sockets:
    """Open what all processes of `site` need; `sizes` of the shared memories by name. Raises CannotOpenError."""
    sockets = Sockets()
    try:
        _open_front(site, sockets)
        _open_media(site, sockets)
        listener = sockets.keep("http_listener", bound("tcp", site.http.address, site.http.port, "HTTP"))
        sockets.http_port = listener.getsockname()[1]
        sockets.link_path = str(run_dir / "link.sock")
        sockets.keep("link_listener", unix_listener(sockets.link_path, socket.SOCK_SEQPACKET, LINK_BACKLOG))
        for name, size in sizes.items():
            for _ in range(site.media.engines if name == "media_state" else 1):
                sockets.share(name, _memory(name, size))
    except CannotOpenError:
        sockets.close()
        raise
    except OSError as error:
        sockets.close()
        raise CannotOpenError(f"cannot open sockets: {error.strerror}") from error
    return sockets


def _open_front(site: Site, sockets: Sockets) -> None:
    datagrams = []
    for host in (site.sip.address, *([site.sip.address6] if site.sip.address6 else [])):
        udp = sockets.keep("sip_udp", bound("udp", host, sockets.sip_port or site.sip.port, "SIP"))
        sockets.sip_port = udp.getsockname()[1]
        datagrams.append(udp)
        sockets.keep("sip_tcp", bound("tcp", host, sockets.sip_port, "SIP"))
        if site.sip.certificate:
            sockets.keep("sip_tls", bound("tcp", host, site.sip.tls_port, "SIP over TLS"))
    # Asks the listener as a peer would (`edge.app.health`); front knows it by its address.
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound
    sockets.keep("sip_probe", bound("udp", anywhere.get(site.sip.address, site.sip.address), 0, "own OPTIONS"))
    inner = sockets.keep("inner_udp", bound("udp", site.sip.inner_address, 0, "inner SIP"))
    sockets.inner_port = inner.getsockname()[1]
    for sock in (*datagrams, inner):
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, SIP_BUFFER)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BUFFER)  # the kernel cuts it to rmem_max


def _open_media(site: Site, sockets: Sockets) -> None:
    hosts = {"rtp": site.media.address or site.sip.address, "rtp6": site.media.address6 or site.sip.address6}
    for name, host in hosts.items():
        for slot in range(site.media.slots) if host else ():
            for offset, what in ((0, "RTP"), (1, "RTCP")):
                port = site.media.first_port + 2 * slot + offset
                sockets.keep(name, bound("udp", host, port, f"{what} of leg {slot}"))
