"""What a well-formed site can still have wrong: references, duplicates, overlaps, room for ports."""

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edge.config.accounts import check_accounts
from edge.config.addresses import check_addresses
from edge.config.api import check_api
from edge.config.callbacks import check_callbacks
from edge.config.campaign_checks import check_campaigns
from edge.config.campaigns import Dialer
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.groups import check_groups
from edge.config.lines import check_lines
from edge.config.located import Located, find, place_of
from edge.config.mailboxes import check_mailboxes
from edge.config.queue_checks import check_queues
from edge.config.queues import Agent
from edge.config.sinks import check_events, check_sinks, leaves_in_the_clear
from edge.config.site import Route
from edge.config.targets import check_hunt_lists
from edge.config.tls import check_tls
from edge.config.tones import check_tones
from edge.config.trials import check_trials
from edge.config.trunk_settings import NO_MUSIC, AmdRules, Trunk
from edge.core.menus.model import Survey
from edge.core.menus.parts import menu_of
from edge.vocabulary import events

#: Ports from here on are the kernel's own (ip_local_port_range); any program may have one when we start.
FIRST_EPHEMERAL_PORT = 32768
#: sizeof(sockaddr_un.sun_path) - 1, and the longest name the daemon puts into its run folder.
MAX_SOCKET_PATH = 107
_LONGEST_SOCKET_NAME = "/control.sock"

EVENT_TYPES = tuple(sorted(str(kind.__struct_config__.tag) for kind in events.AnyEvent.__args__))


def check_site(site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool) -> None:
    """Check everything that needs more than one value. `menus_complete`: every menu file could be compiled."""
    check_addresses(site, root, findings)
    _check_ports(site, root, findings)
    _check_delays(site, root, findings)
    _check_paths(site, root, findings)
    _check_names(site, root, findings)
    _check_trunks(site, root, findings)
    check_tls(site, root, findings)
    check_api(site, root, findings)
    check_accounts(site, root, findings)
    check_lines(site, root, findings)
    check_groups(site, root, findings)
    check_hunt_lists(site, root, findings)
    check_queues(site, root, findings)
    check_campaigns(site, root, findings, menus_complete=menus_complete)
    _check_amd(site, root, findings)
    _check_routes(site, root, findings, menus_complete=menus_complete)
    check_sinks(site, root, findings, list(EVENT_TYPES))
    check_events(site, root, findings)
    _check_endpoints(site, root, findings)
    check_callbacks(site, root, findings, menus_complete=menus_complete)
    check_trials(site, root, findings, menus_complete=menus_complete)
    check_tones(site, root, findings)
    _check_hold_music(site, root, findings)
    check_mailboxes(site, root, findings)


def _check_ports(site: CompiledSite, root: Located, findings: Findings) -> None:
    first, slots = site.media.first_port, site.media.slots
    place = place_of(root, ("media", "first_port"))
    if first % 2:
        findings.follow_up(place, f"the first RTP port must be even (RFC 3550 section 11), {first} is odd")
    end = first + 2 * slots
    if end > FIRST_EPHEMERAL_PORT:
        room = max(0, (FIRST_EPHEMERAL_PORT - first) // 2)
        findings.follow_up(
            place_of(root, ("media", "slots")),
            f"{slots} slots need the RTP ports {first} to {end - 1}, but they must lie below {FIRST_EPHEMERAL_PORT}",
            f"there is room for {room} slots, or start lower",
        )
    if site.media.engines > slots:
        findings.follow_up(
            place_of(root, ("media", "engines")), f"{site.media.engines} engines cannot share {slots} slots"
        )
    if (site.sip.address == (site.media.address or site.sip.address)) and first <= site.sip.port < end:
        findings.follow_up(place_of(root, ("sip", "port")), f"port {site.sip.port} is one of the RTP ports")
    if site.sip.port == site.http.port and site.sip.address == site.http.address:
        findings.follow_up(place_of(root, ("http", "port")), f"port {site.http.port} is used by SIP over TCP, too")


def _check_delays(site: CompiledSite, root: Located, findings: Findings) -> None:
    media = site.media
    if media.min_delay_ms > media.max_delay_ms:
        findings.follow_up(
            place_of(root, ("media", "min_delay")),
            f"the least playout delay, {media.min_delay_ms} ms, is more than the most, {media.max_delay_ms} ms",
        )
    elif media.playout_delay_ms > media.max_delay_ms:
        findings.warning(
            place_of(root, ("media", "playout_delay")),
            f"the jitter buffer cannot start with {media.playout_delay_ms} ms, the most is {media.max_delay_ms} ms",
        )


def _check_paths(site: CompiledSite, root: Located, findings: Findings) -> None:
    run = site.paths.run
    length = len((run + _LONGEST_SOCKET_NAME).encode())
    if length > MAX_SOCKET_PATH:
        findings.follow_up(
            place_of(root, ("paths", "run" if find(root, ("paths", "run")) else "state")),
            f"the sockets' paths in {run} would have {length} bytes; the system allows {MAX_SOCKET_PATH}",
            "set paths.run to a shorter folder",
        )


def _check_names(site: CompiledSite, root: Located, findings: Findings) -> None:
    tables = (
        ("trunks", [one.name for one in site.trunks if not one.source_port]),
        ("trunk_groups", [one.name for one in site.trunk_groups]),
        ("hunt_lists", [one.name for one in site.hunt_lists]),
        ("sinks", [one.name for one in site.sinks]),
        ("api_tokens", [one.name for one in site.api_tokens]),
        ("amd_rules", [one.name for one in site.amd_rules]),
        ("mailboxes", [one.name for one in site.mailboxes]),
        ("relays", [one.name for one in site.relays]),
        ("agents", [one.name for one in site.agents]),
        ("queues", [one.name for one in site.queues]),
        ("campaigns", [one.name for one in site.campaigns]),
    )
    for table, names in tables:
        seen: dict[str, int] = {}
        for index, name in enumerate(names):
            if name and name in seen:
                first = place_of(root, (table, seen[name], "name"))
                findings.follow_up(
                    place_of(root, (table, index, "name")), f"there are two {table} '{name}'; the first is at {first}"
                )
            seen.setdefault(name, index)


def _check_trunks(site: CompiledSite, root: Located, findings: Findings) -> None:
    known: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] = []
    for index, trunk in enumerate(site.trunks):
        if not trunk.codecs or len(set(trunk.codecs)) != len(trunk.codecs):
            findings.follow_up(
                place_of(root, ("trunks", index, "codecs")), f"trunk '{trunk.name}' needs each codec once, at least one"
            )
        _check_identity(trunk, index, root, findings)
        _check_sending_on(trunk, index, root, findings)
        for at, source in enumerate(trunk.sources):
            if not source or trunk.source_port:
                continue  # malformed, and already reported; or a line, which is known by its port
            network = ipaddress.ip_network(source)
            other = next(
                (name for have, name in known if have.version == network.version and have.overlaps(network)), ""
            )
            if other:
                whose = "it" if other == trunk.name else f"trunk '{other}'"
                findings.warning(
                    place_of(root, ("trunks", index, "sources", at)),
                    f"{source} overlaps a source of {whose}; the first trunk takes the call",
                )
            known.append((network, trunk.name))
        if site.routes and not any(route.trunk in {"", trunk.name} for route in site.routes):
            of_site = len(site.trunks) - len(site.lines)
            place = place_of(root, ("trunks", index) if index < of_site else ("lines", index - of_site))
            findings.warning(place, f"no route takes calls of trunk '{trunk.name}'")


def _check_identity(trunk: Trunk, index: int, root: Located, findings: Findings) -> None:
    if trunk.dial_as != "as_is" and not trunk.country:
        findings.follow_up(
            place_of(root, ("trunks", index, "dial_as")),
            f"dial_as = '{trunk.dial_as}' needs to know whose national numbers these are",
            "set country",
        )
    if trunk.caller_id_in == "asserted" and (trunk.send_identity == "none" or not trunk.caller_id):
        findings.follow_up(
            place_of(root, ("trunks", index, "caller_id_in")),
            "an asserted caller id needs both caller_id and send_identity",
        )
    if len({name.lower() for name in trunk.headers}) != len(trunk.headers):
        findings.follow_up(place_of(root, ("trunks", index, "headers")), "a header is listed twice")


def _check_sending_on(trunk: Trunk, index: int, root: Located, findings: Findings) -> None:
    for field, on in (("refer", trunk.refer == "allow"), ("redirects", trunk.redirects == "follow")):
        place = place_of(root, ("trunks", index, field))
        if on and not trunk.refer_to:
            findings.follow_up(
                place, f"trunk '{trunk.name}' does not say which numbers calls may be sent on to", "set refer_to"
            )
        if on and not trunk.address:
            findings.follow_up(place, f"numbers cannot be dialled on trunk '{trunk.name}'", "set its address")


def _check_amd(site: CompiledSite, root: Located, findings: Findings) -> None:
    for index, rules in enumerate(site.amd_rules):
        check_amd_rules(rules, root, ("amd_rules", index), findings)
    names = [rules.name for rules in site.amd_rules]
    for index, trunk in enumerate(site.trunks):
        if trunk.amd_rules and trunk.amd_rules not in names:
            findings.follow_up(
                place_of(root, ("trunks", index, "amd_rules")),
                f"there are no amd_rules '{trunk.amd_rules}'",
                _known(trunk.amd_rules, names, "amd_rules"),
            )


def hold_music(site: CompiledSite, root: Located) -> list[tuple[str, Place]]:
    """List the files of hold music, each with the places that name it."""
    settings: list[tuple[str, tuple[str | int, ...]]] = [(site.media.hold_music, ("media", "hold_music"))]
    settings += [(trunk.hold_music, ("trunks", at, "hold_music")) for at, trunk in enumerate(site.trunks)]
    return [(file, place_of(root, path)) for file, path in settings if file and file != NO_MUSIC]


def _check_hold_music(site: CompiledSite, root: Located, findings: Findings) -> None:
    for file, place in hold_music(site, root):
        if not Path(file).exists():
            findings.follow_up(place, f"hold music {file}: there is no such file")
        elif not Path(file).is_file() or not os.access(file, os.R_OK):
            findings.follow_up(place, f"hold music {file}: it is not a file that can be read")


def check_amd_rules(rules: AmdRules, root: Located, at: tuple[str | int, ...], findings: Findings) -> None:
    """Check that the parts of rules fit each other. `at` is where they stand."""
    pairs = (
        ("short_pause", "short_wait"),
        ("short_greeting", "machine_speech"),
        ("wait", "machine_speech"),
        ("machine_speech", "deadline"),
        ("no_speech", "deadline"),
        ("beep", "beep_most"),
        ("beep_joined", "beep_most"),
    )
    for less, more in pairs:
        low, high = getattr(rules, f"{less}_ms"), getattr(rules, f"{more}_ms")
        if low > high:
            place = place_of(root, (*at, less))
            findings.follow_up(place, f"{less}, {low} ms, is more than {more}, {high} ms")
    if rules.beep_least_hz > rules.beep_most_hz:
        place = place_of(root, (*at, "beep_least_hz"))
        findings.follow_up(place, "beep_least_hz is more than beep_most_hz")


def _check_routes(site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool) -> None:
    trunks = [trunk.name for trunk in site.trunks]
    for index, route in enumerate(site.routes):
        if route.trunk and route.trunk not in trunks:
            findings.follow_up(
                place_of(root, ("routes", index, "trunk")),
                f"there is no trunk '{route.trunk}'",
                _known(route.trunk, trunks, "trunks"),
            )
        if route.menu and route.menu not in site.menus and menus_complete:
            findings.follow_up(
                place_of(root, ("routes", index, "menu")),
                f"there is no menu '{route.menu}' in {site.paths.menus}",
                _known(route.menu, site.menus, "menus"),
            )
        taken = next((at for at in range(index) if _covers(site.routes[at], route)), None)
        if taken is not None and route.number:
            taker = place_of(root, ("routes", taken), key=True)
            findings.follow_up(
                place_of(root, ("routes", index, "number")),
                f"no call can reach this route; the one at {taker} takes all of them",
                "put the more specific route first",
            )
    if not site.routes:
        findings.warning(root.place, "there are no routes; every incoming call is refused")
    if not site.trunks:
        findings.warning(root.place, "there are no trunks; every incoming call is ignored")
    for name in sorted(set(site.menus) - _menus_in_use(site)):
        findings.warning(root.place, f"no route leads to menu '{name}'")


def _menus_in_use(site: CompiledSite) -> set[str]:
    """Name the menus that calls come to: by a route, a trial or a campaign, from another menu, or in a call of ours."""
    used = {route.menu for route in site.routes} | {trial.candidate for trial in site.trials}
    used |= {campaign.menu for campaign in site.campaigns} | {site.callbacks.menu}
    for menu in site.menus.values():
        for name, node in menu.nodes.items():
            used.update(menu_of(name).split("/"))
            if isinstance(node, Survey):
                used.add(node.menu)
    return used


def _known(word: str, names: Iterable[str], what: str) -> str:
    names = sorted(names)
    return did_you_mean(word, names) or (f"{what}: {', '.join(names)}" if names else f"there are no {what} at all")


def _covers(earlier: Route, later: Route) -> bool:
    if not earlier.number or (earlier.trunk and earlier.trunk != later.trunk):
        return False
    if earlier.number.endswith("*"):
        return later.number.startswith(earlier.number[:-1])
    return earlier.number == later.number


def _check_endpoints(site: CompiledSite, root: Located, findings: Findings) -> None:
    for index, endpoint in enumerate(site.endpoints):
        if leaves_in_the_clear(endpoint.url):
            place = place_of(root, ("endpoints", index, "url"))
            findings.error(place, "questions would leave the machine unencrypted", "use https:// or tls://")
        by_nats = not endpoint.url.startswith("http")
        if endpoint.url and by_nats != bool(endpoint.subject):
            place = place_of(root, ("endpoints", index, "subject"))
            said = "a NATS server is asked by 'subject'" if by_nats else "only a NATS server is asked by 'subject'"
            findings.follow_up(place, said)


def masked(site: CompiledSite) -> dict[str, object]:
    """Give the effective configuration as plain values, secrets masked, menus by version."""
    plain: dict[str, object] = msgspec.to_builtins(site)
    plain["sinks"] = [
        {"name": sink.name, "type": sink.type, **sink.settings}
        | {name: "********" if secret else "" for name, secret in sink.secrets.items()}
        for sink in site.sinks
    ]
    plain["dialer"] = _masked(site.dialer, "database")
    plain["trunks"] = [_masked(trunk, "password") for trunk in site.trunks]
    plain["agents"] = [_masked(agent, "pin") for agent in site.agents]
    plain["menus"] = {name: menu.version for name, menu in site.menus.items()}
    plain["tried"] = {name: menu.version for name, menu in site.tried.items()}
    plain["whispers"] = {name: menu.version for name, menu in site.whispers.items()}
    return plain


def _masked(one: Trunk | Agent | Dialer, secret: str) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(one)
    return plain | {secret: "********"} if plain[secret] else plain
