"""`[callbacks] dial`: that somebody talks with who is called back, and that phones ring as long as they should."""

import os

from edge.config.callback_settings import Callbacks
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.targets import check_target, check_trunk, dialled_through

#: From our CANCEL to the end of the ringing, and from the ringing to the 180 that tells of it: what the way may take.
MARGIN_MS = 250


def check_calling(site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool) -> None:
    """Check what calls back need."""
    own = site.callbacks
    _check_ring(own, root, findings)
    _check_names(site, root, findings, menus_complete=menus_complete)
    if own.announcement and not os.access(own.announcement, os.R_OK):
        findings.follow_up(place_of(root, ("callbacks", "announcement")), f"the file {own.announcement} cannot be read")
    if not own.dial:
        return
    place = place_of(root, ("callbacks", "dial"), key=True)
    talks = [name for name in ("queue", "target", "menu") if getattr(own, name)]
    if own.order == "agent_first":
        talks = [name for name in talks if name != "menu"]
    if not talks:
        what = "queue or target" if own.order == "agent_first" else "queue, target or menu"
        findings.error(place, "who is called back has nobody to talk with", f"set {what}")
    if not own.hours:
        findings.warning(place, "callbacks are made at any time of the day", "set hours")


def _check_ring(own: Callbacks, root: Located, findings: Findings) -> None:
    if own.ring_min_ms >= own.ring_max_ms:
        findings.follow_up(
            place_of(root, ("callbacks", "ring_min")),
            f"ring_min, {own.ring_min_ms} ms, is not less than ring_max, {own.ring_max_ms} ms",
        )
    elif not own.ring_min_ms + MARGIN_MS <= own.ring_ms <= own.ring_max_ms - MARGIN_MS:
        findings.follow_up(
            place_of(root, ("callbacks", "ring")),
            f"a ring of {own.ring_ms} ms is not surely between {own.ring_min_ms} and {own.ring_max_ms} ms",
            f"stay {MARGIN_MS} ms away from both: the CANCEL has its way to go",
        )


def _check_names(site: CompiledSite, root: Located, findings: Findings, *, menus_complete: bool) -> None:
    own, trunks = site.callbacks, dialled_through(site)
    queues = [queue.name for queue in site.queues]
    if own.queue and own.queue not in queues:
        findings.follow_up(
            place_of(root, ("callbacks", "queue")),
            f"there is no queue '{own.queue}'",
            did_you_mean(own.queue, queues) or "define it as [[queues]]",
        )
    if own.menu and menus_complete and own.menu not in site.menus:
        findings.follow_up(
            place_of(root, ("callbacks", "menu")), f"there is no menu '{own.menu}'", did_you_mean(own.menu, site.menus)
        )
    if own.menu and own.order == "agent_first":
        findings.warning(
            place_of(root, ("callbacks", "menu")), "the menu is for who is rung first, and that is an agent"
        )
    if own.queue and own.target:
        findings.warning(
            place_of(root, ("callbacks", "target")), "the queue talks with who is called back, not the target"
        )
    if own.target:
        check_target(own.target, own.trunk, place_of(root, ("callbacks", "target")), findings)
    deaf = next((trunk.name for trunk in site.trunks if not trunk.address), "")
    if own.trunk:
        check_trunk(own.trunk, place_of(root, ("callbacks", "trunk")), trunks, findings, numbers=True)
    elif own.dial and not any(trunks.values()):
        findings.follow_up(
            place_of(root, ("callbacks", "dial"), key=True),
            "no trunk has an address that numbers can be dialled on",
            "set 'address' of a trunk, or 'trunk' of [callbacks]",
        )
    elif own.dial and deaf:
        findings.warning(
            place_of(root, ("callbacks", "dial"), key=True),
            f"callers of trunk '{deaf}' cannot be called back: it has no address to dial numbers on",
            "set its address, or 'trunk' of [callbacks]",
        )
