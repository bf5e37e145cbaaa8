"""`[callbacks]` of the site: whom callbacks may reach, and which lost calls become one."""

from edge.config.callback_checks import check_calling
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.core.callbacks.rules import Rules
from edge.core.callbacks.window import WindowRule


def rules_of(site: CompiledSite) -> Rules:
    """Give the rules for numbers."""
    own = site.callbacks
    return Rules(country=own.country, countries=own.countries, allowed=own.allowed, forbidden=own.forbidden)


def window_rule_of(site: CompiledSite) -> WindowRule:
    """Give the window of requests that no node has settled: of lost calls, and of surveys."""
    own = site.callbacks
    return WindowRule(calendar=site.calendars.get(own.hours), within_ms=own.within_ms)


def check_callbacks(site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool) -> None:
    """Check what the settings name."""
    own = site.callbacks
    if own.hours and own.hours not in site.calendars:
        findings.follow_up(
            place_of(root, ("callbacks", "hours")),
            f"there are no opening hours '{own.hours}'",
            did_you_mean(own.hours, site.calendars) or "define them as [[hours]]",
        )
    for at, menu in enumerate(own.lost_menus):
        if menus_complete and menu not in site.menus:
            findings.follow_up(
                place_of(root, ("callbacks", "lost_menus", at)),
                f"there is no menu '{menu}'",
                did_you_mean(menu, site.menus),
            )
    nodes = {node for menu in site.menus.values() for node in menu.nodes}
    for at, node in enumerate(own.lost_nodes):
        if menus_complete and node not in nodes:
            findings.follow_up(
                place_of(root, ("callbacks", "lost_nodes", at)),
                f"no menu has a node '{node}'",
                did_you_mean(node, nodes),
            )
    for prefix in own.forbidden:
        if prefix and prefix in own.allowed:
            findings.follow_up(place_of(root, ("callbacks", "forbidden")), f"'{prefix}' is allowed, too")
    check_calling(site, root, findings, menus_complete=menus_complete)
    if own.lost and not own.country and any(not trunk.country for trunk in site.trunks):
        lacking = next(trunk.name for trunk in site.trunks if not trunk.country)
        findings.warning(
            place_of(root, ("callbacks", "lost"), key=True),
            f"trunk '{lacking}' has no country, so its callers have no number that could be called",
            "set 'country' of the trunk, or of [callbacks]",
        )
