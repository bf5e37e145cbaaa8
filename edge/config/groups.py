"""Groups of trunks: that their members are there, once each, and can be called."""

from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.site import Site


def check_groups(site: Site, root: Located, findings: Findings) -> None:
    """Check all groups."""
    trunks = {trunk.name: trunk for trunk in site.trunks}
    for index, group in enumerate(site.trunk_groups):
        at = ("trunk_groups", index)
        if group.name in trunks:
            findings.follow_up(place_of(root, (*at, "name")), f"there is a trunk '{group.name}', too")
        if not group.members:
            findings.follow_up(place_of(root, (*at, "members")), f"group '{group.name}' has no members")
        seen: set[str] = set()
        for number, member in enumerate(group.members):
            place = place_of(root, (*at, "members", number, "trunk"))
            if not member.trunk:
                continue  # missing or malformed, and already reported
            if member.trunk not in trunks:
                findings.follow_up(place, f"there is no trunk '{member.trunk}'", did_you_mean(member.trunk, trunks))
            elif not trunks[member.trunk].address:
                findings.follow_up(place, f"trunk '{member.trunk}' has no address to dial numbers on")
            if member.trunk in seen:
                findings.follow_up(place, f"trunk '{member.trunk}' is in group '{group.name}' twice")
            seen.add(member.trunk)
