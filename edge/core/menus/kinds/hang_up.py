"""The end."""

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
        self.walk.end(self.node.text)
        return None
