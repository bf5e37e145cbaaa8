"""The way to peers: routes, our address as they see it, routers that rewrite SIP."""

import ipaddress
import socket

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.names import families, own_servers, places
from edge.cli.doctor.patient import Patient
from edge.config.site import Site
from edge.config.trunk_settings import Trunk
from edge.core.sip.echo import Echo
from edge.front.names import Names, NoAnswerError, UnknownNameError

ALG = "switch off the SIP ALG (SIP helper) of the router in between, or use transport = 'tls'"
#: Only for addresses that the kernel has a route for; nothing is sent.
_DISCARD = 9


def examine(patient: Patient, notes: Notes) -> None:
    """Look at our addresses, and at those of each trunk."""
    site = patient.site
    for name, host in (("sip.address", site.sip.address), ("sip.address6", site.sip.address6)):
        if host:
            _look_at_own(name, host, notes)
    names = Names(own_servers(site), families=families(site))
    lines = {line.name for line in site.lines}  # on this machine
    for trunk in (one for one in site.trunks if one.name not in lines):
        for peer in peers(trunk, names):
            _look_at_way(site, trunk.name, peer, notes)


def _look_at_own(name: str, host: str, notes: Notes) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            notes.bad(name, f"{host}: {error.strerror}", "give this machine the address, or set another one")
            return
    if ipaddress.ip_address(host).is_unspecified:
        notes.advice(name, f"{host}: every address", "set public_address: peers are shown it in Contact and SDP")
    else:
        notes.ok(name, f"{host} is ours")


def peers(trunk: Trunk, names: Names) -> list[str]:
    """Return the first address of each place of a trunk, as far as it is known."""
    found: list[str] = []
    for place in places(trunk):
        try:
            found += [one.host for one in names.look_up(place).addresses[:1]]
        except (UnknownNameError, NoAnswerError):
            continue  # the subject of names tells it
    return list(dict.fromkeys(found))


def shown_to(site: Site, peer: str) -> str:
    """Return the host that a peer is told that we are at."""
    if ":" in peer and (site.sip.address6 or site.sip.public_address6):
        return site.sip.public_address6 or site.sip.address6
    return site.sip.public_address or site.sip.address


def _look_at_way(site: Site, trunk: str, peer: str, notes: Notes) -> None:
    what = f"trunk {trunk}: {peer}"
    own = site.sip.address6 if ":" in peer and site.sip.address6 else site.sip.address
    with socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((own, 0))
            probe.connect((peer, _DISCARD))
        except OSError as error:
            notes.bad(what, f"no way there from {own}: {error.strerror}", "mend the route, or sip.address")
            return
    fault = unreachable(shown_to(site, peer), peer)
    if fault:
        advice = "set sip.public_address to the address that peers reach us by: else callers hear nothing"
        notes.bad(what, fault, advice)
    else:
        notes.ok(what, f"there is a route; it is shown {shown_to(site, peer)}")


def unreachable(shown: str, peer: str) -> str:
    """Say why a peer cannot reach what it is shown; empty: it may."""
    ours, theirs = ipaddress.ip_address(shown), ipaddress.ip_address(peer.partition("%")[0])
    if ours.is_loopback and not theirs.is_loopback:
        return f"it is shown {shown}, where only this machine is"
    if ours.is_private and not ours.is_loopback and theirs.is_global:
        return f"it is shown {shown}, a private address, and is in the public network"
    return ""


def judge(trunk: str, echo: Echo, notes: Notes) -> None:
    """Say what an answer tells of the way."""
    what = f"trunk {trunk}: the way"
    if echo.rewritten:
        notes.advice(what, f"rewritten in between: {'; '.join(echo.rewritten)}", ALG)
        return
    sent, peer = _host(echo.sent), _host(echo.peer)
    seen = _host(echo.seen) if echo.seen else ""
    if unreachable(sent, peer) and (not seen or ipaddress.ip_address(seen).is_private):
        # Who is in the public network cannot have seen a private address: the answer was put back on its way.
        text = f"{echo.peer} is public, and says that it saw {echo.seen or 'us at ' + echo.sent}: a private address"
        notes.advice(what, text, ALG)
    elif seen and seen != sent:
        text = f"it sees us at {echo.seen}, and we say {echo.sent}: a NAT is in between"
        notes.advice(what, text, f"set sip.public_address = '{seen}', and forward SIP and RTP ports to us")
    elif seen and echo.seen != echo.sent:
        text = f"it sees us at {echo.seen}, and we say {echo.sent}: a NAT changes ports"
        notes.advice(what, text, "forward our ports unchanged; what is behind such a NAT loses incoming calls")
    else:
        notes.ok(what, f"nothing was rewritten{'; seen as ' + echo.seen if echo.seen else ''}")


def _host(place: str) -> str:
    return place.rpartition(":")[0].strip("[]")
