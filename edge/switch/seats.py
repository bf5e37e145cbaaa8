"""Which leg sits in which media slot, remembered across a kill of switch.

`OpenLeg` leaves before the disk knows of it, for the caller waits for nothing else. A kill in between loses the
choice of the slot, though media may have carried it out, and the next life is told of the leg again. So that it
chooses the same slot, the choice lies in a memfd that the supervisor holds: one record a slot, written before the
command leaves. A leg that nobody tells of again keeps its slot for the time that senders have for that.
"""

import mmap
import os
from collections.abc import Collection, Iterable, Sequence

from edge.config.site import Site
from edge.core.calls.engines import Engines
from edge.vocabulary.ids import LegId, SlotIndex

#: A record: the length of the leg's id (0: free), then the id in ASCII.
_RECORD = 64


def seats_size(site: Site) -> int:
    """Bytes of the memfd for `site`."""
    return site.media.slots * _RECORD


class Seats:
    """Media's slots and who sits there; `shares` are those of the engines.

    `memory` holds `_RECORD` bytes a slot; None: nothing outlives this life.
    """

    def __init__(self, shares: Sequence[range], memory: mmap.mmap | None = None) -> None:
        self.engines = Engines(shares)
        self._memory = memory
        #: Seated in an earlier life, and not told of in this one (yet).
        self._kept: dict[LegId, SlotIndex] = {}
        #: Those of them that nothing but the memory speaks for.
        self._unconfirmed: set[LegId] = set()

    @classmethod
    def shared(cls, fd: int, shares: Sequence[range]) -> "Seats":
        """Seats in the memfd `fd`. What an earlier life left there is kept for its legs, until `lapse`."""
        seats = cls(shares, mmap.mmap(fd, os.fstat(fd).st_size))
        for slot in map(SlotIndex, range(shares[-1].stop)):
            leg = seats._read(slot)
            if leg:
                seats._kept[leg] = slot
        seats.engines.claim(seats._kept.values())
        seats._unconfirmed.update(seats._kept)
        return seats

    @property
    def taken(self) -> int:
        """Slots in use; those that rest are not."""
        return self.engines.taken

    def take(self, leg: LegId, now_ms: int, engine: int | None = None, away: Collection[int] = ()) -> SlotIndex | None:
        """Seat a leg, in the slot that an earlier life gave it if there was one; None when all are in use or rest.

        On `engine`, when its call is on one already; else on the engine that suits best, `away` being out of reach.
        """
        kept = self._kept.pop(leg, None)
        if kept is not None:
            self._unconfirmed.discard(leg)
            return kept
        engines = self.engines
        slot = engines.take_first(now_ms, away) if engine is None else engines.take_further(engine, now_ms)
        if slot is not None:
            self._write(slot, leg)
        return slot

    def claim(self, seated: Iterable[tuple[LegId, SlotIndex]]) -> None:
        """Seat legs where the journal says that they sit."""
        legs = dict(seated)
        for leg in legs:
            self._kept.pop(leg, None)
            self._unconfirmed.discard(leg)
        self.engines.claim(legs.values())

    def hold(self, leg: LegId, slot: SlotIndex) -> None:
        """Keep a slot for a leg that media has and nobody has told of (yet), until it is given back."""
        self._kept[leg] = slot
        self._unconfirmed.discard(leg)
        self.engines.claim([slot])

    def give_back(self, slot: SlotIndex, now_ms: int) -> None:
        """Free a slot. Giving back what is not taken changes nothing."""
        self._write(slot, LegId(""))
        self.engines.give_back(slot, now_ms)
        for leg in [leg for leg, kept in self._kept.items() if kept == slot]:
            del self._kept[leg]

    def lapse(self, now_ms: int) -> None:
        """Free the slots of an earlier life that neither a sender nor media has spoken of."""
        for leg in self._unconfirmed:
            self.give_back(self._kept[leg], now_ms)
        self._unconfirmed.clear()

    def _read(self, slot: SlotIndex) -> LegId:
        if self._memory is None:
            return LegId("")
        record = self._memory[slot * _RECORD : (slot + 1) * _RECORD]
        return LegId(record[1 : 1 + min(record[0], _RECORD - 1)].decode("ascii", "replace"))

    def _write(self, slot: SlotIndex, leg: LegId) -> None:
        """Length last: a kill within leaves a free record, and then the command has not left."""
        if self._memory is None:
            return
        name = leg.encode("ascii")
        if len(name) >= _RECORD:
            raise ValueError(f"leg id of {len(name)} characters")
        at = slot * _RECORD
        self._memory[at] = 0
        self._memory[at + 1 : at + 1 + len(name)] = name
        self._memory[at] = len(name)
