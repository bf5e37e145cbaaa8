"""How authors write that a call waits for an order."""

from typing import Annotated

from msgspec import Struct, field

from edge.config.annotations import lasting, of_kind
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    NodeRef,
    OptionalNodeRef,
    Sounds,
    hold_music,
    reached_by,
    short_form,
)
from edge.core.menus import model


class ParkSettings(Struct, kw_only=True):
    """Short form: the longest stay."""

    #: Longest stay; it begins anew when an order is over.
    max: Annotated[int, lasting(1000, 86_400_000)] = 600_000
    #: Played again and again; what is said interrupts it, and it goes on where it was. Nothing: the site's
    #: `hold_music`.
    music: Sounds = field(default_factory=list)
    #: Said at the beginning.
    say: Sounds = field(default_factory=list)
    #: How often it is said then; 0s: once.
    say_every: Annotated[int, lasting(0, 3_600_000)] = 0
    #: Key that leads on; empty: none.
    key: Annotated[str, of_kind("digits", optional=True)] = ""


class ParkNode(Struct, kw_only=True):
    """Wait for an order of the API, or of `edge calls`: to be connected, bridged, queued, asked, hung up."""

    park: Annotated[ParkSettings, short_form("max")]
    #: Node for who leaves by `key`; empty: as `next`.
    left: Annotated[OptionalNodeRef, reached_by("act")] = ""
    #: Node when nobody wanted the call in time.
    next: Annotated[NodeRef, reached_by("silence")]


def _check(node: ParkNode, located: Located, desk: Desk) -> None:
    settings, findings = node.park, desk.findings
    if len(settings.key) > 1:
        findings.error(place_of(located, ("park", "key")), "one key leads on, not several")
    if node.left and not settings.key:
        findings.error(place_of(located, ("left",)), "no key leads there", "set 'key'")
    if settings.say_every and not settings.say:
        findings.error(place_of(located, ("park", "say_every")), "there is nothing to say", "set 'say'")
    if not settings.music and not desk.site.media.hold_music:
        findings.warning(located.key_place, "callers who wait hear nothing", "set 'music'")


def _compile(node: ParkNode, _located: Located, desk: Desk) -> model.Node:
    own, timed_out = node.park, desk.node(node.next)
    return model.Park(
        music=desk.sounds(own.music) or hold_music(desk),
        say=desk.sounds(own.say),
        say_every_ms=own.say_every,
        max_ms=own.max,
        key=own.key,
        left=desk.node(node.left) or timed_out,
        timed_out=timed_out,
    )


PARK = Kind(ParkNode, _compile, _check)
