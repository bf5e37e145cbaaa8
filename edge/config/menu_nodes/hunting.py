"""How authors write several targets of a transfer, and what a target is told before it is connected."""

from typing import Annotated

import msgspec
from msgspec import Struct, field

from edge.config.annotations import lasting, of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_nodes.parts import Desk, Sounds
from edge.config.targets import targets_of
from edge.core.menus import model
from edge.vocabulary.hunting import HuntStrategy


class TargetSettings(Struct, kw_only=True):
    """One of several targets. Short form: `to` alone."""

    #: SIP URI, or a number that is dialled on `trunk`. `${name}` in it stands for a value of the call; a target that a
    #: value is missing in is left out.
    to: str
    #: Trunk, or group of trunks, to dial through; empty: that of the transfer.
    trunk: str = ""
    #: How long it may ring; not set: as the transfer says.
    ring_timeout: Annotated[int, lasting(1000, 600_000)] = 0
    #: Outcomes of this target (`busy`, `rejected`...) after which nobody else is dialled; empty: as the transfer says.
    leave_on: list[str] = field(default_factory=list)


class WhisperSettings(Struct, kw_only=True):
    """Said to a target that has answered, before it is connected; the caller goes on hearing ringing."""

    #: Played one after the other; values of the call may be read out.
    sounds: Sounds = field(default_factory=list)
    #: Key by which the target takes the call: without it the call is not connected, so no voicemail gets it. Empty: the
    #: target has it when all is said.
    accept: Annotated[str, of_kind("digits", optional=True)] = ""
    #: Key by which the target does not take it (`rejected`); empty: none.
    decline: Annotated[str, of_kind("digits", optional=True)] = ""
    #: How long after the sounds the target may think about it (`not_accepted`).
    accept_timeout: Annotated[int, lasting(1000, 60_000)] = 10_000


#: What a list of the site says, and so no transfer that names one.
_OF_LISTS = ("targets", "strategy", "skip_busy", "hunt_timeout", "leave_on")


class Hunted(Struct, frozen=True, kw_only=True):
    """Several targets, with all that concerns them together."""

    targets: list[model.Target]
    strategy: HuntStrategy
    skip_busy: bool
    hunt_timeout_ms: int


def compiled_whisper(said: WhisperSettings | None, desk: Desk) -> model.Whisper | None:
    """Return what a target is told."""
    if said is None:
        return None
    return model.Whisper(
        sounds=desk.sounds(said.sounds),
        accept=said.accept,
        decline=said.decline,
        accept_timeout_ms=said.accept_timeout,
    )


def check_whisper(said: WhisperSettings | None, located: Located, desk: Desk) -> None:
    """Check that something is said or asked, by one key each."""
    if said is None:
        return
    at = ("transfer", "whisper")
    if not said.sounds and not said.accept:
        desk.findings.follow_up(place_of(located, at), "the whisper says nothing, and asks for no key")
    for name in ("accept", "decline"):
        key = getattr(said, name)
        if len(key) > 1:
            desk.findings.error(place_of(located, (*at, name)), f"'{key}' is more than one key")
    if said.accept and said.accept == said.decline:
        desk.findings.error(place_of(located, (*at, "decline")), f"'{said.accept}' is the key to accept by, too")
    elif said.decline and not said.accept:
        what = "a target that does nothing is connected, since there is no key to accept by"
        desk.findings.warning(place_of(located, (*at, "decline")), what, "set 'accept'")
    if said.accept and not said.sounds:
        what = f"nobody tells the target that it is to press {said.accept}"
        desk.findings.warning(place_of(located, at), what, "say so in 'sounds'")


def check_list(name: str, located: Located, desk: Desk) -> None:
    """Check a list of the site that a transfer names."""
    lists = {one.name: one for one in desk.site.hunt_lists}
    if name not in lists:
        place = place_of(located, ("transfer", "hunt_list"))
        desk.findings.error(place, f"there is no hunt list '{name}'", did_you_mean(name, lists) or "see [[hunt_lists]]")
    for other in _OF_LISTS:
        said = find(located, ("transfer", other))
        if said is not None:
            desk.findings.error(said.key_place, f"'{other}' is what the hunt list says", "take it out")


def listed(name: str, desk: Desk) -> Hunted | None:
    """Return what a list of the site says; None where there is none, which was told."""
    one = next((one for one in desk.site.hunt_lists if one.name == name), None)
    if one is None:
        return None
    desk.made_of(msgspec.json.encode(one).decode())
    return Hunted(
        targets=targets_of(one), strategy=one.strategy, skip_busy=one.skip_busy, hunt_timeout_ms=one.hunt_timeout_ms
    )
