"""OPTIONS to a trunk, and REGISTER to its registrar, from a socket of our own, while the appliance does not run.

The REGISTER has no Contact, so it asks for the bindings and changes none (RFC 3261 section 10.2.3): what is learned is
whether the account is taken.
"""

import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from edge.config.site import Site
from edge.config.tls import TlsFileError, client_context, expected_name
from edge.config.trunk_settings import Trunk
from edge.core.sip.actions import Flow, Transport
from edge.core.sip.authentication import Authenticator
from edge.core.sip.echo import Echo, echo_of
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.presence import Presence, bracketed
from edge.core.sip.trunks import Registrar
from edge.core.sip.uri import NameAddr, Uri
from edge.front.accounts import account_of
from edge.front.names import Found
from edge.front.places import place_of
from edge.front.settings import settings_of
from edge.vocabulary.media import Address

#: When a datagram is sent (RFC 3261's timer E), and for how long an answer is waited for, seconds.
SENT_AT_S = (0.0, 0.5, 1.5, 3.5)
LIMIT_S = 5.0
_LARGEST = 65_536


DEAD: Final = "ask the peer whether it is up and lets our address in; look at firewalls in between"
CERTIFICATE: Final = "have the peer renew its certificate, or set tls_ca and tls_name to what it uses"


class Asked(NamedTuple):
    """An answer."""

    code: int
    rtt_ms: float
    echo: Echo
    message: Response


class Unanswered(NamedTuple):
    """None came: why, and what to do."""

    text: str
    advice: str


#: Makes a request for the way that it takes, and for our own address and port.
_Make = Callable[[Presence, Flow], Request]


def ask_options(site: Site, trunk: Trunk, found: Found) -> Asked | Unanswered:
    """Ask the first address of a trunk; what it answers, or why it does not."""
    place = place_of(trunk.address, trunk)
    target = NameAddr(Uri("sip", "", bracketed(place.host if place is not None else found.addresses[0].host)))

    def make(presence: Presence, flow: Flow) -> Request:
        domain = trunk.from_domain or presence.host(flow)
        return Request(
            method="OPTIONS",
            uri=target.uri,
            vias=[presence.via(flow, f"z9hG4bK{secrets.token_hex(10)}")],
            max_forwards=70,
            from_=NameAddr(Uri("sip", trunk.from_user or "edge", domain)).with_tag(secrets.token_hex(8)),
            to=target,
            call_id=secrets.token_hex(16),
            cseq=1,
            contact=presence.contact(flow, Uri("sip", "", "x")),
            extras={"Accept": "application/sdp"},
        )

    return _ask(site, trunk, found, make)


def ask_bindings(site: Site, trunk: Trunk, registrar: Registrar, found: Found) -> Asked | Unanswered:
    """Ask a registrar for the bindings of a trunk's account, with its password if it wants one."""
    account = account_of(trunk)
    call, tag, keys = secrets.token_hex(16), secrets.token_hex(8), Authenticator(secrets.token_hex(16))

    def make_with(cseq: int, extras: dict[str, str]) -> _Make:
        return lambda presence, flow: _bindings_request(registrar, presence, flow, (call, tag, cseq), extras)

    asked = _ask(site, trunk, found, make_with(1, {}))
    if isinstance(asked, Asked) and asked.code in {401, 407} and account is not None:
        verdict, challenges = keys.choose(trunk.name, account, asked.message.extras, [], own_address=True)
        if verdict == "answered":
            domain = str(Uri("sip", "", registrar.domain, registrar.port))
            return _ask(
                site, trunk, found, make_with(2, keys.headers(trunk.name, account, challenges, ("REGISTER", domain)))
            )
    return asked


def _bindings_request(
    registrar: Registrar, presence: Presence, flow: Flow, ids: tuple[str, str, int], extras: dict[str, str]
) -> Request:
    aor = NameAddr(Uri("sip", registrar.aor_user, registrar.aor_domain))
    call, tag, cseq = ids
    return Request(
        method="REGISTER",
        uri=Uri("sip", "", registrar.domain, registrar.port),
        vias=[presence.via(flow, f"z9hG4bK{secrets.token_hex(10)}")],
        max_forwards=70,
        from_=aor.with_tag(tag),
        to=aor,
        call_id=call,
        cseq=cseq,
        extras=extras,
    )


def _ask(site: Site, trunk: Trunk, found: Found, make: _Make) -> Asked | Unanswered:
    peer = found.addresses[0]
    own = site.sip.address6 if ":" in peer.host and site.sip.address6 else site.sip.address
    try:
        with _socket(site, trunk, own, peer, found.transport) as sock:
            flow = Flow(found.transport, peer, 0, trunk.name)
            # From the port that calls come from where it is free: a NAT and a firewall treat it as those.
            port = sock.getsockname()[1] if found.transport == "udp" else site.sip.port
            presence = Presence(settings_of(site, (own, port), ("127.0.0.1", 1)))
            return _exchange(sock, make(presence, flow), flow)
    except TlsFileError as error:
        return Unanswered(str(error), "mend the trunk's tls_ settings")
    except ssl.SSLCertVerificationError as error:
        return Unanswered(f"its certificate is refused: {error.verify_message}", CERTIFICATE)
    except ssl.SSLError as error:
        text = f"no TLS with {peer}: {error.reason or error}"
        return Unanswered(text, "set the port where the peer speaks TLS, or another transport")
    except TimeoutError:
        return Unanswered(f"no connection to {peer} within {LIMIT_S:g} s", DEAD)
    except OSError as error:
        return Unanswered(f"{peer}: {error.strerror or error}", DEAD)


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


def _exchange(sock: socket.socket, request: Request, flow: Flow) -> Asked | Unanswered:
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
                    return Unanswered(f"{flow.address} closed the connection", DEAD)
                received, came = received + piece, flow
        except TimeoutError:
            continue
        message = parse(received) if flow.transport == "udp" or b"\r\n\r\n" in received else None
        if isinstance(message, Response) and message.vias[0].branch == request.vias[0].branch:
            rtt_ms = (time.monotonic() - began) * 1000
            return Asked(message.status, rtt_ms, echo_of(request, message, came), message)
    return Unanswered(f"no answer to {request.method} within {LIMIT_S:g} s ({flow.address})", DEAD)


def _send(sock: socket.socket, data: bytes, flow: Flow) -> None:
    if flow.transport != "udp":
        sock.sendall(data)
        return
    with contextlib.suppress(ConnectionRefusedError):  # of the datagram before: it may come up meanwhile
        sock.sendto(data, (flow.address.host, flow.address.port))
