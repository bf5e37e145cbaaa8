"""A compiled menu: what the loader makes of a YAML file and what the interpreter walks through.

Every name in it has been resolved: a node's `next` is the id of a node of the same menu, a sound is an absolute path.
"""

from msgspec import Struct

from edge.core.menus.kinds.answered import Answered, AnsweredVisit
from edge.core.menus.kinds.gather import FLASH_CHOICE, Gather, GatherVisit
from edge.core.menus.kinds.hang_up import HangUp, HangUpVisit
from edge.core.menus.kinds.listen import Listen, ListenVisit
from edge.core.menus.kinds.play import Play, PlayVisit
from edge.core.menus.kinds.press import Press, PressVisit
from edge.core.menus.kinds.transfer import Transfer, TransferVisit
from edge.core.menus.kinds.wait import Wait, WaitVisit
from edge.core.menus.parts import TONE, Announcement, NodeId, Sound
from edge.core.menus.visit import Visit

__all__ = [
    "FLASH_CHOICE",
    "TONE",
    "VISITS",
    "Announcement",
    "Answered",
    "Gather",
    "HangUp",
    "Listen",
    "Menu",
    "Node",
    "NodeId",
    "Play",
    "Press",
    "Sound",
    "Transfer",
    "Wait",
    "kind_of",
]

Node = Play | Gather | Transfer | Listen | Answered | Press | Wait | HangUp

#: What a call does at a node of each kind.
VISITS: dict[type, type[Visit]] = {  # type: ignore[type-arg]
    Play: PlayVisit,
    Gather: GatherVisit,
    Transfer: TransferVisit,
    Listen: ListenVisit,
    Answered: AnsweredVisit,
    Press: PressVisit,
    Wait: WaitVisit,
    HangUp: HangUpVisit,
}


class Menu(Struct, frozen=True, kw_only=True):
    """A compiled menu file."""

    name: str
    #: Content hash of source and sounds: which version a call runs on.
    version: str
    start: NodeId
    nodes: dict[NodeId, Node]
    language: str = "en"

    @property
    def sensitive(self) -> bool:
        """Whether it asks for something that nobody may overhear."""
        return any(getattr(node, "sensitive", False) for node in self.nodes.values())


def kind_of(node: Node) -> str:
    """Return the word for a node's kind, as in the source and in events."""
    return str(node.__struct_config__.tag)
