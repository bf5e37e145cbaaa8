"""Which media engine a call is put on. All legs of a call live on one engine, for only there they can be connected."""

from collections.abc import Collection, Iterable, Sequence

from edge.core.calls.slots import Slots
from edge.vocabulary.ids import SlotIndex


class Engines:
    """The slots of all engines, in the order of the engines; `spans` are their shares of the slots."""

    def __init__(self, spans: Sequence[range]) -> None:
        self._spans = spans
        self._slots = [Slots(len(span), first=span.start) for span in spans]
        #: Engines that are too busy for new calls.
        self.overloaded: set[int] = set()

    @property
    def taken(self) -> int:
        """Slots in use; those that rest are not."""
        return sum(slots.taken for slots in self._slots)

    @property
    def all_overloaded(self) -> bool:
        """Whether no engine takes new calls."""
        return len(self.overloaded) == len(self._slots)

    def engine_of(self, slot: SlotIndex) -> int:
        """Return the engine that has `slot`."""
        return next(engine for engine, span in enumerate(self._spans) if slot in span)

    def take_first(self, now_ms: int, away: Collection[int] = ()) -> SlotIndex | None:
        """Take a slot for the first leg of a call; None when no engine has one, or all that have are overloaded.

        On the engine with the smallest share of its slots in use, among those that have room for a further leg; an
        engine with a single free slot is the last choice. Engines that are `away` get a call only when no other has
        room, for a restart takes a moment.
        """
        engine = min(
            (engine for engine in range(len(self._slots)) if engine not in self.overloaded),
            key=lambda engine: self._rank(engine, now_ms, away),
            default=None,
        )
        return None if engine is None else self._slots[engine].take(now_ms)

    def take_further(self, engine: int, now_ms: int) -> SlotIndex | None:
        """Take a slot for a further leg of a call on `engine`; overload is no reason to break up a call."""
        return self._slots[engine].take(now_ms)

    def claim(self, slots: Iterable[SlotIndex]) -> None:
        """Mark slots that calls of an earlier life of this process hold."""
        held = list(slots)
        for engine in self._slots:
            engine.claim(held)

    def give_back(self, slot: SlotIndex, now_ms: int) -> None:
        """Free a slot. Giving back what is not taken changes nothing."""
        for engine in self._slots:
            engine.give_back(slot, now_ms)

    def _rank(self, engine: int, now_ms: int, away: Collection[int]) -> tuple[bool, bool, bool, float]:
        slots = self._slots[engine]
        room = slots.room(now_ms)
        return room == 0, engine in away, room < 2, slots.taken / slots.count
