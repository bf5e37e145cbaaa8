"""Digits for the far end."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import DigitsGone, MenuInput, PressKeys

#: Added to the time that pressing keys takes by itself, before the run goes on without `DigitsGone`.
PRESS_SLACK_MS = 5000


class Press(Struct, frozen=True, tag="press", kw_only=True):
    """Send digits to the far end; for test calls and for dialling through another menu."""

    digits: str
    duration_ms: int = 100
    gap_ms: int = 100
    next: NodeId


class PressVisit(Visit[Press]):
    """Over when the digits are sent, or should be."""

    state = "pressing"

    def enter(self) -> Way:
        """Send them."""
        node = self.node
        self.walk.wait(len(node.digits) * (node.duration_ms + node.gap_ms) + PRESS_SLACK_MS, "press")
        self.walk.do(PressKeys(node.digits, node.duration_ms, node.gap_ms))
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Go on."""
        return self.node.next if isinstance(input, DigitsGone) else None

    def time_up(self) -> Way:
        """Go on."""
        return self.node.next
