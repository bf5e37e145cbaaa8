"""Whom calls are connected with: targets of menus and of the site's hunt lists, and what can be wrong with them."""

import typing
from collections.abc import Mapping, Sequence

from edge.config import kinds
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, place_of
from edge.config.shape import duration_text
from edge.config.site import Site
from edge.config.trunk_settings import HuntList
from edge.core.menus.facts import INSERT
from edge.core.menus.parts import Target
from edge.vocabulary.endings import Outcome
from edge.vocabulary.hunting import HuntStrategy

#: What a transfer can come to.
OUTCOMES = tuple(outcome for outcome in typing.get_args(Outcome) if outcome != "completed")


def dialled_through(site: Site) -> dict[str, bool]:
    """Return the names of trunks and groups, and whether numbers can be dialled there."""
    found = {trunk.name: bool(trunk.address) for trunk in site.trunks}
    return found | {group.name: any(found.get(one.trunk) for one in group.members) for group in site.trunk_groups}


def is_uri(to: str) -> bool:
    """Say whether a target is a SIP URI, and no number."""
    return ":" in to or "@" in to


def check_target(to: str, trunk: str, place: Place, findings: Findings) -> None:
    """Check that a target can be dialled. Values may be inserted in it; `trunk` is checked by `check_trunk`."""
    # What is inserted has letters, digits and such; a digit stands for it here.
    plain = INSERT.sub("1", to)
    fault = kinds.sip_uri_fault(plain) if is_uri(to) else kinds.dial_number_fault(plain)
    if fault:
        findings.error(place, fault, "" if is_uri(to) else "or write sip:user@host:port")
    elif not is_uri(to) and not trunk:
        findings.error(place, f"the number '{to}' needs a trunk to be dialled on", "set 'trunk'")


def check_trunk(trunk: str, place: Place, names: Mapping[str, bool], findings: Findings, *, numbers: bool) -> None:
    """Check that a trunk or group is there; `numbers`: and that numbers can be dialled on it."""
    if trunk and trunk not in names:
        findings.error(place, f"there is no trunk '{trunk}'", did_you_mean(trunk, names))
    elif trunk and numbers and not names[trunk]:
        findings.error(place, f"trunk '{trunk}' has no address to dial numbers on")


def check_outcome(outcome: str, place: Place, findings: Findings) -> None:
    """Check that an outcome is one."""
    if outcome not in OUTCOMES:
        advice = did_you_mean(outcome, OUTCOMES) or ", ".join(OUTCOMES)
        findings.error(place, f"'{outcome}' is not an outcome of a call", advice)


def check_together(
    targets: Sequence[Target], strategy: HuntStrategy, hunt_timeout_ms: int, places: Sequence[Place], findings: Findings
) -> None:
    """Warn of targets that are there twice, and of those that the time of the hunt is too short for."""
    seen: dict[str, Place] = {}
    before_ms = 0
    for target, place in zip(targets, places, strict=True):
        if target.target and target.target in seen:
            findings.warning(place, f"'{target.target}' is there twice; the first is at {seen[target.target]}")
        seen.setdefault(target.target, place)
        if not hunt_timeout_ms:
            continue
        late = before_ms >= hunt_timeout_ms and strategy == "linear"
        if late:
            what = f"'{target.target}' is never dialled if those before it do not answer: 'hunt_timeout' is over then"
            findings.warning(place, what, f"they may ring for {duration_text(before_ms)}")
        elif target.ring_timeout_ms > hunt_timeout_ms:
            rings, most = duration_text(target.ring_timeout_ms), duration_text(hunt_timeout_ms)
            what = f"'{target.target}' may ring for {rings}, but the whole hunt ends after {most}"
            findings.warning(place, what, "lengthen 'hunt_timeout', or shorten 'ring_timeout'")
        before_ms += target.ring_timeout_ms


def targets_of(hunt_list: HuntList) -> list[Target]:
    """Return the targets of a list of the site, each with what it does not say itself."""
    return [
        Target(
            target=one.to,
            trunk=one.trunk or hunt_list.trunk,
            ring_timeout_ms=one.ring_timeout_ms or hunt_list.ring_timeout_ms,
            leave_on=list(one.leave_on or hunt_list.leave_on),
        )
        for one in hunt_list.targets
    ]


def check_hunt_lists(site: Site, root: Located, findings: Findings) -> None:
    """Check the hunt lists of a site."""
    names = dialled_through(site)
    for number, one in enumerate(site.hunt_lists):
        at = ("hunt_lists", number)
        if not one.targets:
            findings.follow_up(place_of(root, (*at, "targets")), f"hunt list '{one.name}' has no targets")
        check_trunk(one.trunk, place_of(root, (*at, "trunk")), names, findings, numbers=False)
        for index, outcome in enumerate(one.leave_on):
            check_outcome(outcome, place_of(root, (*at, "leave_on", index)), findings)
        places = [place_of(root, (*at, "targets", index, "to")) for index in range(len(one.targets))]
        for index, target in enumerate(one.targets):
            here = (*at, "targets", index)
            if target.to:  # else it is missing, which was told
                check_target(target.to, target.trunk or one.trunk, places[index], findings)
            if target.trunk or one.trunk in names:  # else it was told of the list's
                trunk_place = place_of(root, (*here, "trunk"))
                numbers = not is_uri(target.to)
                check_trunk(target.trunk or one.trunk, trunk_place, names, findings, numbers=numbers)
            for position, outcome in enumerate(target.leave_on):
                check_outcome(outcome, place_of(root, (*here, "leave_on", position)), findings)
        check_together(targets_of(one), one.strategy, one.hunt_timeout_ms, places, findings)
