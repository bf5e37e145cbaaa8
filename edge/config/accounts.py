"""What must fit together in the account, the registration and the probes of a trunk."""

from edge.config.errors import Findings
from edge.config.located import Located, place_of
from edge.config.site import Site
from edge.config.trunk_settings import Trunk

#: Settings that say nothing without another one, by that one.
_NEED = {
    "user": ("auth_user", "realm"),
    "register": ("registrar", "registrar_addresses", "contact_user", "contact_params"),
}


def check_accounts(site: Site, root: Located, findings: Findings) -> None:
    """Check every trunk; each fault stands at the setting that is wrong or lonely."""
    for index, trunk in enumerate(site.trunks):
        for setting, fault in _faults(trunk):
            at = ("trunks", index, setting) if setting else ("trunks", index)
            findings.follow_up(place_of(root, at), fault)
    _check_contacts(site, root, findings)


def _faults(trunk: Trunk) -> list[tuple[str, str]]:
    found = []
    if bool(trunk.user) != bool(trunk.password):
        have, lacks = ("user", "password") if trunk.user else ("password", "user")
        found.append((have, f"trunk '{trunk.name}' has no {lacks}"))
    for needed, settings in _NEED.items():
        if not getattr(trunk, needed):
            found += [(one, f"{one} means nothing without {needed}") for one in settings if getattr(trunk, one)]
    if trunk.register:
        found += _faults_of_registration(trunk)
    elif not trunk.sources:
        found.append(("sources", f"trunk '{trunk.name}' has no sources"))
    if trunk.qualify_ms and not trunk.address:
        found.append(("qualify", f"trunk '{trunk.name}' has no address that could be asked"))
    elif 0 < trunk.qualify_ms < 1000:
        found.append(("qualify", "a trunk is asked once a second at the most"))
    return found


def _faults_of_registration(trunk: Trunk) -> list[tuple[str, str]]:
    found = []
    if not trunk.user:
        found.append(("register", f"trunk '{trunk.name}' registers, but has no user"))
    if not trunk.registrar and not trunk.address:
        found.append(("register", f"trunk '{trunk.name}' registers, but has neither registrar nor address"))
    if trunk.outbound_proxy and trunk.registrar_addresses:
        found.append(("registrar_addresses", "registrar_addresses and outbound_proxy exclude each other"))
    return found


def _check_contacts(site: Site, root: Located, findings: Findings) -> None:
    """Two registrations with one Contact would replace each other, and their calls could not be told apart."""
    seen: dict[tuple[str, str], str] = {}
    for index, trunk in enumerate(site.trunks):
        key = (trunk.registrar or trunk.address, trunk.contact_user or trunk.user)
        if not trunk.register or not all(key):
            continue
        if key in seen:
            findings.follow_up(
                place_of(root, ("trunks", index, "contact_user")),
                f"trunk '{seen[key]}' has the same contact user at the same registrar",
                "set contact_user",
            )
        seen.setdefault(key, trunk.name)
