"""Which media slots are free.

A slot that was freed rests before it is given out again: packets of its last peer may still be on their way, and a new
leg on the same port must not hear them.
"""

from collections import deque
from collections.abc import Iterable

from edge.vocabulary.ids import SlotIndex

#: How long a freed slot rests, milliseconds.
QUARANTINE_MS = 1000


class Slots:
    """The slots of one engine: the one that has been free for longest is given out first."""

    def __init__(self, count: int, quarantine_ms: int = QUARANTINE_MS, *, first: int = 0) -> None:
        self.count = count
        self._own = range(first, first + count)
        self._quarantine_ms = quarantine_ms
        self._free: deque[SlotIndex] = deque(SlotIndex(n) for n in self._own)
        self._resting: deque[tuple[int, SlotIndex]] = deque()
        self._taken: set[SlotIndex] = set()

    @property
    def taken(self) -> int:
        """Slots in use; those that rest are not."""
        return len(self._taken)

    def room(self, now_ms: int) -> int:
        """Count the slots that can be given out now."""
        self._wake(now_ms)
        return len(self._free)

    def take(self, now_ms: int) -> SlotIndex | None:
        """Take a slot; None when all are in use or rest."""
        self._wake(now_ms)
        if not self._free:
            return None
        slot = self._free.popleft()
        self._taken.add(slot)
        return slot

    def claim(self, slots: Iterable[SlotIndex]) -> None:
        """Mark slots that calls of an earlier life of this process hold."""
        self._taken.update(slot for slot in slots if slot in self._own)
        # Out of the queues, too: a slot that is in one while it is taken would not rest when it is freed.
        self._free = deque(slot for slot in self._free if slot not in self._taken)
        self._resting = deque(rest for rest in self._resting if rest[1] not in self._taken)

    def give_back(self, slot: SlotIndex, now_ms: int) -> None:
        """Free a slot. Giving back what is not taken changes nothing."""
        if slot in self._taken:
            self._taken.discard(slot)
            self._resting.append((now_ms + self._quarantine_ms, slot))

    def _wake(self, now_ms: int) -> None:
        while self._resting and self._resting[0][0] <= now_ms:
            slot = self._resting.popleft()[1]
            if slot not in self._taken:  # claimed while it rested
                self._free.append(slot)
