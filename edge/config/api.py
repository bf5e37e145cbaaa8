"""What must be right with HTTP and its tokens: nothing is served in the clear where others could read it."""

import ipaddress

from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.site import Site
from edge.config.tls import TlsFileError, check_end, http_context


def check_api(site: Site, root: Located, findings: Findings) -> None:
    """Check `[http]` and `[[api_tokens]]`."""
    http = site.http
    if http.certificate:
        try:
            http_context(site)
        except TlsFileError as error:
            findings.follow_up(place_of(root, ("http", error.setting)), str(error))
        check_end(http.certificate, root, ("http", "certificate"), findings)
    elif http.key:
        findings.follow_up(place_of(root, ("http", "key")), "a key without a certificate")
    if not http.certificate and not http.behind_proxy and not _is_loopback(http.address):
        findings.follow_up(
            place_of(root, ("http", "address")),
            "tokens, numbers and recordings would leave the machine unencrypted",
            "set http.certificate, or http.behind_proxy = true where a proxy ends TLS",
        )
    _check_tokens(site, root, findings)


def _check_tokens(site: Site, root: Located, findings: Findings) -> None:
    seen: dict[str, str] = {}
    trunks = [one.name for one in site.trunks] + [one.name for one in site.trunk_groups]
    for index, token in enumerate(site.api_tokens):
        if token.hash and token.hash in seen:
            findings.follow_up(
                place_of(root, ("api_tokens", index, "hash")),
                f"token '{token.name}' is the one of '{seen[token.hash]}', so nobody could tell them apart",
                f"edge tokens new {token.name} --role {token.role}",
            )
        seen.setdefault(token.hash, token.name)
        for number, name in enumerate(token.trunks):
            if name not in trunks:
                place = place_of(root, ("api_tokens", index, "trunks", number))
                advice = did_you_mean(name, trunks) or "name one of [[trunks]] or [[trunk_groups]]"
                findings.follow_up(place, f"there is no trunk '{name}'", advice)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return True  # a fault that is told already
