"""Checks of the site's own addresses: those of both families, what listens there and what peers are shown."""

import ipaddress

from edge.config.errors import Findings
from edge.config.kinds import split_host_port
from edge.config.located import Located, place_of
from edge.config.site import Site
from edge.config.trunk_settings import Trunk


def check_addresses(site: Site, root: Located, findings: Findings) -> None:
    """Check that peers of each family have an address of ours to answer to."""
    _check_sip(site, root, findings)
    _check_media(site, root, findings)
    for index, trunk in enumerate(site.trunks):
        _check_trunk(site, trunk, index, root, findings)


def _is_any(address: str) -> bool:
    return ipaddress.ip_address(address).is_unspecified


def _is_six(address: str) -> bool:
    return ":" in address


def _check_sip(site: Site, root: Located, findings: Findings) -> None:
    sip = site.sip
    for name, public in (("address", "public_address"), ("address6", "public_address6")):
        own, shown = getattr(sip, name), getattr(sip, public)
        if own and _is_any(own) and not shown:
            findings.follow_up(
                place_of(root, ("sip", name)),
                f"peers cannot answer to {own}",
                f"set sip.{public} to the address that peers reach",
            )
    if sip.public_address and _is_six(sip.public_address) != _is_six(sip.address):
        findings.follow_up(
            place_of(root, ("sip", "public_address")),
            f"peers that are shown {sip.public_address} cannot reach {sip.address}: both are of one family",
        )
    if sip.address6 and _is_six(sip.address):
        findings.follow_up(
            place_of(root, ("sip", "address6")),
            f"address is an IPv6 one already, {sip.address}",
            "an appliance has one address of each family: the IPv4 one is address, the IPv6 one address6",
        )
    if sip.public_address6 and not sip.address6:
        findings.follow_up(
            place_of(root, ("sip", "public_address6")), "there is no address6 that peers could reach by it"
        )


def _check_media(site: Site, root: Located, findings: Findings) -> None:
    sip = site.sip
    media, media6 = site.media.address or sip.address, site.media.address6 or sip.address6
    if _is_six(media) != _is_six(sip.address):
        findings.follow_up(
            place_of(root, ("media", "address")),
            f"calls on {sip.address} cannot have their audio on {media}: both are of one family",
        )
    if site.media.address6 and not sip.address6:
        findings.follow_up(
            place_of(root, ("media", "address6")),
            f"no call has its audio on {media6}: IPv6 peers are not listened to",
            "set sip.address6",
        )
    for name, own in (("address", media), ("address6", media6)):
        if own and _is_any(own):
            findings.follow_up(
                place_of(root, ("media", name)),
                f"RTP needs one address that peers reach, not {own}",
                f"set media.{name}",
            )


def _check_trunk(site: Site, trunk: Trunk, index: int, root: Located, findings: Findings) -> None:
    """Warn of addresses that nothing can be sent to."""
    ours = {_is_six(site.sip.address), *([True] if site.sip.address6 else [])}
    named = [("address", trunk.address), ("outbound_proxy", trunk.outbound_proxy), ("registrar", trunk.registrar)]
    for name, text in named:
        split = split_host_port(text) if text else None
        if split is None:
            continue
        try:
            six = ipaddress.ip_address(split[0]).version == 6
        except ValueError:
            continue  # a name may have addresses of both
        if six not in ours:
            findings.warning(
                place_of(root, ("trunks", index, name)),
                f"{split[0]} cannot be reached: there is no {'IPv6' if six else 'IPv4'} address of ours",
                "set sip.address6" if six else "set sip.address",
            )
