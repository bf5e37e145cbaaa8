"""Sounds that are played to the caller."""

from msgspec import Struct

from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import StopSounds


class Play(Struct, frozen=True, tag="play", kw_only=True):
    """Play sounds, then go on. `say` in the source is compiled to a synthesised sound."""

    sounds: list[Sound]
    barge_in: bool = False
    next: NodeId


class PlayVisit(Visit[Play]):
    """Over with the sounds; with `barge_in`, a key ends it, and is kept for the next gather."""

    state = "playing"

    def enter(self) -> Way:
        """Begin to play."""
        return None if self.walk.play(self.node.sounds, self.node.barge_in) else self.node.next

    def key(self, digit: str) -> Way:
        """Keep the key, and stop where that is wanted."""
        super().key(digit)
        if not self.node.barge_in:
            return None
        self.walk.do(StopSounds())
        return self.node.next

    def played(self) -> Way:
        """Go on."""
        return self.node.next
