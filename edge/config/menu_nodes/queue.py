"""How authors write a place in a queue."""

from typing import Annotated

from msgspec import Struct, field

from edge.config.annotations import lasting, of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.hunting import WhisperSettings, compiled_whisper
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    Ladder,
    NodeRef,
    OptionalNodeRef,
    Sounds,
    a_sound,
    hold_music,
    reached_by,
    short_form,
)
from edge.config.menu_nodes.transfer import AnnouncementSettings, announcement_of
from edge.core.menus import model

#: What says where a caller stands, and how long it takes.
_INSERTS = {"position": "queue_position", "wait": "queue_minutes"}


class QueueSettings(Struct, kw_only=True):
    """Short form: the queue alone."""

    #: One of the site's `[[queues]]`.
    name: Annotated[str, of_kind("name")]
    #: Played again and again; words interrupt it, and it goes on where it was. Nothing: the site's `hold_music`.
    music: Sounds = field(default_factory=list)
    #: Says where the caller stands: `${queue_position}`.
    position: Sounds = field(default_factory=list)
    #: Said instead to whoever is next.
    next_in_line: Sounds = field(default_factory=list)
    #: Says how long it will take: `${queue_minutes}`.
    wait: Sounds = field(default_factory=list)
    #: Said instead where it is a minute or less.
    wait_short: Sounds = field(default_factory=list)
    #: When place and wait are said first; whoever is connected before does not hear it.
    announce_after: Annotated[int, lasting(0, 600_000)] = 3000
    #: How often they are said then; 0s: once.
    announce_every: Annotated[int, lasting(0, 3_600_000)] = 60_000
    #: They are said only when they are others than the last time.
    only_changes: bool = True
    #: Said from time to time: sounds, or a list of them, one after the other in turn.
    comfort: Ladder = field(default_factory=list)
    #: How often.
    comfort_every: Annotated[int, lasting(1000, 3_600_000)] = 30_000
    #: Offers the callback; its key counts from then on.
    callback_offer: Sounds = field(default_factory=list)
    #: Key of the callback.
    callback_key: Annotated[str, of_kind("digits")] = "1"
    #: Who has waited so long is offered it.
    callback_after: Annotated[int, lasting(0, 3_600_000)] = 60_000
    #: How often it is offered then.
    callback_every: Annotated[int, lasting(1000, 3_600_000)] = 120_000
    #: Key that leaves the queue; empty: none.
    leave_key: Annotated[str, of_kind("digits", optional=True)] = ""
    #: Said to an agent who has answered, before he is connected, such as which queue it is; with a key by which he
    #: takes the call. The caller goes on hearing music. Short form: the sounds alone.
    whisper: Annotated[WhisperSettings | None, short_form("sounds", a_sound)] = None
    #: Said while caller and agent talk, such as that the call is recorded. Short form: the sounds alone.
    announcement: Annotated[AnnouncementSettings | None, short_form("sounds", a_sound)] = None


class QueueNode(Struct, kw_only=True):
    """Wait in a queue for one of its agents, and talk."""

    queue: Annotated[QueueSettings, short_form("name")]
    #: Node for who wants to be called back.
    call_back: Annotated[OptionalNodeRef, reached_by("act")] = ""
    #: Node for who leaves by `leave_key`; empty: as `failed`.
    left: Annotated[OptionalNodeRef, reached_by("act")] = ""
    #: Node where too many wait; empty: as `failed`.
    full: OptionalNodeRef = ""
    #: Node for who has waited as long as the queue lets anybody; empty: as `failed`.
    timed_out: Annotated[OptionalNodeRef, reached_by("silence")] = ""
    #: Node where no agent could ever take the call; empty: as `failed`.
    no_agents: OptionalNodeRef = ""
    #: Node for everybody else who is not served.
    failed: NodeRef
    #: Node after the agent has hung up; empty: the call ends.
    after: Annotated[OptionalNodeRef, reached_by("act")] = ""


def _check(node: QueueNode, located: Located, desk: Desk) -> None:
    settings, findings = node.queue, desk.findings
    names = [one.name for one in desk.site.queues]
    if settings.name and settings.name not in names:
        advice = did_you_mean(settings.name, names) or "put it in the site file: [[queues]]"
        findings.error(place_of(located, ("queue", "name")), f"there is no queue '{settings.name}'", advice)
    for name in ("callback_key", "leave_key"):
        if len(getattr(settings, name)) > 1:
            findings.error(place_of(located, ("queue", name)), "one key is pressed in a queue, not several")
    if node.call_back and settings.callback_key == settings.leave_key:
        findings.error(place_of(located, ("queue", "leave_key")), "callback and leaving have the same key")
    if node.left and not settings.leave_key:
        findings.error(place_of(located, ("left",)), "no key leaves the queue", "set 'leave_key'")
    if node.call_back and not settings.callback_offer:
        findings.error(place_of(located, ("call_back",)), "nobody is told of the callback", "set 'callback_offer'")
    if settings.callback_offer and not node.call_back:
        place = place_of(located, ("queue", "callback_offer"))
        findings.error(place, "there is no node for the callback", "set 'call_back'")
    if not settings.music and not desk.site.media.hold_music:
        findings.warning(located.key_place, "callers who wait hear nothing", "set 'music'")
    _check_words(node, located, desk)


def _check_words(node: QueueNode, located: Located, desk: Desk) -> None:
    """Warn of announcements that say nothing that changes."""
    for name, insert in _INSERTS.items():
        sounds = getattr(node.queue, name)
        told = [text for one in sounds for text in (*one.say.values(), one.reading.value if one.reading else "")]
        if sounds and not any(f"${{{insert}}}" in text for text in told):
            place = place_of(located, ("queue", name))
            desk.findings.warning(
                place, f"'{name}' does not say ${{{insert}}}", "'comfort' is for what is always the same"
            )


def _compile(node: QueueNode, _located: Located, desk: Desk) -> model.Node:
    own, failed = node.queue, desk.node(node.failed)
    return model.Queue(
        queue=own.name,
        music=desk.sounds(own.music) or hold_music(desk),
        position=desk.sounds(own.position),
        next_in_line=desk.sounds(own.next_in_line),
        wait=desk.sounds(own.wait),
        wait_short=desk.sounds(own.wait_short),
        announce_after_ms=own.announce_after,
        announce_every_ms=own.announce_every,
        only_changes=own.only_changes,
        comfort=[rung for rung in desk.ladder(own.comfort) if rung],
        comfort_every_ms=own.comfort_every,
        callback_offer=desk.sounds(own.callback_offer),
        callback_key=own.callback_key if node.call_back else "",
        callback_after_ms=own.callback_after,
        callback_every_ms=own.callback_every,
        leave_key=own.leave_key,
        whisper=compiled_whisper(own.whisper, desk),
        announcement=announcement_of(own.announcement, desk),
        call_back=desk.node(node.call_back),
        left=desk.node(node.left) or failed,
        full=desk.node(node.full) or failed,
        timed_out=desk.node(node.timed_out) or failed,
        no_agents=desk.node(node.no_agents) or failed,
        failed=failed,
        after=desk.node(node.after),
    )


QUEUE = Kind(QueueNode, _compile, _check)
