"""Where a sink may connect to: what the operator named, and public addresses. A name can't lead anywhere else.

Who runs the name server of a backend could have a name lead to this machine or into the site's network. So each name is
looked up here, each address judged, and the one that was judged is the one that is connected to; the certificate is
still held against the name.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import TypeVar

P = TypeVar("P", bound=asyncio.Protocol)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: NAT64 (RFC 6052): an IPv4 address in the last 32 bits, and so as private as that is.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Reach:
    """The addresses that a name may lead to: public ones, and those in `networks`."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: list[Network] = [ipaddress.ip_network(one, strict=False) for one in networks]

    def allows(self, address: IPAddress, *, named: bool) -> bool:
        """Whether to connect to `address`; `named`: the operator wrote it, or `localhost`, himself."""
        inner = _inner(address)
        return named or any(address in one or inner in one for one in self._networks) or inner.is_global


def _inner(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


class Outbound:
    """Connects. `refused` is told why a name was not followed, and an empty text when one was."""

    def __init__(self, reach: Reach, refused: Callable[[str], None]) -> None:
        self._reach = reach
        self._refused = refused
        self._told = ""

    async def connect(self, made: Callable[[], P], host: str, port: int, tls: ssl.SSLContext | None = None) -> P:
        """Connect to the first address that may be connected to and answers. Raises OSError."""
        failure = OSError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                _, protocol = await asyncio.get_running_loop().create_connection(
                    made, str(address), port, ssl=tls, server_hostname=host if tls else None
                )
            except ssl.SSLError:
                raise  # it has answered
            except OSError as error:
                failure = error
            else:
                return protocol
        raise failure

    async def _addresses(self, host: str, port: int) -> list[IPAddress]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise OSError(f"{host}: {error}") from error
        # A link-local address comes with its scope (`fe80::1%eth0`), which says nothing about what it is.
        named = host.lower().rstrip(".") == "localhost"
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        allowed = [one for one in addresses if self._reach.allows(one, named=named)]
        if addresses and not allowed:
            text = f"{host} leads to {addresses[0]}, which is not public; list it under 'networks' if it is meant"
            self._tell(text)
            raise OSError(text)
        self._tell("")
        return allowed

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._refused(text)
