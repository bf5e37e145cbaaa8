"""Asks name servers where a target is. Everything here blocks, and runs beside the loop (`edge.front.resolver`)."""

import random
import socket
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from edge.core.sip.actions import Place, Transport
from edge.core.sip.locating import (
    MOST,
    Pointer,
    Service,
    asks_pointers,
    chosen,
    in_order,
    literal,
    service_name,
    services_without_pointers,
)
from edge.core.sip.presence import default_port
from edge.vocabulary.media import Address

if TYPE_CHECKING:
    import dns.nameserver
    import dns.resolver

#: For one target; what is known from before is used after it.
DEADLINE_S = 2.0
#: Answers without a time to live (hosts files) are good for so long.
_UNSTATED_S = 30
#: Bounds of the time that an answer is not asked for again, seconds.
_LEAST_S, _MOST_S = 5, 300
_CACHED = 1024


class UnknownNameError(Exception):
    """Name servers say that there is nothing of that name."""


class NoAnswerError(Exception):
    """Nobody says anything of the name now."""


class Found(NamedTuple):
    """Addresses in the order to be tried, for how many seconds they are good, and what is spoken there."""

    addresses: list[Address]
    seconds: float
    transport: Transport


class Names:
    """Looks up by the system's ways, or by `servers` where a site names some.

    A host's addresses are those of `families`, in their order (RFC 7984 section 4: A and AAAA of each target).
    """

    def __init__(
        self, servers: Iterable[Address] = (), *, families: Sequence[socket.AddressFamily] = (socket.AF_INET,)
    ) -> None:
        self._families = list(families)
        self._family = self._families[0] if len(self._families) == 1 else socket.AF_UNSPEC
        self._servers = tuple(servers)
        self._own = bool(self._servers)

    def prepare(self) -> None:
        """Load what asks name servers, which a site that names none of its peers never needs (6 MB)."""
        _ = self._resolver

    @cached_property
    def _resolver(self) -> "dns.resolver.Resolver":
        import dns.resolver  # see `prepare`

        try:
            made = dns.resolver.Resolver()
        except (dns.resolver.NoResolverConfiguration, OSError):
            made = dns.resolver.Resolver(configure=False)
        if self._own:
            made.nameservers = [dns_server(server) for server in self._servers]
        made.lifetime = DEADLINE_S
        made.timeout = DEADLINE_S / 2
        made.cache = dns.resolver.LRUCache(_CACHED)
        return made

    def look_up(self, place: Place) -> Found:
        """Return where a place is. Raises the two errors above."""
        if (known := literal(place, default_port(place.transport))) is not None:
            return Found([known], _MOST_S, place.transport)
        transport, services, seconds = self._chosen(place) if asks_pointers(place) else self._named(place)
        port = default_port(transport)
        found: list[Address] = []
        for service in services:
            try:
                hosts, ttl = self._hosts(service.target)
            except (UnknownNameError, NoAnswerError):
                continue  # the other servers of the service may do
            seconds = min(seconds, ttl)
            found += [Address(host, service.port) for host in hosts]
        if not services:
            hosts, seconds = self._hosts(place.host)
            found = [Address(host, place.port or port) for host in hosts]
        if not found:
            raise NoAnswerError
        return Found(list(dict.fromkeys(found))[:MOST], max(_LEAST_S, min(_MOST_S, seconds)), transport)

    def _named(self, place: Place) -> tuple[Transport, list[Service], float]:
        """Ask for the services of the transport that is given."""
        name = service_name(place)
        return place.transport, *(self._services(name) if name else ([], _MOST_S))

    def _chosen(self, place: Place) -> tuple[Transport, list[Service], float]:
        """Ask which transport the domain wants, and for its services (RFC 3263 section 4.1)."""
        pointers, ttl = self._pointers(place.host)
        if (best := chosen(pointers)) is not None:
            services, seconds = self._services(best[1])
            if not services:
                raise UnknownNameError
            return best[0], services, min(seconds, ttl)
        for transport, name in services_without_pointers(place):
            services, seconds = self._services(name)
            if services:
                return transport, services, min(seconds, ttl)
        return place.transport, [], ttl

    def _pointers(self, name: str) -> tuple[list[Pointer], float]:
        import dns.resolver  # see `prepare`
        from dns.rdtypes.IN.NAPTR import NAPTR

        try:
            answer = self._resolver.resolve(name, dns.rdatatype.NAPTR, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.NoNameservers):
            return [], _MOST_S  # not all name servers know of such records; of SRV records they do
        except (dns.exception.DNSException, OSError, ValueError):
            raise NoAnswerError from None
        pointers = [
            Pointer(
                one.order,
                one.preference,
                one.flags.decode("ascii", "replace"),
                one.service.decode("ascii", "replace"),
                one.replacement.to_text(omit_final_dot=True),
            )
            for one in answer
            if isinstance(one, NAPTR) and not one.regexp
        ]
        return pointers, answer.ttl

    def _services(self, name: str) -> tuple[list[Service], float]:
        import dns.resolver  # see `prepare`
        from dns.rdtypes.IN.SRV import SRV

        try:
            answer = self._resolver.resolve(name, dns.rdatatype.SRV, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return [], _MOST_S
        except (dns.exception.DNSException, OSError, ValueError):
            # Not known whether there are any: the host itself may be somebody else's.
            raise NoAnswerError from None
        services = [
            Service(one.priority, one.weight, one.port, one.target.to_text(omit_final_dot=True))
            for one in answer
            if isinstance(one, SRV) and one.target.to_text() != "."
        ]
        if not services:
            raise UnknownNameError
        return in_order(services, lambda most: random.randint(0, most)), answer.ttl  # noqa: S311 - spreads load

    def _hosts(self, name: str) -> tuple[list[str], float]:
        return self._asked(name) if self._own else self._by_system(name)

    def _asked(self, name: str) -> tuple[list[str], float]:
        """Ask the site's own name servers, for each family by itself: some servers never answer to AAAA."""
        import dns.resolver  # see `prepare`

        hosts: list[str] = []
        seconds: float = _MOST_S
        silent = False
        for family in self._families:
            try:
                answers = self._resolver.resolve_name(
                    name, family=family, search=False, lifetime=DEADLINE_S / len(self._families)
                )
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                continue
            except (dns.exception.DNSException, OSError, ValueError):
                silent = True
                continue
            hosts += answers.addresses()
            seconds = min([seconds, *[answer.ttl for answer in answers.values()]])
        if not hosts:
            raise NoAnswerError if silent else UnknownNameError
        return hosts, seconds

    def _by_system(self, name: str) -> tuple[list[str], float]:
        """Ask as every program of the machine does: its hosts file counts, too."""
        try:
            answers = socket.getaddrinfo(name, None, self._family, socket.SOCK_DGRAM)
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
                raise UnknownNameError from None
            raise NoAnswerError from None
        except (OSError, UnicodeError):
            raise NoAnswerError from None
        found = self._in_order([(family, str(address[0])) for family, _, _, _, address in answers])
        return list(dict.fromkeys(found)), _UNSTATED_S

    def _in_order(self, hosts: Iterable[tuple[int, str]]) -> list[str]:
        """Return the hosts of the first family, then those of the next."""
        both = list(hosts)
        return [host for wanted in self._families for family, host in both if family == wanted]


def dns_server(server: Address) -> "dns.nameserver.Nameserver":
    """Return a name server at `server`, asked by UDP and, for long answers, by TCP."""
    import dns.nameserver

    return dns.nameserver.Do53Nameserver(server.host, server.port)
