"""Keys of encrypted legs: from the key table, where front keeps them, to the engine's sessions."""

import os

from dsp.plane import layout
from dsp.plane.keyring import KeyRing, Keys
from edge.runtime.key_table import KeyTable, local_key

#: To go on sending with the SSRC and sequence number that are in use.
_SAME = (-1, -1)


class LegKeys:
    """Finds what a handle stands for. Runs on the main thread."""

    def __init__(self, table: KeyTable, ring: KeyRing, plane: layout.PlaneState) -> None:
        self._table, self._ring, self._plane = table, ring, plane

    def give(self, slot: int, generation: int, handle: int) -> bool:
        """Make sessions for the keys of `handle`; False: they are gone, or there are too many; then it is mute."""
        if self._ring.holds(slot, handle):
            return True
        record = self._table.read(handle)
        if record is None or not record.suite:
            return False
        keys = Keys(record.suite, local_key(record.seed, record.suite), record.remote)
        return self._ring.put(slot, generation, handle, keys)

    def give_again(self, slot: int, generation: int, handle: int) -> None:
        """Make the sessions of a leg of an earlier engine: of all keys that its record names, and of `handle`."""
        record = self._plane.legs[slot]
        named = [int(record[name]) for name in ("sr_handle", "sr_tx_handle", "sr_previous")]
        own = named if int(record["generation"]) == generation else []
        for one in dict.fromkeys([*own, handle]):
            if one:
                self.give(slot, generation, one)

    def keep_ahead(self) -> None:
        """Have the sessions of another process's engine ready, for its end; now and then."""
        self._ring.drop_changed()
        self._ring.sweep()
        self._give_unheld()

    def settle(self) -> None:
        """Before an engine goes on with legs of an earlier one: give it all keys that their records name."""
        self._ring.settle()
        self._give_unheld()

    def _give_unheld(self) -> None:
        for slot in self._ring.unheld():
            self.give_again(slot, int(self._plane.legs["generation"][slot]), 0)

    def start_of(self, slot: int, generation: int) -> tuple[int, int]:
        """Return SSRC and sequence number to send with under the next keys.

        A peer may or may not go on with our roll-over counter under new keys (RFC 3711 section 3.3.1 against what many
        do). While it is 0 that is the same; later a new SSRC leaves no doubt.
        """
        record = self._plane.legs[slot]
        if int(record["generation"]) != generation or int(record["sr_tx_index"]) >> 16 == 0:
            return _SAME
        dice = os.urandom(6)
        return int.from_bytes(dice[:4], "big"), first_sequence(dice[4:])

    def sweep(self) -> None:
        """Close the sessions that are not used any more; now and then."""
        self._ring.sweep()


def first_sequence(dice: bytes) -> int:
    """Return a random sequence number to start with, from 2 octets.

    Below 2^15, so that no loss at the start hides a wrap from a peer that keeps a roll-over counter (RFC 3711 3.3.1).
    """
    return int.from_bytes(dice, "big") & 0x7FFF
