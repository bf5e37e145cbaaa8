"""OPTIONS to a trunk from a socket of our own, while the appliance does not run."""

import contextlib
import secrets
import socket
import ssl
import time
from typing import NamedTuple

from edge.config.site import Site, Trunk
from edge.config.tls import TlsFileError, client_context, expected_name
from edge.core.sip.actions import Flow, Transport
from edge.core.sip.echo import Echo, echo_of
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.presence import Presence, bracketed
from edge.core.sip.uri import NameAddr, Uri
from edge.front.names import Found
from edge.front.settings import settings_of
from edge.vocabulary.media import Address

#: When a datagram is sent (RFC 3261's timer E), and for how long an answer is waited for, seconds.
SENT_AT_S = (0.0, 0.5, 1.5, 3.5)
LIMIT_S = 5.0
_LARGEST = 65_536


class Asked(NamedTuple):
    """An answer."""

    code: int
    rtt_ms: float
    echo: Echo


def ask_options(site: Site, trunk: Trunk, found: Found) -> Asked | str:
    """Ask the first address of a trunk; what it answers, or why it does not."""
    peer = found.addresses[0]
    own = site.sip.address6 if ":" in peer.host and site.sip.address6 else site.sip.address
    try:
        with _socket(site, trunk, own, peer, found.transport) as sock:
            flow = Flow(found.transport, peer, 0, trunk.name)
            # From the port that calls come from where it is free: a NAT and a firewall treat it as those.
            port = sock.getsockname()[1] if found.transport == "udp" else site.sip.port
            request = _request(site, trunk, flow, (own, port))
            return _exchange(sock, request, flow)
    except TlsFileError as error:
        return str(error)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is refused: {error.verify_message}"
    except TimeoutError:
        return f"no connection to {peer} within {LIMIT_S:g} s"
    except OSError as error:
        return f"{peer}: {error.strerror or error}"


def _socket(site: Site, trunk: Trunk, own: str, peer: Address, transport: Transport) -> socket.socket:
    family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
    if transport == "udp":
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.bind((own, site.sip.port))
        except OSError:
            sock.bind((own, 0))
        return sock
    sock = socket.create_connection((peer.host, peer.port), LIMIT_S, (own, 0))
    if transport == "tls":
        context = client_context(site, trunk)
        sock = context.wrap_socket(sock, server_hostname=expected_name(trunk) or peer.host)
    return sock


def _request(site: Site, trunk: Trunk, flow: Flow, own: tuple[str, int]) -> Request:
    presence = Presence(settings_of(site, own, ("127.0.0.1", 1)))
    target = NameAddr(Uri("sip", "", bracketed(trunk.address.rpartition(":")[0] or trunk.address)))
    host = presence.host(flow)
    return Request(
        method="OPTIONS",
        uri=target.uri,
        vias=[presence.via(flow, f"z9hG4bK{secrets.token_hex(10)}")],
        max_forwards=70,
        from_=NameAddr(Uri("sip", trunk.from_user or "edge", trunk.from_domain or host)).with_tag(secrets.token_hex(8)),
        to=target,
        call_id=secrets.token_hex(16),
        cseq=1,
        contact=presence.contact(flow, Uri("sip", "", "x")),
        extras={"Accept": "application/sdp"},
    )


def _exchange(sock: socket.socket, request: Request, flow: Flow) -> Asked | str:
    data, began = serialise(request), time.monotonic()
    sends = list(SENT_AT_S) if flow.transport == "udp" else [0.0]
    received = b""
    while (passed := time.monotonic() - began) < LIMIT_S:
        if sends and passed >= sends[0]:
            sends.pop(0)
            _send(sock, data, flow)
        sock.settimeout(max(0.01, (sends[0] if sends else LIMIT_S) - passed))
        try:
            if flow.transport == "udp":
                received, source = sock.recvfrom(_LARGEST)
                came = Flow("udp", Address(source[0], source[1]), 0, flow.trunk)
            else:
                piece = sock.recv(_LARGEST)
                if not piece:
                    return "it closed the connection"
                received, came = received + piece, flow
        except TimeoutError:
            continue
        message = parse(received) if flow.transport == "udp" or b"\r\n\r\n" in received else None
        if isinstance(message, Response) and message.vias[0].branch == request.vias[0].branch:
            rtt_ms = (time.monotonic() - began) * 1000
            return Asked(message.status, rtt_ms, echo_of(request, message, came))
    return f"no answer to OPTIONS within {LIMIT_S:g} s ({flow.address})"


def _send(sock: socket.socket, data: bytes, flow: Flow) -> None:
    if flow.transport != "udp":
        sock.sendall(data)
        return
    with contextlib.suppress(ConnectionRefusedError):  # of the datagram before: it may come up meanwhile
        sock.sendto(data, (flow.address.host, flow.address.port))
