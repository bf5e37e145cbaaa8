"""The menu language, version 1, as authors write it: types and `#:` comments make checks, JSON Schema and manual.

A node has one key that names its kind. What the node does stands under that key; where the call goes then stands beside
it (`next`, `failed`, `choices`...). Words are those of FreeSWITCH's menus, VoiceXML and jambonz where these have one.
Each kind is a module of `menu_nodes`; here is what they are part of.
"""

from typing import Annotated, Any, Literal

from msgspec import Struct, field

from edge.config.annotations import lasting, of_kind, ranging
from edge.config.menu_nodes.answered import ANSWERED
from edge.config.menu_nodes.ask import ASK
from edge.config.menu_nodes.callback import CALLBACK
from edge.config.menu_nodes.dial import DIAL
from edge.config.menu_nodes.do_not_call import DO_NOT_CALL
from edge.config.menu_nodes.gather import GATHER, GatherSettings
from edge.config.menu_nodes.hang_up import HANG_UP
from edge.config.menu_nodes.hours import HOURS
from edge.config.menu_nodes.language import LANGUAGE
from edge.config.menu_nodes.listen import LISTEN
from edge.config.menu_nodes.lookup import LOOKUP
from edge.config.menu_nodes.park import PARK
from edge.config.menu_nodes.parts import Kind, Language, NodeRef, short_form
from edge.config.menu_nodes.play import PLAY, SAY
from edge.config.menu_nodes.press import PRESS
from edge.config.menu_nodes.queue import QUEUE
from edge.config.menu_nodes.record import RECORD, VOICEMAIL
from edge.config.menu_nodes.set import SET
from edge.config.menu_nodes.submenu import GIVE_BACK, MENU
from edge.config.menu_nodes.survey import SURVEY
from edge.config.menu_nodes.transfer import TRANSFER, TransferDefaults
from edge.config.menu_nodes.wait import WAIT
from edge.config.menu_nodes.when import WHEN
from edge.config.menu_tables import HoursSource

VERSION = 1

#: Kinds by the key that tells them. The order is that of the manual.
KINDS: dict[str, Kind] = {
    "play": PLAY,
    "say": SAY,
    "gather": GATHER,
    "dial": DIAL,
    "transfer": TRANSFER,
    "record": RECORD,
    "voicemail": VOICEMAIL,
    "queue": QUEUE,
    "language": LANGUAGE,
    "set": SET,
    "when": WHEN,
    "hours": HOURS,
    "lookup": LOOKUP,
    "ask": ASK,
    "callback": CALLBACK,
    "survey": SURVEY,
    "menu": MENU,
    "give_back": GIVE_BACK,
    "listen": LISTEN,
    "answered": ANSWERED,
    "do_not_call": DO_NOT_CALL,
    "press": PRESS,
    "wait": WAIT,
    "park": PARK,
    "hang_up": HANG_UP,
}


class Defaults(Struct, kw_only=True):
    """Settings of all nodes of a kind that do not say otherwise."""

    #: For all gather nodes.
    gather: GatherSettings | None = None
    #: For all transfer nodes.
    transfer: TransferDefaults | None = None


class AttributeSource(Struct, kw_only=True):
    """What a value of a call may be."""

    #: `word`: letters, digits and `_ . + * # -`. `number`: whole. `digits`: as dialled. `text`: anything printable.
    type: Literal["word", "number", "digits", "text"] = "word"
    #: The only words that are taken; empty: any.
    values: list[str] = field(default_factory=list)
    #: Smallest number that is taken.
    min: Annotated[int, ranging(-999_999_999_999, 999_999_999_999)] = 0
    #: Largest number that is taken.
    max: Annotated[int, ranging(-999_999_999_999, 999_999_999_999)] = 999_999_999_999
    #: What it is until it is set.
    default: str = ""


class LimitsSource(Struct, kw_only=True):
    """What no call can exceed, whatever is pressed."""

    #: Time in the menu; while the caller talks with somebody it stands still.
    time: Annotated[int, lasting(1000, 86_400_000)] = 3_600_000
    #: Nodes entered, repeats included.
    nodes: Annotated[int, ranging(1, 100_000)] = 2000


class MenuSource(Struct, kw_only=True):
    """A menu file."""

    #: Version of the language.
    version: Literal[1]
    #: Title for people.
    title: str = ""
    #: Language of prompts and texts (`en`, `de`, `cmn`...).
    language: Language = "en"
    #: Further languages that callers can be spoken to in; see `language` among the nodes.
    languages: list[Language] = field(default_factory=list)
    #: Values of the call: name -> what it may be. `skill`, `priority` (0 to 100), `reason_code` and `customer_type` are
    #: there without being declared.
    attributes: Annotated[dict[str, Annotated[AttributeSource, short_form("type")]], of_kind("attributes")] = field(
        default_factory=dict
    )
    #: Opening hours by name; those of the site are there, too.
    hours: Annotated[dict[str, HoursSource], of_kind("hours")] = field(default_factory=dict)
    #: Time zone in which `time`, `date` and `weekday` are told; empty: UTC.
    time_zone: Annotated[str, of_kind("time_zone", optional=True)] = ""
    #: Keys that mean the same in all gathers: key -> `again` (the prompt once more), `back` (the gather before),
    #: `main_menu` (the first node, if none has this name), or a node. What a gather takes itself comes before.
    commands: Annotated[dict[str, str], of_kind("commands")] = field(default_factory=dict)
    #: What no call can exceed.
    limits: LimitsSource = field(default_factory=LimitsSource)
    #: First node.
    start: NodeRef
    #: Settings of all nodes of a kind.
    defaults: Defaults = field(default_factory=Defaults)
    #: Nodes by name; each is one of the kinds below, told by the key that it has.
    nodes: Annotated[dict[str, Any], of_kind("nodes")]
