"""How authors write sounds and texts that are played to the caller."""

from typing import Annotated

from msgspec import Struct

from edge.config.annotations import of_kind
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    NodeRef,
    OptionalLanguage,
    Sounds,
    SoundSource,
    a_sound,
    short_form,
    texts,
)
from edge.core.menus import model


class PlaySettings(Struct, kw_only=True):
    """Short form: the sounds alone."""

    #: Played one after the other.
    sounds: Sounds
    #: A key press stops the sounds and goes on; the key is kept for the next gather.
    barge_in: bool = False


class PlayNode(Struct, kw_only=True):
    """Play sounds, then go on."""

    play: Annotated[PlaySettings, short_form("sounds", a_sound)]
    #: Node that follows.
    next: NodeRef


class SaySettings(Struct, kw_only=True):
    """Short form: the text alone."""

    #: Spoken by the embedded synthesiser. Texts by language where the menu has several.
    text: Annotated[dict[str, str], of_kind("texts_by_language")]
    #: Language of a text alone; empty: the menu's first one.
    language: OptionalLanguage = ""
    #: A key press stops the text and goes on; the key is kept for the next gather.
    barge_in: bool = False


class SayNode(Struct, kw_only=True):
    """Speak a text, then go on."""

    say: Annotated[SaySettings, short_form("text", texts)]
    #: Node that follows.
    next: NodeRef


def _play(node: PlayNode, _located: Located, desk: Desk) -> model.Node:
    return model.Play(sounds=desk.sounds(node.play.sounds), barge_in=node.play.barge_in, next=desk.node(node.next))


def _check_play(node: PlayNode, located: Located, desk: Desk) -> None:
    if not node.play.sounds:
        desk.findings.follow_up(place_of(located, ("play",)), "there is nothing to play")


def _say(node: SayNode, located: Located, desk: Desk) -> model.Node:
    if not node.say.text:
        return model.Play(sounds=[], next=desk.node(node.next))  # reported
    sound = SoundSource(say=node.say.text, language=node.say.language, place=place_of(located, ("say",)))
    return model.Play(sounds=desk.sounds([sound]), barge_in=node.say.barge_in, next=desk.node(node.next))


PLAY = Kind(PlayNode, _play, _check_play)
SAY = Kind(SayNode, _say)
