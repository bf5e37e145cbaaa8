"""A talk of a caller within another call, which has borrowed his leg. No author writes it: an order brings it."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import MenuInput, TransferEnded


class Bridged(Struct, frozen=True, tag="bridged", kw_only=True):
    """Talk in another call until that talk is over."""

    #: Where the call goes on then; empty: it ends.
    after: NodeId = ""


class BridgedVisit(Visit[Bridged]):
    """Over when the talk is. Keys go to whom the caller talks with."""

    keeps_keys = False
    state = "transfer"

    def enter(self) -> Way:
        """Talk."""
        self.walk.ahead.clear()
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Go on, or be over."""
        if not isinstance(input, TransferEnded):
            return None
        if not self.node.after:
            self.walk.end("")
        return self.node.after or None
