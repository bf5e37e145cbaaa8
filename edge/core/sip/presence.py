"""Where peers reach us: our addresses of both families, as Via, Contact and descriptions name them.

Each peer is shown our address of its own family. Spans know nothing of it: they are told loopback addresses only.
"""

from edge.core.sip.actions import Flow, Transport
from edge.core.sip.trunks import Settings
from edge.core.sip.uri import NameAddr, Params, Uri, Via
from edge.vocabulary.media import Address

#: Of SIP and of SIP over TLS (RFC 3261 section 19.1.2).
DEFAULT_PORT = 5060
DEFAULT_TLS_PORT = 5061


def bracketed(host: str) -> str:
    """Return `host` as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def default_port(transport: Transport) -> int:
    """Return the port of a SIP URI that names none."""
    return DEFAULT_TLS_PORT if transport == "tls" else DEFAULT_PORT


def is_six(host: str) -> bool:
    """Whether a literal host is an IPv6 address."""
    return ":" in host


class _Place:
    """Our address of one family, and the Contacts made of it."""

    def __init__(self, host: str, port: int, tls_port: int) -> None:
        self.host = host
        self.in_uri = shown = bracketed(host)
        self.contacts: dict[Transport, NameAddr] = {
            "udp": NameAddr(Uri("sip", "edge", shown, port)),
            "tcp": NameAddr(Uri("sip", "edge", shown, port, (("transport", "tcp"),))),
            "tls": NameAddr(Uri("sip", "edge", shown, tls_port, (("transport", "tls"),))),
        }
        self.secure_contact = NameAddr(Uri("sips", "edge", shown, tls_port))


class Presence:
    """What peers are told of where we are."""

    def __init__(self, settings: Settings) -> None:
        public, tls_port = settings.public, settings.tls_port
        self._media_host, self._media_host6 = settings.media_host, settings.media_host6
        self._ports: dict[Transport, int] = {"udp": public.port, "tcp": public.port, "tls": tls_port}
        hosts = [public.host, *([settings.public6] if settings.public6 else [])]
        self._places = {is_six(host): _Place(host, public.port, tls_port) for host in hosts}
        self._first = self._places[is_six(public.host)]

    def reaches(self, host: str) -> bool:
        """Whether we have an address of the family of `host` (a literal one)."""
        return is_six(host) in self._places

    def _towards(self, flow: Flow) -> _Place:
        return self._places.get(is_six(flow.address.host), self._first)

    def host(self, flow: Flow) -> str:
        """Our own host for the peer of `flow`, as it stands in a URI."""
        return self._towards(flow).in_uri

    def contact(self, flow: Flow, target: Uri) -> NameAddr:
        """Our Contact for the peer of `flow`; where it uses a sips URI it is one, too (RFC 3261 section 8.1.1.8)."""
        place = self._towards(flow)
        return place.secure_contact if target.scheme == "sips" else place.contacts[flow.transport]

    def via(self, flow: Flow, branch: str) -> Via:
        """Our one Via for the peer of `flow`; over TLS its `alias` lets the peer use our connection (RFC 5923)."""
        params: Params = (("branch", branch), ("rport", None))
        if flow.transport == "tls":
            params = (*params, ("alias", None))
        return Via(flow.transport.upper(), self._towards(flow).in_uri, self._ports[flow.transport], params)

    def is_ours(self, via: Via) -> bool:
        """Whether we put `via` on: then a request came back to us (RFC 3261 section 16.3)."""
        port = via.port or default_port("tls" if via.transport == "TLS" else "udp")
        host = via.host.strip("[]")
        return port in self._ports.values() and any(place.host == host for place in self._places.values())

    # --- media

    def media(self, address: Address) -> Address:
        """Return a leg's address in the engine as peers of the first family see it."""
        return Address(self._media_host or address.host, address.port)

    def media_towards(self, address: Address, peer: str) -> Address:
        """Return the same leg's address for a peer whose audio is at, or of the family of, host `peer`.

        A slot has the same ports in both families.
        """
        return Address(self._media_host6, address.port) if self._media_host6 and is_six(peer) else address
