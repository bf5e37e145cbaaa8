"""Faults of menus that types can't show.

Ways that lead nowhere or round and round, choices that can't be dialled, targets that can't be reached.
"""

import typing
from collections.abc import Mapping
from typing import Protocol

from edge.config import kinds
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_graph import loops, reachable
from edge.config.menu_source import AnsweredNode, GatherNode, ListenNode, Node, TransferNode
from edge.config.site import Site
from edge.core.menus.model import FLASH_CHOICE
from edge.vocabulary.endings import Outcome

OUTCOMES = tuple(outcome for outcome in typing.get_args(Outcome) if outcome != "completed")


class Read(Protocol):
    """A node with its place."""

    @property
    def source(self) -> Node:
        """What it says."""
        ...

    @property
    def located(self) -> Located:
        """Where it stands."""
        ...


class _Edge(typing.NamedTuple):
    target: str
    place: Place
    #: `none`: the call comes here by itself; `silence`: by a caller who does nothing; `act`: by something a person did.
    by: str


def edges_of(node: Node, located: Located) -> list[_Edge]:
    """List where a call can go from a node."""
    edges: list[_Edge] = []

    def add(*path: str, target: str, by: str) -> None:
        if target:
            edges.append(_Edge(target, place_of(located, path), by))

    plain = "act" if isinstance(node, (GatherNode, ListenNode)) else "none"
    # Once it is known who answered, the node takes no time.
    for name in ("human", "machine", "fax", "unknown", "no_beep"):
        add(name, target=getattr(node, name, ""), by="none")
    for name in ("next", "after"):
        add(name, target=getattr(node, name, ""), by="act" if name == "after" else plain)
    add("failed", target=getattr(node, "failed", ""), by="none" if isinstance(node, TransferNode) else "silence")
    for digits, target in (node.choices if isinstance(node, GatherNode) else {}).items():
        add("choices", digits, target=target, by="act")
    for outcome, target in (node.on_outcome if isinstance(node, TransferNode) else {}).items():
        add("on_outcome", outcome, target=target, by="none")
    return edges


def check_flow(start: str, nodes: Mapping[str, Read], root: Located, findings: Findings) -> None:
    """Check that every way leads to a node, every node lies on a way, and no way goes round by itself."""
    # Nodes that could not be read still exist: what leads to them is not wrong.
    listed = place_nodes(root)
    edges = {name: edges_of(read.source, read.located) for name, read in nodes.items()}
    if start and start not in listed:
        findings.error(place_of(root, ("start",)), f"there is no node '{start}'", did_you_mean(start, listed))
    for leaving in edges.values():
        for edge in leaving:
            if edge.target not in listed:
                findings.error(edge.place, f"there is no node '{edge.target}'", did_you_mean(edge.target, listed))
    if start in nodes and len(nodes) == len(listed):
        reached = reachable(start, {name: [edge.target for edge in leaving] for name, leaving in edges.items()})
        for name in listed:
            if name not in reached:
                findings.error(listed[name].key_place, f"no call can reach node '{name}'", "lead to it, or take it out")
    _check_loops(edges, listed, findings)


def _check_loops(edges: Mapping[str, list[_Edge]], listed: Mapping[str, Located], findings: Findings) -> None:
    def followed(*kinds_of_edge: str) -> dict[str, list[str]]:
        return {
            name: [edge.target for edge in leaving if edge.by in kinds_of_edge and edge.target in edges]
            for name, leaving in edges.items()
        }

    certain = loops(followed("none"))
    for way in certain:
        findings.error(
            listed[way[0]].key_place,
            f"the call would go round without end: {' -> '.join([*way, way[0]])}",
            "put a gather or a hang_up on the way",
        )
    if not certain:
        for way in loops(followed("none", "silence")):
            findings.warning(
                listed[way[0]].key_place,
                f"a caller who presses nothing goes round until the call's time limit: {' -> '.join([*way, way[0]])}",
                "let 'failed' lead to a hang_up or an operator",
            )


def place_nodes(root: Located) -> dict[str, Located]:
    """Give the nodes as they stand in the file."""
    nodes = (root.table or {}).get("nodes")
    return (nodes.table if nodes else None) or {}


def check_gather(node: GatherNode, located: Located, findings: Findings) -> None:
    """Check that each choice can be dialled and that the limits fit each other."""
    settings = node.gather
    here = located.key_place
    if not node.choices and not node.next:
        findings.error(here, "the gather has neither 'choices' nor 'next'")
    if settings.min_digits > settings.max_digits:
        place = place_of(located, ("gather", "min_digits"))
        findings.error(place, f"min_digits {settings.min_digits} is more than max_digits {settings.max_digits}")
    if len(settings.finish_on_key) > 1:
        findings.error(place_of(located, ("gather", "finish_on_key")), "finish_on_key is one key")
    for digits in node.choices:
        if digits == FLASH_CHOICE:
            continue
        place = place_of(located, ("choices", digits), key=True)
        fault = kinds.digits_fault(digits)
        if fault:
            findings.error(place, f"choice '{digits}': {fault}", "put '#' and '*' in quotes" if not digits else "")
        elif len(digits) > settings.max_digits:
            findings.error(
                place,
                f"choice '{digits}' is longer than max_digits {settings.max_digits}",
                f"max_digits: {len(digits)}",
            )
        elif len(digits) < settings.min_digits:
            findings.error(place, f"choice '{digits}' is shorter than min_digits {settings.min_digits}")
        elif settings.finish_on_key and settings.finish_on_key in digits:
            findings.error(place, f"choice '{digits}' contains finish_on_key '{settings.finish_on_key}'")
        else:
            _check_prefix(node, digits, place, findings)


def _check_prefix(node: GatherNode, digits: str, place: Place, findings: Findings) -> None:
    longer = next((other for other in node.choices if other != digits and other.startswith(digits)), "")
    if longer:
        findings.warning(
            place,
            f"choice '{digits}' is only taken after inter_digit_timeout ({node.gather.inter_digit_timeout} ms), "
            f"because '{longer}' begins with it",
        )
    elif node.next and len(digits) < node.gather.max_digits:
        findings.warning(place, f"digits that begin with '{digits}' never get to 'next', choice '{digits}' takes them")


def check_answered(node: AnsweredNode, located: Located, findings: Findings) -> None:
    """Check that what is waited for has a use."""
    settings = node.answered
    if settings.wait_for != "verdict":
        if settings.wait_for == "greeting" and find(located, ("answered", "beep_timeout")):
            place = place_of(located, ("answered", "beep_timeout"), key=True)
            findings.error(place, "no beep is waited for", "wait_for: beep")
        return
    if node.no_beep:
        findings.error(place_of(located, ("no_beep",), key=True), "no beep is waited for", "wait_for: beep")
    for name in ("greeting_timeout", "beep_timeout"):
        if find(located, ("answered", name)):
            place = place_of(located, ("answered", name), key=True)
            findings.error(place, "nothing is waited for but the verdict", "wait_for: beep")


def dialled_through(site: Site) -> dict[str, bool]:
    """Return the names of trunks and groups, and whether numbers can be dialled there."""
    found = {trunk.name: bool(trunk.address) for trunk in site.trunks}
    return found | {group.name: any(found.get(one.trunk) for one in group.members) for group in site.trunk_groups}


def check_transfer(node: TransferNode, located: Located, site: Site, findings: Findings) -> None:
    """Check that the target can be dialled and that the outcomes are outcomes."""
    settings = node.transfer
    target_place = place_of(located, ("transfer", "to"))
    trunk_place = place_of(located, ("transfer", "trunk"))
    is_uri = ":" in settings.to or "@" in settings.to
    if settings.to:
        fault = kinds.sip_uri_fault(settings.to) if is_uri else kinds.dial_number_fault(settings.to)
        if fault:
            findings.error(target_place, fault, "" if is_uri else "or write sip:user@host:port")
        elif not is_uri and not settings.trunk and settings.by == "bridge":
            findings.error(target_place, f"the number '{settings.to}' needs a trunk to be dialled on", "set 'trunk'")
    elif find(located, ("transfer", "to")):
        findings.error(target_place, "there is no target to dial", "such as sip:user@host:port")
    names = dialled_through(site)
    if settings.trunk and settings.trunk not in names:
        findings.error(trunk_place, f"there is no trunk '{settings.trunk}'", did_you_mean(settings.trunk, names))
    elif settings.trunk and not is_uri and not names[settings.trunk]:
        findings.error(trunk_place, f"trunk '{settings.trunk}' has no address to dial numbers on")
    _check_announcement(node, located, findings)
    for outcome in node.on_outcome:
        if outcome not in OUTCOMES:
            findings.error(
                place_of(located, ("on_outcome", outcome), key=True),
                f"'{outcome}' is not an outcome of a call",
                did_you_mean(outcome, OUTCOMES) or ", ".join(OUTCOMES),
            )


def _check_announcement(node: TransferNode, located: Located, findings: Findings) -> None:
    settings, said = node.transfer.announcement, find(located, ("transfer", "announcement"))
    if settings is None or settings.sounds or said is None:
        return
    if said.table is None or "sounds" in said.table:  # else it was told that they are missing
        findings.follow_up(said.place, "there is nothing to announce")
