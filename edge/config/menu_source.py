"""The menu language, version 1, as authors write it: types and `#:` comments make checks, JSON Schema and manual.

A node has one key that names its kind. What the node does stands under that key; where the call goes then stands beside
it (`next`, `failed`, `choices`...). Words are those of FreeSWITCH's menus, VoiceXML and jambonz where these have one.
Each kind is a module of `menu_nodes`; here is what they are part of.
"""

from typing import Annotated, Any, Literal

from msgspec import Struct, field

from edge.config.menu_nodes.answered import ANSWERED
from edge.config.menu_nodes.gather import GATHER, GatherSettings
from edge.config.menu_nodes.hang_up import HANG_UP
from edge.config.menu_nodes.listen import LISTEN
from edge.config.menu_nodes.parts import Kind, Language, NodeRef, of_kind
from edge.config.menu_nodes.play import PLAY, SAY
from edge.config.menu_nodes.press import PRESS
from edge.config.menu_nodes.transfer import TRANSFER, TransferDefaults
from edge.config.menu_nodes.wait import WAIT

VERSION = 1

#: Kinds by the key that tells them. The order is that of the manual.
KINDS: dict[str, Kind] = {
    "play": PLAY,
    "say": SAY,
    "gather": GATHER,
    "transfer": TRANSFER,
    "listen": LISTEN,
    "answered": ANSWERED,
    "press": PRESS,
    "wait": WAIT,
    "hang_up": HANG_UP,
}


class Defaults(Struct, kw_only=True):
    """Settings of all nodes of a kind that do not say otherwise."""

    #: For all gather nodes.
    gather: GatherSettings | None = None
    #: For all transfer nodes; all settings but `to`.
    transfer: TransferDefaults | None = None


class MenuSource(Struct, kw_only=True):
    """A menu file."""

    #: Version of the language.
    version: Literal[1]
    #: Title for people.
    title: str = ""
    #: Language of prompts and texts (`en`, `de`, `cmn`...).
    language: Language = "en"
    #: First node.
    start: NodeRef
    #: Settings of all nodes of a kind.
    defaults: Defaults = field(default_factory=Defaults)
    #: Nodes by name; each is one of the kinds below, told by the key that it has.
    nodes: Annotated[dict[str, Any], of_kind("nodes")]
