"""A place where a call waits for what somebody else than its menu wants of it: an order of the API, or of a command.

Music plays; what is said interrupts it, and it goes on where it was. An order takes the call from here to where it
wants it; what is over leads back, and the node begins anew.
"""

from msgspec import Struct

from edge.core.menus.music import Music
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.words import StopSounds


class Park(Struct, frozen=True, tag="park", kw_only=True):
    """Wait for an order, until a key leads on or the time is over."""

    #: Played again and again.
    music: list[Sound] = []
    #: Said at the beginning, and every `say_every_ms` (0: once).
    say: list[Sound] = []
    say_every_ms: int = 0
    #: Longest stay; it begins anew when an order is over.
    max_ms: int = 600_000
    #: Leads on; empty: none does.
    key: str = ""
    left: NodeId
    timed_out: NodeId


class ParkVisit(Visit[Park]):
    """Over by the key, or when the time is; an order leaves it as it leaves every node."""

    keeps_keys = False
    state = "parked"

    def __init__(self, node: Park, walk: Walk) -> None:
        super().__init__(node, walk)
        self._ends_ms = 0
        self._says_ms: int | None = None
        self._speaking = False
        self._music = Music(walk, node.music)

    def enter(self) -> Way:
        """Wait."""
        self.walk.ahead.clear()
        self._ends_ms = self.walk.now_ms + self.node.max_ms
        self._speak()
        return None

    def key(self, digit: str) -> Way:
        """Take the key that leads on."""
        if digit and digit == self.node.key:
            self.walk.do(StopSounds())
            return self.node.left
        return None

    def played(self) -> Way:
        """Go on with the music after words; music that was lost begins again."""
        if self._music.played():
            self._speaking = False
            self._music.go_on()
            self._arm()
        return None

    def time_up(self) -> Way:
        """Say again what is said, or be over."""
        if self.walk.now_ms >= self._ends_ms:
            self.walk.do(StopSounds())
            return self.node.timed_out
        self._music.pause()
        self._speak()
        return None

    def _speak(self) -> None:
        node, walk = self.node, self.walk
        self._says_ms = walk.now_ms + node.say_every_ms if node.say_every_ms and node.say else None
        self._speaking = walk.play(node.say, barge_in=False)
        if not self._speaking:
            self._music.go_on()
        self._arm()

    def _arm(self) -> None:
        says_ms = self._says_ms if not self._speaking else None
        at_ms = self._ends_ms if says_ms is None else min(says_ms, self._ends_ms)
        self.walk.wait(max(0, at_ms - self.walk.now_ms), "parked")
