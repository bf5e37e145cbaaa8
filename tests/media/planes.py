"""A shared state without an engine, for tests that play the engine's part themselves."""

import numpy as np

from dsp.plane import layout
from edge.vocabulary.ids import LegId, RecordingId, SlotIndex
from tests.support.waiting import until

SLOTS = 4


def plane(prompt_bytes: int = 65536) -> layout.PlaneState:
    return layout.map_state(bytearray(layout.state_bytes(SLOTS, prompt_bytes)), SLOTS, prompt_bytes)


class Talker:
    """Does what the engine does to a recording: counts frames up and puts each into the ring."""

    def __init__(self, state: layout.PlaneState, slot: int, number: int) -> None:
        self.state, self.slot = state, slot
        state.legs["rec_write"][slot] = 0
        state.legs["rec_active"][slot] = 1
        state.legs["rec_number"][slot] = number

    def say(self, frames: int) -> None:
        """Frame n is (n % 30000, -(n % 30000)): its place can be read from it."""
        start = int(self.state.legs["rec_write"][self.slot])
        for first in range(start, start + frames, 160):
            until(lambda: self._room() >= 160)
            places = np.arange(first, min(first + 160, start + frames))
            values = expected(places)
            self.state.record[self.slot, places % layout.RECORD_FRAMES] = values
            self.state.legs["rec_write"][self.slot] = places[-1] + 1

    def _room(self) -> int:
        write, read = (int(self.state.legs[name][self.slot]) for name in ("rec_write", "rec_read"))
        return layout.RECORD_FRAMES - (write - read)

    def stop(self) -> None:
        self.state.legs["rec_active"][self.slot] = 0


def expected(places: np.ndarray) -> np.ndarray:
    value = (places % 30000 + 1).astype(np.int16)
    return np.stack([value, -value], axis=1)


LEG = LegId("call.1")
RECORDING = RecordingId("rec1")
SLOT = SlotIndex(1)
