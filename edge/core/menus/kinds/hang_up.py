"""The end of a call."""

from msgspec import Struct

from edge.core.menus.visit import Visit, Way


class HangUp(Struct, frozen=True, tag="hang_up"):
    """End the call."""

    text: str = ""


class HangUpVisit(Visit[HangUp]):
    """Over at once."""

    keeps_keys = False

    def enter(self) -> Way:
        """Hang up."""
        self.walk.end(self.walk.values.fill(self.node.text, self.walk.now_ms))
        return None
