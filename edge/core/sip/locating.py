"""Where a target is (RFC 3263): which records are asked for, and in which order what they name is tried (RFC 2782)."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from edge.core.sip.actions import Place, Transport
from edge.core.sip.uri import is_literal
from edge.vocabulary.media import Address

#: Addresses that are tried for one target at the most.
MOST = 12
#: Names of the service by transport (RFC 3263 section 4.2); TLS is asked for as RFC 3263 section 4.1 has it.
_SERVICES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}


class Service(Struct, frozen=True):
    """One SRV record."""

    priority: int
    weight: int
    port: int
    #: Host name; empty: the service is decidedly not there (RFC 2782, target `.`).
    target: str


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
