"""Names: whether name servers answer, all alike and soon, and whether those of peers lead anywhere."""

import ipaddress
import socket
import time
from collections.abc import Iterable

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.config.kinds import split_host_port
from edge.config.site import Site
from edge.config.trunk_settings import Trunk
from edge.core.sip.actions import Place
from edge.core.sip.locating import literal, service_name
from edge.core.sip.presence import default_port
from edge.front.names import Found, Names, NoAnswerError, UnknownNameError
from edge.front.places import place_of
from edge.vocabulary.media import Address

#: A name server has so long; one that takes that long for each name holds up calls.
ANSWER_S = 3.0
SLOW_MS = 500.0
#: Of one name, what a server says, to be compared with others: addresses, services, or that there is none.
Answers = frozenset[str]


def examine(patient: Patient, notes: Notes) -> None:
    """Look up what the site names."""
    places = list(named_places(patient.site))
    if not places:
        notes.ok("", "all peers are configured by address: no name is looked up for calls")
        return
    silent = _look_at_servers(patient.site, places, notes)
    names = Names(own_servers(patient.site), families=families(patient.site))
    for trunk, place in places:
        _look_up(names, trunk, place, notes, silent=silent)


def places(trunk: Trunk) -> list[Place]:
    """List where a trunk is, as names or addresses."""
    texts = [trunk.outbound_proxy or trunk.address, *([] if trunk.outbound_proxy else trunk.addresses)]
    if trunk.register:
        texts += trunk.registrar_addresses or [trunk.registrar]
    return list(dict.fromkeys(place for text in texts if (place := place_of(text, trunk)) is not None))


def named_places(site: Site) -> Iterable[tuple[str, Place]]:
    """List those that are names, with their trunks."""
    for trunk in site.trunks:
        for place in places(trunk):
            if literal(place, default_port(place.transport)) is None:
                yield trunk.name, place


def families(site: Site) -> list[socket.AddressFamily]:
    """Return the families that we have addresses of, the preferred one first."""
    both = [socket.AF_INET, socket.AF_INET6]
    if site.sip.address6:
        return both if site.sip.prefer == "ipv4" else both[::-1]
    return [socket.AF_INET6 if ":" in site.sip.address else socket.AF_INET]


def own_servers(site: Site) -> list[Address]:
    """Return the site's own name servers."""
    split = [split_host_port(text) for text in site.sip.nameservers]
    return [Address(one[0].strip("[]"), one[1] or 53) for one in split if one is not None]


def servers(site: Site) -> list[Address]:
    """Return the name servers that are asked: the site's own, or those of the system."""
    own = own_servers(site)
    if own:
        return own
    try:
        return [Address(str(server), 53) for server in dns.resolver.Resolver().nameservers]
    except (dns.resolver.NoResolverConfiguration, OSError):
        return []


def _look_at_servers(site: Site, places: list[tuple[str, Place]], notes: Notes) -> bool:
    """Ask each server by itself; whether none of them answers."""
    found = servers(site)
    if not found:
        notes.advice("name servers", "there is none in /etc/resolv.conf", "name one there, or in sip.nameservers")
        return False
    said: dict[Answers, list[str]] = {}
    silent = 0
    place = places[0][1]
    for server in found:
        began = time.monotonic()
        try:
            answers = _ask(server, place)
        except (dns.exception.DNSException, OSError) as error:
            silent += 1
            text = f"{place.host}: {_words(error)}"
            notes.bad(f"name server {server}", text, "mend it, or take it out: each look-up waits for it")
            continue
        took_ms = (time.monotonic() - began) * 1000
        said.setdefault(answers, []).append(str(server))
        if took_ms > SLOW_MS:
            notes.advice(f"name server {server}", f"{took_ms:.0f} ms for an answer", "use one that is nearer")
        else:
            notes.ok(f"name server {server}", f"answers within {took_ms:.0f} ms")
    if len(said) > 1:
        texts = [f"{', '.join(who)}: {', '.join(sorted(what)) or 'nothing'}" for what, who in said.items()]
        advice = "ask those only that know the name: servers that disagree make calls go astray by turns"
        notes.bad(f"name {place.host}", "; ".join(texts), advice)
    return silent == len(found)


def _ask(server: Address, place: Place) -> Answers:
    """Return what a server says of a place. Raises DNSException, OSError."""
    found: set[str] = set()
    wanted = [(service_name(place), "SRV")] if service_name(place) else []
    for name, kind in [*wanted, (place.host, "A"), (place.host, "AAAA")]:
        query = dns.message.make_query(name, kind)
        answer, _ = dns.query.udp_with_fallback(query, server.host, timeout=ANSWER_S, port=server.port)
        if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            raise OSError(f"it answers {dns.rcode.to_text(answer.rcode())}")
        found |= {str(item) for rows in answer.answer if rows.rdtype == dns.rdatatype.from_text(kind) for item in rows}
    return frozenset(found)


def _words(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {ANSWER_S:g} s"
    return str(error) or type(error).__name__


def _look_up(names: Names, trunk: str, place: Place, notes: Notes, *, silent: bool) -> None:
    what = f"trunk {trunk}: {place.host}"
    began = time.monotonic()
    try:
        found = names.look_up(place)
    except UnknownNameError:
        notes.bad(what, "there is nothing of that name", "mend the trunk's address; calls end as no_such_name")
        return
    except NoAnswerError:
        if silent:
            notes.skipped(what, "no name server answers")
        else:
            notes.bad(
                what,
                "nobody can say where that is",
                "look at its SRV records: they may name hosts that have no address",
            )
        return
    took_ms = (time.monotonic() - began) * 1000
    text = f"{found.transport} to {', '.join(map(str, found.addresses[:4]))} ({took_ms:.0f} ms)"
    nowhere = _nowhere(found)
    if nowhere:
        notes.bad(what, f"{text}: {nowhere}", "find the filter or the wrong record that answers in its place")
    elif took_ms > SLOW_MS:
        notes.advice(what, text, "take a name server on this machine or network: it is slow")
    else:
        notes.ok(what, text)


def _nowhere(found: Found) -> str:
    """Say why nobody can be at an address that a name has; empty: somebody can."""
    for one in found.addresses:
        address = ipaddress.ip_address(one.host.partition("%")[0])
        if address.is_unspecified or address.is_multicast or one.host == "255.255.255.255":
            return f"nobody can be at {one.host}"
    return ""
