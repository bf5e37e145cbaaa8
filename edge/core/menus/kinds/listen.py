"""Sound or silence of the far end, waited for."""

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import MenuInput, SoundChanged


class Listen(Struct, frozen=True, tag="listen", kw_only=True):
    """Wait until the far end becomes loud (`for_sound`) or quiet; for test calls."""

    for_sound: bool = True
    timeout_ms: int = 10000
    next: NodeId
    failed: NodeId


class ListenVisit(Visit[Listen]):
    """Over when the far end is as wanted, which it may be already."""

    state = "listening"

    def enter(self) -> Way:
        """Look, and wait."""
        if self.walk.loud is self.node.for_sound:
            return self.node.next
        self.walk.wait(self.node.timeout_ms, "listen")
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Look again."""
        heard = isinstance(input, SoundChanged) and self.walk.loud is self.node.for_sound
        return self.node.next if heard else None

    def time_up(self) -> Way:
        """Give up; keys were meant for what was not there."""
        self.walk.ahead.clear()
        return self.node.failed
