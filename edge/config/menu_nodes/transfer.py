"""How authors write connections with somebody else."""

import ipaddress
import typing
from typing import Annotated, Literal

from msgspec import Struct, field

from edge.config import kinds
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    NodeRef,
    OptionalNodeRef,
    Sounds,
    a_sound,
    check_template,
    lasting,
    of_kind,
    ranging,
    reached_by,
    short_form,
)
from edge.config.site import Site, Trunk
from edge.config.tones import ringing_of
from edge.core.menus import model
from edge.core.menus.facts import INSERT
from edge.vocabulary.endings import Outcome

OUTCOMES = tuple(outcome for outcome in typing.get_args(Outcome) if outcome != "completed")


class AnnouncementSettings(Struct, kw_only=True):
    """Mixed over a talk, whose voices are lowered meanwhile."""

    #: Played one after the other over the talk, from its beginning on.
    sounds: Sounds
    #: Again, so long after its last beginning; not set: once.
    every: Annotated[int, lasting(1000, 3_600_000)] = 0
    #: Who hears it: everybody who talks, the caller only, or whom the caller talks with.
    to: Literal["both", "caller", "target"] = "both"
    #: By how much the voices are lowered under it, dB; 0: not at all.
    duck_db: Annotated[int, ranging(0, 60)] = 12


class TransferSettings(Struct, kw_only=True):
    """Short form: the target (`to`) alone."""

    #: SIP URI, or a number that is dialled on `trunk`. `${name}` in it stands for a value of the call.
    to: str
    #: Trunk to dial through.
    trunk: str = ""
    #: `bridge`: we dial it and connect the two. `refer`: the caller's side is asked to call it itself (REFER), which
    #: uses no channels of ours; the call ends when it says that it has, else the menu goes on as after any failure.
    by: Literal["bridge", "refer"] = "bridge"
    #: How long the target may ring.
    ring_timeout: Annotated[int, lasting(1000, 600_000)] = 22000
    #: Played again and again while the target rings, unless the target sends audio of its own. Nothing: the ringing
    #: tone of the trunk's country, or of `[media] ringing_tone`.
    ringing: Sounds = field(default_factory=list)
    #: Said while the two talk, such as that the call is recorded. Short form: the sounds alone.
    announcement: Annotated[AnnouncementSettings | None, short_form("sounds", a_sound)] = None


class TransferNode(Struct, kw_only=True):
    """Dial a second leg and connect it with the caller."""

    transfer: Annotated[TransferSettings, short_form("to")]
    #: Outcome (busy, no_answer, rejected, unreachable...) -> node.
    on_outcome: Annotated[dict[str, NodeRef], of_kind("outcomes")] = field(default_factory=dict)
    #: Node for every other failure.
    failed: NodeRef
    #: Node after the target has hung up; empty: the call ends.
    after: Annotated[OptionalNodeRef, reached_by("act")] = ""


class TransferDefaults(Struct, kw_only=True):
    """What transfers can have in common."""

    #: Trunk to dial through.
    trunk: str = ""
    #: How long the target may ring.
    ring_timeout: Annotated[int, lasting(1000, 600_000)] = 22000
    #: Played again and again while the target rings. Nothing: the ringing tone of a country.
    ringing: Sounds = field(default_factory=list)
    #: Said while the two talk.
    announcement: Annotated[AnnouncementSettings | None, short_form("sounds", a_sound)] = None


def dialled_through(site: Site) -> dict[str, bool]:
    """Return the names of trunks and groups, and whether numbers can be dialled there."""
    found = {trunk.name: bool(trunk.address) for trunk in site.trunks}
    return found | {group.name: any(found.get(one.trunk) for one in group.members) for group in site.trunk_groups}


def _check(node: TransferNode, located: Located, desk: Desk) -> None:
    """Check that the target can be dialled and that the outcomes are outcomes."""
    settings, findings = node.transfer, desk.findings
    target_place = place_of(located, ("transfer", "to"))
    trunk_place = place_of(located, ("transfer", "trunk"))
    is_uri = ":" in settings.to or "@" in settings.to
    if settings.to:
        check_template(settings.to, target_place, desk)
        # What is inserted has letters, digits and such; a digit stands for it here.
        to = INSERT.sub("1", settings.to)
        fault = kinds.sip_uri_fault(to) if is_uri else kinds.dial_number_fault(to)
        if fault:
            findings.error(target_place, fault, "" if is_uri else "or write sip:user@host:port")
        elif not is_uri and not settings.trunk and settings.by == "bridge":
            findings.error(target_place, f"the number '{settings.to}' needs a trunk to be dialled on", "set 'trunk'")
    elif find(located, ("transfer", "to")):
        findings.error(target_place, "there is no target to dial", "such as sip:user@host:port")
    names = dialled_through(desk.site)
    if settings.trunk and settings.trunk not in names:
        findings.error(trunk_place, f"there is no trunk '{settings.trunk}'", did_you_mean(settings.trunk, names))
    elif settings.trunk and not is_uri and not names[settings.trunk]:
        findings.error(trunk_place, f"trunk '{settings.trunk}' has no address to dial numbers on")
    _check_announcement(node, located, findings)
    check_outcomes(node.on_outcome, located, desk)


def check_outcomes(on_outcome: dict[str, str], located: Located, desk: Desk) -> None:
    """Check that outcomes are such."""
    for outcome in on_outcome:
        if outcome not in OUTCOMES:
            desk.findings.error(
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


def _compile(node: TransferNode, _located: Located, desk: Desk) -> model.Node:
    return model.Transfer(
        target=node.transfer.to,
        trunk=node.transfer.trunk,
        by=node.transfer.by,
        ring_timeout_ms=node.transfer.ring_timeout,
        ringing=desk.sounds(node.transfer.ringing) or ringing_tone(node.transfer.to, node.transfer.trunk, desk),
        announcement=_announcement(node.transfer.announcement, desk),
        on_outcome={outcome: desk.node(target) for outcome, target in node.on_outcome.items()},
        failed=desk.node(node.failed),
        after=desk.node(node.after),
    )


def _announcement(said: AnnouncementSettings | None, desk: Desk) -> model.Announcement | None:
    if said is None:
        return None
    return model.Announcement(sounds=desk.sounds(said.sounds), every_ms=said.every, to=said.to, duck_db=said.duck_db)


def ringing_tone(target: str, trunk: str, desk: Desk) -> list[model.Sound]:
    """Choose the ringing tone of whoever is dialled."""
    tone = ringing_of(desk.site, _trunk_of(target, trunk, desk.site))
    desk.made_of("".join(sound.path for sound in tone))
    return tone


def _trunk_of(target: str, name: str, site: Site) -> Trunk | None:
    """Find the trunk that a target belongs to, as far as that can be told before it is dialled."""
    if name:
        return next((trunk for trunk in site.trunks if trunk.name == name), None)
    split = kinds.split_host_port(target.rpartition("@")[2].removeprefix("sip:").partition(";")[0])
    if split is None or kinds.ip_fault(split[0]):
        return None
    host = ipaddress.ip_address(split[0])
    networks = ((ipaddress.ip_network(source), trunk) for trunk in site.trunks for source in trunk.sources)
    return next((trunk for network, trunk in networks if host in network), None)


TRANSFER = Kind(TransferNode, _compile, _check)
