"""Where a target is (RFC 3263): which records are asked for, and in which order what they name is tried (RFC 2782).

NAPTR records say which transport a domain wants; the best one that we have is used, and no other in its place: what
should be encrypted is not sent in the clear because the encrypted way is down.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from edge.core.sip.actions import Place, Transport
from edge.core.sip.uri import is_literal
from edge.vocabulary.media import Address

#: Addresses that are tried for one target at the most.
MOST = 12
#: Names of the service by transport (RFC 3263 section 4.2); TLS is asked for as RFC 3263 section 4.1 has it.
_SERVICES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}


#: Services of NAPTR records (RFC 3263 section 4.1).
_POINTED: dict[str, Transport] = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"}
#: Asked for in turn where a domain has no NAPTR records (section 4.1, for a SIP URI).
_WITHOUT_POINTERS: tuple[Transport, ...] = ("udp", "tcp")


class Pointer(Struct, frozen=True):
    """One NAPTR record (RFC 3403 section 4)."""

    order: int
    preference: int
    flags: str
    service: str
    #: Domain name, not absolute.
    replacement: str


class Service(Struct, frozen=True):
    """One SRV record."""

    priority: int
    weight: int
    port: int
    #: Host name; empty: the service is decidedly not there (RFC 2782, target `.`).
    target: str


def asks_pointers(place: Place) -> bool:
    """Whether NAPTR records are to say what is spoken at `place`."""
    return place.any_transport and not place.port and not is_literal(place.host)


def chosen(pointers: Iterable[Pointer]) -> tuple[Transport, str] | None:
    """Return transport and service name of the best NAPTR record whose service we have; None: there is none.

    Lower orders first, then lower preferences (RFC 3403 section 4.1). Only those that lead to SRV records (flag S).
    """
    for one in sorted(pointers, key=lambda one: (one.order, one.preference)):
        transport = _POINTED.get(one.service.lower())
        if transport is not None and one.flags.lower() == "s" and one.replacement:
            return transport, one.replacement
    return None


def services_without_pointers(place: Place) -> list[tuple[Transport, str]]:
    """Return transports with the names of their services, for a domain that has no NAPTR records."""
    return [(transport, _SERVICES[transport] + place.host) for transport in _WITHOUT_POINTERS]


def service_name(place: Place) -> str:
    """Return the name whose SRV records say where `place` is; empty: it says so itself (section 4.2)."""
    return "" if place.port or is_literal(place.host) else _SERVICES[place.transport] + place.host


def in_order(services: Iterable[Service], draw: Callable[[int], int]) -> list[Service]:
    """Order SRV records as they are to be tried; `draw(n)` returns a random number from 0 to n.

    Lower priorities first; of one priority each with a chance that its weight says (RFC 2782, "Weight").
    """
    found: list[Service] = []
    known = sorted((one for one in services if one.target), key=lambda one: (one.priority, one.weight))
    while known:
        level = [one for one in known if one.priority == known[0].priority]
        drawn, chosen = draw(sum(one.weight for one in level)), level[-1]
        for one in level:
            drawn -= one.weight
            if drawn <= 0:
                chosen = one
                break
        known.remove(chosen)
        found.append(chosen)
    return found


def literal(place: Place, default_port: int) -> Address | None:
    """Return the address that `place` names itself; None: it has to be looked up."""
    return Address(place.host.strip("[]"), place.port or default_port) if is_literal(place.host) else None
