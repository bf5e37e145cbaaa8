"""Campaigns: that what they name is there, that somebody talks with who answers, and that rules can be kept."""

import os
from collections.abc import Mapping
from pathlib import Path

from edge.config.campaigns import Campaign
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.core.menus.kinds.queue import Queue


def check_campaigns(site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool) -> None:
    """Check all campaigns."""
    trunks = {trunk.name: bool(trunk.address) for trunk in site.trunks}
    trunks |= {group.name: any(trunks.get(one.trunk) for one in group.members) for group in site.trunk_groups}
    for index, campaign in enumerate(site.campaigns):
        _check_talk(campaign, index, site, root, findings, menus_complete=menus_complete)
        _check_ways(campaign, index, trunks, root, findings)
        _check_retries(campaign, index, root, findings)
        _check_whisper(campaign, index, site, root, findings)
        if campaign.hours and campaign.hours not in site.calendars:
            findings.follow_up(
                place_of(root, ("campaigns", index, "hours")),
                f"there are no opening hours '{campaign.hours}'",
                did_you_mean(campaign.hours, site.calendars) or "define them as [[hours]]",
            )
        if campaign.max_channels > site.media.slots:
            findings.warning(
                place_of(root, ("campaigns", index, "max_channels")),
                f"there are only {site.media.slots} media slots for all calls",
            )
        _check_room(campaign, index, site, root, findings)


def _check_room(campaign: Campaign, index: int, site: CompiledSite, root: Located, findings: Findings) -> None:
    """Warn where the way takes fewer calls: what is begun beyond that is an attempt that fails undialled."""
    most = {trunk.name: trunk.max_channels for trunk in site.trunks}  # 0: any number
    members = [one.trunk for group in site.trunk_groups if group.name == campaign.trunk for one in group.members]
    room = [most.get(name, 0) for name in members or [campaign.trunk]]
    if all(room) and campaign.max_channels > sum(room):
        findings.warning(
            place_of(root, ("campaigns", index, "max_channels")),
            f"'{campaign.trunk}' has room for {sum(room)} at a time, the campaign would begin {campaign.max_channels}",
            "an attempt that finds no room fails without having been dialled",
        )


def _check_talk(
    campaign: Campaign, index: int, site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool
) -> None:
    at = ("campaigns", index)
    if bool(campaign.menu) == bool(campaign.queue):
        what = "has both a menu and a queue" if campaign.menu else "has neither a menu nor a queue"
        findings.follow_up(
            place_of(root, (*at, "menu" if campaign.menu else "name")),
            f"campaign '{campaign.name}' {what} for who answers",
            "a menu may send callers to a queue by itself" if campaign.menu else "set menu or queue",
        )
    if campaign.menu and menus_complete and campaign.menu not in site.menus:
        findings.follow_up(
            place_of(root, (*at, "menu")),
            f"there is no menu '{campaign.menu}'",
            did_you_mean(campaign.menu, site.menus),
        )
    queues = {queue.name: queue for queue in site.queues}
    queue = queues.get(campaign.queue)
    if campaign.queue and queue is None:
        findings.follow_up(
            place_of(root, (*at, "queue")),
            f"there is no queue '{campaign.queue}'",
            did_you_mean(campaign.queue, queues) or "define it as [[queues]]",
        )
    if queue is not None and queue.max_wait_ms > campaign.abandoned_after_ms and not campaign.abandoned_message:
        findings.warning(
            place_of(root, (*at, "queue")),
            f"callees wait {queue.max_wait_ms} ms in queue '{queue.name}', but after {campaign.abandoned_after_ms} ms "
            "they were abandoned",
            "set abandoned_message, or max_wait of the queue to abandoned_after of the campaign",
        )
    if campaign.queue and not campaign.abandoned_message:
        findings.warning(
            place_of(root, (*at, "queue")), "who finds no agent in time hears nothing", "set abandoned_message"
        )
    if campaign.abandoned_message and not os.access(Path(campaign.abandoned_message), os.R_OK):
        findings.follow_up(
            place_of(root, (*at, "abandoned_message")), f"the file {campaign.abandoned_message} cannot be read"
        )
    if campaign.opt_out_key and (len(campaign.opt_out_key) != 1 or not campaign.abandoned_message):
        findings.follow_up(
            place_of(root, (*at, "opt_out_key")),
            "it is one key, of who hears the message of an abandoned call",
            "set abandoned_message, which names it" if not campaign.abandoned_message else "",
        )
    _check_results(campaign, at, site, root, findings, menus_complete=menus_complete)
    if campaign.pacing == "preview" and not campaign.queue:
        findings.follow_up(
            place_of(root, (*at, "pacing")), "pacing 'preview' needs agents who look at contacts", "set queue"
        )
    elif campaign.pacing != "progressive" and not campaign.queue:
        findings.warning(
            place_of(root, (*at, "pacing")),
            f"pacing '{campaign.pacing}' needs agents; without a queue all of max_channels are used",
        )


def _check_results(
    campaign: Campaign,
    at: tuple[str, int],
    site: CompiledSite,
    root: Located,
    findings: Findings,
    *,
    menus_complete: bool,
) -> None:
    for name, values in (
        ("code", [one.code for one in campaign.results]),
        ("key", [one.key for one in campaign.results]),
    ):
        for number, value in enumerate(values):
            if value and value in values[:number]:
                findings.follow_up(place_of(root, (*at, "results", number, name)), f"there are two results '{value}'")
    if campaign.results and not campaign.queue:
        findings.warning(
            place_of(root, (*at, "results")), "without a queue there is no agent who could say what came of a talk"
        )
    if campaign.result_menu and menus_complete and campaign.result_menu not in site.menus:
        findings.follow_up(
            place_of(root, (*at, "result_menu")),
            f"there is no menu '{campaign.result_menu}'",
            did_you_mean(campaign.result_menu, site.menus),
        )
    if campaign.result_menu and campaign.pacing != "preview":
        findings.warning(
            place_of(root, (*at, "result_menu")),
            "only agents who are rung first (pacing 'preview') get a menu after the talk",
        )


def _check_whisper(campaign: Campaign, index: int, site: CompiledSite, root: Located, findings: Findings) -> None:
    """Warn where somebody who has answered waits for what an agent is told."""
    menu = site.menus.get(campaign.menu)
    nodes = menu.nodes.values() if menu is not None else ()
    if any(isinstance(node, Queue) and node.whisper is not None for node in nodes):
        findings.warning(
            place_of(root, ("campaigns", index, "menu")),
            f"who answers waits while an agent hears the whisper of menu '{campaign.menu}'",
            "make it an announcement with 'to: target'",
        )


def _check_ways(campaign: Campaign, index: int, trunks: Mapping[str, bool], root: Located, findings: Findings) -> None:
    place = place_of(root, ("campaigns", index, "trunk"))
    if campaign.trunk and campaign.trunk not in trunks:
        findings.follow_up(place, f"there is no trunk '{campaign.trunk}'", did_you_mean(campaign.trunk, trunks))
    elif campaign.trunk and not trunks[campaign.trunk]:
        findings.follow_up(place, f"trunk '{campaign.trunk}' has no address to dial numbers on")
    if not campaign.lists:
        findings.follow_up(
            place_of(root, ("campaigns", index, "lists")), f"campaign '{campaign.name}' has no lists of contacts"
        )
    seen: set[str] = set()
    for number, one in enumerate(campaign.caller_ids):
        if one.prefix and one.prefix in seen:
            place = place_of(root, ("campaigns", index, "caller_ids", number, "prefix"))
            findings.follow_up(place, f"there are two numbers for the prefix '{one.prefix}'")
        seen.add(one.prefix)


def _check_retries(campaign: Campaign, index: int, root: Located, findings: Findings) -> None:
    seen: dict[str, int] = {}
    for number, retry in enumerate(campaign.retries):
        for at, disposition in enumerate(retry.on):
            place = place_of(root, ("campaigns", index, "retries", number, "on", at))
            if disposition == "held":
                findings.follow_up(
                    place, "what follows a held attempt is said by a person", "edge dial held, edge dial settle"
                )
            elif disposition in seen:
                findings.follow_up(place, f"'{disposition}' stands in retry {seen[disposition] + 1}, too")
            seen.setdefault(disposition, number)
