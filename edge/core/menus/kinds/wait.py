"""Silence."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way


class Wait(Struct, frozen=True, tag="wait", kw_only=True):
    """Stay silent for a time."""

    milliseconds: int
    next: NodeId


class WaitVisit(Visit[Wait]):
    """Over when the time is."""

    state = "waiting"

    def enter(self) -> Way:
        """Wait."""
        self.walk.wait(self.node.milliseconds, "wait")
        return None

    def time_up(self) -> Way:
        """Go on."""
        return self.node.next
