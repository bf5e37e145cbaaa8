"""How authors write connections with somebody else."""

import ipaddress
from typing import Annotated, Literal

from msgspec import Struct, field

from edge.config import kinds
from edge.config.annotations import lasting, of_kind, ranging
from edge.config.errors import Findings, Place
from edge.config.located import Located, find, place_of
from edge.config.menu_nodes.hunting import (
    TargetSettings,
    WhisperSettings,
    check_list,
    check_whisper,
    compiled_whisper,
    listed,
)
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    NodeRef,
    OptionalNodeRef,
    Sounds,
    a_sound,
    check_template,
    reached_by,
    short_form,
)
from edge.config.site import Site
from edge.config.targets import check_outcome, check_target, check_together, check_trunk, dialled_through, is_uri
from edge.config.tones import ringing_of
from edge.config.trunk_settings import Trunk
from edge.core.menus import model
from edge.vocabulary.hunting import HuntStrategy


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
    """Short form: the target (`to`) alone. One of `to`, `targets` and `hunt_list` says whom to dial."""

    #: SIP URI, or a number that is dialled on `trunk`. `${name}` in it stands for a value of the call.
    to: str = ""
    #: Trunk, or group of trunks, to dial through.
    trunk: str = ""
    #: `bridge`: we dial it and connect the two. `refer`: the caller's side is asked to call it itself (REFER), which
    #: uses no channels of ours; the call ends when it says that it has, else the menu goes on as after any failure.
    by: Literal["bridge", "refer"] = "bridge"
    #: How long a target may ring.
    ring_timeout: Annotated[int, lasting(1000, 600_000)] = 22000
    #: Several targets, which are dialled until one of them takes the call.
    targets: list[Annotated[TargetSettings, short_form("to")]] = field(default_factory=list)
    #: A list of the site (`[[hunt_lists]]`), which says its targets, their order and their times.
    hunt_list: str = ""
    #: `linear`: in this order. `round_robin`: beginning after the one who took the last call. `random`: in an order
    #: that is another one for each call. `all`: all at once; the first who takes the call has it.
    strategy: HuntStrategy = "linear"
    #: Targets that we dial already for another call, or that talk in one, are passed over as `busy`.
    skip_busy: bool = False
    #: For all targets together, until one answers; not set: as long as each may ring.
    hunt_timeout: Annotated[int, lasting(1000, 3_600_000)] = 0
    #: Outcomes (`busy`, `rejected`...) after which no other target is dialled. After all others the next one is.
    leave_on: list[str] = field(default_factory=list)
    #: Played again and again while a target rings, unless the target sends audio of its own. Nothing: the ringing
    #: tone of the trunk's country, or of `[media] ringing_tone`.
    ringing: Sounds = field(default_factory=list)
    #: Said to the target before it is connected, which may have to accept. Short form: the sounds alone.
    whisper: Annotated[WhisperSettings | None, short_form("sounds", a_sound)] = None
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
    #: Said to the target before it is connected, which may have to accept.
    whisper: Annotated[WhisperSettings | None, short_form("sounds", a_sound)] = None
    #: Said while the two talk.
    announcement: Annotated[AnnouncementSettings | None, short_form("sounds", a_sound)] = None


def _check(node: TransferNode, located: Located, desk: Desk) -> None:
    """Check that whom it names can be dialled and that the outcomes are outcomes."""
    settings, findings = node.transfer, desk.findings
    names = dialled_through(desk.site)
    trunk_place = place_of(located, ("transfer", "trunk"))
    said = [name for name in ("to", "targets", "hunt_list") if find(located, ("transfer", name)) is not None]
    if len(said) > 1:
        findings.error(place_of(located, ("transfer", said[1]), key=True), f"'{said[0]}' says whom to dial already")
    if settings.to:
        _check_one(settings.to, settings.trunk, place_of(located, ("transfer", "to")), settings, desk)
    elif settings.targets:
        _check_targets(settings, located, desk)
    elif settings.hunt_list:
        check_list(settings.hunt_list, located, desk)
    elif find(located, ("transfer",)) is not None:
        findings.follow_up(place_of(located, ("transfer",)), "there is no target to dial", "such as sip:user@host:port")
    check_trunk(settings.trunk, trunk_place, names, findings, numbers=bool(settings.to) and not is_uri(settings.to))
    if settings.by == "refer" and not settings.to:
        findings.follow_up(place_of(located, ("transfer", "by")), "a caller is sent to one target only", "set 'to'")
    if settings.by == "refer" and settings.whisper is not None:
        place = place_of(located, ("transfer", "whisper"), key=True)
        findings.error(place, "nobody hears a whisper where the caller goes by itself", "take it out")
    for number, outcome in enumerate(settings.leave_on):
        check_outcome(outcome, place_of(located, ("transfer", "leave_on", number)), findings)
    check_whisper(settings.whisper, located, desk)
    _check_announcement(node, located, findings)
    check_outcomes(node.on_outcome, located, desk)


def _check_one(to: str, trunk: str, place: Place, settings: TransferSettings, desk: Desk) -> None:
    check_template(to, place, desk)
    # By REFER a number is dialled by the caller's side, which needs no trunk of ours.
    check_target(to, trunk or ("-" if settings.by == "refer" else ""), place, desk.findings)


def _check_targets(settings: TransferSettings, located: Located, desk: Desk) -> None:
    names = dialled_through(desk.site)
    for number, target in enumerate(settings.targets):
        place = place_of(located, ("transfer", "targets", number))
        if target.to:  # else it is missing, which was told
            _check_one(target.to, target.trunk or settings.trunk, place, settings, desk)
        if target.trunk or settings.trunk in names:  # else it was told of the transfer's
            check_trunk(target.trunk or settings.trunk, place, names, desk.findings, numbers=not is_uri(target.to))
        for outcome in target.leave_on:
            check_outcome(outcome, place, desk.findings)
    places = [place_of(located, ("transfer", "targets", index)) for index in range(len(settings.targets))]
    check_together(_several(settings), settings.strategy, settings.hunt_timeout, places, desk.findings)


def check_outcomes(on_outcome: dict[str, str], located: Located, desk: Desk) -> None:
    """Check that outcomes are such."""
    for outcome in on_outcome:
        check_outcome(outcome, place_of(located, ("on_outcome", outcome), key=True), desk.findings)


def _several(settings: TransferSettings) -> list[model.Target]:
    return [
        model.Target(
            target=one.to,
            trunk=one.trunk or settings.trunk,
            ring_timeout_ms=one.ring_timeout or settings.ring_timeout,
            leave_on=list(one.leave_on or settings.leave_on),
        )
        for one in settings.targets
    ]


def _check_announcement(node: TransferNode, located: Located, findings: Findings) -> None:
    settings, said = node.transfer.announcement, find(located, ("transfer", "announcement"))
    if settings is None or settings.sounds or said is None:
        return
    if said.table is None or "sounds" in said.table:  # else it was told that they are missing
        findings.follow_up(said.place, "there is nothing to announce")


def _compile(node: TransferNode, _located: Located, desk: Desk) -> model.Node:
    settings = node.transfer
    hunted = listed(settings.hunt_list, desk) if settings.hunt_list else None
    targets = hunted.targets if hunted is not None else _several(settings)
    first = (targets[0].target, targets[0].trunk) if targets else (settings.to, settings.trunk)
    return model.Transfer(
        target=settings.to,
        trunk=settings.trunk,
        by=settings.by,
        ring_timeout_ms=settings.ring_timeout,
        targets=targets,
        hunt_list=settings.hunt_list,
        strategy=hunted.strategy if hunted is not None else settings.strategy,
        skip_busy=hunted.skip_busy if hunted is not None else settings.skip_busy,
        hunt_timeout_ms=hunted.hunt_timeout_ms if hunted is not None else settings.hunt_timeout,
        ringing=desk.sounds(settings.ringing) or ringing_tone(*first, desk),
        whisper=compiled_whisper(settings.whisper, desk),
        announcement=announcement_of(settings.announcement, desk),
        on_outcome={outcome: desk.node(target) for outcome, target in node.on_outcome.items()},
        failed=desk.node(node.failed),
        after=desk.node(node.after),
    )


def announcement_of(said: AnnouncementSettings | None, desk: Desk) -> model.Announcement | None:
    """Compile an announcement."""
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
