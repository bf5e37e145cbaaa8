"""Who answered a call that we made: what is known of it, and which way an `answered` node goes by that."""

from typing import TYPE_CHECKING

from edge.core.deadline import Deadline
from edge.core.menus.parts import NodeId

if TYPE_CHECKING:
    from edge.core.menus.kinds.answered import Answered


class WhoAnswered:
    """What was told of one call; it is kept for nodes that ask later."""

    def __init__(self) -> None:
        #: It will be told at all.
        self.detected = False
        #: When the greeting before the verdict ended, as far as is known.
        self.greeted_ms: int | None = None
        self._verdict = ""
        self._machine_did: set[str] = set()

    def note(self, what: str, greeted_ms: int) -> None:
        """Take what media told: the verdict, that it is `revised`, or a machine's `greeting_ended` or `beep`."""
        if what in {"greeting_ended", "beep"}:
            self._machine_did.add(what)
        elif what == "revised":
            self._verdict = "machine"
        elif not self._verdict:
            self._verdict, self.greeted_ms = what, greeted_ms

    def way(self, node: "Answered", now_ms: int, waits: Deadline | None) -> NodeId | Deadline:
        """Give the next node, or until when to wait. `waits`: until when the verdict is waited for; None: from now."""
        if not self.detected:
            return node.unknown
        if not self._verdict:
            return waits or Deadline(now_ms + node.timeout_ms, "who answered")
        if self._verdict != "machine":
            return {"human": node.human, "fax": node.fax}.get(self._verdict, node.unknown)
        over = "greeting_ended" in self._machine_did
        if node.wait_for == "verdict" or "beep" in self._machine_did or (node.wait_for == "greeting" and over):
            return node.machine
        if over:
            return Deadline(now_ms + node.beep_timeout_ms, "beep")
        return Deadline(now_ms + node.greeting_timeout_ms, "end of greeting")

    def in_vain(self, node: "Answered") -> NodeId:
        """Give the next node when the time is over."""
        return node.no_beep if self._verdict == "machine" else node.unknown
